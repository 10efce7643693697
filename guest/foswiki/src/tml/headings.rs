//! Headings and the anchors made from them. The table of contents uses them too.

use std::borrow::Cow;

use super::protect;
use crate::macros::encode;

/// A heading line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heading<'t> {
    /// 1 to 6.
    pub(crate) level: usize,
    /// What follows the `+`, or is between the tags, without trailing spaces.
    pub(crate) text: &'t str,
    /// Whether the table of contents shows it: no `!!` and no `%NOTOC%`.
    pub(crate) in_contents: bool,
}

/// Reads `---++ text`, `---## text` or a line that is `<h2>text</h2>`.
pub(crate) fn parse(line: &str) -> Option<Heading<'_>> {
    let (level, text) = if line.starts_with("---") { parse_dashes(line)? } else { parse_tag(line)? };
    let in_contents = !may_be_marked(text) || !(text.contains("!!") || text.contains("%NOTOC%"));
    Some(Heading { level, text: text.trim_end(), in_contents })
}

fn parse_dashes(line: &str) -> Option<(usize, &str)> {
    let rest = line.trim_start_matches('-');
    let sign = rest.chars().next().filter(|c| matches!(c, '+' | '#'))?;
    let level = rest.bytes().take(MAX_LEVEL).take_while(|b| char::from(*b) == sign).count();
    Some((level, &rest[level..]))
}

fn parse_tag(line: &str) -> Option<(usize, &str)> {
    let (level, rest) = match line.as_bytes() {
        [b'<', b'h' | b'H', level @ b'1'..=b'6', b'>', ..] => (usize::from(level - b'0'), &line[4..]),
        _ => return None,
    };
    let end = rest.find("</h").or_else(|| rest.find("</H"))?;
    let close = &rest.as_bytes()[end + 3..];
    let is_close = close.len() == 2 && usize::from(close[0].wrapping_sub(b'0')) == level && close[1] == b'>';
    (is_close && end > 0).then(|| (level, &rest[..end]))
}

/// HTML has no heading below this one.
const MAX_LEVEL: usize = 6;

/// Whether a heading may have a mark that keeps it out of the table of contents: a glance before two searches.
fn may_be_marked(text: &str) -> bool {
    text.bytes().any(|b| b == b'!' || b == b'%')
}

/// The text of a heading without the mark that keeps it out of the table of contents.
pub(crate) fn shown_text(text: &str) -> Cow<'_, str> {
    if !may_be_marked(text) {
        return Cow::Borrowed(text);
    }
    let marks = [text.find("!!").map(|at| (at, '!')), text.find("%NOTOC%").map(|at| (at, '%'))];
    let Some((at, mark)) = marks.into_iter().flatten().min() else { return Cow::Borrowed(text) };
    let (before, rest) = text.split_at(at);
    let after = if mark == '!' { rest.trim_start_matches('!') } else { &rest["%NOTOC%".len()..] };
    Cow::Owned(format!("{before}{after}"))
}

/// The anchor of a heading: letters, digits and `_`, with other characters as `_` and their code point. Made
/// unique by the caller.
pub(crate) fn anchor_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len() + 8);
    let plain = encode::entity_decode(&plain_text(text));
    for c in plain.trim().chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c);
            continue;
        }
        if !name.ends_with('_') {
            name.push('_');
        }
        if !matches!(c, ' ' | '\t' | '_') {
            name.push_str(&u32::from(c).to_string());
        }
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, if name.starts_with('_') { "A" } else { "A_" });
    }
    name
}

/// The anchor of a heading as it is in the topic, where `!Word` still is as it was written.
pub(crate) fn anchor_of_source(text: &str) -> String {
    let (text, _) = protect::take_out(text);
    anchor_name(&shown_text(&text))
}

/// A heading's text without tags, and with links replaced by what they show.
pub(super) fn plain_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Past the last of these, nothing is searched for: unclosed brackets would each search to the end.
    let (links_end, tags_end) = (text.rfind("]]").unwrap_or(0), text.rfind('>').unwrap_or(0));
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let position = text.len() - rest.len();
        if let Some((shown, length)) = (position < links_end).then(|| link(rest)).flatten() {
            out.push_str(shown);
            rest = &rest[length..];
        } else if let Some(length) = (position < tags_end).then(|| tag(rest)).flatten() {
            rest = &rest[length..];
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// What a bracket link at the start of `text` shows, and its length.
pub(crate) fn link(text: &str) -> Option<(&str, usize)> {
    let inside = text.strip_prefix("[[")?;
    let end = inside.find("]]")?;
    let inside = &inside[..end];
    let shown = inside.split_once("][").map_or(inside, |(_, shown)| shown);
    Some((shown, end + 4))
}

/// The length of the tag at the start of `text`.
pub(crate) fn tag(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    let name = inside.strip_prefix('/').unwrap_or(inside);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    inside.find('>').map(|end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_read() {
        let check = |line: &str, level: usize, text: &str, in_contents: bool| {
            assert_eq!(parse(line), Some(Heading { level, text, in_contents }), "for {line:?}");
        };
        check("---+ One ", 1, " One", true);
        check("-----+++Three", 3, "Three", true);
        check("---## Two", 2, " Two", true);
        check("---+++++++ x", 6, "+ x", true);
        check("---+!! hidden", 1, "!! hidden", false);
        check("<h2>Two</h2>", 2, "Two", true);
        for line in
            ["--+ x", " ---+ x", "---", "<h2 class=\"x\">Two</h2>", "<h2>a</h3>", "<h2></h2>", "<h2>a</h2> b"]
        {
            assert_eq!(parse(line), None, "for {line:?}");
        }
    }

    #[test]
    fn marks_of_contents_are_not_shown() {
        let check = |text: &str, expected: &str| assert_eq!(shown_text(text), expected, "for {text:?}");
        check("!! hidden", " hidden");
        check(" Wow!!! great!!", " Wow great!!");
        check(" a %NOTOC% b", " a  b");
        check(" a! b", " a! b");
    }

    #[test]
    fn anchors_are_ascii() {
        let check = |text: &str, expected: &str| assert_eq!(anchor_name(text), expected, "for {text:?}");
        check(" With *bold* and =code=", "With_42bold_42_and_61code_61");
        check("Ümlaut Größe", "A_220mlaut_Gr_246_223e");
        check("", "A_");
        check("1 Intro", "A_1_Intro");
        check("a [[X][link]] <b>c</b>", "a_link_c");
        check("<nop>Word", "Word");
        check("A & B", "A_38_B");
        check("A &amp; B", "A_38_B");
    }
}
