//! What a query gives for a topic.

use std::{cmp::Ordering, rc::Rc};

use super::{
    field::{TopicValue, field},
    parse::{Infix, Node, Prefix},
    pattern::{self, Pattern},
    value::Value,
};
use crate::{
    access::{self, Mode},
    macros::{Scope, basic, time, users},
    store::{valid_topic, valid_web},
    topic::Topic,
};

/// Evaluates queries about a topic.
pub(crate) struct Evaluation<'s, 'r, 'p> {
    scope: &'s mut Scope<'r, 'p>,
    about: Value,
}

impl<'s, 'r, 'p> Evaluation<'s, 'r, 'p> {
    /// Queries about the topic that the text is from.
    pub(crate) fn here(scope: &'s mut Scope<'r, 'p>) -> Self {
        // Read when a field is asked for: most conditions are about something else.
        Evaluation { scope, about: Value::Undefined }
    }

    /// Queries about a topic.
    pub(crate) fn about(scope: &'s mut Scope<'r, 'p>, topic: Rc<TopicValue>) -> Self {
        Evaluation { scope, about: Value::Topic(topic) }
    }

    /// What the query gives.
    pub(crate) fn evaluate(&mut self, node: &Node) -> Value {
        match node {
            Node::Text(text) => Value::Text(text.clone()),
            Node::Number(number) => Value::Number(*number),
            Node::Name(name) if name == "undefined" => Value::Undefined,
            Node::Name(name) if name == "now" => now(self.scope.page.now),
            Node::Name(name) => {
                if matches!(self.about, Value::Undefined) {
                    let (web, topic) = (self.scope.web.to_owned(), self.scope.topic.to_owned());
                    self.about = self.topic(web, topic);
                }
                field(&self.about, name)
            }
            Node::Setting(name) => self.setting(name),
            Node::List(nodes) => Value::List(nodes.iter().map(|node| self.evaluate(node)).collect()),
            Node::Prefix(prefix, operand) => self.prefix(*prefix, operand),
            Node::Infix(Infix::And, left, right) => {
                Value::of(self.evaluate(left).is_true() && self.evaluate(right).is_true())
            }
            Node::Infix(Infix::Or, left, right) => {
                let left = self.evaluate(left);
                if left.is_true() { left } else { self.evaluate(right) }
            }
            Node::Infix(Infix::Of, left, right) => self.of(left, right),
            Node::Infix(Infix::Field, left, right) => {
                let left = self.evaluate(left);
                self.within(left, right)
            }
            Node::Infix(Infix::Where, left, right) => self.filter(left, right),
            Node::Infix(operator, left, right) => {
                let (left, right) = (self.evaluate(left), self.evaluate(right));
                self.infix(*operator, &left, &right)
            }
        }
    }

    fn infix(&mut self, operator: Infix, left: &Value, right: &Value) -> Value {
        let truth = match operator {
            Infix::Add => return add(left, right),
            Infix::Subtract => return Value::Number(left.number() - right.number()),
            Infix::Multiply => return Value::Number(left.number() * right.number()),
            Infix::Divide => {
                let divisor = right.number();
                return if divisor == 0.0 {
                    Value::Undefined
                } else {
                    Value::Number(left.number() / divisor)
                };
            }
            Infix::NotEqual => !left.compares(right, Ordering::is_eq),
            Infix::Less => left.compares(right, Ordering::is_lt),
            Infix::LessOrEqual => left.compares(right, Ordering::is_le),
            Infix::Greater => left.compares(right, Ordering::is_gt),
            Infix::GreaterOrEqual => left.compares(right, Ordering::is_ge),
            Infix::Like => {
                let wildcard = right.text();
                left.any(|item| pattern::matches_wildcard(&item.text(), &wildcard))
            }
            Infix::Matches => {
                let pattern = Pattern::parse(&right.text());
                pattern.is_some_and(|pattern| left.any(|item| pattern.find(&item.text()).is_some()))
            }
            Infix::In => right.any(|item| left.compares(item, Ordering::is_eq)),
            Infix::Allows => self.allows(&left.text(), &right.text()),
            Infix::InGroup => users::is_member(self.scope, &left.text(), &right.text()),
            _ => left.compares(right, Ordering::is_eq),
        };
        Value::of(truth)
    }

