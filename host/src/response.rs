//! A response head to a CGI header block (RFC 3875 §6).

use std::io::Write;

use bytes::{BufMut, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
    uri::PathAndQuery,
};
use thiserror::Error;

/// Bytes of a header block, at most. Web servers take 4 to 64 KiB; the rest of it would be an answer without any page.
pub const MAX_HEAD: usize = 64 << 10;

/// Bytes of a header block that every web server takes as it comes: nginx reads it into one page of memory.
pub const USUAL_HEAD: usize = 4 << 10;

/// A response that no web server could make sense of.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HeadError {
    /// There must be another response after it, which CGI has no room for, or nobody knows what it means.
    #[error("status {0} is not final")]
    Status(StatusCode),
    /// Web servers and browsers would each take another one.
    #[error("it has more than one {0}")]
    Repeated(HeaderName),
    /// Not a number of bytes.
    #[error("its content-length {0:?} is not a number")]
    Length(HeaderValue),
    /// A local redirect that leads nowhere on this site.
    #[error("its location {0:?} is not a path of this site")]
    Location(Option<HeaderValue>),
    /// Longer than web servers take.
    #[error("its header block of {0} bytes is larger than {max}", max = MAX_HEAD)]
    TooLarge(usize),
}

/// In the extensions of a response's head: the response is the one that this site gives for the path in its `Location`
/// (RFC 3875 §6.2.2). Nothing else of the head counts, and there is no body.
///
/// Only a CGI response whose header block is a `Location` alone can be one: in HTTP, `Location` is a header among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalRedirect;

impl LocalRedirect {
    /// The path, with its query, that a `Location` names; nothing where it is not an absolute path, or has a NUL in it, which
    /// no variable can hold.
    pub fn target(location: &[u8]) -> Option<PathAndQuery> {
        let nul = location.windows(3).any(|escape| escape == b"%00");
        let path = location.first() == Some(&b'/') && !location.contains(&b'#') && !nul;
        path.then(|| PathAndQuery::try_from(location).ok()).flatten()
    }
}

/// Whether a header speaks about one connection, which is the web server's business (RFC 9110 §7.6.1).
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade"
    )
}

/// Writes the header block, its empty line included, or nothing where it would not be valid. Returns the length of the body
/// that it promises, where it does.
///
/// `Location` comes first and `Status` always: some web servers answer a lone `Location` with 200, and HAProxy
/// changes a 303 that stands before its `Location` to 302.
pub fn write_head(
    status: StatusCode,
    headers: &HeaderMap,
    out: &mut BytesMut,
) -> Result<Option<u64>, HeadError> {
    let length = check(status, headers)?;
    let start = out.len();
    if let Some(location) = headers.get(LOCATION) {
        line(out, LOCATION.as_str(), location.as_bytes());
    }
    status_line(out, status);
    let may_have_body = may_have_body(status);
    for (name, value) in headers {
        // What may have no body must not announce one (RFC 9110 §8.6); of 304 it is the length of what is not sent.
        let announces = *name == CONTENT_LENGTH && !may_have_body && status != StatusCode::NOT_MODIFIED;
        if *name != LOCATION && !announces && is_the_handlers(name) {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    if may_have_body && !headers.contains_key(CONTENT_TYPE) {
        // A body needs a type (RFC 3875 §6.3.1), and a guess could turn text into a script.
        line(out, CONTENT_TYPE.as_str(), b"application/octet-stream");
    }
    out.put_slice(b"\r\n");
    let size = out.len() - start;
    if size > MAX_HEAD {
        out.truncate(start);
        return Err(HeadError::TooLarge(size));
    }
    Ok(length)
}

/// Writes a header block with an order to the web server, which makes the body and knows its length and, where the handler
/// does not say it, its type.
pub fn write_order(
    status: StatusCode,
    headers: &HeaderMap,
    (order, value): (&HeaderName, &HeaderValue),
    out: &mut BytesMut,
) -> Result<(), HeadError> {
    check(status, headers)?;
    status_line(out, status);
    for (name, value) in headers.iter().filter(|(name, _)| **name != CONTENT_LENGTH && is_the_handlers(name))
    {
        line(out, name.as_str(), value.as_bytes());
    }
    line(out, order.as_str(), value.as_bytes());
    out.put_slice(b"\r\n");
    Ok(())
}

/// Writes the whole answer of an authorizer that lets a request pass (FastCGI §6.3).
///
/// Names and values are those of headers; names keep their case, which the web server's variables have.
pub fn write_allowed(variables: &[(String, Vec<u8>)], out: &mut BytesMut) {
    out.put_slice(b"Status: 200 OK\r\n");
    for (name, value) in variables {
        out.put_slice(b"Variable-");
        line(out, name, value);
    }
    out.put_slice(b"\r\n");
}

/// Whether the response to `method` with this status carries a body (RFC 9110 §6.4.1).
pub fn has_body(method: &Method, status: StatusCode) -> bool {
    method != Method::HEAD && may_have_body(status)
}

/// The host's own page about a request that no handler answered.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// What became of the request.
    pub status: StatusCode,
    /// The same for people.
    pub explanation: &'a str,
    /// The methods that there are instead of the request's own, where that is the reason (RFC 9110 §15.5.6).
    pub allowed: &'a [Method],
}

/// Writes a page; the head alone where only that was asked for.
pub fn error_page(page: &Page<'_>, head_only: bool, out: &mut BytesMut) {
    let Page { status, explanation, allowed } = *page;
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
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
        line(out, "Allow", allowed.join(", ").as_bytes());
    }
    out.put_slice(b"\r\n");
    if !head_only {
        out.put_slice(&page);
    }
}

