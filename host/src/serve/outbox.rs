//! From a handler's response to the connection that carries it.

use std::{
    sync::{Arc, Once},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header::LOCATION, response::Parts, uri::PathAndQuery};
use tokio::sync::mpsc;
use tracing::warn;

use super::sendfile::{SendFile, SendFileError};
use crate::{
    body::Waiting,
    capability::Mount,
    response::{self, HeadError, LocalRedirect, Page},
    wasm::{Fault, Respond},
};

/// Pieces from here on are sent as they are; smaller ones are joined first.
const LARGE: usize = 8 << 10;

/// Joined pieces are sent when they are about as long as a record.
const FULL: usize = 32 << 10;

/// How long a head waits for the beginning of its body when the handler pauses. What fails until then becomes a page: some web
/// servers (lighttpd) take a head for a whole response, whatever comes of its body. People notice no delay of that length.
const HEAD_WAITS: Duration = Duration::from_millis(100);

/// Messages that wait in a connection for its socket. With pieces of at most 64 KiB, 1 MiB.
pub(super) const MESSAGES: usize = 16;

/// Names a request within its connection, for ever: the web server may use a request's id again at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(pub(super) u64);

/// What a request tells the connection that it came from.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) ticket: Ticket,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Stdout(Bytes),
    Stderr(Bytes),
    /// The response is complete; the value is the application status.
    End(u32),
    /// The response will never be complete.
    Broken,
}

/// Where one request's response goes.
pub(super) struct Outbox {
    ticket: Ticket,
    connection: mpsc::Sender<Message>,
    waiting: Waiting,
    joined: BytesMut,
    method: Method,
    limit: u64,
    room: u64,
    state: State,
    /// Whether anything of the response has left.
    sent: bool,
    redirect: Option<PathAndQuery>,
    sendfile: Option<(Arc<SendFile>, Arc<[Mount]>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was said yet.
    Fresh,
    /// The head was. `promised` is what is left of the announced length.
    Body { promised: Option<u64> },
    /// The response is its head.
    NoBody,
}

impl Outbox {
    pub(super) fn new(
        ticket: Ticket,
        (method, max_response): (Method, u64),
        waiting: Waiting,
        connection: mpsc::Sender<Message>,
    ) -> Self {
        Self {
            ticket,
            connection,
            waiting,
            joined: BytesMut::new(),
            method,
            limit: max_response,
            room: max_response,
            state: State::Fresh,
            sent: false,
            redirect: None,
            sendfile: None,
        }
    }

    /// Lets the handler have the web server send files below its mounts.
    pub(super) fn allow_sendfile(&mut self, form: Arc<SendFile>, mounts: Arc<[Mount]>) {
        self.sendfile = Some((form, mounts));
    }

    /// Where the response that was asked for is to be had instead, if the handler said so.
    pub(super) fn take_redirect(&mut self) -> Option<PathAndQuery> {
        self.redirect.take()
    }

    /// A view on how long the client has been waited for.
    pub(super) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Whether something of the response was sent, so that another one is out of the question.
    pub(super) fn has_begun(&self) -> bool {
        self.sent
    }

    /// Whether everything that belongs to the response was given, whatever the handler did afterwards.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::NoBody
    }

    /// Lets a request pass, with variables for the web server: all that an authorizer says then.
    pub(super) fn allow(&mut self, variables: &[(String, Vec<u8>)]) {
        response::write_allowed(variables, &mut self.joined);
        self.state = State::NoBody;
    }

    /// Ends a response with an application status; one that is shorter than it promised is an error.
    pub(super) async fn finish(&mut self, status: u32) -> Result<(), Fault> {
        if let State::Body { promised: Some(missing @ 1..) } = self.state {
            return Err(Fault::Body(format!("it is {missing} bytes shorter than its content-length")));
        }
        self.flush().await;
        self.send(Content::End(status)).await;
        Ok(())
    }

