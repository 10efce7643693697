//! The query language of `%IF%`, `%QUERY%` and `%SEARCH{type="query"}%`.

mod evaluate;
mod field;
mod parse;
pub(crate) mod pattern;
mod value;

pub(crate) use evaluate::Evaluation;
pub(crate) use field::TopicValue;
pub(crate) use parse::{Node, parse};

use super::{Scope, attributes::Attributes, format};

/// `%IF{"condition" then="…" else="…"}%`
pub(super) fn condition(scope: &mut Scope, attributes: &Attributes) -> String {
    let condition = attributes.default().unwrap_or_default();
    if condition.trim().is_empty() {
        return format::tokens(attributes.get("else").unwrap_or_default());
    }
    match parse(condition) {
        Ok(node) => {
            let value = Evaluation::here(scope).evaluate(&node);
            let branch = if value.is_true() { "then" } else { "else" };
            format::tokens(attributes.get(branch).unwrap_or_default())
        }
        Err(error) => alert("IF", attributes, error, condition),
    }
}

/// `%QUERY{"query" separator="," style="json"}%`
pub(super) fn query(scope: &mut Scope, attributes: &Attributes) -> String {
    let query = attributes.default().unwrap_or_default();
    if query.trim().is_empty() {
        return String::new();
    }
    match parse(query) {
        Ok(node) => {
            let value = Evaluation::here(scope).evaluate(&node);
            if attributes.get("style") == Some("json") {
                return value.json();
            }
            value.shown(&format::tokens(attributes.get("separator").unwrap_or(",")))
        }
        Err(error) => alert("QUERY", attributes, error, query),
    }
}

/// What is shown in place of a macro whose query cannot be read.
pub(super) fn alert(name: &str, attributes: &Attributes, error: &str, query: &str) -> String {
    let shown = attributes.shown();
    format!("<span class='foswikiAlert'>\n            {name}{{ {shown} }}: {error} in '{query}' \n</span>")
}
