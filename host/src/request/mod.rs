//! CGI variables to an HTTP request (RFC 3875 §4.1 the other way round).

mod uri;

use std::sync::Arc;

use fcgi::Params;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::HOST,
    uri::{Authority, Scheme},
};
use thiserror::Error;

use uri::check_uri;
pub use uri::{decoded, path_of};

use crate::trust::Trust;

/// Headers that speak about one connection (RFC 9110 §7.6.1), or about a body whose framing FastCGI replaces.
const HOP_BY_HOP: [&[u8]; 9] = [
    b"CONNECTION",
    b"KEEP_ALIVE",
    b"PROXY_CONNECTION",
    b"TE",
    b"TRAILER",
    b"TRANSFER_ENCODING",
    b"UPGRADE",
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
];

/// What some web servers send where they do not know the length of a body.
const UNKNOWN_LENGTH: &[u8] = b"-1";

/// Room for the headers of an ordinary request.
const USUAL_HEADERS: usize = 16;

/// A header name longer than any real one; what it names is dropped.
const MAX_HEADER_NAME: usize = 128;

/// What a request says before its body.
#[derive(Debug)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// Path and query as the client sent them.
    pub uri: Uri,
    /// The client's headers, `host` among them.
    pub headers: HeaderMap,
    /// `http` or `https`, as the web server was asked.
    pub scheme: Scheme,
    /// The body's length, where the web server knows it.
    pub length: Option<u64>,
}

/// What is said of the file that a filter works on, before the file itself (FastCGI §6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHead {
    /// When it was last changed, in seconds since 1970.
    pub last_modified: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// CGI variables that make no valid request.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    /// Not sent at all: the web server's configuration lost it.
    #[error(
        "the web server sent no REQUEST_METHOD; nginx drops inherited parameters where a location sets its own \
         fastcgi_param: add `include fastcgi_params;` there"
    )]
    NoMethod,
    /// Not a token (RFC 9110 §5.6.2).
    #[error("REQUEST_METHOD {0:?} is not a method")]
    Method(String),
    /// Not a host name or address with an optional port.
    #[error("HTTP_HOST {0:?} is not a host name")]
    Host(String),
    /// Not a path.
    #[error("REQUEST_URI {0:?} is not a path")]
    Uri(String),
    /// Longer than any server accepts.
    #[error("the URI of {0} bytes is too long")]
    UriLength(usize),
    /// Not a number of bytes.
    #[error("CONTENT_LENGTH {0:?} is not a number")]
    Length(String),
    /// More than the route takes.
    #[error("a body of {length} bytes is longer than max-request allows, {most}")]
    TooLong {
        /// The length of the body.
        length: u64,
        /// The length that is allowed.
        most: u64,
    },
    /// Not said of the file that a filter is to work on.
    #[error("{name} {value:?} is not a number; a web server that asks for a filter sends it with the file")]
    File {
        /// The variable.
        name: &'static str,
        /// Its value; empty where it is missing.
        value: String,
    },
}

impl RequestError {
    /// The status that answers it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoMethod => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Method(_) | Self::Host(_) | Self::Uri(_) | Self::Length(_) | Self::File { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::UriLength(_) => StatusCode::URI_TOO_LONG,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

/// The request's CGI variables, less those that a handler must not believe.
#[derive(Debug, Clone)]
pub struct Variables {
    params: Arc<Params>,
    trust: Trust,
}

impl Variables {
    /// Wraps what a web server sent that is believed so far.
    pub fn new(params: Params, trust: Trust) -> Self {
        Self { params: Arc::new(params), trust }
    }

    /// The value of a variable; empty and missing are the same (RFC 3875 §4.1).
    #[inline]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.params.get(name).filter(|value| !value.is_empty() && !self.trust.hides(name.as_bytes()))
    }

    /// The same variables but for those that `replaced` names; an empty value takes one away.
    pub(crate) fn replace(&self, replaced: &[(&str, &[u8])]) -> Self {
        let named = |name: &[u8]| replaced.iter().any(|(other, _)| other.as_bytes() == name);
        let kept = self.params.iter().filter(|(name, _)| !named(name));
        let new = replaced.iter().filter(|(_, value)| !value.is_empty());
        let new = new.map(|(name, value)| (name.as_bytes(), *value));
        Self { params: Arc::new(kept.chain(new).collect()), trust: self.trust }
    }

