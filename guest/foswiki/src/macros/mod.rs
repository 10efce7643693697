//! `%MACRO{…}%` to text.
//!
//! Macros are expanded from the inside out, from left to right; what a macro gives is expanded again, down to
//! `MAX_DEPTH`. A name is looked up among the preferences, then among the macros of this module's `table`, then
//! among the shipped `defaults`; one that is nowhere stays as it is.

mod attributes;
mod basic;
mod defaults;
pub(crate) mod encode;
mod format;
mod icon;
mod include;
mod lists;
mod meta;
mod query;
mod search;
mod sections;
mod shown;
mod summary;
mod table;
mod text;
pub(crate) mod time;
mod toc;
mod url;
mod users;
pub(crate) mod zones;

use attributes::Attributes;

use crate::{
    access::{self, Mode},
    page::Page,
    store::{valid_topic, valid_web},
    tml::find_element,
    topic::Topic,
};

/// How deep what macros give is expanded again, included topics counted; deeper, it stays as it is. Foswiki's own
/// limit is 16 for each included topic; each level takes a few hundred bytes of a small stack.
const MAX_DEPTH: usize = 32;

/// How much work the macros of one page may do: one unit for a macro and one for each kilobyte it gives. Nested
/// preferences could otherwise double at every level.
pub(crate) const MAX_WORK: usize = 50_000;

/// The most that one expansion may give, in bytes; as for rendered pages.
const MAX_OUTPUT: usize = crate::tml::MAX_OUTPUT;

/// Shown once where a limit is reached.
const TOO_MUCH: &str = "<span class='foswikiAlert'>Warning: this page expands too many macros</span>";

/// Expands the macros of a text that stands in a topic, table of contents included.
///
/// `<verbatim>` blocks stay as they are.
pub fn expand(page: &mut Page, web: &str, topic: &str, text: &str) -> String {
    let mut scope = Scope { page, web, topic, including: (web, topic), depth: 0 };
    let expanded = scope.expand(text);
    toc::insert(&mut scope, expanded)
}

/// Where a text is expanded.
pub(crate) struct Scope<'r, 'p> {
    pub(crate) page: &'r mut Page<'p>,
    /// The web and topic the text is from.
    pub(crate) web: &'r str,
    pub(crate) topic: &'r str,
    /// The web and topic that include it.
    pub(crate) including: (&'r str, &'r str),
    depth: usize,
}

impl Scope<'_, '_> {
    /// Expands the macros of a text.
    pub(crate) fn expand(&mut self, text: &str) -> String {
        if !text.contains('%') {
            return text.to_owned();
        }
        Parser { scope: self, out: String::with_capacity(text.len()), starts: Vec::new() }.run(text)
    }

    /// Expands what a macro gave.
    fn expand_again(&mut self, text: String) -> String {
        if self.depth >= MAX_DEPTH || !text.contains('%') {
            return text;
        }
        self.depth += 1;
        let expanded = self.expand(&text);
        self.depth -= 1;
        expanded
    }

    /// What `%name{raw}%` gives, `None` where there is no such macro, or where the page's macros have done enough.
    fn call(&mut self, name: &str, raw: Option<&str>) -> Option<String> {
        if self.page.memo.work > MAX_WORK {
            return None;
        }
        let value = self.value(name, raw)?;
        let memo = &mut self.page.memo;
        memo.work += 1 + value.len() / 1024;
        if memo.work > MAX_WORK && !memo.told {
            memo.told = true;
            return Some(TOO_MUCH.to_owned());
        }
        Some(self.expand_again(value))
    }

    fn value(&mut self, name: &str, raw: Option<&str>) -> Option<String> {
        if let Some(constant) = basic::constant(self, name) {
            return Some(constant);
        }
        if let Some(preference) = self.page.prefs.get(name) {
            return Some(format::preference(preference, raw));
        }
        if let Some(expand) = table::find(name) {
            let attributes = Attributes::parse(raw.unwrap_or_default());
            return Some(expand(self, &attributes));
        }
        if let Some(value) = defaults::find(name) {
            return Some(value.to_owned());
        }
        // What is defined nowhere may say what to show instead.
        Attributes::parse(raw?).get("default").map(str::to_owned)
    }

