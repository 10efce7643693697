//! `%INCLUDE{"Web.Topic" section="…" NAME="value"}%`

use super::{MAX_DEPTH, MAX_WORK, Scope, attributes::Attributes, query::pattern::Pattern, sections};
use crate::{
    page::is_true,
    tml::{find_element, push, words},
    topic::Topic,
};

/// Parameters that say what to include; all others are preferences of the included text.
const OWN: [&str; 9] =
    ["warn", "section", "raw", "literal", "rev", "pattern", "web", "topic", "headingoffset"];

/// What including a topic counts for: it is read, and its access rules are.
const WORK: usize = MAX_WORK / 2_000;

/// `%INCLUDE{…}%`: a topic, or a section of it, expanded as if there, with further parameters as its preferences.
pub(super) fn include(scope: &mut Scope, attributes: &Attributes) -> String {
    scope.page.memo.work += WORK;
    let Some(named) = attributes.filled("").or(attributes.filled("topic")) else { return String::new() };
    if named.contains("://") {
        return warning(scope, attributes, "", "   Warning: This site does not allow %<nop>INCLUDE% of URLs");
    }
    for named in named.split(',').map(str::trim) {
        let (web, topic) = scope.place(attributes.filled("web"), Some(named));
        let place = format!("{web}.{topic}");
        let exists = scope.page.topic_exists(&web, &topic);
        let message = match scope.read(&web, &topic) {
            Some(found) if scope.depth < MAX_DEPTH => {
                let found = revision(scope, attributes, (&web, &topic)).unwrap_or(found);
                return include_topic(scope, attributes, (&web, &topic), &found);
            }
            Some(_) => format!("    Warning: <nop>{web}.<nop>{topic} is included too deep"),
            None if exists => format!("    Warning: No permission to include topic <nop>{web}.<nop>{topic}"),
            None => format!("    Warning: Can't find topic <nop>{web}.<nop>{topic}"),
        };
        // Of several topics, the first that can be shown is.
        if !attributes.default().unwrap_or_default().contains(',') {
            return warning(scope, attributes, &place, &message);
        }
    }
    String::new()
}

/// An earlier revision, where one is asked for.
fn revision(scope: &Scope, attributes: &Attributes, (web, topic): (&str, &str)) -> Option<Topic> {
    let number = crate::topic::revision_number(attributes.filled("rev")?)?;
    Some(Topic::parse(&scope.page.store.revision(web, topic, number).ok()??))
}

fn include_topic(scope: &mut Scope, attributes: &Attributes, place: (&str, &str), found: &Topic) -> String {
    let text = match attributes.filled("section") {
        Some(section) => {
            if let Some(text) = sections::section(&found.text, section) {
                text
            } else {
                let (web, topic) = place;
                let message = format!(
                    "    Warning: Can't find named section <nop>{section} in topic <nop>{web}.<nop>{topic}"
                );
                return warning(scope, attributes, &format!("{web}.{topic}"), &message);
            }
        }
        None => sections::included(&found.text),
    };
    let text = match attributes.filled("pattern") {
        Some(pattern) => extract(&text, pattern),
        None => text,
    };
    if attributes.is_on("raw") {
        return text;
    }
    let expanded = expand(scope, attributes, place, &text);
    let expanded = shift_headings(expanded, attributes.get("headingoffset"));
    if place.0 == scope.web { expanded } else { relocate(&expanded, place.0) }
}

/// Expands an included text with the parameters as preferences, which hold for it alone.
fn expand(scope: &mut Scope, attributes: &Attributes, (web, topic): (&str, &str), text: &str) -> String {
    let saved = scope.page.prefs.clone();
    for (name, value) in attributes.named().filter(|(name, _)| !OWN.contains(name)) {
        scope.page.prefs.set(name, value);
    }
    let including = (scope.web, scope.topic);
    let mut inner = Scope { page: scope.page, web, topic, including, depth: scope.depth + 1 };
    let expanded = inner.expand(text);
    scope.page.prefs = saved;
    expanded
}