/// What must hold for any response; returns the length that it promises. That names and values stay in their lines is in
/// the nature of their types.
fn check(status: StatusCode, headers: &HeaderMap) -> Result<Option<u64>, HeadError> {
    if !(200..600).contains(&status.as_u16()) {
        return Err(HeadError::Status(status));
    }
    if headers.len() > headers.keys_len() {
        let once = [CONTENT_LENGTH, CONTENT_TYPE, LOCATION];
        if let Some(name) = once.into_iter().find(|name| headers.get_all(name).iter().nth(1).is_some()) {
            return Err(HeadError::Repeated(name));
        }
    }
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(|| HeadError::Length(length.clone()))
}

/// Whether a handler may say this to the client, or to the web server.
fn is_the_handlers(name: &HeaderName) -> bool {
    let hosts = matches!(
        name.as_str(),
        // The host's own word in a header block.
        "status"
        // Orders to the web server to send, or to send and delete, a file that the handler need not be allowed to see.
        | "x-accel-redirect" | "x-sendfile" | "x-sendfile2" | "x-sendfile-temporary" | "x-lighttpd-send-file"
        | "x-lighttpd-send-tempfile" | "x-reproxy-url"
    );
    !hosts && !is_hop_by_hop(name)
}

fn may_have_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

fn status_line(out: &mut BytesMut, status: StatusCode) {
    out.put_slice(b"Status: ");
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
    out.put_slice(b"\r\n");
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

    fn written(status: u16, headers: &[(&'static str, &str)]) -> Result<(String, Option<u64>), HeadError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header value"));
        }
        let mut out = BytesMut::from("before ");
        let length = write_head(StatusCode::from_u16(status).expect("a status"), &map, &mut out);
        let text = String::from_utf8(out.to_vec()).expect("text");
        let head = text.strip_prefix("before ").expect("what was there").to_owned();
        assert!(length.is_ok() || head.is_empty(), "{head}");
        Ok((head, length?))
    }

    fn check(status: u16, headers: &[(&'static str, &str)], expected: &str) {
        assert_eq!(written(status, headers).map(|(head, _)| head).as_deref(), Ok(expected));
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
                ("transfer-encoding", "chunked"),
                ("x-accel-redirect", "/etc/passwd"),
                ("x-sendfile", "/etc/passwd"),
                ("status", "500"),
            ],
            "Status: 200 OK\r\ncontent-type: a/b\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n",
        );
    }

    #[test]
    fn orders() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("etag", "\"1\""), ("content-length", "0"), ("x-sendfile", "/pub/x")] {
            headers.append(name, value.parse().expect("a header value"));
        }
        let (name, value) = (HeaderName::from_static("x-accel-redirect"), HeaderValue::from_static("/p/x"));
        let mut out = BytesMut::new();
        write_order(StatusCode::OK, &headers, (&name, &value), &mut out).expect("a valid head");
        let expected = "Status: 200 OK\r\netag: \"1\"\r\nx-accel-redirect: /p/x\r\n\r\n";
        assert_eq!(str::from_utf8(&out).expect("text"), expected);
    }

    #[test]
    fn what_has_no_body_announces_none() {
        check(204, &[("content-length", "5")], "Status: 204 No Content\r\n\r\n");
        check(205, &[("content-length", "5")], "Status: 205 Reset Content\r\n\r\n");
        check(304, &[("content-length", "5")], "Status: 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
    }

    #[test]
    fn lengths() {
        let check = |length: &str, expected| {
            let headers = [("content-type", "a/b"), ("content-length", length)];
            assert_eq!(written(200, &headers).map(|(_, length)| length).ok(), expected, "{length:?}");
        };
        check("0", Some(Some(0)));
        check("12", Some(Some(12)));
        for bad in ["", "-1", "+5", "5,5", "0x10", "1 2", "18446744073709551616"] {
            check(bad, None);
        }
        assert_eq!(written(200, &[]).map(|(_, length)| length), Ok(None));
    }

    #[test]
    fn refused_heads_say_why() {
        let check = |status: u16, headers: &[(&'static str, &str)], expected: &str| {
            let told = written(status, headers).expect_err(expected).to_string();
            assert!(told.contains(expected), "{told}");
        };
        check(103, &[], "103 Early Hints is not final");
        check(101, &[], "101 Switching Protocols");
        check(600, &[], "status 600");
        check(999, &[], "status 999");
        check(200, &[("content-type", "a/b"), ("content-type", "c/d")], "more than one content-type");
        check(200, &[("content-length", "1"), ("content-length", "1")], "more than one content-length");
        check(302, &[("location", "/a"), ("location", "/b")], "more than one location");
        check(200, &[("content-length", "five")], "\"five\" is not a number");
        check(200, &[("x-large", &"x".repeat(MAX_HEAD))], "is larger than 65536");
    }

    #[test]
    fn local_redirects() {
        let check = |location: &str, expected: Option<&str>| {
            let target = LocalRedirect::target(location.as_bytes());
            assert_eq!(target.as_ref().map(PathAndQuery::as_str), expected, "{location:?}");
        };
        check("/", Some("/"));
        check("/bin/view/A%20b?c=d&e", Some("/bin/view/A%20b?c=d&e"));
        for none in ["", "view", "http://other.example/", "?a", "*", "/a b", "/a#b", "/a\r\nb", "/a%00b"] {
            check(none, None);
        }
    }

    #[test]
    fn permissions() {
        let check = |variables: &[(&str, &str)], expected: &str| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
            let mut out = BytesMut::new();
            write_allowed(&variables.iter().map(owned).collect::<Vec<_>>(), &mut out);
            assert_eq!(str::from_utf8(&out).expect("text"), expected);
        };
        check(&[], "Status: 200 OK\r\n\r\n");
        check(
            &[("AUTH_METHOD", "database lookup"), ("a", "")],
            "Status: 200 OK\r\nVariable-AUTH_METHOD: database lookup\r\nVariable-a: \r\n\r\n",
        );
    }

    #[test]
    fn bodies() {
        let check = |method: Method, status: u16, expected| {
            assert_eq!(has_body(&method, StatusCode::from_u16(status).expect("a status")), expected);
        };
        check(Method::GET, 200, true);
        check(Method::HEAD, 200, false);
        check(Method::GET, 204, false);
        check(Method::GET, 205, false);
        check(Method::GET, 304, false);
        check(Method::POST, 500, true);
    }

    #[test]
    fn pages_say_what_to_do_instead() {
        let check = |status: StatusCode, allowed: &[Method], expected: &str| {
            let mut out = BytesMut::new();
            error_page(&Page { status, explanation: "Sorry.", allowed }, true, &mut out);
            let head = str::from_utf8(&out).expect("text");
            assert!(head.ends_with(&format!("Cache-Control: no-store\r\n{expected}\r\n")), "{head}");
        };
        check(StatusCode::NOT_FOUND, &[], "");
        check(StatusCode::SERVICE_UNAVAILABLE, &[], "Retry-After: 2\r\n");
        check(StatusCode::METHOD_NOT_ALLOWED, &[Method::GET, Method::HEAD], "Allow: GET, HEAD\r\n");
    }
}
