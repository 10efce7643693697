//! Macros that change texts: encodings, spacing, translation; `%SET%`.

use super::{Scope, attributes::Attributes, encode, format, url};

/// `%ENCODE{"text" type="url" old="a,b" new="c,d"}%`
pub(super) fn encode(_: &mut Scope, attributes: &Attributes) -> String {
    let text = attributes.default().unwrap_or_default();
    let Some(old) = attributes.get("old") else {
        return url::encoded(text, attributes.get("type").unwrap_or("url"));
    };
    let new = attributes.get("new").unwrap_or_default();
    let replaced = replace_each(text, old, new);
    match attributes.get("type") {
        Some(kind) => url::encoded(&replaced, kind),
        None => replaced,
    }
}

/// Replaces each of the comma separated texts of `old` by that at the same place in `new`, all at once.
fn replace_each(text: &str, old: &str, new: &str) -> String {
    let mut new = new.split(',').map(format::tokens);
    let pairs: Vec<(String, String)> = old
        .split(',')
        .map(|old| (format::tokens(old), new.next().unwrap_or_default()))
        .filter(|(old, _)| !old.is_empty())
        .collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((old, new)) = pairs.iter().find(|(old, _)| rest.starts_with(old.as_str())) {
            out.push_str(new);
            rest = &rest[old.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// `%DECODE{"text" type="url"}%`
pub(super) fn decode(_: &mut Scope, attributes: &Attributes) -> String {
    let text = attributes.default().unwrap_or_default();
    match attributes.get("type").unwrap_or("url") {
        "entity" | "html" | "safe" => encode::entity_decode(text),
        "quote" | "quotes" => text.replace("\\\"", "\""),
        "url" => encode::url_decode(text),
        _ => text.to_owned(),
    }
}

/// `%NOP{text}%` gives the text; `%NOP%` gives nothing that is seen.
pub(super) fn nop(_: &mut Scope, attributes: &Attributes) -> String {
    if attributes.raw.is_empty() { "<nop>".to_owned() } else { attributes.raw.to_owned() }
}

/// `%SPACEOUT{"WikiWord" separator=" "}%`
pub(super) fn space_out(_: &mut Scope, attributes: &Attributes) -> String {
    let separator = attributes.get("separator").unwrap_or(" ");
    spaced(attributes.default().unwrap_or_default(), separator)
}

/// A `WikiWord` as separate words.
pub(crate) fn spaced(word: &str, separator: &str) -> String {
    let mut out = String::with_capacity(word.len() + 8);
    let mut last = ' ';
    for c in word.chars() {
        let begins_word = (last.is_lowercase() && (c.is_uppercase() || c.is_numeric()))
            || (last.is_numeric() && c.is_uppercase());
        if begins_word {
            out.push_str(separator);
        }
        out.push(c);
        last = c;
    }
    out
}

/// `%MAKETEXT{"text [_1]" args="a,b"}%`: the text, as there are no translations here.
pub(super) fn make_text(_: &mut Scope, attributes: &Attributes) -> String {
    let text =
        attributes.default().filter(|text| !text.is_empty()).or(attributes.get("string")).unwrap_or_default();
    let args: Vec<&str> = attributes.get("args").unwrap_or_default().split(',').map(str::trim).collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['[', '&', '~', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((value, length)) = bracket(rest, &args) {
            out.push_str(&value);
            rest = &rest[length..];
        } else if let Some(key) =
            rest.strip_prefix('&').and_then(|after| after.chars().next()).filter(char::is_ascii_alphabetic)
        {
            out.push_str("<span class='foswikiAccessKey'>");
            out.push(key);
            out.push_str("</span>");
            rest = &rest[2..];
        } else {
            let escaped = matches!(rest.as_bytes(), [b'~', b'[' | b']' | b'~', ..] | [b'\\', b'&', ..]);
            let at = usize::from(escaped);
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
    }
    out.push_str(rest);
    out
}

/// What `[_1]` or `[*,_1,thing,things]` stands for, and its length.
fn bracket(text: &str, args: &[&str]) -> Option<(String, usize)> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(']')?;
    let length = end + 2;
    let argument = |name: &str| {
        let index: usize = name.strip_prefix('_')?.parse().ok()?;
        Some(args.get(index.checked_sub(1)?).copied().unwrap_or_default())
    };
    let mut parts = inside[..end].split(',');
    let first = parts.next()?;
    if first != "*" && first != "quant" {
        return argument(first).map(|value| (value.to_owned(), length));
    }
    let count = argument(parts.next()?)?;
    let forms: Vec<&str> = parts.collect();
    let one = forms.first().copied().unwrap_or_default();
    let form = match (count, &forms[..]) {
        ("0", [_, _, zero, ..]) => return Some(((*zero).to_owned(), length)),
        ("1", _) => one.to_owned(),
        (_, [_, many, ..]) => (*many).to_owned(),
        _ => format!("{one}s"),
    };
    Some((format!("{count} {form}"), length))
}

/// `%SET{"NAME" value="…"}%`
pub(super) fn set(scope: &mut Scope, attributes: &Attributes) -> String {
    if let Some(name) = attributes.default() {
        scope.page.prefs.set(name, attributes.get("value").unwrap_or_default());
    }
    String::new()
}

/// `%VAR{"NAME" web="Web"}%`: a preference of another web.
pub(super) fn variable(scope: &mut Scope, attributes: &Attributes) -> String {
    let name = attributes.default().unwrap_or_default();
    let web = scope.place(attributes.filled("web"), None).0;
    if web == scope.page.base_web {
        return scope.page.prefs.get(name).unwrap_or_default().to_owned();
    }
    let layer = scope.page.prefs.web_layer(scope.page.store, scope.page.settings, &web);
    layer.value(name).unwrap_or_default().to_owned()
}

/// `%EXPAND{"text" scope="Web.Topic"}%`: the text with its tokens, expanded as if in another topic.
pub(super) fn expand(scope: &mut Scope, attributes: &Attributes) -> String {
    let text = format::tokens(attributes.default().unwrap_or_default());
    let Some(place) = attributes.filled("scope") else { return text };
    let (web, topic) = scope.place(None, Some(place));
    let mut inner = Scope {
        page: scope.page,
        web: &web,
        topic: &topic,
        including: scope.including,
        depth: scope.depth + 1,
    };
    if inner.depth > super::MAX_DEPTH { text } else { inner.expand(&text) }
}