    /// What a handler sees as its environment.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.params.iter().filter(|(name, _)| !self.trust.hides(name))
    }
}

impl Head {
    /// Reads a request's head.
    pub fn read(variables: &Variables) -> Result<Self, RequestError> {
        let Found { method, uri, host, length, https, scheme, forwarded_proto, mut headers } =
            Found::among(variables);
        let on = https.eq_ignore_ascii_case(b"on") || https == b"1";
        let tls = |scheme: &[u8]| scheme.eq_ignore_ascii_case(b"https");
        let secure = on || tls(scheme) || tls(forwarded_proto);
        headers.insert(HOST, authority(host, variables)?);
        Ok(Self {
            method: check_method(method)?,
            uri: check_uri(uri, variables)?,
            headers,
            scheme: if secure { Scheme::HTTPS } else { Scheme::HTTP },
            length: check_length(length)?,
        })
    }
}

impl Head {
    /// The head of a request whose body is not longer than it may be, as far as its length is known.
    pub fn within(self, most: u64) -> Result<Self, RequestError> {
        match self.length {
            Some(length) if length > most => Err(RequestError::TooLong { length, most }),
            _ => Ok(self),
        }
    }
}

impl FileHead {
    /// Reads what is said of the file.
    pub fn read(variables: &Variables) -> Result<Self, RequestError> {
        let number = |name: &'static str| {
            let value = variables.get(name).unwrap_or_default();
            number(value).ok_or_else(|| RequestError::File { name, value: shown(value) })
        };
        Ok(Self { last_modified: number("FCGI_DATA_LAST_MOD")?, length: number("FCGI_DATA_LENGTH")? })
    }
}

/// What a head is made of, found in one pass over all variables. What is missing is empty (RFC 3875 §4.1).
#[derive(Default)]
struct Found<'a> {
    method: &'a [u8],
    uri: &'a [u8],
    host: &'a [u8],
    length: &'a [u8],
    https: &'a [u8],
    scheme: &'a [u8],
    forwarded_proto: &'a [u8],
    /// The client's headers but for the host.
    headers: HeaderMap,
}

impl<'a> Found<'a> {
    fn among(variables: &'a Variables) -> Self {
        let mut found = Self { headers: HeaderMap::with_capacity(USUAL_HEADERS), ..Self::default() };
        for (name, value) in variables.iter() {
            match name.strip_prefix(b"HTTP_") {
                Some(header) => found.take_header(header, value),
                None => found.take(name, value),
            }
        }
        found
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        match name {
            b"REQUEST_METHOD" => self.method = value,
            b"REQUEST_URI" => self.uri = value,
            b"REQUEST_SCHEME" => self.scheme = value,
            b"HTTPS" => self.https = value,
            b"CONTENT_TYPE" if !value.is_empty() => self.add(name, value),
            b"CONTENT_LENGTH" if !matches!(value, b"" | UNKNOWN_LENGTH) => {
                self.length = value;
                self.add(name, value);
            }
            _ => {}
        }
    }

    /// Takes one of the client's headers, less `HTTP_` (RFC 3875 §4.1.18).
    fn take_header(&mut self, name: &[u8], value: &'a [u8]) {
        match name {
            b"HOST" => self.host = value,
            _ if HOP_BY_HOP.contains(&name) => {}
            _ => {
                if name == b"X_FORWARDED_PROTO" {
                    self.forwarded_proto = value;
                }
                self.add(name, value);
            }
        }
    }

    /// What is not a header in HTTP cannot have been one: another program's variable, dropped.
    fn add(&mut self, name: &[u8], value: &[u8]) {
        if let (Some(name), Ok(value)) = (header_name(name), HeaderValue::from_bytes(value)) {
            self.headers.append(name, value);
        }
    }
}

