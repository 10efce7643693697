//! The look of pages: the wiki's own skin, and the plain one.

mod sections;

use sections::{actions, attachments, breadcrumbs, form, info};

use crate::{
    actions::{Body, Request, Response},
    html::{escape, escape_into},
    http::query::encode_path,
    macros::zones,
    page::{Page, Settings, User},
    topic::Topic,
};

/// The frame of a page, with its parts as `{{name}}`.
const PAGE: &str = include_str!("page.html");

/// The frame of a page with the topic alone.
const PLAIN: &str = include_str!("plain.html");

/// The style of all pages.
const STYLE: &str = include_str!("style.css");

/// Tells this style from earlier ones, so that browsers may keep it for good.
const STYLE_HASH: u64 = crate::http::hash(STYLE.as_bytes());

/// What browsers may do with a page, unless the operator sets `FOSWIKI_CONTENT_SECURITY_POLICY`.
///
/// No scripts: the skin has none, and whoever may edit a topic could otherwise act as every reader of it. A
/// wiki whose topics carry scripts that it trusts sets a policy of its own, or `off`. Inline styles stay: the
/// colours of markup are made of them. Images and media may come from anywhere, as Foswiki's topics use them.
const POLICY: &str = "default-src 'self'; script-src 'none'; object-src 'none'; style-src 'self' 'unsafe-inline'; \
                      img-src * data:; media-src *; frame-src 'self' https:; base-uri 'self'; frame-ancestors 'self'";

/// How much of the page is shown around a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skin {
    /// All of it.
    Full,
    /// A page with the topic alone: `plain`, and `print`.
    Plain,
    /// The topic's HTML without a page: `text`.
    Text,
}

impl Skin {
    /// Reads the parameter `skin`, a list of which the first known name counts; all others are the full skin.
    pub(crate) fn parse(names: &str) -> Skin {
        let mut known = names.split(',').filter_map(|name| match name.trim() {
            "text" => Some(Skin::Text),
            "plain" | "print" => Some(Skin::Plain),
            _ => None,
        });
        known.next().unwrap_or(Skin::Full)
    }
}

/// What a page shows.
pub(crate) struct Frame<'a> {
    pub settings: &'a Settings,
    pub user: &'a User,
    /// The web and the topic.
    pub place: (&'a str, &'a str),
    /// What stands in brackets before the title, if anything.
    pub prefix: &'a str,
    /// The HTML of the page itself.
    pub content: &'a str,
    /// The HTML beside it.
    pub side: &'a str,
    /// The topic whose form, attachments and revision are shown under it.
    pub topic: Option<&'a Topic>,
    /// The page's preferences and zones.
    pub page: Option<&'a Page<'a>>,
    /// What the user may ask for next.
    pub links: Links,
}

/// Views of a topic that the user may ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Links {
    pub raw: bool,
    pub history: bool,
}

impl<'a> Frame<'a> {
    /// A page without anything on it.
    pub(crate) fn new(settings: &'a Settings, user: &'a User, place: (&'a str, &'a str)) -> Frame<'a> {
        let links = Links::default();
        Frame { settings, user, place, prefix: "", content: "", side: "", topic: None, page: None, links }
    }

    fn preference(&self, name: &str) -> Option<&str> {
        self.page
            .and_then(|page| page.prefs.get(name))
            .filter(|value| !value.is_empty() && !value.contains('%'))
    }

    /// The wiki's name.
    fn site(&self) -> &str {
        self.preference("WIKITOOLNAME").unwrap_or("Foswiki")
    }

    /// `(prefix) Topic < Web < Site`, unescaped.
    fn title(&self) -> String {
        let (web, topic) = self.place;
        let prefix = if self.prefix.is_empty() { String::new() } else { format!("({}) ", self.prefix) };
        format!("{prefix}{topic} < {web} < {}", self.site())
    }

    /// The URL of a topic, ready for an attribute.
    fn topic_url(&self, web: &str, topic: &str) -> String {
        view_url(self.settings, web, topic)
    }
}

