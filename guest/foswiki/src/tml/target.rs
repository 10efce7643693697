//! Bracket links, and links to topics.

use super::{
    blocks::Renderer,
    links,
    protect::{self, MARK},
    push, words,
};
use crate::{
    macros::{self, encode},
    page::Page,
};

/// `[[target]]` or `[[target][text]]`.
pub(super) struct Bracket<'t> {
    target: &'t str,
    text: Option<&'t str>,
    /// In bytes, brackets included.
    pub(super) length: usize,
}

impl<'t> Bracket<'t> {
    /// Reads the link that begins `text`, all on one line.
    pub(super) fn parse(text: &'t str) -> Option<Bracket<'t>> {
        let inside = text.strip_prefix("[[")?;
        let target = &inside[..inside.find(['[', ']', '\n'])?];
        let rest = &inside[target.len()..];
        if target.is_empty() {
            return None;
        }
        if rest.starts_with("]]") {
            return Some(Bracket { target, text: None, length: target.len() + 4 });
        }
        let rest = rest.strip_prefix("][")?;
        let shown = &rest[..rest.find([']', '\n'])?];
        (!shown.is_empty() && rest[shown.len()..].starts_with("]]")).then(|| Bracket {
            target,
            text: Some(shown),
            length: target.len() + shown.len() + 6,
        })
    }

    /// Writes the link.
    pub(super) fn write(&self, renderer: &mut Renderer) {
        let target = self.target.trim();
        let text = self.text.unwrap_or(target);
        if links::is_address(target) {
            match self.text {
                None => links::write_address(target, &mut renderer.out),
                Some(text) => {
                    let text = shown(renderer, text);
                    links::write_external(target, &text, &mut renderer.out);
                }
            }
            return;
        }
        Internal::parse(renderer.page, target).write(renderer, text);
    }
}

/// A link to a topic.
pub(super) struct Internal {
    pub(super) web: String,
    pub(super) topic: String,
    pub(super) exists: bool,
    /// The query and the anchor, ready for an attribute.
    pub(super) suffix: String,
}

impl Internal {
    /// Reads what a bracket link points to: `Web.Topic`, `spaced words`, `#Anchor`, with `?query` and `#anchor`.
    fn parse(page: &mut Page, target: &str) -> Internal {
        let target = target.replace("<nop>", "");
        // An entity has a `#` of its own.
        let at = target.match_indices(['?', '#']).map(|(at, _)| at).find(|at| !target[..*at].ends_with('&'));
        let (path, suffix) = target.split_at(at.unwrap_or(target.len()));
        let mut escaped = String::with_capacity(suffix.len());
        links::push_address(suffix, &mut escaped);
        let name = wiki_name(&encode::entity_decode(path));
        let mut names: Vec<&str> = name.split(['.', '/']).filter(|name| !name.is_empty()).collect();
        // `Web.` is the web's home.
        let home = page.settings.home_topic.as_str();
        if name.ends_with(['.', '/']) && !names.is_empty() {
            names.push(home);
        }
        let Some(topic) = names.pop() else {
            let (web, topic) = (page.base_web.clone(), page.base_topic.clone());
            return Internal { web, topic, exists: true, suffix: escaped };
        };
        let web = if names.is_empty() { page.base_web.clone() } else { names.join("/") };
        let (topic, exists) = find(page, &web, &upper_first(topic));
        Internal { web, topic, exists, suffix: escaped }
    }

    /// Writes the link, shown as `text`.
    pub(super) fn write(&self, renderer: &mut Renderer, text: &str) {
        let text = shown(renderer, text);
        if self.exists { self.write_view(renderer, &text) } else { self.write_new(renderer, &text) }
    }

