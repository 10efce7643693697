//! `%TOC{depth="2" title="…"}%`: the headings of the text around it as a list of links.

use std::collections::BTreeMap;

use super::{MAX_OUTPUT, Scope, attributes::Attributes, encode, format};
use crate::{
    page::unique,
    tml::{find_element, first_line, headings, push, without_emphasis, words},
};

/// The deepest headings shown where nothing else is said.
const DEPTH: usize = 6;

/// Puts the table of contents where `%TOC%` stands.
pub(super) fn insert(scope: &mut Scope, text: String) -> String {
    if !text.contains("%TOC") {
        return text;
    }
    let here = entries(&text);
    // Past the last of these, no parameters are searched for: unclosed ones would each search to the end.
    let closes = text.rfind("}%").unwrap_or(0);
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(offset) = text[at..].bytes().position(|b| b == b'%' || b == b'<') {
        let start = at + offset;
        let rest = &text[start..];
        at = start + 1;
        if rest.starts_with("<verbatim") {
            at = find_element(rest, "verbatim", true).map_or(at, |element| start + element.end);
        } else if let Some((raw, length)) = call(rest, start < closes) {
            out.push_str(&text[copied..start]);
            if out.len() < MAX_OUTPUT {
                out.push_str(&contents(scope, &Attributes::parse(raw), &here));
            }
            at = start + length;
            copied = at;
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// The parameters of the `%TOC%` at the start of a text, and its length.
fn call(text: &str, may_close: bool) -> Option<(&str, usize)> {
    let rest = text.strip_prefix("%TOC")?;
    if rest.starts_with('%') {
        return Some(("", 5));
    }
    let inside = rest.strip_prefix('{').filter(|_| may_close)?;
    let end = inside.find("}%")?;
    Some((&inside[..end], end + 7))
}

/// One line of the list.
struct Entry {
    level: usize,
    anchor: String,
    text: String,
}

/// The list that a `%TOC%` stands for; `here` are the headings of the text around it.
fn contents(scope: &mut Scope, attributes: &Attributes, here: &[Entry]) -> String {
    let Some(named) = attributes.default().filter(|topic| !topic.is_empty()) else {
        return list(scope, attributes, (&query(scope), here));
    };
    let (web, topic) = scope.place(attributes.filled("web"), Some(named));
    let Some(found) = scope.read(&web, &topic) else { return String::new() };
    let mut inner =
        Scope { page: scope.page, web: &web, topic: &topic, including: scope.including, depth: 1 };
    let entries = entries(&inner.expand(&found.text));
    let url = format!("{}/view/{web}/{topic}", scope.page.settings.script_url_path);
    list(scope, attributes, (&url, &entries))
}

/// The list of the headings of the page at a URL.
fn list(scope: &Scope, attributes: &Attributes, (url, entries): (&str, &[Entry])) -> String {
    let limit = |parameter: &str, preference: &str| {
        attributes
            .get(parameter)
            .or(scope.page.prefs.get(preference))
            .and_then(|depth| depth.trim().parse::<usize>().ok())
    };
    let deepest = limit("depth", "TOC_MAX_DEPTH").unwrap_or(DEPTH);
    let highest = limit("mindepth", "TOC_MIN_DEPTH").unwrap_or(1);
    let shown: Vec<&Entry> =
        entries.iter().filter(|entry| (highest..=deepest).contains(&entry.level)).collect();
    let Some(top) = shown.iter().map(|entry| entry.level).min() else { return String::new() };
    let mut out = opening(scope, attributes);
    for entry in shown {
        out.push('\n');
        out.extend(std::iter::repeat_n('\t', entry.level + 1 - top));
        push(&mut out, &["* <a href=\"", url, "#", &entry.anchor, "\"> ", &entry.text, " </a>"]);
    }
    out.push_str("\n</div>");
    out
}

/// The element around the list, with its title.
fn opening(scope: &Scope, attributes: &Attributes) -> String {
    let align = match attributes.get("align") {
        Some("left") => " foswikiLeft",
        Some("right") => " foswikiRight",
        _ => "",
    };
    let mut out =
        format!("<div class=\"foswikiToc{align}\" id=\"{}\">", attributes.get("id").unwrap_or("foswikiTOC"));
    let title = attributes.get("title").or(scope.page.prefs.get("TOC_TITLE")).unwrap_or_default();
    if !title.is_empty() {
        push(&mut out, &["<span class=\"foswikiTocTitle\">", &format::tokens(title), "</span>"]);
    }
    out
}

/// The parameters of the request, as links within the page keep them.
fn query(scope: &Scope) -> String {
    let mut query = String::new();
    for (index, (name, value)) in scope.page.params.iter().enumerate() {
        query.push_str(if index == 0 { "?" } else { "&amp;" });
        encode::url(name, &mut query);
        query.push('=');
        encode::url(value, &mut query);
    }
    query
}

/// The headings of a text outside verbatim and pre.
fn entries(text: &str) -> Vec<Entry> {
    let mut uses = BTreeMap::new();
    let mut entries = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = first_line(rest);
        if let Some(heading) = headings::parse(line) {
            let anchor = unique(&mut uses, &headings::anchor_of_source(heading.text));
            let text = entry_text(heading.text);
            if heading.in_contents && !text.is_empty() {
                entries.push(Entry { level: heading.level, anchor, text });
            }
        }
        rest = &rest[block_end(rest, line.len()).unwrap_or(line.len())..];
        // To the end of the line in which a block ends.
        rest = rest.get(first_line(rest).len() + 1..).unwrap_or_default();
    }
    entries
}

/// The end of a verbatim or pre block that begins in the first line of `text`.
fn block_end(text: &str, line: usize) -> Option<usize> {
    let line = &text[..line];
    // Most lines have no tag at all, and a search costs more than they are long.
    let tag = line.bytes().position(|b| b == b'<')?;
    let find = |start: &str| line[tag..].find(start).map(|at| tag + at);
    let at = find("<verbatim").map(|at| (at, "verbatim")).or_else(|| find("<pre").map(|at| (at, "pre")));
    let (at, name) = at?;
    Some(at + find_element(&text[at..], name, true)?.end)
}

/// A heading's text without markup, its `WikiWords` not linked.
fn entry_text(text: &str) -> String {
    let marked = without_emphasis(text.trim());
    let mut out = String::with_capacity(marked.len());
    let mut starts_word = true;
    let mut rest = marked.as_str();
    while let Some(c) = rest.chars().next() {
        if starts_word && c == '!' && rest.len() > 1 {
            rest = &rest[1..];
            continue;
        }
        if starts_word && let Some(length) = words::wiki_word(rest) {
            out.push_str("<nop>");
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            starts_word = false;
            continue;
        }
        out.push(c);
        starts_word = matches!(c, ' ' | '\t' | '(');
        rest = &rest[c.len_utf8()..];
    }
    out
}
