//! `%TOC{depth="2" title="…"}%`: the headings of the text around it as a list of links.

use std::collections::BTreeMap;

use super::{Scope, attributes::Attributes, encode, format};
use crate::{
    page::unique,
    tml::{find_element, headings, without_emphasis, words},
};

/// The deepest headings shown where nothing else is said.
const DEPTH: usize = 6;

/// Puts the table of contents where `%TOC%` stands.
pub(super) fn insert(scope: &mut Scope, text: String) -> String {
    let mut out = String::new();
    let mut rest = text.as_str();
    let mut searched = 0;
    while let Some(found) = find(&rest[searched..]) {
        let start = searched + found.start;
        if found.is_block {
            searched = start + found.length;
            continue;
        }
        let attributes = Attributes::parse(found.raw);
        out.push_str(&rest[..start]);
        out.push_str(&contents(scope, &attributes, &text));
        rest = &rest[start + found.length..];
        searched = 0;
    }
    if out.is_empty() && rest.len() == text.len() {
        return text;
    }
    out.push_str(rest);
    out
}

/// A `%TOC%`, or a verbatim block to step over.
struct Found<'t> {
    start: usize,
    length: usize,
    raw: &'t str,
    is_block: bool,
}

fn find(text: &str) -> Option<Found<'_>> {
    let toc = text.find("%TOC").map(|start| (start, &text[start + 4..]));
    let (start, rest) = toc?;
    if let Some(block) = text[..start].find("<verbatim")
        && let Some(element) = find_element(&text[block..], "verbatim", true)
    {
        return Some(Found { start: block, length: element.end, raw: "", is_block: true });
    }
    if rest.starts_with('%') {
        return Some(Found { start, length: 5, raw: "", is_block: false });
    }
    match rest.strip_prefix('{').and_then(|inside| inside.find("}%")) {
        Some(end) => Some(Found { start, length: end + 7, raw: &rest[1..=end], is_block: false }),
        None => Some(Found { start, length: 4, raw: "", is_block: true }),
    }
}

/// One line of the list.
struct Entry {
    level: usize,
    anchor: String,
    text: String,
}

fn contents(scope: &mut Scope, attributes: &Attributes, here: &str) -> String {
    let other = attributes.default().filter(|topic| !topic.is_empty());
    let (url, entries) = if other.is_none() { (query(scope), entries(here)) } else {
        let (web, topic) = scope.place(attributes.filled("web"), other);
        let Some(found) = scope.read(&web, &topic) else { return String::new() };
        let mut inner =
            Scope { page: scope.page, web: &web, topic: &topic, including: scope.including, depth: 1 };
        let text = inner.expand(&found.text);
        (format!("{}/view/{web}/{topic}", scope.page.settings.script_url_path), entries(&text))
    };
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
        for part in ["* <a href=\"", &url, "#", &entry.anchor, "\"> ", &entry.text, " </a>"] {
            out.push_str(part);
        }
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
        out.push_str(&format!("<span class=\"foswikiTocTitle\">{}</span>", format::tokens(title)));
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
        let line = rest.split('\n').next().unwrap_or_default();
        if let Some(heading) = headings::parse(line) {
            let anchor = unique(&mut uses, &headings::anchor_name(&headings::shown_text(heading.text)));
            let text = entry_text(heading.text);
            if heading.in_contents && !text.is_empty() {
                entries.push(Entry { level: heading.level, anchor, text });
            }
        }
        let skipped = block_end(rest, line.len()).unwrap_or(line.len());
        rest = &rest[skipped..];
        // To the end of the line in which a block ends.
        rest = rest.split_once('\n').map_or("", |(_, after)| after);
    }
    entries
}

/// The end of a verbatim or pre block that begins in the first line of `text`.
fn block_end(text: &str, line: usize) -> Option<usize> {
    let at = text[..line]
        .find("<verbatim")
        .map(|at| (at, "verbatim"))
        .or_else(|| text[..line].find("<pre").map(|at| (at, "pre")));
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
