//! `view`: a topic as a page.

use std::io;

use super::{
    Context, Feature, Place,
    raw::{self, Raw},
    refuse,
};
use crate::{
    access::{self, Mode},
    http::{Body, Response},
    page::Page,
    render,
    skin::{self, Frame, Links, Skin},
    store::{Attachments, Store},
    topic::{Topic, revision_number},
};

/// The topic that stands beside the pages of its web.
const LEFT_BAR: &str = "WebLeftBar";

/// Answers with a topic.
///
/// Access is decided by the rules of the newest revision, whichever is asked for. Nothing tells a denied
/// topic from a missing one in a web that the user may not view.
pub(super) fn view<W: Store + Attachments>(context: &Context<W>) -> io::Result<Response> {
    let Place { web, topic: name, invalid } = &context.place;
    let file = if *invalid { None } else { context.wiki.topic(web, name)? };
    let Some(file) = file else { return Ok(missing(context)) };
    let newest = Topic::parse(&file);
    let page = context.page(&newest);
    if !access::may(&page, Mode::View, web, Some(&newest)) {
        return Ok(refuse::denied(context));
    }
    let links = Links {
        raw: context.may(Feature::Raw, &page, &newest),
        history: context.may(Feature::History, &page, &newest),
    };
    let asked = context.request.param("rev").and_then(revision_number);
    let Some(revision) = asked.filter(|asked| (1..newest.info().version).contains(asked)) else {
        return Ok(show(context, page, (&file, &newest), links));
    };
    if !links.history {
        return Ok(refuse::login(context, "earlier revisions"));
    }
    let Some(file) = context.wiki.revision(web, name, revision)? else {
        return Ok(refuse::no_revision(context, revision));
    };
    let topic = Topic::parse(&file);
    Ok(show(context, context.page(&topic), (&file, &topic), links))
}

/// The answer for a topic that is not there.
fn missing<W: Store + Attachments>(context: &Context<W>) -> Response {
    let place = &context.place;
    if !place.invalid && !context.wiki.web_exists(&place.web) {
        return refuse::no_web(context);
    }
    if access::may(&context.page(&Topic::default()), Mode::View, &place.web, None) {
        refuse::no_topic(context)
    } else {
        refuse::denied(context)
    }
}

/// The answer for a topic that the user may see, given as its file and what is in it.
fn show<W: Store + Attachments>(
    context: &Context<W>,
    mut page: Page,
    (file, topic): (&str, &Topic),
    links: Links,
) -> Response {
    page.note_topic(&context.place.web, &context.place.topic);
    let raw = context.request.param("raw").and_then(Raw::parse);
    if raw.is_some() && !links.raw {
        return refuse::login(context, "the source of topics");
    }
    if let Some(raw) = raw.filter(|raw| raw.is_plain()) {
        let text = if raw == Raw::PlainFile { file } else { &topic.text };
        let response = Response::new(200, &content_type(context, "text/plain"), Body::Text(text.to_owned()));
        return skin::guard(response, context.request);
    }
    let body = match raw {
        None => render::html(&mut page, &topic.text),
        Some(Raw::File) => raw::field(file),
        Some(Raw::Expanded) => raw::field(&render::expand(&mut page, &topic.text)),
        Some(_) => raw::field(&topic.text),
    };
    let kind = content_type(context, "text/html");
    let skin = skin_of(context, &kind);
    let side = if skin == Skin::Full { left_bar(context, &mut page) } else { String::new() };
    let place = (context.place.web.as_str(), context.place.topic.as_str());
    let frame = Frame::new(context.settings, context.user, place);
    let frame = Frame { content: &body, side: &side, topic: Some(topic), links, page: Some(&page), ..frame };
    let html = match skin {
        Skin::Full => skin::page(&frame),
        Skin::Plain => skin::plain(&frame),
        Skin::Text => body,
    };
    let response = Response::new(200, &kind, Body::Text(html));
    skin::guard(response, context.request)
}

/// The skin that is asked for; what is no HTML for the client has no page around it.
fn skin_of<W>(context: &Context<W>, content_type: &str) -> Skin {
    let asked = context.request.param("cover").or(context.request.param("skin"));
    if content_type.starts_with("text/html") { Skin::parse(asked.unwrap_or_default()) } else { Skin::Text }
}

/// What stands beside the page: the web's own bar, or the webs there are.
fn left_bar<W: Store + Attachments>(context: &Context<W>, page: &mut Page) -> String {
    let web = &context.place.web;
    if let Ok(Some(file)) = context.wiki.topic(web, LEFT_BAR) {
        let topic = Topic::parse(&file);
        if access::may(page, Mode::View, web, Some(&topic)) {
            return render::html(page, &topic.text);
        }
    }
    let mut webs = context.wiki.webs("").unwrap_or_default();
    webs.retain(|web| !web.starts_with('_') && access::may(page, Mode::View, web, None));
    skin::web_list(context.settings, &webs)
}

/// The type of the answer: the parameter `contenttype` where it is one, else `default`; texts are UTF-8.
fn content_type<W>(context: &Context<W>, default: &str) -> String {
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte))
    };
    let asked = context.request.param("contenttype").filter(|asked| {
        asked.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
    });
    format!("{}; charset=utf-8", asked.unwrap_or(default))
}
