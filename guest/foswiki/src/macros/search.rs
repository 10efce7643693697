//! `%SEARCH{"…" type="literal" web="…" format="$topic"}%`

use std::{cmp::Ordering, rc::Rc};

use super::{
    Scope,
    attributes::Attributes,
    format, lists,
    query::{self, Evaluation, TopicValue, pattern, pattern::Pattern},
    shown::{ShownTopic, created},
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
    let limit = attributes.filled("limit").and_then(|limit| limit.trim().parse().ok()).unwrap_or(LIMIT);
    let limit = if limit == 0 { LIMIT } else { limit };
    let by_web = attributes.get("groupby") != Some("none");
    let mut groups = Vec::new();
    let mut hits = Vec::new();
    for web in webs(scope, attributes) {
        add_hits(scope, attributes, (&condition, &web), &mut hits);
        if by_web {
            groups.push(std::mem::take(&mut hits));
        }
    }
    groups.push(hits);
    groups.retain(|hits| !hits.is_empty());
    for hits in &mut groups {
        sort(scope, attributes, hits);
        hits.truncate(limit);
    }
    show(scope, attributes, &condition, &groups)
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
            "created" => Key::Number(created(scope, value).0),
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

/// How a topic is shown where the search does not say.
const FORMAT: &str = "   * [[$web.$topic][$topic]] - $date - $wikiusername: <nop>$summary";

/// Shows what was found, each web's topics between its own header and footer.
fn show(scope: &mut Scope, attributes: &Attributes, condition: &Condition, groups: &[Vec<Hit>]) -> String {
    if groups.is_empty() {
        return match attributes.get("zeroresults") {
            Some("off") => String::new(),
            None | Some("on") if attributes.is_on("nonoise") || attributes.is_on("nototal") => String::new(),
            None | Some("on") => total(0),
            Some(text) => format::tokens(text),
        };
    }
    let shown: Vec<String> = groups.iter().map(|hits| show_group(scope, attributes, hits)).collect();
    let separator = attributes.get("separator").map(format::tokens);
    let mut out = shown.join(separator.as_deref().unwrap_or("\n"));
    let tells_total =
        attributes.get("format").is_none() && !attributes.is_on("nonoise") && !attributes.is_on("nototal");
    if tells_total && !matches!(condition, Condition::Words { words, .. } if words.is_empty()) {
        out.push_str("\n\n");
        out.push_str(&total(groups.iter().map(Vec::len).sum()));
    }
    out
}

fn show_group(scope: &mut Scope, attributes: &Attributes, hits: &[Hit]) -> String {
    let pattern = attributes.get("format").unwrap_or(FORMAT);
    let mut shown = Vec::with_capacity(hits.len());
    let mut count = 0;
    for (index, hit) in hits.iter().enumerate() {
        let topic = ShownTopic::of(scope, Rc::clone(&hit.value));
        let single = [String::new()];
        let lines = if hit.lines.is_empty() { &single[..] } else { &hit.lines[..] };
        for line in lines {
            count += 1;
            let numbers = [("ntopics", (index + 1).to_string()), ("nhits", count.to_string())];
            let line = Some(("text", line.clone())).filter(|(_, line)| !line.is_empty());
            let values: Vec<_> = numbers.into_iter().chain(line).collect();
            shown.push(topic.formatted(scope, &values, pattern));
        }
    }
    let web = hits.first().map_or_else(String::new, |hit| hit.value.web.clone());
    let values = [("web", web), ("ntopics", hits.len().to_string()), ("nhits", count.to_string())];
    format::framed(attributes, &shown, &values)
}

fn total(count: usize) -> String {
    format!("Number of topics: {count}")
}
