//! A page asked for by the host itself, on the way of every other request but without a socket.

use std::sync::Arc;

use arc_swap::ArcSwap;
use fcgi::{Params, Role};
use http::Method;
use thiserror::Error;
use tokio::sync::mpsc;

use super::{
    dispatch::{Dispatch, Incoming},
    listener::Listen,
    outbox::{Content, MESSAGES, Message, Ticket},
    serving::{ListenerId, Reception, Serving},
};
use crate::{generation::Generation, serve::Patience};

/// A page to ask for, and what is to come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The site's name.
    pub site: String,
    /// The host name that is asked for.
    pub host: String,
    /// The path, with a query or without one.
    pub uri: String,
    /// The status that the response is to have.
    pub status: u16,
}

/// What came of a probe instead.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProbeError {
    /// Another status.
    #[error("answered with status {0}")]
    Status(u16),
    /// Half a response.
    #[error("broke off its response")]
    Broken,
    /// No handler for a responder's requests.
    #[error("is no responder")]
    Role,
}

impl Probe {
    /// Asks what serves with `generation`. The log says why a handler failed.
    pub async fn ask(&self, generation: &Arc<Generation>, patience: Patience) -> Result<(), ProbeError> {
        let listener = ListenerId(0);
        let serving = Serving {
            stable: Arc::clone(generation),
            candidate: None,
            receptions: vec![Reception::new(listener, &Listen::anybody())],
            patience,
        };
        let dispatch = Dispatch::new(Arc::new(ArcSwap::from_pointee(serving)), listener);
        let (connection, messages) = mpsc::channel(MESSAGES);
        let incoming =
            Incoming { ticket: Ticket(0), role: Role::Responder, params: self.params(), connection };
        let (input, work) = dispatch.begin(incoming).map_err(|_| ProbeError::Role)?;
        if let Some(body) = &input.body {
            body.finish();
        }
        let ((), status) = tokio::join!(work, status(messages));
        match status? {
            status if status == self.status => Ok(()),
            status => Err(ProbeError::Status(status)),
        }
    }

    /// The variables of such a request (RFC 3875 §4.1).
    fn params(&self) -> Params {
        let (path, query) = self.uri.split_once('?').unwrap_or((&self.uri, ""));
        let variables = [
            ("FCGI_SITE", self.site.as_str()),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("HTTP_HOST", &self.host),
            ("HTTP_USER_AGENT", concat!("fcgi-wasm-host/", env!("CARGO_PKG_VERSION"), " (probe)")),
            ("PATH_INFO", path),
            ("QUERY_STRING", query),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("REQUEST_METHOD", Method::GET.as_str()),
            ("REQUEST_URI", &self.uri),
            ("SCRIPT_NAME", ""),
            ("SERVER_NAME", &self.host),
            ("SERVER_PORT", "80"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
        ];
        variables.into_iter().collect()
    }
}

/// The status of a response, read to its end.
async fn status(mut messages: mpsc::Receiver<Message>) -> Result<u16, ProbeError> {
    let mut status = None;
    while let Some(Message { content, .. }) = messages.recv().await {
        match content {
            Content::Stdout(piece) => {
                status.get_or_insert_with(|| read_status(&piece));
            }
            Content::Stderr(_) => {}
            Content::End(_) => return status.ok_or(ProbeError::Broken),
            Content::Broken => return Err(ProbeError::Broken),
        }
    }
    Err(ProbeError::Broken)
}

/// The status in the host's own header block, whose first line has it (RFC 3875 §6.3.3).
fn read_status(head: &[u8]) -> u16 {
    let digits = head.strip_prefix(b"Status: ").and_then(|rest| rest.get(..3));
    digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_in_the_first_line() {
        let check = |head: &str, expected| assert_eq!(read_status(head.as_bytes()), expected, "{head}");
        check("Status: 404 Not Found\r\nContent-Type: text/html\r\n\r\n", 404);
        check("Content-Type: text/html\r\n\r\nStatus: 404", 200);
        check("Status: 20", 200);
    }
}
