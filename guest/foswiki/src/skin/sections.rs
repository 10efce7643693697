//! What stands around a topic on its page: where it is, its form, its attachments, its revision.

use super::{Frame, view_url};
use crate::{
    actions::author_name,
    html::{escape, escape_into},
    http::{date, query::encode_path},
    topic::{Info, Meta, Topic},
};

/// How many earlier revisions the page links to.
const LINKED_REVISIONS: usize = 4;

/// The webs above the topic, its parent in the same web, and itself.
pub(super) fn breadcrumbs(out: &mut String, frame: &Frame) {
    let (web, topic) = frame.place;
    let home = &frame.settings.home_topic;
    for (at, _) in web.match_indices('/').chain([(web.len(), "")]) {
        let above = &web[..at];
        let name = above.rsplit('/').next().unwrap_or(above);
        crumb(out, &frame.topic_url(above, home), name);
    }
    let parent = frame.topic.and_then(|topic| topic.first("TOPICPARENT")?.value("name"));
    let parent = parent
        .map(|parent| parent.strip_prefix(web).and_then(|rest| rest.strip_prefix('.')).unwrap_or(parent));
    if let Some(parent) = parent.filter(|name| !name.contains(['.', '/']) && name != home && *name != topic) {
        crumb(out, &frame.topic_url(web, parent), parent);
    }
    out.push_str("<li aria-current=\"page\">");
    escape_into(out, topic);
    out.push_str("</li>");
}

fn crumb(out: &mut String, url: &str, name: &str) {
    out.extend(["<li><a href=\"", url, "\">"]);
    escape_into(out, name);
    out.push_str("</a></li>");
}

/// The topic's form with its fields.
pub(super) fn form(out: &mut String, frame: &Frame) {
    let Some(topic) = frame.topic else { return };
    let Some(form) = topic.first("FORM").and_then(|form| form.value("name")) else { return };
    out.push_str("<section class=\"under foswikiForm\" aria-label=\"Form\">\n<h2>");
    escape_into(out, form);
    out.push_str("</h2>\n<table>\n<tbody>\n");
    for field in topic.all("FIELD") {
        let name = field.value("title").or_else(|| field.value("name")).unwrap_or_default();
        out.push_str("<tr><th scope=\"row\">");
        escape_into(out, name);
        out.push_str("</th><td>");
        let value = escape(field.value("value").unwrap_or_default());
        out.push_str(&value.trim_end().replace('\n', "<br>\n"));
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
}

/// The table of the attachments that are not hidden.
pub(super) fn attachments(out: &mut String, frame: &Frame) {
    let hidden = |meta: &&Meta| meta.value("attr").is_some_and(|attributes| attributes.contains('h'));
    let all = frame.topic.into_iter().flat_map(|topic| topic.all("FILEATTACHMENT"));
    let mut rows = all.filter(|meta| !hidden(meta)).peekable();
    if rows.peek().is_none() {
        return;
    }
    out.push_str(
        "<section class=\"under foswikiAttachments\" aria-label=\"Attachments\">\n<h2>Attachments</h2>\n<table>\n<thead>\
         <tr><th scope=\"col\">File</th><th scope=\"col\">Size</th><th scope=\"col\">Date</th><th scope=\"col\">Who</th>\
         <th scope=\"col\">Comment</th></tr></thead>\n<tbody>\n",
    );
    for meta in rows {
        attachment(out, frame, meta);
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
}

fn attachment(out: &mut String, frame: &Frame, meta: &Meta) {
    let (web, topic) = frame.place;
    let value = |key| meta.value(key).unwrap_or_default();
    let name = value("name");
    let path = encode_path(&format!("{web}/{topic}/{name}"));
    out.extend(["<tr><td><a href=\"", &frame.settings.script_url_path, "/viewfile/", &path, "\">"]);
    escape_into(out, name);
    out.push_str("</a></td><td class=\"num\">");
    out.push_str(&value("size").parse().map_or_else(|_| String::new(), size));
    out.push_str("</td><td>");
    out.push_str(&value("date").parse().map_or_else(|_| String::new(), date::short));
    out.push_str("</td><td>");
    escape_into(out, author_name(value("user")));
    out.push_str("</td><td>");
    escape_into(out, value("comment"));
    out.push_str("</td></tr>\n");
}

/// A size in the unit in which it has one to three digits.
fn size(bytes: u64) -> String {
    let mut unit = ("bytes", 1u64);
    for larger in [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)] {
        if bytes >= larger.1 {
            unit = larger;
        }
    }
    let tenths = u128::from(bytes) * 10 / u128::from(unit.1);
    if unit.1 == 1 || tenths >= 100 {
        format!("{} {}", bytes / unit.1, unit.0)
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, unit.0)
    }
}

/// Other views of the topic.
pub(super) fn actions(out: &mut String, frame: &Frame) {
    let Some(topic) = frame.topic else { return };
    let (web, name) = frame.place;
    let url = view_url(frame.settings, web, name);
    let version = topic.info().version;
    let mut links = vec![("skin=plain".to_owned(), "Print version".to_owned())];
    if frame.links.raw {
        links.push(("raw=on".to_owned(), "Source".to_owned()));
    }
    if frame.links.history {
        let earlier = (1..version).rev().take(LINKED_REVISIONS);
        links.extend(earlier.map(|revision| (format!("rev={revision}"), format!("r{revision}"))));
    }
    out.push_str("<ul class=\"actions\" aria-label=\"This page\">");
    for (query, label) in &links {
        out.extend(["<li><a href=\"", &url, "?", query, "\" rel=\"nofollow\">", label, "</a></li>"]);
    }
    out.push_str("</ul>\n");
}

/// Which revision it is, when it was made and by whom.
pub(super) fn info(out: &mut String, frame: &Frame) {
    let Some(Info { author, date, version }) = frame.topic.map(Topic::info) else { return };
    out.extend(["<p class=\"revision\">Revision r", &version.to_string()]);
    if let Some(date) = date {
        out.extend([" - ", &date::short(date)]);
    }
    if !author.is_empty() {
        out.push_str(" - ");
        escape_into(out, author_name(author));
    }
    out.push_str("</p>\n");
}
