//! What topics know of themselves: forms, parents, attachments, revisions.

use super::{Scope, attributes::Attributes, format, time, url, users};
use crate::{
    tml::push,
    topic::{Meta, Topic},
};

/// The longest way from a topic to the topmost of its parents: more is a circle.
const MAX_PARENTS: usize = 20;

/// `%FORMFIELD{"name" topic="Web.Topic" format="$value" default="" alttext=""}%`
pub(super) fn form_field(scope: &mut Scope, attributes: &Attributes) -> String {
    let (web, topic) = scope.place(attributes.filled("web"), attributes.filled("topic"));
    let without = || attributes.get("alttext").unwrap_or_default().to_owned();
    let Some(found) = scope.read(&web, &topic) else { return without() };
    let name = attributes.default().unwrap_or_default();
    let Some(field) = found.all("FIELD").find(|field| field.value("name") == Some(name)) else {
        return without();
    };
    let value = field.value("value").filter(|value| !value.is_empty());
    let value = value.or(attributes.get("default")).unwrap_or_default();
    let pattern = attributes.get("format").unwrap_or("$value");
    let form = found.first("FORM").and_then(|form| form.value("name")).unwrap_or_default();
    let values =
        [("value", value), ("name", name), ("title", field.value("title").unwrap_or(name)), ("form", form)];
    format::replace(pattern, |text| {
        values.iter().find_map(|(token, value)| Some((format::named(text, token)?, (*value).to_owned())))
    })
}

/// `%META{"formfield" name="…"}%`, `%META{"parent"}%`, `%META{"form"}%`, `%META{"attachments"}%`, `%META{"moved"}%`
pub(super) fn meta(scope: &mut Scope, attributes: &Attributes) -> String {
    let (web, topic) = scope.place(attributes.filled("web"), attributes.filled("topic"));
    let Some(found) = scope.read(&web, &topic) else { return String::new() };
    match attributes.default().unwrap_or_default() {
        "formfield" => found.field(attributes.get("name").unwrap_or_default()).unwrap_or_default().to_owned(),
        "parent" => parents(scope, attributes, (&web, &topic), &found),
        "form" => form(&found),
        "attachments" => attachments(scope, attributes, (&web, &topic), &found),
        "moved" => moved(&found),
        _ => String::new(),
    }
}

/// The topic's parent as it names it, qualified.
fn parent_of(web: &str, topic: &Topic) -> Option<(String, String)> {
    let name = topic.first("TOPICPARENT")?.value("name").filter(|name| !name.is_empty())?;
    Some(match name.rsplit_once(['.', '/']) {
        Some((web, topic)) => (web.replace('.', "/"), topic.to_owned()),
        None => (web.to_owned(), name.to_owned()),
    })
}

/// The way from the topmost parent down.
fn parents(scope: &mut Scope, attributes: &Attributes, (web, topic): (&str, &str), found: &Topic) -> String {
    let pattern = attributes.get("format").unwrap_or("[[$web.$topic][$topic]]");
    let separator = attributes.get("separator").map_or_else(|| " &gt; ".to_owned(), format::tokens);
    let home = scope.page.settings.home_topic.clone();
    let mut way: Vec<(String, String)> = Vec::new();
    let mut next = parent_of(web, found);
    while let Some((web, name)) = next {
        let is_known = way.iter().any(|(w, t)| (w, t) == (&web, &name))
            || (&web[..], &name[..]) == (web.as_str(), topic);
        if is_known || way.len() == MAX_PARENTS || (attributes.is_on("nowebhome") && name == home) {
            break;
        }
        next = if attributes.is_on("dontrecurse") {
            None
        } else {
            scope.read(&web, &name).and_then(|found| parent_of(&web, &found))
        };
        way.push((web, name));
    }
    if way.is_empty() {
        return String::new();
    }
    let one = |(web, topic): &(String, String)| pattern.replace("$web", web).replace("$topic", topic);
    let way = way.iter().rev().map(one).collect::<Vec<_>>().join(&separator);
    format!(
        "{}{way}{}",
        attributes.get("prefix").unwrap_or_default(),
        attributes.get("suffix").unwrap_or_default()
    )
}

/// The form of a topic as a table.
fn form(found: &Topic) -> String {
    let Some(name) = found.first("FORM").and_then(|form| form.value("name")) else { return String::new() };
    let mut table = format!("<div class=\"foswikiForm\">\n\n| *[[{name}]]* ||\n");
    for field in found.all("FIELD") {
        let value = |key| field.value(key).unwrap_or_default();
        let shown = value("value").replace('|', "&#124;").replace('\n', "<br />");
        push(&mut table, &["|  ", value("title"), " | ", &shown, " |\n"]);
    }
    table.push_str("\n</div>");
    table
}

