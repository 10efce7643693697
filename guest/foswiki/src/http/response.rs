//! A response.

use super::{Request, condition, condition::Validators};
use crate::store::Content;

/// A response: its status, its headers and its body.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names and values in their order; values have no control characters.
    pub headers: Vec<(&'static str, String)>,
    /// What follows the headers.
    pub body: Body,
}

/// The body of a response.
pub enum Body {
    /// None, as for `HEAD` and status 304.
    Empty,
    /// A page that was made for this request.
    Text(String),
    /// What comes with the handler.
    Static(&'static str),
    /// A file from its current position, to be sent in pieces.
    File {
        /// The file.
        content: Box<dyn Content>,
        /// How many bytes of it to send.
        len: u64,
    },
}

impl Body {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Body::Empty => 0,
            Body::Text(text) => text.len() as u64,
            Body::Static(text) => text.len() as u64,
            Body::File { len, .. } => *len,
        }
    }

    /// Whether there are no bytes in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Response {
    /// A response with a body of a type.
    pub fn new(status: u16, content_type: &str, body: Body) -> Response {
        Response { status, headers: Vec::new(), body }
            .header("Content-Type", content_type)
            .header("X-Content-Type-Options", "nosniff")
    }

    /// With one more header. Control characters, which would end the header, are dropped from the value.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        let mut value = value.into();
        value.retain(|char| !char.is_control());
        self.headers.push((name, value));
        self
    }

    /// As the answer to `request`: with the length, with an entity tag made of the text of a page, as 304
    /// where the client has that page already, and without a body for `HEAD`.
    #[must_use]
    pub fn finish(mut self, request: &Request) -> Response {
        if let (200, Body::Text(text)) = (self.status, &self.body) {
            let etag = format!("\"{:016x}\"", hash(text.as_bytes()));
            let unchanged = matches!(request.method(), "GET" | "HEAD")
                && condition::not_modified(request, Validators { etag: &etag, modified: None });
            self = self.header("ETag", etag);
            if unchanged {
                return self.not_modified();
            }
        }
        if self.status != 304 {
            let len = self.body.len().to_string();
            self.headers.push(("Content-Length", len));
        }
        if request.method() == "HEAD" {
            self.body = Body::Empty;
        }
        self
    }

    /// The same as status 304: no body, and no headers that describe it.
    #[must_use]
    pub fn not_modified(mut self) -> Response {
        self.status = 304;
        self.body = Body::Empty;
        self.headers.retain(|(name, _)| !name.starts_with("Content-") || *name == "Content-Security-Policy");
        self
    }
}

/// FNV-1a, 64 bits, over eight bytes at a time: tells pages apart, guards nothing.
pub(crate) const fn hash(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        hash ^= hash >> 29;
        rest = after;
    }
    while let Some((byte, after)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(PRIME);
        rest = after;
    }
    hash ^ hash >> 32
}