/// A warning as `warn` wants it: the usual one, none, or a text of its own with `$topic`.
fn warning(scope: &Scope, attributes: &Attributes, place: &str, message: &str) -> String {
    let usual = scope.page.prefs.get("INCLUDEWARNING").unwrap_or("on");
    match attributes.filled("warn").unwrap_or(usual) {
        "on" => format!("<span class='foswikiAlert'>\n{message} \n</span>"),
        warn if is_true(warn) => warn.replace("$topic", place),
        _ => String::new(),
    }
}

/// What the first group of a pattern matches, all of a match without groups.
fn extract(text: &str, pattern: &str) -> String {
    let Some(found) = Pattern::parse(pattern).and_then(|pattern| pattern.find(text)) else {
        return String::new();
    };
    let group = found.group(1).or(found.group(0));
    group.map_or_else(String::new, |range| text[range].to_owned())
}

/// Makes headings deeper, or higher.
fn shift_headings(text: String, offset: Option<&str>) -> String {
    let offset: i32 = offset.and_then(|offset| offset.trim().parse().ok()).unwrap_or(0);
    if offset == 0 {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for (index, line) in text.split('\n').enumerate() {
        out.push_str(if index == 0 { "" } else { "\n" });
        let rest = line.trim_start_matches('-');
        let level = rest.bytes().take_while(|b| *b == b'+').count();
        if line.len() - rest.len() >= 3 && level > 0 {
            let shifted = (i32::try_from(level).unwrap_or(6)).saturating_add(offset).clamp(1, 6);
            out.push_str("---");
            out.extend(std::iter::repeat_n('+', usize::try_from(shifted).unwrap_or(1)));
            out.push_str(&rest[level..]);
        } else {
            out.push_str(line);
        }
    }
    out
}

/// Makes the links of a text from another web point there.
fn relocate(text: &str, web: &str) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut copied = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let is_start = at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'(');
        if bytes[at] == b'<' && rest.starts_with("<verbatim") {
            at += find_element(rest, "verbatim", true).map_or(1, |element| element.end);
        } else if let Some(target) = bare_target(rest) {
            out.push_str(&text[copied..at]);
            let is_alone = rest[2 + target.len()..].starts_with("]]");
            push(&mut out, &["[[", web, ".", target]);
            if is_alone {
                push(&mut out, &["][", target]);
            }
            at += 2 + target.len();
            copied = at;
        } else if is_start && let Some(length) = words::wiki_word(rest) {
            if !rest[length..].starts_with(['.', '/']) {
                out.push_str(&text[copied..at]);
                out.push_str(web);
                out.push('.');
                copied = at;
            }
            at += length;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// The target of a bracket link that names a topic without its web.
fn bare_target(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("[[")?;
    let target = &inside[..inside.find(['[', ']', '\n'])?];
    let is_bare = target.starts_with(|c: char| c.is_alphanumeric())
        && !target.contains(['.', '/', ':', '#', '?', '%', '<']);
    is_bare.then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_from_other_webs_are_qualified() {
        let check = |text: &str, expected: &str| assert_eq!(relocate(text, "Web"), expected, "for {text:?}");
        check("WikiWord (OtherWord) Main.WikiWord", "Web.WikiWord (Web.OtherWord) Main.WikiWord");
        check(
            "[[Foo bar]] [[Foo][bar]] [[A.B]] [[http://x]]",
            "[[Web.Foo bar][Foo bar]] [[Web.Foo][bar]] [[A.B]] [[http://x]]",
        );
        check("<verbatim>WikiWord</verbatim> é", "<verbatim>WikiWord</verbatim> é");
    }

    #[test]
    fn headings_are_shifted() {
        assert_eq!(shift_headings("---+ a\n---++++++ b\nc".to_owned(), Some("1")), "---++ a\n---++++++ b\nc");
        assert_eq!(shift_headings("---++ a".to_owned(), Some("-3")), "---+ a");
    }
}
