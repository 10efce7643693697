//! Requests of the host's own: on the way of those that web servers send, but for the socket.

use std::{io, str::FromStr, sync::Arc};

use arc_swap::ArcSwap;
use bytes::{Buf, Bytes, BytesMut};
use fcgi::{
    ProtocolStatus, RequestId, Role,
    client::{Connection, Event},
};
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{connection, dispatch::Dispatch, watch::Patience};
use crate::{generation::Generation, request, trust::Trust};

/// The page that every site has.
const FRONT: &str = "/";

/// The name of a host that nobody named.
const HOST: &str = "localhost";

/// What is read of a response's head until its status is known. It stands at the beginning.
const HEAD: usize = 4 << 10;

/// What is on its way at once.
const PIPE: usize = 64 << 10;

/// A page of one of the sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The host that is asked for it; none for whichever site is there.
    pub host: Option<String>,
    /// Its path and query.
    pub path: String,
}

/// Asks for pages.
pub struct Visitor {
    dispatch: Arc<Dispatch>,
}

/// There was no answer, or half of one.
#[derive(Debug, Error)]
#[error("{page:?} was not answered: {reason}")]
pub struct Unanswered {
    page: String,
    reason: io::Error,
}

impl Visitor {
    /// Asks what `current` holds at the beginning of each request.
    pub fn new(current: Arc<ArcSwap<Generation>>, patience: Patience) -> Self {
        Self { dispatch: Arc::new(Dispatch::new(current, patience, Trust::default(), None)) }
    }

    /// The status of a page; none where the module has no pages, but serves other roles.
    pub async fn ask(&self, method: &str, page: &Page) -> Result<Option<u16>, Unanswered> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let served = connection::serve(theirs, Arc::clone(&self.dispatch), CancellationToken::new());
        let exchanged = exchange(ours, method, page);
        tokio::pin!(served, exchanged);
        let answered = tokio::select! {
            answered = &mut exchanged => answered,
            // What it has said already is still to be read.
            _ = &mut served => exchanged.await,
        };
        answered.map_err(|reason| Unanswered { page: page.path.clone(), reason })
    }

    /// Asks for each page with so many requests at once, and says what came of it.
    pub async fn warm(self, pages: &[Page], at_once: usize) {
        let visitor = Arc::new(self);
        for page in pages {
            let mut asking = JoinSet::new();
            for _ in 0..at_once {
                let (visitor, page) = (Arc::clone(&visitor), page.clone());
                asking.spawn(async move { visitor.ask("GET", &page).await });
            }
            let answers = asking.join_all().await;
            let good = |answer: &&_| matches!(answer, Ok(None | Some(200..400)));
            let path = &page.path;
            match answers.iter().find(|answer| !good(answer)) {
                None => info!(path, instances = at_once, "warmed"),
                Some(Ok(status)) => warn!(path, status, "not warmed: the page was refused"),
                Some(Err(error)) => warn!("not warmed: {error}"),
            }
        }
    }
}

impl Page {
    /// The front page of whichever site is there.
    pub fn front() -> Self {
        Self { host: None, path: FRONT.into() }
    }
}

impl FromStr for Page {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, path) = match text.strip_prefix("http://") {
            None => (None, text),
            Some(rest) => {
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(host.to_owned()), if path.is_empty() { FRONT } else { path })
            }
        };
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || !path.starts_with('/') || host.as_ref().is_some_and(String::is_empty) {
            return Err(format!(
                "{text:?} is not a page such as /bin/view/Main/WebHome or http://wiki.example.org/; yes or no go alone"
            ));
        }
        Ok(Self { host, path: path.to_owned() })
    }
}

/// Sends the request and reads the response to its end.
async fn exchange(mut socket: DuplexStream, method: &str, page: &Page) -> io::Result<Option<u16>> {
    let mut protocol = Connection::new();
    protocol.begin(RequestId::FIRST, Role::Responder, false);
    protocol.params(RequestId::FIRST, variables(method, page));
    protocol.stdin(RequestId::FIRST, Bytes::new());
    while protocol.output().has_remaining() {
        socket.write_buf(protocol.output()).await?;
    }
    let mut head = BytesMut::new();
    loop {
        while let Some(event) = protocol.poll().map_err(invalid)? {
            match event {
                Event::Stdout { data, .. } => {
                    head.extend_from_slice(&data[..data.len().min(HEAD - head.len())]);
                }
                Event::End { status: ProtocolStatus::UnknownRole, .. } => return Ok(None),
                Event::End { .. } => return status(&head).map(Some).ok_or_else(|| invalid("no status")),
                _ => {} // Standard error is in the host's log already.
            }
        }
        if socket.read_buf(protocol.buffer()).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The CGI variables of a request (RFC 3875 §4.1).
fn variables(method: &str, Page { host, path }: &Page) -> [(&'static str, Vec<u8>); 14] {
    let (before, query) = path.split_once('?').unwrap_or((path, ""));
    let host = host.as_deref().unwrap_or(HOST);
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    [
        ("GATEWAY_INTERFACE", b"CGI/1.1".into()),
        ("SERVER_SOFTWARE", concat!("fcgi-wasm-host/", env!("CARGO_PKG_VERSION")).into()),
        ("SERVER_PROTOCOL", b"HTTP/1.1".into()),
        ("SERVER_NAME", name.into()),
        ("SERVER_PORT", b"80".into()),
        ("REQUEST_METHOD", method.into()),
        ("REQUEST_SCHEME", b"http".into()),
        ("REQUEST_URI", path.as_str().into()),
        ("SCRIPT_NAME", Vec::new()),
        ("PATH_INFO", request::decoded(before.as_bytes())),
        ("QUERY_STRING", query.into()),
        ("REMOTE_ADDR", b"127.0.0.1".into()),
        ("HTTP_HOST", host.into()),
        ("HTTP_USER_AGENT", concat!("fcgi-wasm-host/", env!("CARGO_PKG_VERSION")).into()),
    ]
}

/// The status of a CGI response, which the host always names, in one of the first lines.
fn status(head: &[u8]) -> Option<u16> {
    let lines = head.split(|byte| *byte == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let mut named = lines.filter_map(|line| line.strip_prefix(b"Status: "));
    named.next().and_then(|value| str::from_utf8(value.get(..3)?).ok()?.parse().ok())
}

fn invalid(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let check = |head: &str, expected| assert_eq!(status(head.as_bytes()), expected, "{head:?}");
        check("Status: 303 See Other\r\nLocation: /x\r\n\r\nStatus: 500", Some(303));
        check("Location: /x\r\nStatus: 302 Found\r\n\r\n", Some(302));
        check("Content-Type: text/plain\r\n\r\nStatus: 500\r\n", None);
        check("", None);
    }
}
