//! A web server's side of a connection.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use fcgi::{
    Params, ProtocolError, RequestId,
    client::{Connection, Event},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{PATIENCE, Request, Response};

/// Read at once.
const READ: usize = 16 << 10;

/// Reads before anything else is done.
const READS: usize = 64;

/// A connection to the host, for any number of requests at once.
///
/// Bytes move only inside its methods: a client that is not asked for anything does not read.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    protocol: Connection,
    responses: BTreeMap<RequestId, Response>,
    management: Vec<Event>,
    last_id: u16,
    closed: bool,
}

/// A request that has a connection for itself.
#[derive(Debug)]
pub struct Running {
    client: Client,
    id: RequestId,
}

impl Client {
    /// Talks over `socket`.
    pub fn new(socket: impl Into<OwnedFd>) -> Self {
        let socket = socket.into();
        rustix::io::ioctl_fionbio(&socket, true).expect("a socket that does not block");
        Self {
            socket,
            protocol: Connection::new(),
            responses: BTreeMap::new(),
            management: Vec::new(),
            last_id: 0,
            closed: false,
        }
    }

    /// Sends a request with its whole body; the next id is its own.
    pub fn begin(&mut self, request: impl Into<Request>) -> RequestId {
        let id = self.begin_upload(request);
        self.finish_body(id);
        id
    }

    /// Sends a request with the beginning of its body.
    pub fn begin_upload(&mut self, request: impl Into<Request>) -> RequestId {
        let Request { role, keep, variables, body } = request.into();
        self.last_id += 1;
        let id = RequestId::new(self.last_id).expect("an id above zero");
        assert!(self.protocol.begin(id, role, keep), "request {id:?} is active already");
        assert!(self.protocol.params(id, variables), "variables that can be encoded");
        self.responses.insert(id, Response::default());
        self.send_body(id, body);
        id
    }

    /// Sends more of a body, as far as the host takes it at once; the rest goes when something is waited for.
    pub fn send_body(&mut self, id: RequestId, piece: impl Into<Bytes>) {
        let piece = piece.into();
        if !piece.is_empty() {
            self.protocol.stdin(id, piece);
        }
        self.write();
    }

    /// Ends a body.
    pub fn finish_body(&mut self, id: RequestId) {
        self.protocol.stdin(id, Bytes::new());
        self.write();
    }

    /// Sends more of a filter's file, as [`Client::send_body`] does; a body has to end before.
    pub fn send_file(&mut self, id: RequestId, piece: impl Into<Bytes>) {
        let piece = piece.into();
        if !piece.is_empty() {
            self.protocol.data(id, piece);
        }
        self.write();
    }

    /// Ends a filter's file.
    pub fn finish_file(&mut self, id: RequestId) {
        self.protocol.data(id, Bytes::new());
        self.write();
    }

    /// Asks that a request be ended.
    pub fn abort(&mut self, id: RequestId) {
        assert!(self.protocol.abort(id), "request {id:?} is not active");
        self.write();
    }

    /// Sends a request and waits for its response.
    pub fn send(&mut self, request: impl Into<Request>) -> Response {
        let id = self.begin(request);
        let response = self.finish(id);
        assert!(response.is_complete(), "the connection was closed before the end of {response:?}");
        response
    }

    /// Waits for the end of a request or of the connection, and takes what came of the response.
    pub fn finish(&mut self, id: RequestId) -> Response {
        self.wait_for("the end of a response", |client| client.responses[&id].is_complete());
        self.responses.remove(&id).expect("a request that was begun")
    }

    /// Waits until that much of the body has arrived, or the connection has ended; returns what came so far.
    pub fn wait_for_body(&mut self, id: RequestId, length: usize) -> &Response {
        let enough = |response: &Response| response.is_complete() || response.body().len() >= length;
        self.wait_for("the beginning of a body", |client| enough(&client.responses[&id]));
        &self.responses[&id]
    }

    /// Waits until the header block has arrived, or the connection has ended; returns what came so far.
    pub fn wait_for_head(&mut self, id: RequestId) -> &Response {
        let enough = |response: &Response| response.is_complete() || !response.head().is_empty();
        self.wait_for("a header block", |client| enough(&client.responses[&id]));
        &self.responses[&id]
    }

    /// Asks for properties of the application.
    pub fn values(&mut self, names: &[&str]) -> Params {
        assert!(self.protocol.get_values(names.iter().copied()), "names that fit into a record");
        match self.wait_for_management() {
            Event::Values(values) => values,
            other => panic!("{other:?} instead of values"),
        }
    }

    /// Waits for the answer to a management record.
    pub fn wait_for_management(&mut self) -> Event {
        self.wait_for("the answer to a management record", |client| !client.management.is_empty());
        assert!(!self.management.is_empty(), "the connection was closed instead of answered");
        self.management.remove(0)
    }

    /// Waits until the host has closed the connection.
    pub fn wait_for_close(&mut self) {
        self.wait_for("the end of the connection", |client| client.closed);
    }

