//! A response head to a CGI header block (RFC 3875 §6).

use std::io::Write;

use bytes::{BufMut, BytesMut};
use http::{
    HeaderMap, HeaderName, Method, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
    uri::PathAndQuery,
};

/// Headers that speak about one connection, which is the web server's business.
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// In the extensions of a response's head: the response is the one that this site gives for another path of its own
/// (RFC 3875 §6.2.2). Nothing else of the head counts, and there is no body.
///
/// Only a CGI response whose header block is a `Location` alone can be one: in HTTP, `Location` is a header among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRedirect(pub PathAndQuery);

impl LocalRedirect {
    /// Reads the value of a `Location`; nothing where that is not an absolute path with or without a query.
    pub fn read(location: &[u8]) -> Option<Self> {
        let path = location.first() == Some(&b'/') && !location.contains(&b'#');
        path.then(|| PathAndQuery::try_from(location).ok().map(Self)).flatten()
    }
}

/// Writes the header block, its empty line included.
///
/// `Location` comes first and `Status` always: some web servers answer a lone `Location` with 200, and HAProxy
/// changes a 303 that stands before its `Location` to 302.
pub fn write_head(status: StatusCode, headers: &HeaderMap, out: &mut BytesMut) {
    if let Some(location) = headers.get(LOCATION) {
        line(out, LOCATION.as_str(), location.as_bytes());
    }
    out.put_slice(b"Status: ");
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
    out.put_slice(b"\r\n");
    for (name, value) in headers {
        if *name != LOCATION && !HOP_BY_HOP.contains(name) && name != "status" {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    if !headers.contains_key(CONTENT_TYPE) && may_have_body(status) {
        // A body needs a type (RFC 3875 §6.3.1), and a guess could turn text into a script.
        line(out, CONTENT_TYPE.as_str(), b"application/octet-stream");
    }
    out.put_slice(b"\r\n");
}

/// Whether the response to `method` with this status carries a body (RFC 9110 §6.4.1).
pub fn has_body(method: &Method, status: StatusCode) -> bool {
    method != Method::HEAD && may_have_body(status)
}

/// The length that the head promises, where it does.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The host's own page about a request that no handler answered; the head alone where only that was asked for.
pub fn error_page(status: StatusCode, explanation: &str, head_only: bool, out: &mut BytesMut) {
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_str();
    let mut page = BytesMut::new().writer();
    // Writing to memory cannot fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{code} {reason}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}}</style>\
         </head><body><h1>{reason}</h1><p>{explanation}</p></body></html>\n",
    );
    let page = page.into_inner();
    let mut head = out.writer();
    let _ = write!(
        head,
        "Status: {code} {reason}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\n",
        page.len(),
    );
    let out = head.into_inner();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        out.put_slice(b"Retry-After: 2\r\n");
    }
    out.put_slice(b"\r\n");
    if !head_only {
        out.put_slice(&page);
    }
}

fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn line(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, headers: &[(&'static str, &'static str)], expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header value"));
        }
        let mut out = BytesMut::new();
        write_head(StatusCode::from_u16(status).expect("a status"), &map, &mut out);
        assert_eq!(str::from_utf8(&out).expect("text"), expected);
    }

    #[test]
    fn heads() {
        check(200, &[("content-type", "text/plain")], "Status: 200 OK\r\ncontent-type: text/plain\r\n\r\n");
        check(
            303,
            &[("content-type", "text/html"), ("location", "/x")],
            "location: /x\r\nStatus: 303 See Other\r\ncontent-type: text/html\r\n\r\n",
        );
        check(204, &[], "Status: 204 No Content\r\n\r\n");
        check(200, &[], "Status: 200 OK\r\ncontent-type: application/octet-stream\r\n\r\n");
        check(299, &[("content-type", "a/b")], "Status: 299 Unknown\r\ncontent-type: a/b\r\n\r\n");
        check(
            200,
            &[
                ("content-type", "a/b"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("connection", "close"),
                ("status", "500"),
            ],
            "Status: 200 OK\r\ncontent-type: a/b\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n",
        );
    }

    #[test]
    fn local_redirects() {
        let check = |location: &str, expected: Option<&str>| {
            let read = LocalRedirect::read(location.as_bytes());
            assert_eq!(read.as_ref().map(|LocalRedirect(path)| path.as_str()), expected, "{location:?}");
        };
        check("/", Some("/"));
        check("/bin/view/A%20b?c=d&e", Some("/bin/view/A%20b?c=d&e"));
        for none in ["", "view", "http://other.example/", "?a", "*", "/a b", "/a#b", "/a\r\nb"] {
            check(none, None);
        }
    }

    #[test]
    fn bodies() {
        let check = |method: Method, status: u16, expected| {
            assert_eq!(has_body(&method, StatusCode::from_u16(status).expect("a status")), expected);
        };
        check(Method::GET, 200, true);
        check(Method::HEAD, 200, false);
        check(Method::GET, 204, false);
        check(Method::GET, 304, false);
        check(Method::POST, 500, true);
    }

    #[test]
    fn a_full_host_says_when_to_come_back() {
        let mut out = BytesMut::new();
        error_page(StatusCode::SERVICE_UNAVAILABLE, "Busy.", false, &mut out);
        assert!(str::from_utf8(&out).expect("text").contains("\r\nRetry-After: 2\r\n"));
    }
}