    fn write_view(&self, renderer: &mut Renderer, text: &str) {
        let Renderer { page, out, .. } = renderer;
        let in_web = self.web == page.base_web;
        let is_current = in_web && self.topic == page.base_topic;
        out.push_str("<a ");
        if is_current {
            out.push_str("class=\"foswikiCurrentTopicLink\" ");
        } else if in_web && self.topic == page.settings.home_topic {
            out.push_str("class=\"foswikiCurrentWebHomeLink\" ");
        }
        out.push_str("href=\"");
        if !(is_current && self.suffix.starts_with('#')) {
            self.push_url(page, "/view/", out);
        }
        out.push_str(&self.suffix);
        out.push_str("\">");
        out.push_str(text);
        out.push_str("</a>");
    }

    /// A link to a topic that does not exist leads to the editor, as NEWLINKFORMAT says.
    fn write_new(&self, renderer: &mut Renderer, text: &str) {
        let format = renderer.page.prefs.get(NEW_LINK_FORMAT).filter(|format| *format != DEFAULT_FORMAT);
        if let Some(format) = format {
            let link =
                format.replace("$web", &self.web).replace("$topic", &self.topic).replace("$text", text);
            let (web, topic) = (renderer.page.base_web.clone(), renderer.page.base_topic.clone());
            let link = macros::expand(renderer.page, &web, &topic, &link);
            renderer.out.push_str(&link);
            return;
        }
        let Renderer { page, out, .. } = renderer;
        out.push_str("<a class=\"foswikiNewLink\" href=\"");
        self.push_url(page, "/edit/", out);
        push(out, &["?topicparent=", &page.base_web, ".", &page.base_topic]);
        out.push_str("\" rel=\"nofollow\" title=\"Create this topic\">");
        out.push_str(text);
        out.push_str("</a>");
    }

    fn push_url(&self, page: &Page, script: &str, out: &mut String) {
        push(out, &[&page.settings.script_url_path, script, &self.web, "/", &self.topic]);
    }
}

/// The topic that a name means, and whether it exists: a plural may mean its singular.
pub(super) fn find(page: &mut Page, web: &str, name: &str) -> (String, bool) {
    if page.topic_exists(web, name) {
        return (name.to_owned(), true);
    }
    match words::singular(name).filter(|singular| page.topic_exists(web, singular)) {
        Some(singular) => (singular, true),
        None => (name.to_owned(), false),
    }
}

/// The preference that says how links to missing topics look.
const NEW_LINK_FORMAT: &str = "NEWLINKFORMAT";

/// Its shipped value, which [`Internal::write_new`] writes without expanding anything.
const DEFAULT_FORMAT: &str = "<a class=\"foswikiNewLink\" href=\"%SCRIPTURLPATH{\"edit\" topic=\"$web.$topic\" \
    topicparent=\"%WEB%.%TOPIC%\"}%\" rel=\"nofollow\" title=\"%MAKETEXT{\"Create this topic\"}%\">$text</a>";

/// The text of a link as HTML: without `<nop>`, with what was set aside put back, an image where it names one.
fn shown(renderer: &Renderer, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if links::is_image(text) {
        links::write_image(text, &mut out);
        return out;
    }
    let mut rest = text;
    while let Some(at) = rest.find(['<', char::from(MARK)]) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("<nop>") {
            rest = after;
        } else if let Some((index, length)) = protect::mark(rest) {
            if let Some(kept) = renderer.kept.get(index) {
                kept.write(&mut out);
            }
            rest = &rest[length..];
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// A topic name from words: each word's first letter upcased, spaces and what no topic name may hold dropped.
fn wiki_name(words: &str) -> String {
    let mut name = String::with_capacity(words.len());
    let mut starts_word = true;
    for c in words.chars() {
        if c.is_whitespace() {
            starts_word = true;
        } else if !"*?~^$@%`\"'&;|<>[]#".contains(c) && !c.is_control() {
            if std::mem::take(&mut starts_word) { name.extend(c.to_uppercase()) } else { name.push(c) }
        }
    }
    name
}

fn upper_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
