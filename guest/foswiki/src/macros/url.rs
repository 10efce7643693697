//! URLs of scripts and attachments, and the parameters of the request.

use super::{Scope, attributes::Attributes, encode, format};
use crate::tml::push;

/// `%SCRIPTURL{"script" topic="Web.Topic" name="value"}%`
pub(super) fn script_url(scope: &mut Scope, attributes: &Attributes) -> String {
    format!("{}{}", scope.page.settings.url_host, script_url_path(scope, attributes))
}

/// `%SCRIPTURLPATH{…}%`
pub(super) fn script_url_path(scope: &mut Scope, attributes: &Attributes) -> String {
    let mut url = scope.page.settings.script_url_path.clone();
    let Some(script) = attributes.default().filter(|script| !script.is_empty()) else { return url };
    url.push('/');
    url.push_str(script);
    let (web, topic) = (attributes.filled("web"), attributes.filled("topic"));
    if topic.is_some() {
        let (web, topic) = scope.place(web, topic);
        push(&mut url, &["/", &web, "/", &topic]);
    } else if let Some(web) = web {
        push(&mut url, &["/", &web.replace('.', "/")]);
    }
    let mut named: Vec<_> =
        attributes.named().filter(|(name, _)| !matches!(*name, "web" | "topic" | "path")).collect();
    named.sort_unstable();
    push_query(named.into_iter(), &mut url);
    url
}

fn push_query<'t>(parameters: impl Iterator<Item = (&'t str, &'t str)>, url: &mut String) {
    for (index, (name, value)) in parameters.enumerate() {
        url.push(if index == 0 { '?' } else { '&' });
        encode::url(name, url);
        url.push('=');
        encode::url(value, url);
    }
}

/// `%PUBURL{"file" topic="Web.Topic"}%`
pub(super) fn pub_url(scope: &mut Scope, attributes: &Attributes) -> String {
    format!("{}{}", scope.page.settings.url_host, pub_url_path(scope, attributes))
}

/// `%PUBURLPATH{…}%`: without a topic or web, the file is not looked at.
pub(super) fn pub_url_path(scope: &mut Scope, attributes: &Attributes) -> String {
    if attributes.filled("topic").is_none() && attributes.filled("web").is_none() {
        return scope.page.settings.pub_url_path.clone();
    }
    let (web, topic) = scope.place(attributes.filled("web"), attributes.filled("topic"));
    attachment(scope, &web, if attributes.filled("topic").is_some() { &topic } else { "" }, attributes)
}

/// `%ATTACHURL{"file"}%`
pub(super) fn attach_url(scope: &mut Scope, attributes: &Attributes) -> String {
    format!("{}{}", scope.page.settings.url_host, attach_url_path(scope, attributes))
}

/// `%ATTACHURLPATH{"file"}%`
pub(super) fn attach_url_path(scope: &mut Scope, attributes: &Attributes) -> String {
    let (web, topic) = scope.place(attributes.filled("web"), attributes.filled("topic"));
    attachment(scope, &web, &topic, attributes)
}

fn attachment(scope: &Scope, web: &str, topic: &str, attributes: &Attributes) -> String {
    let mut url = scope.page.settings.pub_url_path.clone();
    let file = attributes.default().unwrap_or_default();
    for part in [web, topic, file].into_iter().filter(|part| !part.is_empty()) {
        url.push('/');
        encode::url(part, &mut url);
    }
    url
}

/// `%TOPICURL%`
pub(super) fn topic_url(scope: &mut Scope, _: &Attributes) -> String {
    let settings = scope.page.settings;
    format!("{}{}/view/{}/{}", settings.url_host, settings.script_url_path, scope.web, scope.topic)
}

/// `%LOGINURL%`
pub(super) fn login_url(scope: &mut Scope, _: &Attributes) -> String {
    let (page, settings) = (&scope.page, scope.page.settings);
    let path = format!("{}/login/{}/{}", settings.script_url_path, page.base_web, page.base_topic);
    format!("{path}?foswiki_origin=GET%2cview%2c")
}

