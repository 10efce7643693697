//! `viewfile`: attachments, with ranges, under the access rules of their topic.

use std::io::{self, SeekFrom};

use super::{Context, Feature, Place, mime, refuse};
use crate::{
    access::{self, Mode},
    http::{
        Body, Request, Response,
        condition::{self, Range, Validators},
        date, query,
    },
    page::Settings,
    store::{Attachment, Attachments, Store, valid_attachment, valid_topic, valid_web},
    topic::{Topic, revision_number},
};

/// What a browser may do with an attachment that could run scripts: show it, alone and without them.
const SANDBOX: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// The topic and the file's name that a path means: webs as far as there are webs, the topic, and the rest,
/// or the parameter `filename`.
pub(super) fn place(
    store: &dyn Store,
    settings: &Settings,
    request: &Request,
    path: &[String],
) -> (Place, String) {
    let mut parts: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some((web, topic)) = parts.first().and_then(|first| first.split_once('.')) {
        parts.splice(..1, [web, topic]);
    }
    let is_web =
        |count: &usize| valid_web(&parts[..*count].join("/")) && store.web_exists(&parts[..*count].join("/"));
    let webs = (1..parts.len()).take_while(is_web).last().unwrap_or(0);
    let named = request.param("filename").map(str::to_owned);
    let web = if webs == 0 { settings.users_web.clone() } else { parts[..webs].join("/") };
    let topic = parts.get(webs).copied().unwrap_or(&settings.home_topic).to_owned();
    let file = named.unwrap_or_else(|| parts.get(webs + 1..).unwrap_or_default().join("/"));
    let invalid = !valid_topic(&topic);
    let topic = if invalid { settings.home_topic.clone() } else { topic };
    (Place { web, topic, invalid }, file)
}

/// Answers with an attachment.
///
/// The file's topic must exist and be open to the user. HTML, SVG and XML are sent as downloads and in a
/// sandbox: whoever may attach a file could otherwise run scripts as the wiki in its readers' browsers.
/// Images in pages are not affected.
pub(super) fn view<W: Store + Attachments>(context: &Context<W>, name: &str) -> io::Result<Response> {
    if !matches!(context.request.method(), "GET" | "HEAD" | "POST") {
        return Ok(refuse::method(context, "GET, HEAD, POST"));
    }
    let Place { web, topic, invalid } = &context.place;
    let text = if *invalid { None } else { context.wiki.topic(web, topic)? };
    let parsed = text.as_deref().map(Topic::parse);
    let page = context.page(parsed.as_ref().unwrap_or(&Topic::default()));
    if !access::may(&page, Mode::View, web, parsed.as_ref()) {
        return Ok(refuse::denied(context));
    }
    let Some(parsed) = parsed else { return Ok(refuse::no_file(context, name)) };
    let attachment = parsed.all("FILEATTACHMENT").find(|meta| meta.value("name") == Some(name));
    let newest = attachment.and_then(|meta| meta.value("version")).and_then(revision_number);
    let asked = context.request.param("rev").and_then(revision_number).filter(|asked| newest != Some(*asked));
    if asked.is_some() && !context.may(Feature::History, &page, &parsed) {
        return Ok(refuse::login(context, "earlier revisions of attachments"));
    }
    let found =
        if valid_attachment(name) { context.wiki.attachment((web, topic), name, asked)? } else { None };
    found.map_or_else(|| Ok(refuse::no_file(context, name)), |found| send(context.request, name, found))
}

/// The answer that sends a file, or the part of it that is asked for.
fn send(request: &Request, name: &str, mut file: Attachment) -> io::Result<Response> {
    let etag = format!("\"{:x}-{:x}\"", file.modified.as_nanos(), file.len);
    let modified = i64::try_from(file.modified.as_secs()).unwrap_or_default();
    let validators = Validators { etag: &etag, modified: Some(modified) };
    let kind = mime::type_of(name);
    let part = match (request.method(), condition::range(request, validators, file.len)) {
        ("GET" | "HEAD", part) => part,
        _ => Range::Whole,
    };
    let (status, start, len) = match part {
        Range::Whole => (200, 0, file.len),
        Range::Part { start, len } => (206, start, len),
        Range::Unsatisfiable => (416, 0, 0),
    };
    file.content.seek(SeekFrom::Start(start))?;
    let body = if status == 416 { Body::Empty } else { Body::File { content: file.content, len } };
    let mut response = Response::new(status, kind.name, body)
        .header("Accept-Ranges", "bytes")
        // Kept by clients, but asked for each time: access rules and files change.
        .header("Cache-Control", "private, no-cache")
        .header("Last-Modified", date::http(modified))
        .header("Content-Disposition", disposition(name, kind.active));
    if kind.active {
        response = response.header("Content-Security-Policy", SANDBOX);
    }
    response = match status {
        206 => response.header("Content-Range", format!("bytes {start}-{}/{}", start + len - 1, file.len)),
        416 => response.header("Content-Range", format!("bytes */{}", file.len)),
        _ => response,
    };
    let unchanged =
        condition::not_modified(request, validators) && matches!(request.method(), "GET" | "HEAD");
    let response = response.header("ETag", etag);
    Ok(if unchanged { response.not_modified() } else { response })
}

/// `inline; filename="…"`, with the name in RFC 8187's notation where it is not plain ASCII.
fn disposition(name: &str, download: bool) -> String {
    let kind = if download { "attachment" } else { "inline" };
    let name = name.rsplit('/').next().unwrap_or(name);
    let plain = |char: char| char.is_ascii_graphic() && !matches!(char, '"' | '\\') || char == ' ';
    if name.chars().all(plain) {
        return format!("{kind}; filename=\"{name}\"");
    }
    let fallback: String = name.chars().map(|char| if plain(char) { char } else { '_' }).collect();
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{}", query::encode_value(name))
}
