//! What is not markup: verbatim, literal, pre, scripts and the like; and the characters HTML reserves.

use std::borrow::Cow;

use super::element::{Element, find_element, names};
use crate::macros::encode;

/// Marks the place of a [`Kept`] block: `MARK index MARK`. Topic text cannot hold it, [`take_out`] drops it.
pub(super) const MARK: u8 = 0;

/// A piece of the topic set aside while the rest is rendered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept<'t> {
    /// `<verbatim attributes>body</verbatim>`, shown as it is.
    Verbatim { attributes: &'t str, body: &'t str },
    /// HTML that goes out unchanged.
    Raw(&'t str),
    /// A `<pre>` block with verbatim blocks in it.
    Pre(&'t str),
}

impl Kept<'_> {
    /// Writes the block as HTML.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Kept::Verbatim { attributes, body } => {
                out.push_str("<pre");
                out.push_str(attributes);
                out.push('>');
                encode::entity(body, out);
                out.push_str("</pre>");
            }
            Kept::Raw(html) => out.push_str(html),
            Kept::Pre(html) => write_pre(html, out),
        }
    }
}

/// Elements whose content is not markup, and whether they may nest in themselves.
const ELEMENTS: [(&str, bool); 7] = [
    ("verbatim", true),
    ("literal", true),
    ("pre", true),
    ("head", false),
    ("textarea", false),
    ("script", false),
    ("style", false),
];

/// Takes out what is not markup, joins lines that end in a backslash, escapes `!Word` and `![[`, quotes lines that
/// begin with `>` and turns stray `<`, `>` and `&` into entities.
pub(super) fn take_out(text: &str) -> (String, Vec<Kept<'_>>) {
    let mut scan = Scan {
        text,
        at: 0,
        out: String::with_capacity(text.len() + 256),
        kept: Vec::new(),
        quoting: false,
        closes: [true; 7],
        tag_ends: true,
    };
    scan.run();
    (scan.out, scan.kept)
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    out: String,
    kept: Vec<Kept<'t>>,
    /// Whether the line is a quotation.
    quoting: bool,
    /// Which of [`ELEMENTS`] may still be closed further on: keeps unclosed ones from being searched for again.
    closes: [bool; 7],
    /// Whether a `>` may follow.
    tag_ends: bool,
}

impl<'t> Scan<'t> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        let mut copied = 0;
        self.start_line();
        copied = copied.max(self.at);
        while let Some(&byte) = bytes.get(self.at) {
            if !is_special(byte) {
                self.at += 1;
                continue;
            }
            let start = self.at;
            self.out.push_str(&self.text[copied..start]);
            self.special(byte);
            copied = self.at;
        }
        self.out.push_str(&self.text[copied..]);
        self.end_line();
    }

    /// Handles one special byte at `self.at` and moves past it.
    fn special(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.end_line();
                self.out.push('\n');
                self.at += 1;
                self.start_line();
            }
            b'\\' if self.rest(1).starts_with('\n') => self.at += 2,
            b'<' => self.less_than(),
            b'>' => {
                self.out.push_str(if self.text[..self.at].ends_with("--") { ">" } else { "&gt;" });
                self.at += 1;
            }
            b'&' => {
                self.out.push_str(if is_entity(self.rest(1)) { "&" } else { "&amp;" });
                self.at += 1;
            }
            b'!' => self.exclamation(),
            MARK | b'\r' => self.at += 1,
            _ => {
                self.out.push(char::from(byte));
                self.at += 1;
            }
        }
    }

    fn rest(&self, skip: usize) -> &'t str {
        self.text.get(self.at + skip..).unwrap_or_default()
    }

    /// A `>` that begins a line quotes it.
    fn start_line(&mut self) {
        if self.rest(0).starts_with('>') {
            self.out.push_str("<cite>&gt; ");
            self.at += 1;
            self.quoting = true;
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.quoting) {
            self.out.push_str("</cite><br />");
        }
    }

    /// `!Word` and `![[` at the start of a word are not links.
    fn exclamation(&mut self) {
        let starts_word =
            matches!(self.text.as_bytes()[..self.at].last(), None | Some(b' ' | b'\t' | b'\n' | b'('));
        let rest = self.rest(1);
        self.at += 1;
        if starts_word && rest.starts_with("[[") {
            self.out.push_str("[<nop>");
            self.at += 1;
        } else if starts_word && rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            self.out.push_str("<nop>");
        } else {
            self.out.push('!');
        }
    }

    fn less_than(&mut self) {
        let rest = self.rest(1);
        if rest.starts_with("!--") {
            self.out.push_str("<!--");
            self.at += 4;
        } else if self.tag_ends
            && let Some(length) = declaration(rest)
        {
            self.keep(Kept::Raw(&self.text[self.at..self.at + 1 + length]), 1 + length);
        } else if let Some(index) = ELEMENTS.iter().position(|(name, _)| names(rest, name)) {
            self.element(index);
        } else {
            self.tag();
        }
    }

    /// An element whose content is not markup.
    fn element(&mut self, index: usize) {
        let (name, nests) = ELEMENTS[index];
        let found = if self.closes[index] { find_element(self.rest(0), name, nests) } else { None };
        let Some(Element { open, body_end, end }) = found else {
            self.closes[index] = false;
            return self.tag();
        };
        let whole = &self.rest(0)[..end];
        let body = &whole[open..body_end];
        let kept = match name {
            "verbatim" => Kept::Verbatim { attributes: &whole[1 + name.len()..open - 1], body },
            "literal" => Kept::Raw(body),
            "pre" if whole.contains("<verbatim") => Kept::Pre(whole),
            _ => Kept::Raw(whole),
        };
        self.keep(kept, end);
    }

    /// Copies a tag as it is, but for its entities; a `<` that begins none is escaped.
    fn tag(&mut self) {
        let rest = self.rest(1);
        // The first character is part of the tag whatever it is, unless it is a space.
        let first = rest.chars().next().filter(|c| self.tag_ends && !c.is_whitespace());
        let end = first.and_then(|c| {
            let end = rest[c.len_utf8()..].find('>').map(|at| at + c.len_utf8());
            self.tag_ends = end.is_some();
            end
        });
        let Some(end) = end else {
            self.out.push_str("&lt;");
            self.at += 1;
            return;
        };
        let inside = &rest[..end];
        self.at += end + 2;
        let name = inside.trim_start_matches('/');
        if names(name, "sticky") {
            return;
        }
        self.out.push('<');
        self.out.push_str(&entities(inside));
        self.out.push('>');
    }

    fn keep(&mut self, kept: Kept<'t>, length: usize) {
        self.out.push(char::from(MARK));
        push_number(&mut self.out, self.kept.len());
        self.out.push(char::from(MARK));
        self.kept.push(kept);
        self.at += length;
    }
}

