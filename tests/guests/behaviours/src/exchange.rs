//! A request and its answer, as the behaviours use them.

use wasip2::http::types::{
    ErrorCode, Fields, HeaderError, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// The content type of every answer that names no other.
const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");

/// One request and the place for its response.
pub(crate) struct Exchange {
    request: IncomingRequest,
    outparam: ResponseOutparam,
}

impl Exchange {
    pub(crate) fn new(request: IncomingRequest, outparam: ResponseOutparam) -> Self {
        Self { request, outparam }
    }

    pub(crate) fn method(&self) -> String {
        match self.request.method() {
            Method::Get => "GET".to_owned(),
            Method::Head => "HEAD".to_owned(),
            Method::Post => "POST".to_owned(),
            Method::Put => "PUT".to_owned(),
            Method::Delete => "DELETE".to_owned(),
            Method::Connect => "CONNECT".to_owned(),
            Method::Options => "OPTIONS".to_owned(),
            Method::Trace => "TRACE".to_owned(),
            Method::Patch => "PATCH".to_owned(),
            Method::Other(name) => name,
        }
    }

    pub(crate) fn scheme(&self) -> String {
        match self.request.scheme() {
            Some(Scheme::Http) => "http".to_owned(),
            Some(Scheme::Https) => "https".to_owned(),
            Some(Scheme::Other(name)) => name,
            None => "(none)".to_owned(),
        }
    }

    pub(crate) fn authority(&self) -> String {
        self.request.authority().unwrap_or_else(|| "(none)".to_owned())
    }

    pub(crate) fn path_with_query(&self) -> String {
        self.request.path_with_query().unwrap_or_else(|| "(none)".to_owned())
    }

    pub(crate) fn path(&self) -> String {
        let mut path = self.path_with_query();
        path.truncate(path.find('?').unwrap_or(path.len()));
        path
    }

    /// The request's headers in their order, with what is not UTF-8 replaced.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let entries = self.request.headers().entries();
        entries
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect()
    }

    /// The parameters of the query, with decoded values.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let path = self.path_with_query();
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
    }

    /// The decoded value of a parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// A parameter of the query as a number, or `default`.
    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        self.parameter(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// The request's body.
    pub(crate) fn input(&self) -> Option<Input> {
        let body = self.request.consume().ok()?;
        Some(Input { stream: body.stream().ok()?, _body: body })
    }

    /// Answers with a text.
    pub(crate) fn text(self, status: u16, body: &str) {
        self.answer(status, &[TEXT], body);
    }

    /// Answers with `headers` and a text.
    pub(crate) fn answer(self, status: u16, headers: &[(&str, &str)], body: &str) {
        if let Some(output) = self.begin(status, headers) {
            let _ = output.write(body.as_bytes());
            output.finish();
        }
    }

    /// Sends status and headers, and returns the body to be written; answers 500 if they cannot be sent.
    pub(crate) fn begin(self, status: u16, headers: &[(&str, &str)]) -> Option<Output> {
        let fields = Fields::new();
        for (name, value) in headers {
            if let Err(error) = fields.append(name, value.as_bytes()) {
                self.text(500, &format!("header {name}: {error:?}\n"));
                return None;
            }
        }
        self.begin_with(status, fields)
    }

    /// Does the same with headers made by the caller.
    pub(crate) fn begin_with(self, status: u16, fields: Fields) -> Option<Output> {
        let response = OutgoingResponse::new(fields);
        if response.set_status_code(status).is_err() {
            self.text(500, &format!("status {status} is refused\n"));
            return None;
        }
        let body = response.body().ok()?;
        ResponseOutparam::set(self.outparam, Ok(response));
        Some(Output { stream: body.write().ok()?, body })
    }

    /// Tells the host that there is no answer.
    pub(crate) fn fail(self, reason: ErrorCode) {
        ResponseOutparam::set(self.outparam, Err(reason));
    }
}

/// A request's body.
pub(crate) struct Input {
    stream: InputStream,
    // The stream is its child and is dropped first.
    _body: IncomingBody,
}

impl Input {
    /// Waits for some bytes; `None` at the end of the body, an error where it breaks off.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, String> {
        const CHUNK: u64 = 64 * 1024;
        match self.stream.blocking_read(CHUNK) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(error)) => Err(error.to_debug_string()),
        }
    }
}

/// A response's body.
pub(crate) struct Output {
    stream: OutputStream,
    body: OutgoingBody,
}

impl Output {
    /// Writes all of `bytes`, as much at a time as the host takes.
    pub(crate) fn write(&self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            let room = usize::try_from(self.stream.check_write()?).unwrap_or(usize::MAX);
            if room == 0 {
                self.stream.subscribe().block();
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.stream.write(now)?;
            bytes = later;
        }
        Ok(())
    }

    /// Writes at most 4096 bytes and waits until the host has passed them on.
    pub(crate) fn write_and_flush(&self, bytes: &[u8]) -> Result<(), StreamError> {
        self.stream.blocking_write_and_flush(bytes)
    }

    /// Waits until the host has passed on everything.
    pub(crate) fn flush(&self) -> Result<(), StreamError> {
        self.stream.blocking_flush()
    }

    /// Ends the body.
    pub(crate) fn finish(self) {
        self.finish_with(None);
    }

    /// Ends the body with `trailers`; the host may have lost interest or miss some bytes, which is its to say.
    pub(crate) fn finish_with(self, trailers: Option<Fields>) {
        drop(self.stream);
        let _ = OutgoingBody::finish(self.body, trailers);
    }
}

/// Says whether a header was taken, and else why not.
pub(crate) fn verdict(outcome: Result<(), HeaderError>) -> &'static str {
    match outcome {
        Ok(()) => "taken",
        Err(HeaderError::InvalidSyntax) => "invalid",
        Err(HeaderError::Forbidden) => "forbidden",
        Err(HeaderError::Immutable) => "immutable",
    }
}

/// Decodes `%41`; what is no such triple remains as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits =
            after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        if let Some(byte) = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