    /// Answers with the host's own page instead of what is held back, with the application status 1.
    pub(super) async fn error_page(&mut self, page: &Page<'_>) {
        self.joined.clear();
        response::error_page(page, self.method == Method::HEAD, &mut self.joined);
        self.flush().await;
        self.send(Content::End(1)).await;
    }

    /// Sends what there is of a response that will never be complete, so that it looks like that.
    pub(super) async fn break_off(&mut self) {
        self.flush().await;
        self.send(Content::Broken).await;
    }

    /// Sends what the handler wrote to its standard error to the web server's log.
    pub(super) async fn stderr(&mut self, text: Bytes) {
        self.send(Content::Stderr(text)).await;
    }

    async fn send(&self, content: Content) {
        let message = Message { ticket: self.ticket, content };
        let Err(mpsc::error::TrySendError::Full(message)) = self.connection.try_send(message) else {
            return; // Sent, or the connection is gone and this request about to be dropped.
        };
        let _slow_client = self.waiting.start();
        let _ = self.connection.send(message).await;
    }
}

impl Respond for Outbox {
    fn head(&mut self, head: &Parts) -> Result<(), Fault> {
        let invalid = |error: HeadError| Fault::Response(error.to_string());
        if head.extensions.get::<LocalRedirect>().is_some() {
            self.redirect = Some(local_target(&head.headers).map_err(invalid)?);
            return Ok(());
        }
        if let Some((form, mounts)) = &self.sendfile {
            let refused = |error: SendFileError| Fault::Response(error.to_string());
            if let Some((name, value)) = form.order(&head.headers, mounts).map_err(refused)? {
                let order = (&name, &value);
                response::write_order(head.status, &head.headers, order, &mut self.joined)
                    .map_err(invalid)?;
                self.state = State::NoBody;
                return Ok(());
            }
        }
        let promised = response::write_head(head.status, &head.headers, &mut self.joined).map_err(invalid)?;
        if self.joined.len() > response::USUAL_HEAD {
            tell_large_head(self.joined.len());
        }
        self.state = if response::has_body(&self.method, head.status) {
            State::Body { promised }
        } else {
            State::NoBody
        };
        Ok(())
    }

    async fn body(&mut self, piece: Bytes) -> Result<(), Fault> {
        match &mut self.state {
            State::Body { promised: Some(left) } => match left.checked_sub(piece.len() as u64) {
                Some(rest) => *left = rest,
                None => return Err(Fault::Body("it is longer than its content-length".into())),
            },
            State::Body { promised: None } => {}
            State::NoBody | State::Fresh => return Ok(()),
        }
        self.room = self.room.checked_sub(piece.len() as u64).ok_or(Fault::TooLong(self.limit))?;
        if piece.len() < LARGE {
            self.joined.extend_from_slice(&piece);
            if self.joined.len() >= FULL {
                self.flush().await;
            }
        } else {
            self.flush().await;
            self.send(Content::Stdout(piece)).await;
        }
        Ok(())
    }

    fn patience(&self) -> Option<Duration> {
        match self.state {
            _ if self.joined.is_empty() => None,
            State::Body { .. } if !self.sent && self.room == self.limit => Some(HEAD_WAITS),
            _ => Some(Duration::ZERO),
        }
    }

    async fn flush(&mut self) {
        if !self.joined.is_empty() {
            let joined = self.joined.split().freeze();
            self.sent = true;
            self.send(Content::Stdout(joined)).await;
        }
    }
}

fn local_target(headers: &HeaderMap) -> Result<PathAndQuery, HeadError> {
    let location = headers.get(LOCATION);
    let target = location.and_then(|location| LocalRedirect::target(location.as_bytes()));
    target.ok_or_else(|| HeadError::Location(location.cloned()))
}

/// What comes of it is seen in the web server's log alone: one line in this one says where to look.
#[cold]
fn tell_large_head(bytes: usize) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        warn!(
            bytes,
            "a large header block: web servers may refuse it with 502 (nginx takes 4 KiB unless fastcgi_buffer_size \
             says more); this is told once"
        );
    });
}
