//! What is between the braces of a macro: `"default" name="value"`.

use std::borrow::Cow;

/// The parameters of a macro.
#[derive(Debug, Default)]
pub(crate) struct Attributes<'t> {
    /// Everything between the braces.
    pub(crate) raw: &'t str,
    /// Names and values in their order; the default has no name.
    entries: Vec<(&'t str, Cow<'t, str>)>,
}

impl<'t> Attributes<'t> {
    /// Reads the parameters. What cannot be read is skipped: a value that is not closed is none.
    ///
    /// Values are in double or single quotes or have no space; `\"` is a quote. `"a" + "b"` and `name+="b"` join
    /// strings. Text without any quotes or `=` is the default.
    pub(crate) fn parse(raw: &'t str) -> Attributes<'t> {
        let mut attributes = Attributes { raw, entries: Vec::new() };
        let text = raw.trim();
        if !text.contains(['"', '\'', '=']) {
            if !text.is_empty() {
                attributes.entries.push(("", Cow::Borrowed(text)));
            }
            return attributes;
        }
        let mut reader = Reader { rest: text };
        while let Some((name, value, appends)) = reader.entry() {
            attributes.add(name, value, appends);
        }
        attributes
    }

    fn add(&mut self, name: &'t str, value: Cow<'t, str>, appends: bool) {
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if appends => known.to_mut().push_str(&value),
            // The first string without a name is the default, however many follow.
            Some(_) if name.is_empty() => (),
            Some((_, known)) => *known = value,
            None => self.entries.push((name, value)),
        }
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    /// The value of a parameter that is not empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The value without a name.
    pub(crate) fn default(&self) -> Option<&str> {
        self.get("")
    }

    /// Whether a parameter switches something on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(crate::page::is_true)
    }

    /// All parameters but the default.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter(|(name, _)| !name.is_empty()).map(|(name, value)| (*name, &**value))
    }

    /// The parameters as they are shown in messages: the default first, the others by name.
    pub(crate) fn shown(&self) -> String {
        let mut named: Vec<_> = self.named().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        named.sort();
        let default = self.default().map(|value| format!("\"{value}\""));
        default.into_iter().chain(named).collect::<Vec<_>>().join(" ")
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// The next parameter: name, value, and whether the value is appended to that of before.
    fn entry(&mut self) -> Option<(&'t str, Cow<'t, str>, bool)> {
        loop {
            self.rest = self.rest.trim_start();
            let first = self.rest.chars().next()?;
            if first == '"' {
                let value = self.string()?;
                return Some(("", value, false));
            }
            let name = self.take(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '?'));
            if name.is_empty() {
                self.rest = &self.rest[first.len_utf8()..];
                continue;
            }
            return self.named(name);
        }
    }

    fn named(&mut self, name: &'t str) -> Option<(&'t str, Cow<'t, str>, bool)> {
        let after = self.rest.trim_start();
        let (after, appends) = after.strip_prefix('+').map_or((after, false), |after| (after, true));
        let Some(after) = after.strip_prefix('=') else {
            return Some((name, Cow::Borrowed("1"), false));
        };
        self.rest = after.trim_start();
        let value = match self.rest.chars().next() {
            Some('"') => self.string()?,
            Some('\'') => {
                let end = self.rest[1..].find('\'')?;
                let value = &self.rest[1..=end];
                self.rest = &self.rest[end + 2..];
                Cow::Borrowed(value)
            }
            _ => Cow::Borrowed(self.take(|c| !c.is_whitespace() && c != ',')),
        };
        Some((name, value, appends))
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// A string in double quotes, with those that `+` joins to it; `None` where it is not closed.
    fn string(&mut self) -> Option<Cow<'t, str>> {
        let mut value = self.one_string()?;
        while let Some(next) = self.rest.trim_start().strip_prefix('+').map(str::trim_start)
            && next.starts_with('"')
        {
            self.rest = next;
            let more = self.one_string()?;
            value.to_mut().push_str(&more);
        }
        Some(value)
    }

    fn one_string(&mut self) -> Option<Cow<'t, str>> {
        let inside = &self.rest[1..];
        let bytes = inside.as_bytes();
        let mut is_escaped = false;
        let mut end = 0;
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' if bytes.get(end + 1) == Some(&b'"') => {
                    is_escaped = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        self.rest = &inside[end + 1..];
        let value = &inside[..end];
        Some(if is_escaped { Cow::Owned(value.replace("\\\"", "\"")) } else { Cow::Borrowed(value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read() {
        let check = |raw: &str, expected: &[(&str, &str)]| {
            let attributes = Attributes::parse(raw);
            let entries: Vec<_> = attributes.entries.iter().map(|(name, value)| (*name, &**value)).collect();
            assert_eq!(entries, expected, "for {raw:?}");
        };
        check("", &[]);
        check("view", &[("", "view")]);
        check(" a b ", &[("", "a b")]);
        check("\"view\" topic=\"Main.WebHome\"", &[("", "view"), ("topic", "Main.WebHome")]);
        check("\"a \\\"b\\\"\"", &[("", "a \"b\"")]);
        check("\"1\" \n then=\"x\" \n else=\"y\"", &[("", "1"), ("then", "x"), ("else", "y")]);
        check("a='b c' d=e", &[("a", "b c"), ("d", "e")]);
        check("\"x\" #=\"frag\"", &[("", "x")]);
        check("\"1\" then=\"a", &[("", "1")]);
        check("a=\"1\" + \"2\" a+=\"3\"", &[("a", "123")]);
        check("warn=\"\" é=\"x\"", &[("warn", ""), ("é", "x")]);
    }
}
