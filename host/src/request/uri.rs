//! The URI that a client asked for, and paths out of it.

use std::borrow::Cow;

use bytes::Bytes;
use http::Uri;

use super::{RequestError, Variables, shown};

/// The URI that the client sent; without one, what the path variables add up to.
pub(super) fn check_uri(uri: &[u8], variables: &Variables) -> Result<Uri, RequestError> {
    /// The longest URI that [`Uri`] holds.
    const MAX_URI: usize = u16::MAX as usize - 1;

    let text = match uri {
        b"" => Cow::Owned(joined_path(variables)),
        uri => origin_form(uri).ok_or_else(|| RequestError::Uri(shown(uri)))?,
    };
    if text.len() > MAX_URI {
        return Err(RequestError::UriLength(text.len()));
    }
    let bytes = Bytes::copy_from_slice(&text);
    Uri::from_maybe_shared(bytes)
        .or_else(|_| Uri::from_maybe_shared(Bytes::from(escaped(&text, is_uri_byte))))
        .map_err(|_| RequestError::Uri(shown(&text)))
}

/// The path of a target, without host, query and fragment, as the client sent it.
pub fn path_of(uri: &[u8]) -> &[u8] {
    let end = uri.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(uri.len());
    let path = &uri[..end];
    if path.first() == Some(&b'/') {
        return path;
    }
    let behind = path.windows(3).position(|three| three == b"://").map(|at| &path[at + 3..]);
    let slash = behind.and_then(|rest| Some(&rest[rest.iter().position(|byte| *byte == b'/')?..]));
    slash.unwrap_or_default()
}

/// Path and query of an origin-form or absolute-form target (RFC 9112 §3.2).
fn origin_form(uri: &[u8]) -> Option<Cow<'_, [u8]>> {
    if uri.first() == Some(&b'/') {
        return Some(Cow::Borrowed(uri));
    }
    if uri == b"*" {
        return Some(Cow::Borrowed(uri));
    }
    let text = str::from_utf8(uri).ok()?;
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    Some(
        rest.find('/')
            .map_or(Cow::Borrowed(b"/".as_slice()), |start| Cow::Borrowed(&rest.as_bytes()[start..])),
    )
}

fn joined_path(variables: &Variables) -> Vec<u8> {
    let mut path = variables.get("SCRIPT_NAME").unwrap_or_default().to_vec();
    path.extend_from_slice(variables.get("PATH_INFO").unwrap_or_default());
    let mut uri = escaped(&path, is_path_byte);
    if uri.first() != Some(&b'/') {
        uri.insert(0, b'/');
    }
    if let Some(query) = variables.get("QUERY_STRING") {
        uri.push(b'?');
        uri.extend(escaped(query, is_uri_byte));
    }
    uri
}

fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'#')
}

fn is_path_byte(byte: u8) -> bool {
    is_uri_byte(byte) && !matches!(byte, b'?' | b'%' | b'[' | b']')
}

fn escaped(text: &[u8], keep: fn(u8) -> bool) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if keep(byte) {
            out.push(byte);
        } else {
            out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    out
}

/// A path without its `%` escapes, as variables have it (RFC 3875 §4.1.5); what is none stays as it is.
pub fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, ..] => str::from_utf8(&[*high, *low]).ok().and_then(hex),
            _ => None,
        };
        out.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { &tail[2..] } else { tail };
    }
    out
}

fn hex(digits: &str) -> Option<u8> {
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |path: &str, expected: &str| assert_eq!(decoded(path.as_bytes()), expected.as_bytes());
        check("/a%20b/%C3%A4", "/a b/\u{e4}");
        check("/100%", "/100%");
        check("/%zz%4", "/%zz%4");
        check("/%+4", "/%+4");
    }
}
