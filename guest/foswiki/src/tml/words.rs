//! What makes a `WikiWord`, a web name, an anchor; where words start.

/// How long a `WikiWord`, an acronym or anything else found at the start of a text is, in bytes.
pub(crate) type Length = usize;

/// Whether a word may start after this byte: at the start of a line, after a space or `(`.
pub(super) fn starts_after(byte: Option<u8>) -> bool {
    matches!(byte, None | Some(b' ' | b'\t' | b'\n' | b'('))
}

fn is_upper(c: char) -> bool {
    c.is_ascii_uppercase() || (!c.is_ascii() && c.is_uppercase())
}

fn is_lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || (!c.is_ascii() && (c.is_lowercase() || c.is_numeric()))
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric())
}

/// The length of the run of `text` that `belongs`.
fn run(text: &str, belongs: impl Fn(char) -> bool) -> Length {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The `WikiWord` that begins `text`: capitals, lower case letters or digits, capitals, then any of them.
pub(crate) fn wiki_word(text: &str) -> Option<Length> {
    let mut at = run(text, is_upper);
    let lower = run(&text[at..], is_lower_or_digit);
    let upper = run(&text[at + lower..], is_upper);
    if at == 0 || lower == 0 || upper == 0 {
        return None;
    }
    at += lower + upper;
    Some(at + run(&text[at..], is_alphanumeric))
}

/// The acronym that begins `text`: three capitals or more and perhaps an `s`, at the end of a word.
pub(super) fn acronym(text: &str) -> Option<Length> {
    let capitals = run(text, is_upper);
    if text.chars().take(3).filter(|&c| is_upper(c)).count() < 3 {
        return None;
    }
    let ends = |at: usize| !text[at..].starts_with(|c| is_alphanumeric(c) || c == '_');
    let plural = capitals + 1;
    if text[capitals..].starts_with('s') && ends(plural) {
        return Some(plural);
    }
    ends(capitals).then_some(capitals)
}

/// The anchor that begins `text`, `#` included.
pub(super) fn anchor(text: &str) -> Option<Length> {
    let rest = text.strip_prefix('#')?;
    let length = run(rest, |c| is_alphanumeric(c) || matches!(c, '_' | ':' | '.'));
    (length > 0).then_some(length + 1)
}

/// The length of a path of web and topic names joined by `.` or `/` that begins `text`: each begins with a capital.
pub(super) fn path(text: &str) -> Length {
    let mut end = segment(text);
    while end > 0 && text[end..].starts_with(['.', '/']) {
        match segment(&text[end + 1..]) {
            0 => break,
            length => end += 1 + length,
        }
    }
    end
}

/// One name of a path.
fn segment(text: &str) -> Length {
    if text.starts_with(is_upper) { run(text, |c| is_alphanumeric(c) || c == '_') } else { 0 }
}

/// The singular forms that a plural may have.
pub(super) fn singular(word: &str) -> Option<String> {
    let stem = word.strip_suffix('s')?;
    if let Some(stem) = stem.strip_suffix("ie") {
        return Some(format!("{stem}y"));
    }
    if stem.ends_with("sse") || stem.ends_with("xe") || stem.ends_with("Xe") {
        return Some(stem[..stem.len() - 1].to_owned());
    }
    (!stem.ends_with('s')).then(|| stem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiki_words_are_recognised() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(wiki_word(text).map(|length| &text[..length]), expected, "for {text:?}");
        };
        check("WikiWord's", Some("WikiWord"));
        check("AbC", Some("AbC"));
        check("FFD8AA", Some("FFD8AA"));
        check("ÜberTopic.", Some("ÜberTopic"));
        check("Wiki_Word", None);
        check("HTML", None);
        check("wikiWord", None);
        check("", None);
    }

    #[test]
    fn acronyms_are_recognised() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(acronym(text).map(|length| &text[..length]), expected, "for {text:?}");
        };
        check("HTML", Some("HTML"));
        check("APIs are", Some("APIs"));
        check("APIst", None);
        check("AB", None);
        check("ABC1", None);
    }

    #[test]
    fn plurals_have_a_singular() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(singular(text).as_deref(), expected, "for {text:?}");
        };
        check("WebHomes", Some("WebHome"));
        check("GreatParties", Some("GreatParty"));
        check("MyClasses", Some("MyClass"));
        check("WikiBoxes", Some("WikiBox"));
        check("WikiGlass", None);
        check("WebHome", None);
    }
}
