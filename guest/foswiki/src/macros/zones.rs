//! Parts of the page that macros add to from anywhere: its head, its scripts, and zones of a skin's own.

use super::{Scope, attributes::Attributes, format, sections};
use crate::{page::Page, tml::push};

/// The zone that is meant where none is named, in the page's head.
pub(crate) const HEAD: &str = "head";

/// The zone of scripts, after the head's other elements.
pub(crate) const SCRIPT: &str = "script";

/// How many parts the zones of one page may have, and how many others each may require: all are compared with
/// each other.
const MAX_PARTS: usize = 200;
const MAX_REQUIRED: usize = 20;

/// The most that all zones of a page may hold, in bytes: far more than any head has.
const MAX_TEXT: usize = 1 << 20;

/// Something added to a zone.
#[derive(Debug)]
pub(crate) struct Part {
    zone: String,
    /// Empty for parts that others cannot name.
    id: String,
    /// The parts that come before it.
    requires: Vec<String>,
    text: String,
}

/// `%ADDTOZONE{"zone" id="…" text="…" requires="id, id"}%`: a text, or the `section` of a `topic`, where the same `id`
/// counts once, the last time.
pub(super) fn add_to_zone(scope: &mut Scope, attributes: &Attributes) -> String {
    let zones = attributes.filled("").or(attributes.filled("zone")).unwrap_or(HEAD);
    add(scope, attributes, zones, attributes.get("id").unwrap_or_default());
    String::new()
}

/// `%ADDTOHEAD{"id" text="…" requires="…"}%`
pub(super) fn add_to_head(scope: &mut Scope, attributes: &Attributes) -> String {
    add(scope, attributes, HEAD, attributes.default().unwrap_or_default());
    String::new()
}

fn add(scope: &mut Scope, attributes: &Attributes, zones: &str, id: &str) {
    let text = text(scope, attributes);
    for zone in names(zones) {
        let part = Part {
            zone: zone.to_owned(),
            id: id.to_owned(),
            requires: names(attributes.get("requires").unwrap_or_default())
                .take(MAX_REQUIRED)
                .map(str::to_owned)
                .collect(),
            text: text.clone(),
        };
        let parts = &mut scope.page.memo.zones;
        parts.retain(|known| id.is_empty() || known.id != id || known.zone != zone);
        let size: usize = parts.iter().map(|part| part.text.len()).sum();
        if parts.len() < MAX_PARTS && size + part.text.len() <= MAX_TEXT {
            parts.push(part);
        }
    }
}

fn text(scope: &mut Scope, attributes: &Attributes) -> String {
    let text = match (attributes.get("text"), attributes.filled("section")) {
        (None, Some(section)) => {
            let (web, topic) = scope.place(None, attributes.filled("topic"));
            let found = scope.read(&web, &topic);
            found.and_then(|found| sections::section(&found.text, section)).unwrap_or_default()
        }
        (text, _) => format::tokens(text.unwrap_or_default()),
    };
    let expanded = scope.expand_again(text);
    ["<literal>", "</literal>", "<nop>"].iter().fold(expanded, |text, tag| text.replace(tag, ""))
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ']).filter(|name| !name.is_empty())
}

/// `%RENDERZONE{"zone" format="$item" separator="" header="" footer=""}%`: what has been added so far. The page's own
/// zones are where they belong without it.
pub(super) fn render_zone(scope: &mut Scope, attributes: &Attributes) -> String {
    let zone = attributes.default().unwrap_or_default();
    if [HEAD, SCRIPT, ""].contains(&zone) {
        return String::new();
    }
    let pattern = attributes.get("format").unwrap_or("$item");
    let shown = |part: &Part| {
        let values = [("item", part.text.clone()), ("id", part.id.clone()), ("zone", zone.to_owned())];
        format::with_values(pattern, &values)
    };
    let items: Vec<String> = in_order(scope.page, zone).into_iter().map(shown).collect();
    if items.is_empty() { String::new() } else { format::framed(attributes, &items, &[]) }
}

/// The HTML of a zone, each part on a line of its own.
pub(crate) fn html(page: &Page, zone: &str) -> String {
    let mut html = String::new();
    for part in in_order(page, zone) {
        push(&mut html, &[&part.text, "\n"]);
    }
    html
}

/// The parts of a zone in the order in which they were added, each after those that it requires.
fn in_order<'p>(page: &'p Page, zone: &str) -> Vec<&'p Part> {
    let parts: Vec<&Part> = page.memo.zones.iter().filter(|part| part.zone == zone).collect();
    let mut order = Vec::with_capacity(parts.len());
    let mut waiting = parts;
    while !waiting.is_empty() {
        let ids: Vec<&str> = waiting.iter().map(|part| &part.id[..]).collect();
        let ready = |part: &&&Part| !part.requires.iter().any(|id| id != &part.id && ids.contains(&&id[..]));
        // Parts that require each other come as they were added.
        let next = waiting.iter().position(|part| ready(&part)).unwrap_or(0);
        order.push(waiting.remove(next));
    }
    order
}
