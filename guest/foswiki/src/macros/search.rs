//! `%SEARCH{"…" type="literal" web="…" format="$topic"}%`

use std::{cmp::Ordering, rc::Rc};

use super::{
    Scope,
    attributes::Attributes,
    format, lists,
    meta::Info,
    query::{self, Evaluation, TopicValue, pattern, pattern::Pattern},
    summary::{SUMMARY, shortened, summary},
    time,
};
use crate::store::valid_web;

/// Topics that one search shows, where it does not say.
const LIMIT: usize = 32_000;

/// `%SEARCH{…}%`
pub(super) fn search(scope: &mut Scope, attributes: &Attributes) -> String {
    let text = attributes.default().or(attributes.get("search")).unwrap_or_default();
    if text.is_empty() {
        return String::new();
    }
    let condition = match Condition::parse(attributes, text) {
        Ok(condition) => condition,
        Err(error) => return query::alert("SEARCH", attributes, error, text),
    };
    let mut hits = Vec::new();
    for web in webs(scope, attributes) {
        add_hits(scope, attributes, (&condition, &web), &mut hits);
    }
    sort(scope, attributes, &mut hits);
    let limit = attributes.filled("limit").and_then(|limit| limit.trim().parse().ok()).unwrap_or(LIMIT);
    hits.truncate(if limit == 0 { LIMIT } else { limit });
    show(scope, attributes, &condition, &hits)
}

/// What a topic must be to be found.
enum Condition {
    /// Texts that must all occur, and texts that must not.
    Words {
        words: Vec<String>,
        unwanted: Vec<String>,
        whole: bool,
        exact_case: bool,
    },
    /// Patterns that must all match.
    Patterns(Vec<Pattern>),
    Query(query::Node),
}

impl Condition {
    fn parse(attributes: &Attributes, text: &str) -> Result<Condition, &'static str> {
        let exact_case = attributes.is_on("casesensitive");
        let kind =
            attributes.filled("type").unwrap_or(if attributes.is_on("regex") { "regex" } else { "literal" });
        Ok(match kind {
            "regex" => {
                let read = |text: &str| {
                    if exact_case { Pattern::parse(text) } else { Pattern::parse_ignoring_case(text) }
                };
                let patterns: Option<Vec<Pattern>> =
                    text.split(';').filter(|text| !text.is_empty()).map(read).collect();
                Condition::Patterns(patterns.ok_or("Invalid pattern")?)
            }
            "query" => Condition::Query(query::parse(text)?),
            "keyword" | "word" => {
                let (mut words, mut unwanted) = (Vec::new(), Vec::new());
                for word in keywords(text) {
                    match word.strip_prefix('-') {
                        Some(word) if !word.is_empty() => unwanted.push(folded(word, exact_case)),
                        _ => words.push(folded(word.trim_start_matches('+'), exact_case)),
                    }
                }
                Condition::Words { words, unwanted, whole: kind == "word", exact_case }
            }
            _ => Condition::Words {
                words: vec![folded(text, exact_case)],
                unwanted: Vec::new(),
                whole: false,
                exact_case,
            },
        })
    }

    /// Whether a text meets the condition.
    fn holds(&self, text: &str) -> bool {
        match self {
            Condition::Words { words, unwanted, whole, exact_case } => {
                let text = folded(text, *exact_case);
                let occurs =
                    |word: &String| if *whole { has_word(&text, word) } else { text.contains(word.as_str()) };
                words.iter().all(occurs) && !unwanted.iter().any(occurs)
            }
            Condition::Patterns(patterns) => patterns.iter().all(|pattern| pattern.find(text).is_some()),
            Condition::Query(_) => false,
        }
    }
}