/// `%LOGOUTURL%`
pub(super) fn logout_url(scope: &mut Scope, _: &Attributes) -> String {
    let (page, settings) = (&scope.page, scope.page.settings);
    format!("{}/view/{}/{}?logout=1", settings.script_url_path, page.base_web, page.base_topic)
}

/// `%RELATIVETOPICPATH{}%`: the way from the place of a topic to its web.
pub(super) fn relative_topic_path(scope: &mut Scope, attributes: &Attributes) -> String {
    let Some(topic) = attributes.default().filter(|topic| !topic.is_empty()) else { return String::new() };
    let (web, topic) = scope.place(None, Some(topic));
    if web == scope.web { format!("../{topic}") } else { format!("../{web}/{topic}") }
}

/// `%URLPARAM{"name" default="" multiple="on" separator="" newline="" encode="safe"}%`
pub(super) fn url_param(scope: &mut Scope, attributes: &Attributes) -> String {
    let name = attributes.default().unwrap_or_default();
    let values: Vec<&str> =
        scope.page.params.iter().filter(|(known, _)| known == name).map(|(_, value)| &value[..]).collect();
    let joined = match attributes.filled("multiple") {
        Some(multiple) if attributes.is_on("multiple") => {
            let separator = format::tokens(attributes.get("separator").unwrap_or("\n"));
            let items = values.iter().map(|value| {
                if multiple.contains("$item") {
                    multiple.replace("$item", value)
                } else {
                    (*value).to_owned()
                }
            });
            items.collect::<Vec<_>>().join(&separator)
        }
        _ => values.first().copied().unwrap_or_default().to_owned(),
    };
    if joined.is_empty() {
        return attributes.get("default").unwrap_or_default().to_owned();
    }
    let kind = attributes.get("encode").or(attributes.get("encoding")).unwrap_or("safe");
    let Some(newline) = attributes.get("newline") else { return encoded(&joined, kind) };
    let newline = line_end(newline, kind);
    let joined = joined.replace("\r\n", "\n");
    let lines: Vec<String> = joined.split(['\r', '\n']).map(|line| encoded(line, kind)).collect();
    lines.join(&newline)
}

/// What stands between the lines of a value: `$br` is a tag and `$n` a line end, everything else is encoded.
fn line_end(newline: &str, kind: &str) -> String {
    let lines = newline.split("$br").map(|text| {
        text.split("$n").map(|text| encoded(&format::tokens(text), kind)).collect::<Vec<_>>().join("\n")
    });
    lines.collect::<Vec<_>>().join("<br />")
}

/// A text encoded as `encode="…"` says.
pub(super) fn encoded(text: &str, kind: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    match kind.to_ascii_lowercase().as_str() {
        "off" | "none" => out.push_str(text),
        "entity" | "entities" => encode::entity(text, &mut out),
        "html" => encode::html(text, &mut out),
        "safe" => encode::safe(text, &mut out),
        "quote" | "quotes" => encode::quote(text, &mut out),
        _ => encode::url(text, &mut out),
    }
    out
}

/// `%QUERYSTRING%`
pub(super) fn query_string(scope: &mut Scope, _: &Attributes) -> String {
    let mut query = String::new();
    for (index, (name, value)) in scope.page.params.iter().enumerate() {
        query.push_str(if index == 0 { "" } else { ";" });
        encode::url(name, &mut query);
        query.push('=');
        encode::url(value, &mut query);
    }
    query
}

/// `%QUERYPARAMS{format="$name=$value" separator="$n" encode="safe"}%`
pub(super) fn query_params(scope: &mut Scope, attributes: &Attributes) -> String {
    let pattern = attributes.get("format").or(attributes.default()).unwrap_or("$name=$value");
    let separator = format::tokens(attributes.get("separator").unwrap_or("\n"));
    let kind = attributes.get("encode").or(attributes.get("encoding")).unwrap_or("safe");
    let one = |(name, value): &(String, String)| {
        format::replace(pattern, |token| {
            format::named(token, "name")
                .map(|length| (length, encoded(name, kind)))
                .or_else(|| format::named(token, "value").map(|length| (length, encoded(value, kind))))
        })
    };
    scope.page.params.iter().map(one).collect::<Vec<_>>().join(&separator)
}
