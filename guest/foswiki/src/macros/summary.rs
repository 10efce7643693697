//! The beginnings of topics, for lists of them.

use crate::tml::{headings, words};

/// The characters of a summary, where none are asked for.
pub(super) const SUMMARY: usize = 162;

/// The first characters of a text, with dots where there are more.
pub(super) fn shortened(text: &str, size: usize) -> String {
    match text.char_indices().nth(size) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// The beginning of a text without its markup and macros, on one line, no word a link.
pub(super) fn summary(text: &str, size: usize) -> String {
    let mut plain = String::with_capacity(text.len().min(4 * size));
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = skipped(rest, plain.is_empty() || plain.ends_with(' '));
        if skipped > 0 {
            rest = &rest[skipped..];
            continue;
        }
        if !c.is_whitespace() {
            plain.push(c);
        } else if !plain.is_empty() && !plain.ends_with(' ') {
            plain.push(' ');
        }
        rest = &rest[c.len_utf8()..];
        if plain.len() > 4 * size + 4 {
            break;
        }
    }
    let plain = shortened(plain.trim_end(), size);
    let mut out = String::with_capacity(plain.len() + 16);
    for (index, word) in plain.split(' ').enumerate() {
        out.push_str(if index == 0 { "" } else { " " });
        out.push_str(if words::wiki_word(word).is_some() { "<nop>" } else { "" });
        out.push_str(word);
    }
    out
}

/// The length of what a summary leaves out at the start of a text: macros, tags, the signs of headings and links.
fn skipped(text: &str, at_word: bool) -> usize {
    let bytes = text.as_bytes();
    match bytes[0] {
        b'%' => {
            let name = text[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
            let rest = &text[1 + name..];
            let end = if rest.starts_with('{') {
                rest.find("}%").map(|end| end + 2)
            } else {
                rest.starts_with('%').then_some(1)
            };
            end.filter(|_| name > 0).map_or(0, |end| 1 + name + end)
        }
        b'<' => headings::tag(text).unwrap_or(0),
        b'-' if text.starts_with("---") => {
            let dashes = text.len() - text.trim_start_matches('-').len();
            dashes + text[dashes..].bytes().take_while(|b| matches!(b, b'+' | b'#' | b'!')).count()
        }
        // Of a link with a text, the text remains.
        b'[' if text.starts_with("[[") => {
            let target = text[2..].find(['[', ']', '\n']).map_or(0, |end| end + 2);
            if text[target..].starts_with("][") { target + 2 } else { 2 }
        }
        b']' if text.starts_with("]]") => 2,
        b'*' | b'_' | b'=' if !at_word && bytes.get(1).is_none_or(u8::is_ascii_whitespace) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_left_out() {
        let check = |text: &str, expected: &str| assert_eq!(summary(text, 40), expected, "for {text:?}");
        check("---+ Head\n%TOC{\"x\"}%\n   * an <b>item</b>", "Head * an item");
        check("[[Target][text]] and [[WebHome]]", "text and <nop>WebHome");
        check("100% sure", "100% sure");
        check("", "");
        check(&"word ".repeat(20), "word word word word word word word word ...");
    }
}
