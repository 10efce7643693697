//! `*bold*`, `_italic_`, `__both__`, `=code=`, `==bold code==`.

use std::borrow::Cow;

use super::words;

/// One kind of emphasis.
struct Kind {
    mark: &'static str,
    open: &'static str,
    close: &'static str,
    is_code: bool,
}

/// In the order in which they are looked for: what one has marked, the next does not see.
const KINDS: [Kind; 5] = [
    Kind { mark: "==", open: "<code><b>", close: "</b></code>", is_code: true },
    Kind { mark: "__", open: "<strong><em>", close: "</em></strong>", is_code: false },
    Kind { mark: "*", open: "<strong>", close: "</strong>", is_code: false },
    Kind { mark: "_", open: "<em>", close: "</em>", is_code: false },
    Kind { mark: "=", open: "<code>", close: "</code>", is_code: true },
];

/// Marks up one line. `previous` is the byte before it, `None` at the start of a line.
pub(super) fn mark_up(line: &str, previous: Option<u8>) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(line);
    // Bits for `*`, `_` and `=`: most lines have none.
    let bit = |byte: u8| match byte {
        b'*' => 1,
        b'_' => 2,
        b'=' => 4,
        _ => 0,
    };
    let marks = line.bytes().fold(0_u8, |marks, byte| marks | bit(byte));
    for kind in KINDS.iter().filter(|kind| marks & bit(kind.mark.as_bytes()[0]) != 0) {
        if let Some(marked) = mark_up_kind(&line, previous, kind) {
            line = Cow::Owned(marked);
        }
    }
    line
}

/// Marks up one kind, if it occurs.
fn mark_up_kind(line: &str, previous: Option<u8>, kind: &Kind) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    while let Some(start) = find_start(line, copied, previous, kind.mark) {
        let body = start + kind.mark.len();
        // An end serves every start before it: where this search fails, all later ones would.
        let Some(end) = find_end(line, body, kind.mark) else { break };
        out.reserve(line.len() + 64);
        out.push_str(&line[copied..start]);
        out.push_str(kind.open);
        if kind.is_code {
            push_code(&line[body..end], &mut out);
        } else {
            out.push_str(&line[body..end]);
        }
        out.push_str(kind.close);
        copied = end + kind.mark.len();
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&line[copied..]);
    Some(out)
}

/// The next place from `from` where emphasis may start: at the start of a word, with no space after it.
fn find_start(line: &str, mut from: usize, previous: Option<u8>, mark: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    loop {
        let start = find_mark(bytes, from, mark)?;
        let before = if start == 0 { previous } else { Some(bytes[start - 1]) };
        let next = bytes.get(start + mark.len());
        if words::starts_after(before) && next.is_some_and(|b| !b.is_ascii_whitespace()) {
            return Some(start);
        }
        from = start + 1;
    }
}

/// Finds a mark of one or two equal bytes; a general search costs more than most lines are long.
fn find_mark(bytes: &[u8], from: usize, mark: &str) -> Option<usize> {
    let mark = mark.as_bytes();
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|b| *b == mark[0])?;
        if bytes[at..].starts_with(mark) {
            return Some(at);
        }
        at += 1;
    }
}

/// The end of emphasis whose text begins at `body`: not after a space, and before a space or punctuation.
fn find_end(line: &str, body: usize, mark: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let first = line[body..].chars().next()?;
    let mut from = body + first.len_utf8();
    loop {
        let end = find_mark(bytes, from, mark)?;
        let next = bytes.get(end + mark.len());
        let ends = next.is_none_or(|b| b.is_ascii_whitespace() || b",.;:!?)".contains(b));
        if ends && !bytes[end - 1].is_ascii_whitespace() {
            return Some(end);
        }
        from = end + 1;
    }
}

/// Code keeps its runs of spaces.
fn push_code(code: &str, out: &mut String) {
    let mut spaces = 0;
    for c in code.chars() {
        match c {
            ' ' => spaces += 1,
            '\t' => spaces += 3,
            c => {
                push_spaces(std::mem::take(&mut spaces), out);
                out.push(c);
            }
        }
    }
}

fn push_spaces(count: usize, out: &mut String) {
    if count % 2 == 1 {
        out.push(' ');
    }
    for _ in 0..count / 2 {
        out.push_str("&nbsp; ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(mark_up(input, None), expected, "for {input:?}");
    }

    #[test]
    fn every_kind_is_marked_up() {
        check(
            "*b* _i_ __bi__ =c= ==bc==",
            "<strong>b</strong> <em>i</em> <strong><em>bi</em></strong> <code>c</code> <code><b>bc</b></code>",
        );
        check("(*b*), *c*; *d*!", "(<strong>b</strong>), <strong>c</strong>; <strong>d</strong>!");
        check("*two words*", "<strong>two words</strong>");
        check("**b**", "<strong>*b*</strong>");
    }

    #[test]
    fn marks_inside_words_stay() {
        for text in [
            "a*b*c",
            "*b*c",
            "*b *",
            "* b*",
            "\"*x*\"",
            "*x*/",
            "-*x*-",
            "*",
            "**",
            "= a =",
            "snake_case_name",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn code_keeps_spaces() {
        check("=a  b=", "<code>a&nbsp; b</code>");
        check("=a   b=", "<code>a &nbsp; b</code>");
    }

    #[test]
    fn a_tag_before_it_is_no_word_start() {
        assert_eq!(mark_up("*x*", Some(b'>')), "*x*");
    }

    #[test]
    fn unclosed_starts_take_linear_time() {
        let line = "*a ".repeat(200_000);
        check(&line, &line);
    }
}
