//! Tokens in formats: `$n`, `$quot`, `$percnt` …; preferences with parameters.

use super::attributes::Attributes;
use crate::tml::push;

/// Tokens that stand for characters which cannot be written in a parameter. `$n` counts only where no letter follows.
const TOKENS: [(&str, &str); 10] = [
    ("$nop", ""),
    ("$quot", "\""),
    ("$percnt", "%"),
    ("$percent", "%"),
    ("$dollar", "$"),
    ("$lt", "<"),
    ("$gt", ">"),
    ("$amp", "&"),
    ("$comma", ","),
    ("$n", "\n"),
];

/// Replaces the standard tokens.
pub(crate) fn tokens(text: &str) -> String {
    replace(text, |_| None)
}

/// Replaces the standard tokens and those that `token` knows: it is given the text after a dollar sign and answers
/// with the length of the token's name and its value.
pub(crate) fn replace(text: &str, mut token: impl FnMut(&str) -> Option<(usize, String)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((length, value)) = token(&rest[1..]) {
            out.push_str(&value);
            rest = &rest[1 + length..];
        } else if let Some((value, length)) = standard(rest) {
            out.push_str(value);
            rest = &rest[length..];
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The standard token at the start of `text` and its length; `()` after it belongs to it.
fn standard(text: &str) -> Option<(&'static str, usize)> {
    TOKENS.iter().find_map(|(name, value)| {
        let after = text.strip_prefix(name)?;
        let brackets = if after.starts_with("()") { 2 } else { 0 };
        let is_whole = *name != "$n" || brackets > 0 || !after.starts_with(|c: char| c.is_alphanumeric());
        is_whole.then_some((*value, name.len() + brackets))
    })
}

/// The items of a list, joined by `separator`, between `header` and `footer`, whose tokens `values` are: each on
/// lines of its own where no separator is given.
pub(super) fn framed(attributes: &Attributes, items: &[String], values: &[(&str, String)]) -> String {
    let separator = attributes.get("separator").map(tokens);
    let line_end = if separator.is_some() { "" } else { "\n" };
    let mut out = String::new();
    if let Some(header) = attributes.filled("header") {
        push(&mut out, &[&with_values(header, values), line_end]);
    }
    out.push_str(&items.join(separator.as_deref().unwrap_or("\n")));
    if let Some(footer) = attributes.filled("footer") {
        push(&mut out, &[line_end, &with_values(footer, values)]);
    }
    out
}

/// Replaces the standard tokens and those that are named, with their values.
pub(super) fn with_values(pattern: &str, values: &[(&str, String)]) -> String {
    replace(pattern, |text| values.iter().find_map(|(name, value)| Some((named(text, name)?, value.clone()))))
}

/// The value of a token with a fixed name, for [`replace`]: `$name` or `$name()`, not followed by more of a name.
pub(crate) fn named(text: &str, name: &str) -> Option<usize> {
    let after = text.strip_prefix(name)?;
    let is_whole = !after.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    is_whole.then(|| name.len() + if after.starts_with("()") { 2 } else { 0 })
}

/// The argument of a token: `name(argument)`, brackets inside balanced. Gives the argument and the whole length.
pub(crate) fn argument<'t>(text: &'t str, name: &str) -> Option<(&'t str, usize)> {
    let inside = text.strip_prefix(name)?.strip_prefix('(')?;
    let mut depth = 1;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return Some((&inside[..at], name.len() + at + 2));
        }
    }
    None
}

/// A preference used as a macro: `%DEFAULT%`, `%name%` and `%name{default="…"}%` in it are the parameters given.
pub(crate) fn preference(value: &str, raw: Option<&str>) -> String {
    let Some(raw) = raw.filter(|_| value.contains('%')) else { return value.to_owned() };
    let attributes = Attributes::parse(raw);
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let inside = &rest[1..];
        let name = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
        let given = attributes.get(if &inside[..name] == "DEFAULT" { "" } else { &inside[..name] });
        match (given, parameter_end(&inside[name..])) {
            (Some(given), Some((end, _))) if name > 0 => {
                out.push_str(given);
                rest = &inside[name + end..];
            }
            (None, Some((end, Some(fallback)))) if name > 0 && &inside[..name] == "DEFAULT" => {
                out.push_str(&fallback);
                rest = &inside[name + end..];
            }
            _ => {
                out.push('%');
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The end of a parameter after its name, and its `default`.
fn parameter_end(text: &str) -> Option<(usize, Option<String>)> {
    if text.starts_with('%') {
        return Some((1, None));
    }
    let end = text.strip_prefix('{')?.find("}%")? + 1;
    let attributes = Attributes::parse(&text[1..end]);
    Some((end + 2, attributes.get("default").map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced() {
        let check = |text: &str, expected: &str| assert_eq!(tokens(text), expected, "for {text:?}");
        check("a$quotb", "a\"b");
        check("a$n()b$nb$n", "a\nb$nb\n");
        check("$percntTOPIC$percnt $dollar $nop()x $comma", "%TOPIC% $ x ,");
        check("$name $", "$name $");
    }

    #[test]
    fn preferences_take_parameters() {
        let check = |value: &str, raw: &str, expected: &str| {
            assert_eq!(preference(value, Some(raw)), expected, "for {value:?} {raw:?}");
        };
        check("[[%web%.%DEFAULT%]] %OTHER%", "\"T\" web=\"W\"", "[[W.T]] %OTHER%");
        check("%DEFAULT{default=\"d\"}%", "x=\"1\"", "d");
        assert_eq!(preference("%DEFAULT%", None), "%DEFAULT%");
    }
}