fn check_method(method: &[u8]) -> Result<Method, RequestError> {
    if method.is_empty() {
        return Err(RequestError::NoMethod);
    }
    Method::from_bytes(method).map_err(|_| RequestError::Method(shown(method)))
}

/// RFC 3875 §4.1.2, and what web servers make of it: absent and empty mean that it is not known.
fn check_length(length: &[u8]) -> Result<Option<u64>, RequestError> {
    if length.is_empty() {
        return Ok(None);
    }
    number(length).map(Some).ok_or_else(|| RequestError::Length(shown(length)))
}

/// Decimal digits alone.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit);
    digits.then(|| str::from_utf8(value).ok()?.parse().ok()).flatten()
}

/// The host that the client named, else the one that the web server calls itself.
fn authority(host: &[u8], variables: &Variables) -> Result<HeaderValue, RequestError> {
    if !host.is_empty() {
        return valid_authority(host).ok_or_else(|| RequestError::Host(shown(host)));
    }
    let name = variables.get("SERVER_NAME").filter(|name| *name != b"_").unwrap_or(b"localhost");
    let port = variables.get("SERVER_PORT").unwrap_or_default();
    let mut value = name.to_vec();
    if !matches!(port, b"" | b"80" | b"443") {
        value.push(b':');
        value.extend_from_slice(port);
    }
    Ok(valid_authority(&value).unwrap_or(HeaderValue::from_static("localhost")))
}

fn valid_authority(value: &[u8]) -> Option<HeaderValue> {
    let authority = Authority::try_from(value).ok()?;
    let plain = !value.contains(&b'@') && !authority.host().is_empty();
    plain.then(|| HeaderValue::from_bytes(value).ok()).flatten()
}

fn header_name(variable: &[u8]) -> Option<HeaderName> {
    let mut buffer = [0; MAX_HEADER_NAME];
    let name = buffer.get_mut(..variable.len())?;
    for (to, from) in name.iter_mut().zip(variable) {
        *to = if *from == b'_' { b'-' } else { *from };
    }
    HeaderName::from_bytes(name).ok()
}