/// Words and quoted phrases.
fn keywords(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn folded(text: &str, exact_case: bool) -> String {
    if exact_case { text.to_owned() } else { text.to_lowercase() }
}

fn has_word(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

/// The webs to search: `all`, `public`, names; `-name` leaves one out.
fn webs(scope: &Scope, attributes: &Attributes) -> Vec<String> {
    let Some(listed) = attributes.filled("web") else { return vec![scope.web.to_owned()] };
    let mut webs: Vec<String> = Vec::new();
    for name in listed.split([',', ' ']).filter(|name| !name.is_empty()) {
        match name {
            "all" | "public" => lists::add_webs(scope, "", &mut webs),
            name if name.starts_with('-') => webs.retain(|web| web != &name[1..]),
            name => {
                let web = name.replace('.', "/");
                if valid_web(&web) && scope.page.store.web_exists(&web) {
                    webs.push(web.clone());
                    if attributes.is_on("recurse") {
                        lists::add_webs(scope, &web, &mut webs);
                    }
                }
            }
        }
    }
    webs.dedup();
    webs
}

/// A topic that was found.
struct Hit {
    value: Rc<TopicValue>,
    /// The lines that meet the condition, with `multiple="on"`.
    lines: Vec<String>,
}

fn add_hits(
    scope: &mut Scope,
    attributes: &Attributes,
    (condition, web): (&Condition, &str),
    hits: &mut Vec<Hit>,
) {
    let wanted: Vec<&str> = list(attributes.filled("topic").unwrap_or("*"));
    let unwanted: Vec<&str> = list(attributes.get("excludetopic").unwrap_or_default());
    let of_names = attributes.get("scope").unwrap_or("text");
    let fits = |name: &str, wildcards: &[&str]| {
        wildcards.iter().any(|wildcard| pattern::matches_wildcard(name, wildcard))
    };
    let names = scope.page.store.topics(web).unwrap_or_default();
    // Reading a topic is less than a macro, but it is not nothing.
    scope.page.memo.work += names.len() / 4;
    for name in names {
        if !fits(&name, &wanted) || fits(&name, &unwanted) {
            continue;
        }
        if of_names == "topic" && !matches!(condition, Condition::Query(_)) && !condition.holds(&name) {
            continue;
        }
        let Some(topic) = scope.read(web, &name) else { continue };
        let value = Rc::new(TopicValue { web: web.to_owned(), name, topic });
        let found = match condition {
            Condition::Query(node) => Evaluation::about(scope, Rc::clone(&value)).evaluate(node).is_true(),
            _ if of_names == "topic" => true,
            _ => condition.holds(&value.topic.text) || (of_names == "all" && condition.holds(&value.name)),
        };
        if found {
            let lines = if attributes.is_on("multiple") {
                value.topic.text.lines().filter(|line| condition.holds(line)).map(str::to_owned).collect()
            } else {
                Vec::new()
            };
            hits.push(Hit { value, lines });
        }
    }
}

fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Puts the topics in the order that `order` and `reverse` ask for.
fn sort(scope: &mut Scope, attributes: &Attributes, hits: &mut [Hit]) {
    let order = attributes.filled("order").unwrap_or("topic");
    let mut keys: Vec<(Key, usize)> = Vec::with_capacity(hits.len());
    for (index, hit) in hits.iter().enumerate() {
        keys.push((Key::of(scope, order, &hit.value), index));
    }
    keys.sort_by(|(a, _), (b, _)| a.compare(b));
    if attributes.is_on("reverse") {
        keys.reverse();
    }
    let mut places = vec![0; hits.len()];
    for (place, (_, index)) in keys.iter().enumerate() {
        places[*index] = place;
    }
    for at in 0..hits.len() {
        while places[at] != at {
            let to = places[at];
            hits.swap(at, to);
            places.swap(at, to);
        }
    }
}

/// What topics are sorted by.
enum Key {
    Text(String),
    Number(i64),
}

impl Key {
    fn of(scope: &mut Scope, order: &str, value: &TopicValue) -> Key {
        let info = value.topic.info();
        match order {
            "modified" => Key::Number(info.date.unwrap_or(0)),
            "created" => Key::Number(created(scope, value)),
            "editby" => Key::Text(info.author.to_owned()),
            "web" => Key::Text(value.web.clone()),
            order => match format::argument(order, "formfield") {
                Some((field, _)) => Key::Text(value.topic.field(field).unwrap_or_default().to_owned()),
                None => Key::Text(value.name.clone()),
            },
        }
    }

    fn compare(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Number(a), Key::Number(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// When a topic's first kept revision was made.
fn created(scope: &Scope, value: &TopicValue) -> i64 {
    let first = scope.page.store.revision(&value.web, &value.name, 1).ok().flatten();
    let first = first.map(|file| crate::topic::Topic::parse(&file));
    first.as_ref().unwrap_or(&value.topic).info().date.unwrap_or(0)
}

/// How a topic is shown where the search does not say.
const FORMAT: &str = "   * [[$web.$topic][$topic]] - $date - $wikiusername: <nop>$summary";

fn show(scope: &mut Scope, attributes: &Attributes, condition: &Condition, hits: &[Hit]) -> String {
    if hits.is_empty() {
        return match attributes.get("zeroresults") {
            Some("off") => String::new(),
            None | Some("on") if attributes.is_on("nonoise") || attributes.is_on("nototal") => String::new(),
            None | Some("on") => total(0),
            Some(text) => format::tokens(text),
        };
    }
    let pattern = attributes.get("format").unwrap_or(FORMAT);
    let mut shown = Vec::with_capacity(hits.len());
    let mut count = 0;
    for (index, hit) in hits.iter().enumerate() {
        let info = Info::of(scope, (&hit.value.web, &hit.value.name), &hit.value.topic);
        let single = [String::new()];
        let lines = if hit.lines.is_empty() { &single[..] } else { &hit.lines[..] };
        for line in lines {
            count += 1;
            let tokens = Tokens { hit, info: &info, line, numbers: (index + 1, count) };
            shown.push(tokens.fill(scope, pattern));
        }
    }
    let mut out = String::new();
    let separator = attributes.get("separator").map(format::tokens);
    let line_end = if separator.is_some() { "" } else { "\n" };
    if let Some(header) = attributes.filled("header") {
        out.push_str(&format::tokens(header));
        out.push_str(line_end);
    }
    out.push_str(&shown.join(separator.as_deref().unwrap_or("\n")));
    if let Some(footer) = attributes.filled("footer") {
        out.push_str(line_end);
        out.push_str(&format::tokens(footer));
    }
    let tells_total =
        attributes.get("format").is_none() && !attributes.is_on("nonoise") && !attributes.is_on("nototal");
    if tells_total && !matches!(condition, Condition::Words { words, .. } if words.is_empty()) {
        out.push_str("\n\n");
        out.push_str(&total(hits.len()));
    }
    out
}

fn total(count: usize) -> String {
    format!("Number of topics: {count}")
}

/// What the tokens of a format stand for.
struct Tokens<'h> {
    hit: &'h Hit,
    info: &'h Info,
    line: &'h str,
    /// The number of the topic, and of the hit.
    numbers: (usize, usize),
}

impl Tokens<'_> {
    fn fill(&self, scope: &mut Scope, pattern: &str) -> String {
        format::replace(pattern, |text| self.token(scope, text))
    }

    fn token(&self, scope: &mut Scope, text: &str) -> Option<(usize, String)> {
        let TopicValue { web, name, topic } = &*self.hit.value;
        let with = |name: &str| format::argument(text, name);
        if let Some((field, length)) = with("formfield") {
            let (field, size) = field
                .split_once(',')
                .map_or((field, None), |(field, size)| (field, size.trim().parse().ok()));
            let value = topic.field(field.trim()).unwrap_or_default();
            return Some((length, size.map_or_else(|| value.to_owned(), |size| shortened(value, size))));
        }
        if let Some((pattern, length)) = with("pattern") {
            return Some((length, extract(&topic.text, pattern)));
        }
        if let Some((size, length)) = with("summary") {
            let size = size.split(',').next().and_then(|size| size.trim().parse().ok()).unwrap_or(SUMMARY);
            return Some((length, summary(&topic.text, size)));
        }
        if let Some((size, length)) = with("topic") {
            let size = size.split(',').next().and_then(|size| size.trim().parse().ok()).unwrap_or(usize::MAX);
            return Some((length, shortened(name, size)));
        }
        if let Some(length) = format::named(text, "createdate") {
            return Some((length, time::formatted(created(scope, &self.hit.value), time::DATE)));
        }
        let parent = || topic.first("TOPICPARENT").and_then(|parent| parent.value("name"));
        let form = || topic.first("FORM").and_then(|form| form.value("name"));
        let simple: [(&str, &dyn Fn() -> String); 9] = [
            ("summary", &|| summary(&topic.text, SUMMARY)),
            ("parent", &|| parent().unwrap_or_default().to_owned()),
            ("formname", &|| form().unwrap_or_default().to_owned()),
            ("text", &|| if self.line.is_empty() { topic.text.clone() } else { self.line.to_owned() }),
            ("web", &|| web.clone()),
            ("topic", &|| name.clone()),
            ("ntopics", &|| self.numbers.0.to_string()),
            ("nhits", &|| self.numbers.1.to_string()),
            ("size", &|| topic.text.len().to_string()),
        ];
        let value = simple.iter().find_map(|(name, value)| Some((format::named(text, name)?, value())));
        value.or_else(|| self.info.token(text))
    }
}

/// What the first group of a pattern that fits the text matches.
fn extract(text: &str, pattern: &str) -> String {
    let Some(found) = Pattern::parse_ignoring_case(pattern).and_then(|pattern| pattern.find(text)) else {
        return String::new();
    };
    found.group(1).map_or_else(String::new, |range| text[range].to_owned())
}