    fn prefix(&mut self, prefix: Prefix, operand: &Node) -> Value {
        let truth = match prefix {
            Prefix::Not => !self.evaluate(operand).is_true(),
            Prefix::Minus => return Value::Number(-self.evaluate(operand).number()),
            Prefix::Lower => return self.map(operand, |text| Value::Text(text.to_lowercase())),
            Prefix::Upper => return self.map(operand, |text| Value::Text(text.to_uppercase())),
            Prefix::ToNumber => return self.map(operand, to_number),
            Prefix::Integer => return Value::Number(self.evaluate(operand).number().trunc()),
            Prefix::Length => return self.length(operand),
            Prefix::Setting => {
                let name = self.name(operand);
                return self.variable(&name).map_or(Value::Undefined, Value::Text);
            }
            Prefix::Defined => {
                let name = self.name(operand);
                self.variable(&name).is_some()
            }
            Prefix::IsEmpty => {
                let name = self.name(operand);
                self.variable(&name).is_none_or(|value| value.is_empty())
            }
            Prefix::Context => {
                let name = self.name(operand);
                self.is_in_context(&name)
            }
            Prefix::IsWeb => {
                let web = self.name(operand).replace('.', "/");
                valid_web(&web) && self.scope.page.store.web_exists(&web)
            }
            Prefix::IsTopic => {
                let name = self.name(operand);
                let (web, topic) = self.scope.place(None, Some(&name));
                self.scope.page.topic_exists(&web, &topic)
            }
        };
        Value::of(truth)
    }

    /// What an operator takes by name: a name as it is, else what the operand gives.
    fn name(&mut self, node: &Node) -> String {
        match node {
            Node::Name(name) => name.clone(),
            node => self.evaluate(node).text(),
        }
    }

