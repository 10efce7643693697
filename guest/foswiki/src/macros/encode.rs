//! Characters made harmless: for HTML, URLs and quoted attributes.

use std::fmt::Write;

/// Which bytes are encoded, by their value.
type Table = [bool; 256];

/// HTML's own characters and those of topic markup.
const SIGNS: &[u8] = b"\"%&$'*<=>@[]_|";

/// The control characters, line ends among them.
const CONTROLS: &[u8] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31,
];

const HTML: Table = with(CONTROLS, true, with(SIGNS, true, [false; 256]));
const ENTITY: Table = with(b"\n\r", false, HTML);
const SAFE: Table = with(b"<>%'\"", true, [false; 256]);

const fn with(bytes: &[u8], encoded: bool, mut table: Table) -> Table {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = encoded;
        at += 1;
    }
    table
}

/// Appends `text` with everything that is HTML or topic markup as numeric entities; line ends stay.
pub(crate) fn entity(text: &str, out: &mut String) {
    entities(text, out, &ENTITY);
}

/// Appends `text` with everything that is HTML or topic markup as numeric entities, line ends too.
pub(crate) fn html(text: &str, out: &mut String) {
    entities(text, out, &HTML);
}

/// Appends `text` with the characters that could end an attribute, begin a tag or a macro as entities.
pub(crate) fn safe(text: &str, out: &mut String) {
    entities(text, out, &SAFE);
}

fn entities(text: &str, out: &mut String, encoded: &Table) {
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if encoded[usize::from(byte)] {
            out.push_str(&text[copied..at]);
            push_reference(byte, out);
            copied = at + 1;
        }
    }
    out.push_str(&text[copied..]);
}

/// Appends `&#60;`: long examples have thousands of them.
fn push_reference(byte: u8, out: &mut String) {
    out.push_str("&#");
    let digits = [byte / 100, byte / 10 % 10, byte % 10];
    let zeros = digits.iter().take(2).take_while(|digit| **digit == 0).count();
    out.extend(digits[zeros..].iter().map(|digit| char::from(b'0' + digit)));
    out.push(';');
}

/// Appends `text` for use in a URL: all but letters, digits and `-_.:~!*/` as `%xx`.
pub(crate) fn url(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.:~!*/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
}

/// Appends `text` with its double quotes escaped by a backslash.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push_str(&text.replace('"', "\\\""));
}

/// Undoes [`url`]; what is not UTF-8 then is replaced.
pub(crate) fn url_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        if let Some(decoded) =
            pair.filter(|_| byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok())
        {
            bytes.push(decoded);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Undoes [`entity`], and the named entities of HTML's own characters.
pub(crate) fn entity_decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((c, length)) = decoded_entity(rest) {
            out.push(c);
            rest = &rest[length..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The longest entity that is decoded, `&#x10ffff;`.
const MAX_ENTITY: usize = 10;

fn decoded_entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(MAX_ENTITY).position(|b| b == b';')?;
    let name = &text[1..end];
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16));
            char::from_u32(code.ok()?)?
        }
    };
    Some((c, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded() {
        let check = |encode: fn(&str, &mut String), text: &str, expected: &str| {
            let mut out = String::new();
            encode(text, &mut out);
            assert_eq!(out, expected, "for {text:?}");
        };
        check(entity, "<a> b&c\n*", "&#60;a&#62; b&#38;c\n&#42;");
        check(html, "a\nb\t|", "a&#10;b&#9;&#124;");
        check(safe, "a<b>&\"%'", "a&#60;b&#62;&&#34;&#37;&#39;");
        check(url, "a b/ö&c,'", "a%20b/%c3%b6%26c%2c%27");
        check(quote, "a \"b\"", "a \\\"b\\\"");
    }

    #[test]
    fn text_is_decoded() {
        assert_eq!(url_decode("a%20b%c3%b6%zz%"), "a bö%zz%");
        assert_eq!(url_decode("%ff%é"), "\u{fffd}%é");
        assert_eq!(entity_decode("&#60;a&#x3e; &amp; &nope; &"), "<a> & &nope; &");
    }
}
