//! Answers that are no topic: what is not found, not allowed or not there yet.

use super::{Context, Place};
use crate::{
    html::escape,
    http::{Body, Response},
    skin::{self, Frame},
};

/// The topic does not exist, or the URL names what no wiki can have.
pub(super) fn no_topic<W>(context: &Context<W>) -> Response {
    let Place { web, topic, invalid } = &context.place;
    if *invalid {
        let text = "<p>This address has characters in it that no page's name can have.</p>";
        return message(context, 404, "access denied", ("There is no such page", text));
    }
    let text =
        format!("<p>There is no topic <code>{}.{}</code> in this wiki.</p>", escape(web), escape(topic));
    message(context, 404, "", ("There is no such page", &text))
}

/// The web does not exist.
pub(super) fn no_web<W>(context: &Context<W>) -> Response {
    let text = format!("<p>There is no web <code>{}</code> in this wiki.</p>", escape(&context.place.web));
    message(context, 404, "access denied", ("There is no such page", &text))
}

/// The topic exists, but not in this revision.
pub(super) fn no_revision<W>(context: &Context<W>, revision: u32) -> Response {
    let text = format!("<p>Revision {revision} of this topic is not kept.</p>");
    message(context, 404, "", ("There is no such revision", &text))
}

/// The attachment, its topic or its web does not exist.
pub(super) fn no_file<W>(context: &Context<W>, name: &str) -> Response {
    let text = format!("<p>There is no attachment <code>{}</code> here.</p>", escape(name));
    message(context, 404, "", ("There is no such attachment", &text))
}

/// The user may not see the topic, and learns nothing about it.
pub(super) fn denied<W>(context: &Context<W>) -> Response {
    let text = "<p>The access rules of this topic or its web do not let you read it.</p>";
    message(context, 403, "access denied", ("Access denied", text))
}

/// The user must be known for this.
pub(super) fn login<W>(context: &Context<W>, what: &str) -> Response {
    let text = format!("<p>Only users who have logged in may read {what}.</p>");
    message(context, 403, "access denied", ("Please log in", &text))
}

/// The action would write.
pub(super) fn read_only<W>(context: &Context<W>) -> Response {
    let text = "<p>This wiki is read-only here: its pages can be read, but not changed.</p>";
    message(context, 403, "read-only", ("This wiki is read-only", text))
}

/// The action is one of Foswiki's that this handler does not have.
pub(super) fn not_implemented<W>(context: &Context<W>, action: &str) -> Response {
    let text = format!("<p>This wiki handler does not offer <code>{}</code>.</p>", escape(action));
    message(context, 501, "not available", ("Not available here", &text))
}

/// The action is not there for this method; `allowed` are those it is there for.
pub(super) fn method<W>(context: &Context<W>, allowed: &'static str) -> Response {
    let text = format!("<p>This address answers only to {allowed}.</p>");
    message(context, 405, "", ("Wrong method", &text)).header("Allow", allowed)
}

/// `rest` and `jsonrpc`: 400 without the name of a handler, 404 where there is none of that name.
pub(super) fn handler<W>(context: &Context<W>, path: &[String]) -> Response {
    if path.len() < 2 {
        let text = "<p>The address must name an extension and a handler: <code>rest/Subject/verb</code>.</p>";
        return message(context, 400, "", ("Bad request", text));
    }
    message(context, 404, "", ("There is no such handler", "<p>No extension offers this handler.</p>"))
}

/// The store failed.
pub(super) fn failure() -> Response {
    const TEXT: &str = "the wiki could not read its data; its log says why\n";
    Response::new(500, "text/plain; charset=utf-8", Body::Static(TEXT)).header("Cache-Control", "no-store")
}

/// A page with a heading and a text.
fn message<W>(context: &Context<W>, status: u16, prefix: &str, (heading, html): (&str, &str)) -> Response {
    let body = format!("<h1>{heading}</h1>\n{html}\n");
    let frame = Frame::new(context.settings, context.user, (&context.place.web, &context.place.topic));
    let page = skin::page(&Frame { prefix, content: &body, ..frame });
    skin::html_response(status, page, context.request)
}