/// The whole page.
pub(crate) fn page(frame: &Frame) -> String {
    assemble(PAGE, frame)
}

/// A page with nothing but the topic, for printing and for other programs.
pub(crate) fn plain(frame: &Frame) -> String {
    assemble(PLAIN, frame)
}

/// A template with its parts.
fn assemble(template: &str, frame: &Frame) -> String {
    const AROUND: usize = 4096; // What breadcrumbs, attachments and the like mostly need at most.
    let mut out = String::with_capacity(template.len() + frame.content.len() + frame.side.len() + AROUND);
    let mut rest = template;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, part)| Some((before, part.split_once("}}")?)))
    {
        out.push_str(before);
        fill(&mut out, frame, name);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Appends one part of the page.
fn fill(out: &mut String, frame: &Frame, name: &str) {
    match name {
        "title" => escape_into(out, &frame.title()),
        "language" => escape_into(out, frame.preference("CONTENT_LANGUAGE").unwrap_or("en")),
        "head" => head(out, frame),
        "style" => *out += &style_url(frame.settings),
        "home" => *out += &frame.topic_url(&frame.settings.users_web, &frame.settings.home_topic),
        "site" => escape_into(out, frame.site()),
        "crumbs" => breadcrumbs(out, frame),
        "user" => escape_into(out, &frame.user.wiki_name),
        "side" if frame.side.is_empty() => (),
        "side" => out.extend(["<nav class=\"side\" aria-label=\"This web\">\n", frame.side, "\n</nav>\n"]),
        "content" => *out += frame.content,
        "form" => form(out, frame),
        "attachments" => attachments(out, frame),
        "actions" => actions(out, frame),
        "info" => info(out, frame),
        _ => (),
    }
}

/// What topics add to the head of their page: its elements, then its scripts.
fn head(out: &mut String, frame: &Frame) {
    for zone in [zones::HEAD, zones::SCRIPT] {
        *out += &frame.page.map(|page| zones::html(page, zone)).unwrap_or_default();
    }
}

/// A list of webs as links to their home topics.
pub(crate) fn web_list(settings: &Settings, webs: &[String]) -> String {
    let link = |web: &String| {
        format!(
            "<li><a href=\"{}\">{}</a></li>\n",
            view_url(settings, web, &settings.home_topic),
            escape(web)
        )
    };
    format!("<ul>\n{}</ul>", webs.iter().map(link).collect::<String>())
}

/// A page as an answer: HTML that clients ask for again each time, and get again only when it has changed.
pub(crate) fn html_response(status: u16, html: String, request: &Request) -> Response {
    guard(Response::new(status, "text/html; charset=utf-8", Body::Text(html)), request)
}

/// With the headers that all answers made from topics have.
pub(crate) fn guard(response: Response, request: &Request) -> Response {
    // What a user may see is no one else's: shared caches keep nothing.
    let response = response.header("Cache-Control", "private, no-cache");
    match request.variable("FOSWIKI_CONTENT_SECURITY_POLICY") {
        "off" => response,
        "" => response.header("Content-Security-Policy", POLICY),
        own => response.header("Content-Security-Policy", own),
    }
}

/// The action `asset`: the style of all pages. Its URL changes with it, so that it can be kept for a year;
/// the style under an earlier URL is today's, for pages that are still open.
pub(crate) fn asset(path: &[String]) -> Response {
    let name = path.last().map_or("", String::as_str);
    let Some(hash) = name.strip_suffix(".css") else {
        return Response::new(404, "text/plain; charset=utf-8", Body::Static("there is no such asset\n"));
    };
    let current = hash == format!("{STYLE_HASH:016x}");
    let cache = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    Response::new(200, "text/css; charset=utf-8", Body::Static(STYLE)).header("Cache-Control", cache)
}

fn style_url(settings: &Settings) -> String {
    format!("{}/asset/{STYLE_HASH:016x}.css", settings.script_url_path)
}

fn view_url(settings: &Settings, web: &str, topic: &str) -> String {
    format!("{}/view/{}/{}", settings.script_url_path, encode_path(web), encode_path(topic))
}
