//! Topics as the formats of searches and lists show them: `$topic`, `$formfield(Name)`, `$summary` …

use std::rc::Rc;

use super::{
    Scope, format,
    meta::Info,
    query::{self, Evaluation, TopicValue, pattern::Pattern},
    summary::{SUMMARY, shortened, summary},
    time, users,
};

/// A topic that a format is filled with.
pub(super) struct ShownTopic {
    value: Rc<TopicValue>,
    info: Info,
}

impl ShownTopic {
    pub(super) fn of(scope: &mut Scope, value: Rc<TopicValue>) -> ShownTopic {
        let info = Info::of(scope, (&value.web, &value.name), &value.topic);
        ShownTopic { value, info }
    }

    /// The topic as `pattern` shows it; `values` are tokens of the caller, which come before those of the topic.
    pub(super) fn formatted(&self, scope: &mut Scope, values: &[(&str, String)], pattern: &str) -> String {
        format::replace(pattern, |text| {
            let given =
                values.iter().find_map(|(name, value)| Some((format::named(text, name)?, value.clone())));
            given
                .or_else(|| self.with_argument(scope, text))
                .or_else(|| self.creation(scope, text))
                .or_else(|| self.simple(text))
                .or_else(|| self.info.token(text))
        })
    }

    /// `$name(argument)`
    fn with_argument(&self, scope: &mut Scope, text: &str) -> Option<(usize, String)> {
        let TopicValue { name, topic, .. } = &*self.value;
        let with = |name: &str| format::argument(text, name);
        if let Some((argument, length)) = with("formfield") {
            let field = argument.split(',').next().unwrap_or_default().trim();
            let value = topic.field(field).unwrap_or_default();
            let size = argument.split_once(',').and_then(|(_, size)| size.trim().parse().ok());
            return Some((length, shortened(value, size.unwrap_or(usize::MAX))));
        }
        let size = |argument: &str, usual: usize| {
            argument.split(',').next().and_then(|size| size.trim().parse().ok()).unwrap_or(usual)
        };
        if let Some((pattern, length)) = with("pattern") {
            return Some((length, extract(&topic.text, pattern)));
        }
        if let Some((argument, length)) = with("summary") {
            return Some((length, summary(&topic.text, size(argument, SUMMARY))));
        }
        if let Some((argument, length)) = with("topic") {
            return Some((length, shortened(name, size(argument, usize::MAX))));
        }
        if let Some((argument, length)) = with("parent") {
            return Some((length, shortened(self.parent(), size(argument, usize::MAX))));
        }
        let (text, length) = with("query")?;
        let node = query::parse(text);
        let value = node.map(|node| Evaluation::about(scope, Rc::clone(&self.value)).evaluate(&node).text());
        Some((length, value.unwrap_or_default()))
    }

    /// `$createdate`, and who made the first revision.
    fn creation(&self, scope: &mut Scope, text: &str) -> Option<(usize, String)> {
        if !text.starts_with("create") {
            return None;
        }
        let (date, author) = created(scope, &self.value);
        let named = |name: &str| format::named(text, name);
        if let Some(length) = named("createdate") {
            return Some((length, time::formatted(date, time::DATE)));
        }
        if let Some(length) = named("createusername") {
            return Some((length, users::author_login(scope, &author)));
        }
        if let Some(length) = named("createwikiname") {
            return Some((length, users::author(scope, &author)));
        }
        let length = named("createwikiusername")?;
        Some((length, format!("{}.{}", scope.page.settings.users_web, users::author(scope, &author))))
    }

    fn simple(&self, text: &str) -> Option<(usize, String)> {
        let TopicValue { web, name, topic } = &*self.value;
        let form = || topic.first("FORM").and_then(|form| form.value("name"));
        let simple: [(&str, &dyn Fn() -> String); 7] = [
            ("summary", &|| summary(&topic.text, SUMMARY)),
            ("parent", &|| self.parent().to_owned()),
            ("formname", &|| form().unwrap_or_default().to_owned()),
            ("text", &|| topic.text.clone()),
            ("web", &|| web.clone()),
            ("topic", &|| name.clone()),
            ("size", &|| topic.text.len().to_string()),
        ];
        simple.iter().find_map(|(name, value)| Some((format::named(text, name)?, value())))
    }

    fn parent(&self) -> &str {
        let parent = self.value.topic.first("TOPICPARENT");
        parent.and_then(|parent| parent.value("name")).unwrap_or_default()
    }
}

/// When a topic's first kept revision was made, and by whom.
pub(super) fn created(scope: &Scope, value: &TopicValue) -> (i64, String) {
    let first = scope.page.store.revision(&value.web, &value.name, 1).ok().flatten();
    let first = first.map(|file| crate::topic::Topic::parse(&file));
    let info = first.as_ref().unwrap_or(&value.topic).info();
    (info.date.unwrap_or(0), info.author.to_owned())
}

/// What the first group of a pattern that fits the text matches.
fn extract(text: &str, pattern: &str) -> String {
    let Some(found) = Pattern::parse_ignoring_case(pattern).and_then(|pattern| pattern.find(text)) else {
        return String::new();
    };
    found.group(1).map_or_else(String::new, |range| text[range].to_owned())
}