/// Reads the index of a mark at the start of `text`: the index and the length of the mark.
pub(super) fn mark(text: &str) -> Option<(usize, usize)> {
    let inside = text.strip_prefix(char::from(MARK))?;
    let digits = inside.find(char::from(MARK))?;
    Some((inside[..digits].parse().ok()?, digits + 2))
}

fn push_number(out: &mut String, number: usize) {
    use std::fmt::Write;
    // Writing to a String does not fail.
    let _ = write!(out, "{number}");
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\\' | b'<' | b'>' | b'&' | b'!' | MARK | b'\r')
}

/// The length after `<` of a processing instruction or a document type.
fn declaration(rest: &str) -> Option<usize> {
    let is_doctype = rest.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("!doctype"));
    (is_doctype || rest.starts_with('?')).then(|| rest.find('>').map(|end| end + 1)).flatten()
}

/// Whether what follows an ampersand makes it an entity.
fn is_entity(rest: &str) -> bool {
    let Some(end) = rest.as_bytes().iter().take(32).position(|&b| b == b';') else { return false };
    let name = &rest.as_bytes()[..end];
    match name {
        [b'#', b'x' | b'X', hex @ ..] => !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit),
        [b'#', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        name => !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'),
    }
}

/// Escapes the ampersands of `text` that begin no entity; drops marks.
fn entities(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', char::from(MARK)]) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        match c {
            '\0' => (),
            '&' if !is_entity(&text[at + 1..]) => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn write_pre(html: &str, out: &mut String) {
    let mut rest = html;
    while let Some(at) = rest.find("<verbatim") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(Element { open, body_end, end }) = find_element(rest, "verbatim", true) else { break };
        encode::entity(&rest[open..body_end], out);
        rest = &rest[end..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let (text, kept) = take_out(input);
        let mut shown = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find('\0') {
            shown.push_str(&rest[..at]);
            let (index, length) = mark(&rest[at..]).expect("a mark");
            shown.push('{');
            kept[index].write(&mut shown);
            shown.push('}');
            rest = &rest[at + length..];
        }
        shown.push_str(rest);
        assert_eq!(shown, expected, "for {input:?}");
    }

    #[test]
    fn blocks_are_taken_out() {
        check("a <verbatim>*b*</verbatim> c", "a {<pre>&#42;b&#42;</pre>} c");
        check(
            "<VERBATIM class=\"x\"><verbatim>a</verbatim></VERBATIM>b",
            "{<pre class=\"x\">&#60;verbatim&#62;a&#60;/verbatim&#62;</pre>}b",
        );
        check("<literal><b>x</b></literal>", "{<b>x</b>}");
        check("<pre>*x*</pre><prefix>", "{<pre>*x*</pre>}<prefix>");
        check("<script>a < b</script>", "{<script>a < b</script>}");
        check("<script>never closed", "<script>never closed");
        check("<pre>a<verbatim>*</verbatim></pre>", "{<pre>a&#42;</pre>}");
        check("<!DOCTYPE html>x", "{<!DOCTYPE html>}x");
        check("<sticky>x</sticky>", "x");
    }

    #[test]
    fn stray_characters_become_entities() {
        check("a < b & c > d", "a &lt; b &amp; c &gt; d");
        check("<b>x</b> &amp; &#39; &#x27; &#; &", "<b>x</b> &amp; &#39; &#x27; &amp;#; &amp;");
        check("<a href=\"?a&b\">", "<a href=\"?a&amp;b\">");
        check("<!-- x -->", "<!-- x -->");
        check("<b", "&lt;b");
        check("nul\0 cr\r\n", "nul cr\n");
    }

    #[test]
    fn lines_are_joined_and_quoted() {
        check("a \\\nb", "a b");
        check("> q\nn", "<cite>&gt;  q</cite><br />\nn");
        check(">> q", "<cite>&gt; &gt; q</cite><br />");
    }

    #[test]
    fn exclamation_marks_escape_words() {
        check("!Word (!x) a!b !", "<nop>Word (<nop>x) a!b !");
        check("![[x]]", "[<nop>[x]]");
    }
}