    /// Moves what can be moved at once; returns whether that request is over.
    pub fn is_over(&mut self, id: RequestId) -> bool {
        self.step(Duration::ZERO);
        self.closed || self.responses[&id].is_complete()
    }

    /// Whether the host has closed the connection, as far as is known.
    pub fn is_closed(&mut self) -> bool {
        self.step(Duration::ZERO);
        self.closed
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.write();
        assert!(!self.protocol.output().has_remaining(), "the host takes no more");
        assert_eq!(rustix::io::write(&self.socket, bytes), Ok(bytes.len()));
    }

    /// Sends bytes as they are, as far as the host takes them at once; returns how many it took.
    pub fn send_what_goes(&mut self, bytes: &[u8]) -> usize {
        rustix::io::write(&self.socket, bytes).unwrap_or(0)
    }

    /// Bytes that the host has not taken.
    pub fn unsent(&mut self) -> usize {
        self.write();
        self.protocol.output().remaining()
    }

    fn wait_for(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !done(self) && !self.closed {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: not within {PATIENCE:?}; so far {:?}", self.responses);
            self.step(left);
        }
    }

    /// Waits for the socket, for at most `patience`, and moves what can be moved.
    fn step(&mut self, patience: Duration) {
        let mut wanted = PollFlags::IN;
        wanted.set(PollFlags::OUT, self.protocol.output().has_remaining());
        let patience = Timespec::try_from(patience).expect("a short time");
        let ready = poll(&mut [PollFd::from_borrowed_fd(self.socket.as_fd(), wanted)], Some(&patience));
        if ready.expect("a socket") > 0 {
            self.write();
            self.read();
        }
    }

    fn write(&mut self) {
        let output = self.protocol.output();
        while output.has_remaining() {
            match rustix::io::write(&self.socket, output.chunk()) {
                Ok(written) => output.advance(written),
                Err(Errno::AGAIN) => break,
                // The host reads no more; what it has said already can still be read.
                Err(_) => output.advance(output.remaining()),
            }
        }
    }

    /// Reads what is there, but not for ever: a host may write faster than this reads.
    fn read(&mut self) {
        for _ in 0..READS {
            let mut bytes = [0; READ];
            match rustix::io::read(&self.socket, &mut bytes) {
                Ok(0) => self.closed = true,
                Ok(length) => self.protocol.buffer().extend_from_slice(&bytes[..length]),
                Err(Errno::AGAIN) => break,
                Err(error) => {
                    self.closed = true;
                    assert_eq!(error, Errno::CONNRESET, "{}", io::Error::from(error));
                }
            }
            self.receive();
            if self.closed {
                break;
            }
        }
    }

    fn receive(&mut self) {
        loop {
            match self.protocol.poll() {
                Ok(Some(event)) => self.take(event),
                Ok(None) => break,
                Err(ProtocolError::BrokenOff(_)) => break self.closed = true,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Stdout { id, data } => self.response(id).stdout.extend_from_slice(&data),
            Event::Stderr { id, data } => self.response(id).stderr.extend_from_slice(&data),
            Event::End { id, app_status, status } => self.response(id).end = Some((app_status, status)),
            management @ (Event::Values(_) | Event::UnknownType(_)) => self.management.push(management),
        }
    }

    fn response(&mut self, id: RequestId) -> &mut Response {
        self.responses.get_mut(&id).expect("a request that was begun")
    }
}

impl Running {
    pub(crate) fn begin(mut client: Client, request: Request) -> Self {
        let id = client.begin(request);
        Self { client, id }
    }

    pub(crate) fn begin_upload(mut client: Client, request: Request) -> Self {
        let id = client.begin_upload(request);
        Self { client, id }
    }

    /// Sends more of the body, as far as the host takes it at once.
    pub fn send_body(&mut self, piece: impl Into<Bytes>) {
        self.client.send_body(self.id, piece);
    }

    /// Ends the body.
    pub fn finish_body(&mut self) {
        self.client.finish_body(self.id);
    }

    /// Sends more of a filter's file.
    pub fn send_file(&mut self, piece: impl Into<Bytes>) {
        self.client.send_file(self.id, piece);
    }

    /// Ends a filter's file.
    pub fn finish_file(&mut self) {
        self.client.finish_file(self.id);
    }

    /// Waits until that much of the response's body has arrived; returns what came so far.
    pub fn wait_for_body(&mut self, length: usize) -> &Response {
        self.client.wait_for_body(self.id, length)
    }

    /// Waits until the response's header block has arrived; returns what came so far.
    pub fn wait_for_head(&mut self) -> &Response {
        self.client.wait_for_head(self.id)
    }

    /// Whether the response, or the connection, has ended.
    pub fn is_over(&mut self) -> bool {
        self.client.is_over(self.id)
    }

    /// Asks that the request be ended, and returns what came of the response.
    pub fn abort(mut self) -> Response {
        self.client.abort(self.id);
        self.finish()
    }

    /// Waits for the end of the request or of the connection.
    pub fn finish(mut self) -> Response {
        self.client.finish(self.id)
    }

    /// Bytes of the request that the host has not taken.
    pub fn unsent(&mut self) -> usize {
        self.client.unsent()
    }
}
