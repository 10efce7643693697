//! Settings that do not exist: where they stand, and what was probably meant.

use serde_json::Value;

use super::{
    Document,
    setting::{Errors, Place},
};

/// How alike two names must be for the one to be suggested for the other.
const ALIKE: f64 = 0.75;

/// Tells of settings that were ignored, by their paths, such as `site.0.rooot`.
pub(super) fn tell(paths: &[String], errors: &mut Errors) {
    if paths.is_empty() {
        return;
    }
    let schema = serde_json::to_value(schemars::schema_for!(Document)).unwrap_or_default();
    for path in paths {
        let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
        let known = known(&schema, table);
        let alike = |other: &&String| strsim::jaro_winkler(name, other);
        let closest = known.iter().max_by(|one, other| alike(one).total_cmp(&alike(other)));
        let advice = match closest.filter(|other| alike(other) > ALIKE) {
            Some(other) => format!("did you mean `{other}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        let reason = format!("there is no setting `{name}` here; {advice}");
        errors.at_path(path, &reason);
    }
}

/// The names that a table may have, by its path.
fn known(schema: &Value, table: &str) -> Vec<String> {
    let mut at = schema;
    for part in table.split('.').filter(|part| !part.is_empty() && part.parse::<usize>().is_err()) {
        let property = resolve(schema, at).get("properties").and_then(|all| all.get(part));
        let Some(property) = property else { return Vec::new() };
        at = property.get("items").unwrap_or(property);
    }
    let properties = resolve(schema, at).get("properties").and_then(Value::as_object);
    properties.map(|all| all.keys().cloned().collect()).unwrap_or_default()
}

/// What a schema stands for that only refers to another one.
fn resolve<'a>(schema: &'a Value, at: &'a Value) -> &'a Value {
    let reference = at.get("$ref").and_then(Value::as_str);
    let target = reference.and_then(|path| schema.pointer(path.strip_prefix('#')?));
    target.unwrap_or(at)
}

impl Errors {
    /// Adds what is wrong with the setting at a path of keys and numbers with dots between them.
    fn at_path(&mut self, path: &str, reason: &str) {
        let at = self.text().and_then(|text| place(text, path));
        match at {
            Some(start) => self.at(&Place::File(start..start), reason),
            None => self.add(format!("{path}: {reason}")),
        }
    }
}

/// Where a key stands.
fn place(text: &str, path: &str) -> Option<usize> {
    let table = toml::de::DeTable::parse(text).ok()?.into_inner();
    let mut at = toml::de::DeValue::Table(table);
    let mut start = None;
    for part in path.split('.') {
        let next = match at {
            toml::de::DeValue::Table(table) => {
                let (key, value) = table.into_iter().find(|(key, _)| key.get_ref() == part)?;
                start = Some(key.span().start);
                value
            }
            toml::de::DeValue::Array(array) => array.into_iter().nth(part.parse().ok()?)?,
            _ => return None,
        };
        at = next.into_inner();
    }
    start
}