/// The attachments of a topic as a table; hidden ones only with `all="on"`.
fn attachments(
    scope: &mut Scope,
    attributes: &Attributes,
    (web, topic): (&str, &str),
    found: &Topic,
) -> String {
    let shows =
        |meta: &&Meta| attributes.is_on("all") || !meta.value("attr").unwrap_or_default().contains('h');
    let mut rows = String::new();
    for meta in found.all("FILEATTACHMENT").filter(shows) {
        let value = |key| meta.value(key).unwrap_or_default();
        let (name, path) = (value("name"), &scope.page.settings.pub_url_path);
        let date = value("date")
            .parse()
            .map_or_else(|_| String::new(), |date| time::formatted(date, time::DATE_AND_TIME));
        let who = users::author(scope, value("user"));
        let (size, version, comment) = (value("size"), value("version"), value("comment"));
        let (file, users_web) = (url::encoded(name, "url"), &scope.page.settings.users_web);
        push(
            &mut rows,
            &["| [[", path, "/", web, "/", topic, "/", &file, "][", name, "]] | ", version, " | ", size],
        );
        push(&mut rows, &[" | ", &date, " | ", users_web, ".", &who, " | ", comment, " |\n"]);
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<div class=\"foswikiAttachments\">\n\n| *Attachment* | *Version* | *Size* | *Date* | *Who* | *Comment* |\n{rows}\n</div>"
    )
}

fn moved(found: &Topic) -> String {
    let Some(moved) = found.first("TOPICMOVED") else { return String::new() };
    let value = |key| moved.value(key).unwrap_or_default();
    let date = value("date")
        .parse()
        .map_or_else(|_| String::new(), |date| time::formatted(date, time::DATE_AND_TIME));
    format!("<i><nop>{} moved from <nop>{} on {date} by {}</i>", value("to"), value("from"), value("by"))
}

/// `%REVINFO{"r$rev - $date - $time - $wikiusername" topic="Web.Topic" rev="…"}%`
pub(super) fn revision_info(scope: &mut Scope, attributes: &Attributes) -> String {
    let (web, topic) = scope.place(attributes.filled("web"), attributes.filled("topic"));
    let found = scope.read(&web, &topic);
    let asked = attributes.filled("rev").and_then(crate::topic::revision_number);
    let earlier = asked.and_then(|number| scope.page.store.revision(&web, &topic, number).ok().flatten());
    let found = match (&found, earlier) {
        (Some(_), Some(text)) => Topic::parse(&text),
        (Some(found), None) => found.clone(),
        (None, _) => return String::new(),
    };
    let pattern = attributes.filled("").or(attributes.filled("format"));
    let pattern = pattern.unwrap_or("r$rev - $date - $time - $wikiusername");
    Info::of(scope, (&web, &topic), &found).formatted(pattern)
}

/// Who changed a topic when, for formats.
pub(super) struct Info {
    values: Vec<(&'static str, String)>,
    date: i64,
}

impl Info {
    /// What the newest revision's own data say.
    pub(super) fn of(scope: &mut Scope, (web, topic): (&str, &str), found: &Topic) -> Info {
        let info = found.info();
        let (date, author, version) = (info.date.unwrap_or(0), info.author.to_owned(), info.version);
        let comment = found.first("TOPICINFO").and_then(|info| info.value("comment")).unwrap_or_default();
        let wiki_name = users::author(scope, &author);
        let users_web = &scope.page.settings.users_web;
        let values = vec![
            ("web", web.to_owned()),
            ("topic", topic.to_owned()),
            ("rev", version.to_string()),
            ("comment", comment.to_owned()),
            ("wikiusername", format!("{users_web}.{wiki_name}")),
            ("username", users::author_login(scope, &author)),
            ("wikiname", wiki_name),
            ("date", time::formatted(date, time::DATE)),
            ("time", time::formatted(date, "$hour:$min")),
            ("isodate", time::formatted(date, "$iso")),
        ];
        Info { values, date }
    }

    /// The value of the token at the start of `text`, with the length of its name; tokens of dates too.
    pub(super) fn token(&self, text: &str) -> Option<(usize, String)> {
        self.values.iter().find_map(|(name, value)| Some((format::named(text, name)?, value.clone())))
    }

    fn formatted(&self, pattern: &str) -> String {
        format::replace(pattern, |text| self.token(text).or_else(|| time::token(self.date, text)))
    }
}
