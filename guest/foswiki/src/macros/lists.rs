//! Lists of webs, topics and strings.

use std::rc::Rc;

use super::{Scope, attributes::Attributes, format, query::TopicValue, shown::ShownTopic};
use crate::{
    access::{self, Mode},
    page::is_true,
    store::valid_web,
};

/// `%WEBLIST{"$name" webs="public" separator="$n" selection="…" marker="…"}%`
pub(super) fn web_list(scope: &mut Scope, attributes: &Attributes) -> String {
    let pattern =
        attributes.default().filter(|text| !text.is_empty()).or(attributes.get("format")).unwrap_or("$name");
    let mut webs = Vec::new();
    for kind in attributes.get("webs").unwrap_or("public").split(',').map(str::trim) {
        match kind {
            "public" => add_webs(scope, attributes.get("subwebs").unwrap_or_default(), &mut webs),
            "webtemplate" => webs.extend(templates(scope)),
            web if valid_web(web) && scope.page.store.web_exists(web) => webs.push(web.to_owned()),
            _ => (),
        }
    }
    let selected: Vec<&str> = attributes.get("selection").unwrap_or_default().split([',', ' ']).collect();
    let marker = attributes.get("marker").unwrap_or("selected=\"selected\"");
    let one = |web: &String| {
        let values = [
            ("name", web.clone()),
            ("web", web.clone()),
            ("qname", format!("\"{web}\"")),
            ("indentedname", indented(web)),
            ("marker", if selected.contains(&web.as_str()) { marker.to_owned() } else { String::new() }),
        ];
        format::with_values(pattern, &values)
    };
    webs.iter().map(one).collect::<Vec<_>>().join(&separator(attributes, "\n"))
}

fn indented(web: &str) -> String {
    match web.rsplit_once('/') {
        Some((above, name)) => format!("{}{name}", "&nbsp;&nbsp;".repeat(above.split('/').count())),
        None => web.to_owned(),
    }
}

/// Adds the webs below `parent` that the user may view and that do not hide from lists.
pub(super) fn add_webs(scope: &Scope, parent: &str, webs: &mut Vec<String>) {
    let page = &scope.page;
    for web in page.store.webs(parent).unwrap_or_default() {
        let is_hidden = web.rsplit('/').next().is_none_or(|name| name.starts_with('_'));
        if is_hidden || !access::may(page, Mode::View, &web, None) {
            continue;
        }
        let layer = page.prefs.web_layer(page.store, page.settings, &web);
        if !layer.value("NOSEARCHALL").is_some_and(is_true) {
            webs.push(web.clone());
        }
        add_webs(scope, &web, webs);
    }
}

/// Webs that others are made from.
fn templates(scope: &Scope) -> Vec<String> {
    let webs = scope.page.store.webs("").unwrap_or_default();
    webs.into_iter().filter(|web| web.starts_with('_')).collect()
}

/// `%TOPICLIST{"$topic" web="…" separator="$n"}%`
pub(super) fn topic_list(scope: &mut Scope, attributes: &Attributes) -> String {
    let pattern =
        attributes.default().filter(|text| !text.is_empty()).or(attributes.get("format")).unwrap_or("$topic");
    let web = scope.place(attributes.filled("web"), None).0;
    if !valid_web(&web) || !access::may(scope.page, Mode::View, &web, None) {
        return String::new();
    }
    let topics = scope.page.store.topics(&web).unwrap_or_default();
    let selected: Vec<&str> = attributes.get("selection").unwrap_or_default().split([',', ' ']).collect();
    let marker = attributes.get("marker").unwrap_or("selected=\"selected\"");
    let one = |topic: &String| {
        let values = [
            ("topic", topic.clone()),
            ("name", topic.clone()),
            ("qname", format!("\"{topic}\"")),
            ("web", web.clone()),
            ("marker", if selected.contains(&topic.as_str()) { marker.to_owned() } else { String::new() }),
        ];
        format::with_values(pattern, &values)
    };
    topics.iter().map(one).collect::<Vec<_>>().join(&separator(attributes, "\n"))
}

/// `%FORMAT{"a,b" type="string" format="$item" header="" footer="" separator="" limit=""}%`: without `type="string"`, the
/// items are topics, and the format knows what that of a search does.
pub(super) fn format(scope: &mut Scope, attributes: &Attributes) -> String {
    let items =
        attributes.default().unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty());
    let limit = attributes.filled("limit").and_then(|limit| limit.trim().parse().ok()).unwrap_or(usize::MAX);
    let items: Vec<&str> = items.take(limit).collect();
    let are_strings = attributes.get("type") == Some("string");
    let pattern = attributes.get("format").unwrap_or(if are_strings { "$item" } else { "$topic" });
    let total = items.len().to_string();
    let mut shown = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let number = (index + 1).to_string();
        let mut values = vec![
            ("item", (*item).to_owned()),
            ("index", number.clone()),
            ("ntopics", number.clone()),
            ("nhits", number),
            ("total", total.clone()),
        ];
        let (web, name) = scope.place(None, Some(item));
        if are_strings {
            values.extend([("topic", (*item).to_owned()), ("web", web)]);
            shown.push(format::with_values(pattern, &values));
        } else if let Some(topic) = scope.read(&web, &name) {
            let topic = ShownTopic::of(scope, Rc::new(TopicValue { web, name, topic }));
            shown.push(topic.formatted(scope, &values, pattern));
        }
    }
    if shown.is_empty() {
        return format::tokens(attributes.get("zeroresults").unwrap_or_default());
    }
    format::framed(attributes, &shown, &[("ntopics", shown.len().to_string())])
}

fn separator(attributes: &Attributes, usual: &str) -> String {
    format::tokens(attributes.get("separator").unwrap_or(usual))
}
