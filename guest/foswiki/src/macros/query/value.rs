//! What queries calculate with.

use std::{cmp::Ordering, fmt::Write as _, rc::Rc};

use super::field::TopicValue;
use crate::topic::Meta;

/// A value of the query language.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Undefined,
    Text(String),
    Number(f64),
    List(Vec<Value>),
    /// An entry of a topic's meta data.
    Record(Rc<Meta>),
    Topic(Rc<TopicValue>),
}

impl Value {
    /// A truth value as a number.
    pub(crate) fn of(truth: bool) -> Value {
        Value::Number(if truth { 1.0 } else { 0.0 })
    }

    /// Whether a condition with this value holds.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Value::Undefined => false,
            Value::Text(text) => !text.is_empty() && text != "0",
            Value::Number(number) => *number != 0.0,
            Value::List(items) => !items.is_empty(),
            Value::Record(_) | Value::Topic(_) => true,
        }
    }

    /// The value as a text: items of lists joined by `separator`.
    pub(crate) fn shown(&self, separator: &str) -> String {
        match self {
            Value::Undefined => String::new(),
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::List(items) => {
                items.iter().map(|item| item.shown(separator)).collect::<Vec<_>>().join(separator)
            }
            Value::Record(meta) => meta.value("name").unwrap_or_default().to_owned(),
            Value::Topic(topic) => topic.name.clone(),
        }
    }

    /// The value as JSON; a topic is an object of its name and web.
    pub(crate) fn json(&self) -> String {
        let object = |entries: &[(&str, &str)]| {
            let entries = entries.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        };
        match self {
            Value::Undefined => "null".to_owned(),
            Value::Text(text) => quoted(text),
            Value::Number(number) => number.to_string(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(Value::json).collect::<Vec<_>>().join(","))
            }
            Value::Record(meta) => {
                let entries: Vec<_> = meta.values.iter().map(|(key, value)| (&key[..], &value[..])).collect();
                object(&entries)
            }
            Value::Topic(topic) => object(&[("web", &topic.web), ("name", &topic.name)]),
        }
    }

    /// The value as a text.
    pub(crate) fn text(&self) -> String {
        self.shown(",")
    }

    /// The value as a number, 0 where it is none.
    pub(crate) fn number(&self) -> f64 {
        match self {
            Value::Number(number) => *number,
            Value::List(items) if items.len() != 1 => 0.0,
            other => {
                other.text().trim().parse().ok().filter(|number: &f64| number.is_finite()).unwrap_or(0.0)
            }
        }
    }

    fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text)
                if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '+')) =>
            {
                text.parse().ok()
            }
            _ => None,
        }
    }

    /// How two values compare: as numbers where both are.
    fn compare(&self, other: &Value) -> Ordering {
        match (self.as_number(), other.as_number()) {
            (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            _ => self.text().cmp(&other.text()),
        }
    }

    /// Whether two values compare as `holds` says; for a list, whether one of its items does.
    pub(crate) fn compares(&self, other: &Value, holds: impl Fn(Ordering) -> bool + Copy) -> bool {
        self.any(|item| holds(item.compare(other)))
    }

    /// Whether the value, or an item of it, `holds`.
    pub(crate) fn any(&self, holds: impl Fn(&Value) -> bool) -> bool {
        match self {
            Value::List(items) => items.iter().any(holds),
            one => holds(one),
        }
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