/// A value from outside, for a message: cut, and with nothing in it that could forge a log line.
pub(crate) fn shown(value: &[u8]) -> String {
    const SHOWN: usize = 200;
    let cut = &value[..value.len().min(SHOWN)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < value.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Head, RequestError> {
        Head::read(&variables(pairs, Trust::default()))
    }

    fn variables(pairs: &[(&str, &str)], trust: Trust) -> Variables {
        let params = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        Variables::new(params, trust)
    }

    fn get(pairs: &[(&str, &str)]) -> Head {
        let mut all = vec![("REQUEST_METHOD", "GET")];
        all.extend_from_slice(pairs);
        read(&all).expect("a valid request")
    }

    #[test]
    fn uri_is_what_the_client_sent() {
        let check = |pairs: &[(&str, &str)], expected: &str| assert_eq!(get(pairs).uri.to_string(), expected);
        check(&[("REQUEST_URI", "/bin/view/Main?a=b"), ("SCRIPT_NAME", "/x")], "/bin/view/Main?a=b");
        check(&[("REQUEST_URI", "http://host/a/b")], "/a/b");
        check(&[("REQUEST_URI", "http://host")], "/");
        check(&[("REQUEST_URI", "/ä b")], "/%C3%A4%20b");
        check(&[("SCRIPT_NAME", "/bin/view"), ("PATH_INFO", "/A b/ä?")], "/bin/view/A%20b/%C3%A4%3F");
        check(&[("SCRIPT_NAME", ""), ("PATH_INFO", "/x"), ("QUERY_STRING", "a=%20")], "/x?a=%20");
        check(&[], "/");
    }

    #[test]
    fn bad_variables_are_refused() {
        let check = |name: &str, value: &str, expected: RequestError| {
            let pairs = [("REQUEST_METHOD", "GET"), (name, value)];
            assert_eq!(read(&pairs).expect_err(name), expected);
        };
        check("REQUEST_METHOD", "G ET", RequestError::Method("G ET".into()));
        check("HTTP_HOST", "a b", RequestError::Host("a b".into()));
        check("HTTP_HOST", "user@host", RequestError::Host("user@host".into()));
        check("REQUEST_URI", "view", RequestError::Uri("view".into()));
        for length in ["+5", "0x10", " 5", "18446744073709551616", "5,5"] {
            check("CONTENT_LENGTH", length, RequestError::Length(length.into()));
        }
        assert_eq!(read(&[]).expect_err("no method"), RequestError::NoMethod);
    }

    #[test]
    fn length_may_be_unknown() {
        let check = |value: &str, expected| assert_eq!(get(&[("CONTENT_LENGTH", value)]).length, expected);
        check("", None);
        check("-1", None);
        check("0", Some(0));
        check("12", Some(12));
    }

    #[test]
    fn a_filter_is_told_about_its_file() {
        let check = |time: &str, length: &str, expected: Option<(u64, u64)>| {
            let pairs = [("FCGI_DATA_LAST_MOD", time), ("FCGI_DATA_LENGTH", length)];
            let head = FileHead::read(&Variables::new(pairs.into_iter().collect(), Trust::default()));
            assert_eq!(head.ok().map(|head| (head.last_modified, head.length)), expected, "{pairs:?}");
        };
        check("1700000000", "12", Some((1_700_000_000, 12)));
        check("0", "0", Some((0, 0)));
        check("", "12", None);
        check("1700000000", "-1", None);
        check("yesterday", "12", None);
    }

    #[test]
    fn headers_are_the_clients() {
        let head = get(&[
            ("HTTP_X_WORD", "one"),
            ("HTTP_X_FORWARDED_FOR", "1.2.3.4"),
            ("HTTP_PROXY", "evil"),
            ("HTTP_CONNECTION", "close"),
            ("HTTP_CONTENT_LENGTH", "7"),
            ("CONTENT_TYPE", "text/plain"),
            ("SERVER_NAME", "wiki.example"),
            ("SERVER_PORT", "8080"),
            ("HTTP_BAD NAME", "x"),
        ]);
        let mut names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "host", "x-word"]);
        assert_eq!(head.headers["host"], "wiki.example:8080");
    }

    #[test]
    fn handlers_see_what_is_trusted() {
        let all =
            [("REMOTE_USER", "admin"), ("PATH_INFO", "/x"), ("HTTPS", "on"), ("HTTP_FORWARDED", "for=a")];
        let check = |trust: Trust, expected: &[&str]| {
            let variables = variables(&all, trust);
            let seen: Vec<_> = variables.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
            assert_eq!(seen, expected, "{trust:?}");
            for (name, value) in all {
                let expected = expected.contains(&name).then_some(value.as_bytes());
                assert_eq!(variables.get(name), expected, "{name} {trust:?}");
            }
        };
        let nothing = Trust { user: false, https: false, forwarded: false };
        check(nothing, &["PATH_INFO"]);
        check(Trust::default(), &["PATH_INFO", "HTTPS"]);
        check(Trust { user: true, ..nothing }, &["REMOTE_USER", "PATH_INFO"]);
        check(Trust { forwarded: true, ..nothing }, &["PATH_INFO", "HTTP_FORWARDED"]);
    }

    #[test]
    fn https_is_what_the_web_server_says() {
        let check = |name, value, expected| assert_eq!(get(&[(name, value)]).scheme, expected);
        check("HTTPS", "on", Scheme::HTTPS);
        check("HTTPS", "off", Scheme::HTTP);
        check("REQUEST_SCHEME", "https", Scheme::HTTPS);
        check("HTTPS", "", Scheme::HTTP);
        check("HTTP_X_FORWARDED_PROTO", "https", Scheme::HTTP);
    }

    #[test]
    fn https_may_be_what_another_proxy_says() {
        let pairs = [("REQUEST_METHOD", "GET"), ("HTTP_X_FORWARDED_PROTO", "https")];
        let trust = Trust { forwarded: true, ..Trust::default() };
        let head = Head::read(&variables(&pairs, trust)).expect("a valid request");
        assert_eq!(
            (head.scheme, &head.headers["x-forwarded-proto"]),
            (Scheme::HTTPS, &"https".parse().expect("a value"))
        );
    }
}
