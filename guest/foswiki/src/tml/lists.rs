//! Bulleted, numbered and definition lists, indented paragraphs.

use super::push;

/// One list line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item<'t> {
    /// How deep it is indented: three spaces or a tab each.
    pub(super) depth: usize,
    pub(super) kind: Kind,
    /// What a definition list defines.
    pub(super) term: Option<&'t str>,
    /// The rest of the line.
    pub(super) text: &'t str,
}

/// What a list line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `*`
    Bullet,
    /// `1`, `A.`, `a.`, `I.`, `i.`, with the CSS style of its number.
    Number(Option<&'static str>),
    /// `$ term: text` or `term: text`
    Definition,
    /// `:`
    Indent,
}

impl Kind {
    /// The element around items; none for indented paragraphs.
    fn outer(self) -> &'static str {
        match self {
            Kind::Bullet => "ul",
            Kind::Number(_) => "ol",
            Kind::Definition => "dl",
            Kind::Indent => "",
        }
    }

    /// The element of an item, for its end tag.
    fn inner(self) -> &'static str {
        match self {
            Kind::Bullet | Kind::Number(_) => "li",
            Kind::Definition => "dd",
            Kind::Indent => "div",
        }
    }

    /// The start tag of an item.
    fn push_start(self, out: &mut String) {
        match self {
            Kind::Bullet | Kind::Number(None) => out.push_str("<li>"),
            Kind::Number(Some(style)) => {
                out.push_str("<li style=\"list-style-type:");
                out.push_str(style);
                out.push_str("\">");
            }
            Kind::Definition => out.push_str("<dd>"),
            Kind::Indent => out.push_str("<div class='foswikiIndent'>"),
        }
    }
}

/// How deep a line is indented, in steps of three spaces or a tab, and what follows.
pub(super) fn indent(line: &str) -> (usize, &str) {
    let mut rest = line;
    let mut depth = 0;
    while let Some(after) = rest.strip_prefix("   ").or_else(|| rest.strip_prefix('\t')) {
        rest = after;
        depth += 1;
    }
    (depth, rest)
}

impl<'t> Item<'t> {
    /// Reads a list line.
    pub(super) fn parse(line: &'t str) -> Option<Item<'t>> {
        let (depth, rest) = indent(line);
        if depth == 0 || rest.starts_with([' ', '\t']) {
            return None;
        }
        let item = |kind, text| Some(Item { depth, kind, term: None, text });
        if let Some(rest) = rest.strip_prefix('$')
            && let Some((term, text)) = definition(rest)
        {
            return Some(Item { depth, kind: Kind::Definition, term: Some(term), text });
        }
        match rest.strip_prefix('*') {
            Some("") => return item(Kind::Bullet, ""),
            Some(text) if text.starts_with([' ', '\t']) => return item(Kind::Bullet, &text[1..]),
            _ => (),
        }
        if let Some(text) = rest.strip_prefix(": ") {
            return item(Kind::Indent, text);
        }
        if let Some((style, text)) = number(rest) {
            return item(Kind::Number(style), text.strip_prefix(' ').unwrap_or(text));
        }
        let (term, text) = one_word_definition(rest)?;
        Some(Item { depth, kind: Kind::Definition, term: Some(term), text })
    }
}

/// `Some words: text`: the colon that ends the term is the first, and before a space.
fn definition(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix([' ', '\t'])?;
    let (term, text) = rest.split_once(':')?;
    let text = text.strip_prefix([' ', '\t'])?;
    (!term.trim().is_empty()).then(|| (term.trim(), text.trim_start()))
}

/// `word: text`
fn one_word_definition(rest: &str) -> Option<(&str, &str)> {
    let word = &rest[..rest.find([' ', '\t'])?];
    let term = word.strip_suffix(':')?;
    (!term.is_empty()).then(|| (term, &rest[word.len() + 1..]))
}

/// The style of a number and what follows it.
fn number(rest: &str) -> Option<(Option<&'static str>, &str)> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        let rest = &rest[digits..];
        return Some((None, rest.strip_prefix('.').unwrap_or(rest)));
    }
    let style = match rest.as_bytes() {
        [b'A', b'.', ..] => "upper-alpha",
        [b'a', b'.', ..] => "lower-alpha",
        [b'I', b'.', ..] => "upper-roman",
        [b'i', b'.', ..] => "lower-roman",
        _ => return None,
    };
    Some((Some(style), &rest[2..]))
}

/// The lists that are open, outermost first.
#[derive(Debug, Default)]
pub(super) struct Lists {
    open: Vec<Kind>,
}

impl Lists {
    /// Whether a list is open.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Opens and closes lists so that an item may follow, up to and including its start tag for all but
    /// definitions, whose term comes first.
    pub(super) fn enter(&mut self, depth: usize, kind: Kind, out: &mut String) {
        if self.open.len() < depth {
            self.deepen(depth, kind, out);
        } else {
            self.close_to(depth, out);
            self.follow(kind, out);
        }
        if kind != Kind::Definition {
            kind.push_start(out);
        }
    }

    /// Opens lists down to `depth`; levels that are skipped get an empty item.
    fn deepen(&mut self, depth: usize, kind: Kind, out: &mut String) {
        let before = self.open.len();
        while self.open.len() < depth {
            if self.open.len() > before {
                out.push(' ');
                kind.push_start(out);
                out.push('\n');
            }
            if !kind.outer().is_empty() {
                push(out, &[" <", kind.outer(), ">\n"]);
            }
            self.open.push(kind);
        }
    }

    /// Ends the item before at the same depth; another kind of list begins where the kinds differ.
    fn follow(&mut self, kind: Kind, out: &mut String) {
        let Some(last) = self.open.last_mut() else { return };
        push(out, &["\n</", last.inner(), "> "]);
        if last.outer() != kind.outer() {
            if !last.outer().is_empty() {
                push(out, &[" </", last.outer(), ">"]);
            }
            if !kind.outer().is_empty() {
                push(out, &["<", kind.outer(), ">\n"]);
            }
        }
        *last = kind;
    }

    /// Closes the lists deeper than `depth`.
    pub(super) fn close_to(&mut self, depth: usize, out: &mut String) {
        while self.open.len() > depth {
            let Some(kind) = self.open.pop() else { return };
            push(out, &["\n</", kind.inner(), ">"]);
            if !kind.outer().is_empty() {
                push(out, &["</", kind.outer(), "> "]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_lines_are_read() {
        let check = |line: &str, depth: usize, kind: Kind, term: Option<&str>, text: &str| {
            assert_eq!(Item::parse(line), Some(Item { depth, kind, term, text }), "for {line:?}");
        };
        check("   * one", 1, Kind::Bullet, None, "one");
        check("\t\t* two", 2, Kind::Bullet, None, "two");
        check("   *", 1, Kind::Bullet, None, "");
        check("   1 one", 1, Kind::Number(None), None, "one");
        check("   12. one", 1, Kind::Number(None), None, "one");
        check("   i. one", 1, Kind::Number(Some("lower-roman")), None, "one");
        check("   $ Two words: def", 1, Kind::Definition, Some("Two words"), "def");
        check("   term: def", 1, Kind::Definition, Some("term"), "def");
        check("   http://x.y: z", 1, Kind::Definition, Some("http://x.y"), "z");
        check("   : text", 1, Kind::Indent, None, "text");
        for line in
            ["* x", "  * x", "    * x", "   A x", "   *x", "   $ a:b: c", "   Two Words: def", "", "   "]
        {
            assert_eq!(Item::parse(line), None, "for {line:?}");
        }
    }
}