    fn map(&mut self, operand: &Node, change: impl Fn(&str) -> Value) -> Value {
        match self.evaluate(operand) {
            Value::List(items) => Value::List(items.iter().map(|item| change(&item.text())).collect()),
            Value::Undefined => Value::Undefined,
            one => change(&one.text()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "texts are shorter than 2^52 bytes")]
    fn length(&mut self, operand: &Node) -> Value {
        let length = match self.evaluate(operand) {
            Value::List(items) => items.len(),
            one => one.text().chars().count(),
        };
        Value::Number(length as f64)
    }

    /// A URL parameter, or a preference or macro, expanded.
    fn variable(&mut self, name: &str) -> Option<String> {
        let param =
            self.scope.page.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        if param.is_some() {
            return param;
        }
        if let Some(constant) = basic::constant(self.scope, name) {
            return Some(constant);
        }
        let value = self.scope.value(name, None)?;
        Some(self.scope.expand_again(value))
    }

    fn is_in_context(&self, name: &str) -> bool {
        let page = &self.scope.page;
        match name {
            "view" => true,
            "authenticated" => page.user.login != "guest",
            "isadmin" => access::is_admin(page),
            _ => false,
        }
    }

    fn allows(&mut self, place: &str, mode: &str) -> bool {
        let mode = match mode.to_ascii_lowercase().as_str() {
            "view" => Mode::View,
            "change" => Mode::Change,
            "rename" => Mode::Rename,
            "raw" => Mode::Raw,
            "history" => Mode::History,
            _ => return false,
        };
        let (web, topic) = self.scope.place(None, Some(place));
        if !valid_web(&web) || !valid_topic(&topic) {
            let is_missing_topic = valid_web(&web) && !topic.is_empty();
            return is_missing_topic && access::may(self.scope.page, mode, &web, None);
        }
        let Ok(file) = self.scope.page.store.topic(&web, &topic) else { return false };
        let as_web = place.replace('.', "/");
        if file.is_none() && valid_web(&as_web) && self.scope.page.store.web_exists(&as_web) {
            return access::may(self.scope.page, mode, &as_web, None);
        }
        access::may(self.scope.page, mode, &web, file.map(|file| Topic::parse(&file)).as_ref())
    }

    /// Settings of the installation, those that are known here.
    fn setting(&self, name: &str) -> Value {
        let settings = self.scope.page.settings;
        let value = match name {
            "HomeWebName" | "UsersWebName" => &settings.users_web,
            "SystemWebName" => &settings.system_web,
            "HomeTopicName" => &settings.home_topic,
            "WebPrefsTopicName" => &settings.web_prefs_topic,
            "DefaultUrlHost" => &settings.url_host,
            "ScriptUrlPath" => &settings.script_url_path,
            "PubUrlPath" => &settings.pub_url_path,
            "SandboxWebName" => "Sandbox",
            "TrashWebName" => "Trash",
            "WikiUsersTopicName" => "WikiUsers",
            "NotifyTopicName" => "WebNotify",
            "StatisticsTopicName" => "WebStatistics",
            "DefaultUserWikiName" => "WikiGuest",
            "DefaultUserLogin" => "guest",
            "AdminUserWikiName" => "AdminUser",
            "AdminUserLogin" => "admin",
            "SuperAdminGroup" => "AdminGroup",
            _ => return Value::Undefined,
        };
        Value::Text(value.to_owned())
    }

    /// A topic the user may view.
    fn topic(&mut self, web: String, name: String) -> Value {
        match self.scope.read(&web, &name) {
            Some(topic) => Value::Topic(Rc::new(TopicValue { web, name, topic })),
            None => Value::Undefined,
        }
    }

    /// `'Web.Topic'/query`: the query about another topic, or several.
    fn of(&mut self, left: &Node, right: &Node) -> Value {
        let names = match self.evaluate(left) {
            Value::List(items) => items.iter().map(Value::text).collect(),
            one => vec![one.text()],
        };
        let mut values = Vec::with_capacity(names.len());
        for name in &names {
            let (web, topic) = self.scope.place(None, Some(name));
            let topic = self.topic(web, topic);
            if !matches!(topic, Value::Undefined) {
                values.push(self.within(topic, right));
            }
        }
        match (names.len(), values.pop()) {
            (1, value) => value.unwrap_or(Value::Undefined),
            (_, Some(last)) => {
                values.push(last);
                Value::List(values)
            }
            (_, None) => Value::List(values),
        }
    }

    /// What a query gives about another value, or about each item of a list.
    fn within(&mut self, about: Value, node: &Node) -> Value {
        let mut inside = |about: Value| {
            if matches!(about, Value::Undefined) {
                return Value::Undefined;
            }
            let outer = std::mem::replace(&mut self.about, about);
            let value = self.evaluate(node);
            self.about = outer;
            value
        };
        match about {
            Value::List(items) => Value::List(items.into_iter().map(inside).collect()),
            one => inside(one),
        }
    }

    /// `list[condition]`, `list[number]`
    fn filter(&mut self, left: &Node, right: &Node) -> Value {
        let items = match self.evaluate(left) {
            Value::List(items) => items,
            Value::Undefined => return Value::Undefined,
            one => vec![one],
        };
        if let Node::Number(index) = right {
            return items
                .into_iter()
                .enumerate()
                .find(|(at, _)| at.to_string() == index.to_string())
                .map_or(Value::Undefined, |(_, item)| item);
        }
        let kept = items.into_iter().filter(|item| self.within(item.clone(), right).is_true());
        Value::List(kept.collect())
    }
}

fn add(left: &Value, right: &Value) -> Value {
    let are_numbers = [left, right].iter().all(|value| match value {
        Value::Number(_) => true,
        other => other.text().trim().parse::<f64>().is_ok(),
    });
    if are_numbers {
        Value::Number(left.number() + right.number())
    } else {
        Value::Text(left.text() + &right.text())
    }
}

#[expect(clippy::cast_precision_loss, reason = "dates are far below 2^52 seconds")]
fn now(seconds: i64) -> Value {
    Value::Number(seconds as f64)
}

#[expect(clippy::cast_precision_loss, reason = "dates are far below 2^52 seconds")]
fn to_number(text: &str) -> Value {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) => Value::Number(number),
        Err(_) => time::parse(text).map_or(Value::Undefined, |seconds| Value::Number(seconds as f64)),
    }
}
