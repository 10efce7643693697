//! Percent encoding and query strings.

/// Splits a query string at `&` and `;` into decoded names and values.
pub fn params(query: &str) -> Vec<(String, String)> {
    let pairs = query.split(['&', ';']).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

/// Decodes `%XX`; what is no such code stays, and bytes that are not UTF-8 become U+FFFD.
pub fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if let (b'%', Some(byte)) = (first, hex_pair(after)) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Encodes all but RFC 3986's unreserved characters and `/`, for the path of a URL.
pub fn encode_path(text: &str) -> String {
    encode(text, b"-._~/")
}

/// Encodes all but RFC 3986's unreserved characters, for a value in a query or in RFC 8187's notation.
pub fn encode_value(text: &str) -> String {
    encode(text, b"-._~")
}

fn encode(text: &str, safe: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend([
                '%',
                char::from(HEX[usize::from(byte >> 4)]),
                char::from(HEX[usize::from(byte & 15)]),
            ]);
        }
    }
    out
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let [high, low] = bytes.first_chunk::<2>()?.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        for (query, expected) in [
            ("", &[][..]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("topic=WebHome;defaultweb=Sandbox", &[("topic", "WebHome"), ("defaultweb", "Sandbox")]),
            ("a&b=&=c&&;", &[("a", ""), ("b", ""), ("", "c")]),
            ("q=a+b%20c%2B%26&q=2", &[("q", "a b c+&"), ("q", "2")]),
            ("q=%C3%A9%FF%zz%4", &[("q", "é\u{FFFD}%zz%4")]),
        ] {
            let found = params(query);
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expected, "{query}");
        }
    }

    #[test]
    fn decoding_undoes_encoding() {
        for text in ["Main/WebHome", "a b%é\"<>&\0", "漢字.png", "%41"] {
            assert_eq!(decode(&encode_path(text)), text);
            assert_eq!(decode(&encode_value(text)), text);
        }
        assert_eq!(encode_path("a b/ü&"), "a%20b/%C3%BC%26");
        assert_eq!(encode_value("a/b"), "a%2Fb");
    }
}
