//! What queries find in topics.

use std::rc::Rc;

use super::value::Value;
use crate::topic::{Meta, Topic};

/// A topic that a query is about.
#[derive(Debug, Clone)]
pub(crate) struct TopicValue {
    pub(crate) web: String,
    pub(crate) name: String,
    pub(crate) topic: Topic,
}

/// Names of kinds of meta data.
const KINDS: [(&str, &str); 7] = [
    ("attachments", "FILEATTACHMENT"),
    ("fields", "FIELD"),
    ("form", "FORM"),
    ("info", "TOPICINFO"),
    ("moved", "TOPICMOVED"),
    ("parent", "TOPICPARENT"),
    ("preferences", "PREFERENCE"),
];

/// Kinds of which a topic may have many entries.
const MANY: [&str; 3] = ["FILEATTACHMENT", "FIELD", "PREFERENCE"];

/// A field of a topic or record; of a list, the fields of its items.
pub(super) fn field(about: &Value, name: &str) -> Value {
    match about {
        Value::Topic(topic) => topic_field(topic, name),
        Value::Record(meta) => text_or_undefined(meta.value(name)),
        Value::List(items) => Value::List(items.iter().map(|item| field(item, name)).collect()),
        _ => Value::Undefined,
    }
}

fn topic_field(about: &TopicValue, name: &str) -> Value {
    match name {
        "name" => return Value::Text(about.name.clone()),
        "web" => return Value::Text(about.web.clone()),
        "text" | "raw" => return Value::Text(about.topic.text.clone()),
        _ => (),
    }
    let kind = KINDS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, kind)| *kind)
        .or_else(|| name.strip_prefix("META:"));
    let Some(kind) = kind else { return text_or_undefined(about.topic.field(name)) };
    let record = |meta: &Meta| Value::Record(Rc::new(meta.clone()));
    if MANY.contains(&kind) {
        return Value::List(about.topic.all(kind).map(record).collect());
    }
    about.topic.first(kind).map_or(Value::Undefined, record)
}

fn text_or_undefined(text: Option<&str>) -> Value {
    text.map_or(Value::Undefined, |text| Value::Text(text.to_owned()))
}
