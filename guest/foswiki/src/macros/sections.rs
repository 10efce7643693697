//! Parts of topics that INCLUDE can ask for.

use super::{Scope, attributes::Attributes};

/// `%STARTSECTION{…}%` and its like: nothing, where the topic is shown.
pub(super) fn marker(_: &mut Scope, _: &Attributes) -> String {
    String::new()
}

/// The part of a topic that is included when no section is asked for: its sections of the type `include`, else
/// what is between `%STARTINCLUDE%` and `%STOPINCLUDE%`.
pub(super) fn included(text: &str) -> String {
    if let Some(sections) = collect(text, Marker::is_include) {
        return sections;
    }
    let start = text.find("%STARTINCLUDE%").map_or(0, |at| at + "%STARTINCLUDE%".len());
    let rest = &text[start..];
    rest[..rest.find("%STOPINCLUDE%").unwrap_or(rest.len())].to_owned()
}

/// The named section of a topic, without the markers of others. A section that is not ended ends with the topic.
pub(super) fn section(text: &str, name: &str) -> Option<String> {
    collect(text, |marker| marker.names(name))
}

/// What is inside the sections whose markers `belong`, without the markers of others.
fn collect<'t>(text: &'t str, belongs: impl Fn(&Marker<'t>) -> bool) -> Option<String> {
    let mut found: Option<String> = None;
    let mut is_inside = false;
    let mut rest = text;
    while let Some(marker) = Marker::next(rest) {
        if is_inside && let Some(found) = &mut found {
            found.push_str(&rest[..marker.start]);
        }
        let belongs = belongs(&marker);
        if marker.starts {
            is_inside |= belongs;
        } else if belongs {
            is_inside = false;
        }
        if is_inside {
            found.get_or_insert_default();
        }
        rest = &rest[marker.end..];
    }
    if is_inside && let Some(found) = &mut found {
        found.push_str(rest);
    }
    found
}

/// A `%STARTSECTION{…}%` or `%ENDSECTION{…}%`.
struct Marker<'t> {
    starts: bool,
    raw: &'t str,
    start: usize,
    end: usize,
}

impl<'t> Marker<'t> {
    fn next(text: &'t str) -> Option<Marker<'t>> {
        let mut from = 0;
        loop {
            let start = from + text[from..].find('%')?;
            let inside = &text[start + 1..];
            let found = [("STARTSECTION", true), ("ENDSECTION", false)]
                .into_iter()
                .find_map(|(name, starts)| Some((starts, inside.strip_prefix(name)?)));
            if let Some((starts, rest)) = found {
                let at = text.len() - rest.len();
                if rest.starts_with('%') {
                    return Some(Marker { starts, raw: "", start, end: at + 1 });
                }
                if let Some(end) = rest.strip_prefix('{').and_then(|inside| inside.find("}%")) {
                    return Some(Marker { starts, raw: &rest[1..=end], start, end: at + end + 3 });
                }
            }
            from = start + 1;
        }
    }

    fn names(&self, name: &str) -> bool {
        let attributes = Attributes::parse(self.raw);
        attributes.default().or(attributes.get("name")) == Some(name)
    }

    fn is_include(&self) -> bool {
        Attributes::parse(self.raw).get("type") == Some("include")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found() {
        let text = "a%STARTSECTION{\"s\"}%b%STARTSECTION{\"t\"}%c%ENDSECTION{\"t\"}%d%ENDSECTION{\"s\"}%e";
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(section(text, name).as_deref(), expected, "for {name:?}");
        };
        check("s", Some("bcd"));
        check("t", Some("c"));
        check("u", None);
        assert_eq!(section("%STARTSECTION{\"s\"}%rest", "s").as_deref(), Some("rest"));
        assert_eq!(section("%STARTSECTION{", "s"), None);
        assert_eq!(included("a%STARTINCLUDE%b%STOPINCLUDE%c"), "b");
        assert_eq!(included("a%STOPINCLUDE%c"), "a");
        let include = "%STARTSECTION{type=\"include\"}%b%ENDSECTION{type=\"include\"}%";
        assert_eq!(included(&format!("a{include}c{include}")), "bb");
    }
}