    /// The web and topic that a macro's `web` and `topic` mean: the topic may be qualified; missing ones are here.
    pub(crate) fn place(&self, web: Option<&str>, topic: Option<&str>) -> (String, String) {
        let web = web.filter(|web| !web.is_empty()).unwrap_or(self.web);
        let Some(topic) = topic.filter(|topic| !topic.is_empty()) else {
            return (web.to_owned(), self.topic.to_owned());
        };
        match topic.rsplit_once(['.', '/']) {
            Some((web, topic)) => (web.replace('.', "/"), topic.to_owned()),
            None => (web.to_owned(), topic.to_owned()),
        }
    }

    /// A topic that the user may view; `None` for others and for those that are missing.
    pub(crate) fn read(&mut self, web: &str, topic: &str) -> Option<Topic> {
        if !(valid_web(web) && valid_topic(topic)) {
            return None;
        }
        let found = Topic::parse(&self.page.store.topic(web, topic).ok()??);
        self.page.note_topic(web, topic);
        access::may(self.page, Mode::View, web, Some(&found)).then_some(found)
    }
}

/// Expands one text.
struct Parser<'s, 'r, 'p> {
    scope: &'s mut Scope<'r, 'p>,
    out: String,
    /// Where in `out` the percent signs are that may begin a macro.
    starts: Vec<usize>,
}

impl Parser<'_, '_, '_> {
    fn run(mut self, text: &str) -> String {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|b| b == b'%' || b == b'<') {
            self.out.push_str(&rest[..at]);
            rest = &rest[at..];
            if self.out.len() > MAX_OUTPUT {
                self.out.push_str(TOO_MUCH);
                return self.out;
            }
            let length = match rest.strip_prefix('%') {
                Some(after) => self.percent(after),
                None => self.tag(rest),
            };
            rest = &rest[length..];
        }
        self.out.push_str(rest);
        self.out
    }

    /// Copies a `<verbatim>` block, or the `<`; returns its length.
    fn tag(&mut self, rest: &str) -> usize {
        let is_verbatim = rest.get(1..9).is_some_and(|name| name.eq_ignore_ascii_case("verbatim"));
        let block = if is_verbatim { find_element(rest, "verbatim", true) } else { None };
        let length = block.map_or(1, |block| block.end);
        self.out.push_str(&rest[..length]);
        length
    }

    /// Handles a percent sign, which ends a macro or begins one; returns its length.
    fn percent(&mut self, after: &str) -> usize {
        if is_escaped(&self.out, after) {
            self.out.pop();
            self.out.push_str("&#37;");
            return 1;
        }
        if let Some((start, name, brace)) = self.complete() {
            let inside = &self.out[start + 1..];
            let raw = brace.map(|brace| inside[brace + 1..inside.len() - 1].to_owned());
            let name = inside[..name].to_owned();
            // Known or not, it is complete.
            self.starts.pop();
            if let Some(value) = self.scope.call(&name, raw.as_deref()) {
                self.out.truncate(start);
                self.out.push_str(&value);
                return 1;
            }
        }
        self.starts.push(self.out.len());
        self.out.push('%');
        1
    }

    /// The innermost macro that ends at the end of `out`: where it starts, the length of its name, where in it the
    /// brace is. Percent signs in its arguments that begin nothing are forgotten.
    fn complete(&mut self) -> Option<(usize, usize, Option<usize>)> {
        let &start = self.starts.last()?;
        let name = name_length(&self.out[start + 1..]);
        if name > 0 && start + 1 + name == self.out.len() {
            return Some((start, name, None));
        }
        if !self.out.ends_with('}') {
            return None;
        }
        while let Some(&start) = self.starts.last() {
            let inside = &self.out[start + 1..];
            let name = name_length(inside);
            if name > 0 && inside[name..].starts_with('{') && inside.len() > name + 1 {
                return Some((start, name, Some(name)));
            }
            self.starts.pop();
        }
        None
    }
}

/// `!%MACRO` after a space shows the macro instead of expanding it.
fn is_escaped(before: &str, after: &str) -> bool {
    let Some(before) = before.strip_suffix('!') else { return false };
    before.ends_with([' ', '\t', '\n']) && name_length(after) > 0
}

/// The length of a macro's name at the start of a text.
fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return 0;
    }
    let belongs = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':');
    bytes.iter().position(|b| !belongs(b)).unwrap_or(bytes.len())
}
