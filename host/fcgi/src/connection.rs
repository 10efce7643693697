//! The application's side of a connection.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};

use crate::management::{self, Asked};
use crate::output::Output;
use crate::params::Params;
use crate::reader::{Piece, Reader};
use crate::record::{BeginBody, EndBody, Header, ProtocolStatus, RecordType, RequestId, Role};
use crate::request::Request;
use crate::{Event, Limits, ParamsError, ProtocolError};

/// The application's side of a connection, without its socket.
///
/// The owner appends what it reads to [`buffer`](Self::buffer), calls [`poll`](Self::poll) until there is no event, and
/// writes what is in [`output`](Self::output), whichever can go on. What the protocol itself decides is answered here:
/// management records, unknown roles, too many requests, and requests aborted before their PARAMS ended. A request that
/// comes after the end of one without `FCGI_KEEP_CONN` is not begun: the connection is about to close, which tells so.
///
/// Nothing is held back: who wants less input polls and reads less, who has much output queued sends less.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    reader: Reader,
    output: Output,
    requests: BTreeMap<RequestId, Request>,
    /// Bytes of PARAMS held by all requests together.
    params_len: usize,
    /// Bytes of output, at most, that the peer caused without a request of the owner's.
    replies_len: usize,
    /// A request without `FCGI_KEEP_CONN` has ended.
    closing: bool,
    failure: Option<ProtocolError>,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            reader: Reader::new(),
            output: Output::default(),
            requests: BTreeMap::new(),
            params_len: 0,
            replies_len: 0,
            closing: false,
            failure: None,
        }
    }

    /// Where to append what was read from the peer, while [`wants_read`](Self::wants_read).
    ///
    /// It is made to be read into directly. [`poll`](Self::poll) empties it but for a few bytes, or for a `GET_VALUES`
    /// record that is not complete (at most 64 KiB).
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.reader.buffer()
    }

    /// The next event, or `None` until more bytes arrive or, if it does not want any, until output was written.
    ///
    /// After an error, the same error again: the connection is to be closed.
    pub fn poll(&mut self) -> Result<Option<Event>, ProtocolError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.next_event();
        if let Err(failure) = &result {
            self.failure = Some(failure.clone());
            self.reader = Reader::new();
        }
        result
    }

    /// Whether to read on: not after a failure, not when the connection is to be closed, and not while the peer leaves
    /// too many replies to its management records unread.
    pub fn wants_read(&self) -> bool {
        self.failure.is_none() && !self.wants_close() && !self.stalled()
    }

    /// Whether to close the connection once the output is written: a request ended that does not keep it open,
    /// and no other one is active.
    pub fn wants_close(&self) -> bool {
        self.closing && self.requests.is_empty()
    }

    /// Number of active requests, those included whose [`Event::Begin`] is still to come.
    pub fn active(&self) -> usize {
        self.requests.len()
    }

    /// Whether that request has begun and not ended.
    pub fn is_active(&self, id: RequestId) -> bool {
        self.requests.contains_key(&id)
    }

    /// Whether the peer owes nothing: no request is active, no record is half received.
    pub fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.reader.between_records()
    }

    /// Number of active requests whose PARAMS have not ended.
    pub fn receiving_params(&self) -> usize {
        self.requests.values().filter(|request| !request.begun()).count()
    }

    /// Checks that the peer has closed its side between two records.
    pub fn end_of_input(&self) -> Result<(), ProtocolError> {
        if self.reader.between_records() { Ok(()) } else { Err(ProtocolError::Truncated) }
    }

    /// Forgets all requests, for a connection that is lost. Returns those that were handed out, to be cancelled.
    pub fn abort_all(&mut self) -> Vec<RequestId> {
        self.params_len = 0;
        let requests = std::mem::take(&mut self.requests);
        requests.into_iter().filter(|(_, request)| request.begun()).map(|(id, _)| id).collect()
    }

    /// Queues a piece of the response. Returns false, and drops it, if the request is not active.
    pub fn stdout(&mut self, id: RequestId, data: Bytes) -> bool {
        let begun = self.begun(id).is_some();
        if begun {
            self.output.stream(RecordType::Stdout, id.get(), data);
        }
        begun
    }

    /// Queues an error message for the web server's log. Returns false, and drops it, if the request is not active.
    pub fn stderr(&mut self, id: RequestId, data: Bytes) -> bool {
        let Some(request) = self.begun(id) else { return false };
        request.wrote_stderr |= !data.is_empty();
        self.output.stream(RecordType::Stderr, id.get(), data);
        true
    }

    /// Ends a request: its streams, then the request itself, whose id the peer may then use again.
    /// Returns false if the request is not active.
    pub fn end(&mut self, id: RequestId, app_status: u32, status: ProtocolStatus) -> bool {
        let Some(request) = self.begun(id) else { return false };
        let (wrote_stderr, keep_conn) = (request.wrote_stderr, request.keep_conn);
        self.requests.remove(&id);
        self.output.end_stream(RecordType::Stdout, id.get());
        if wrote_stderr {
            self.output.end_stream(RecordType::Stderr, id.get());
        }
        let body = EndBody { app_status, protocol_status: status.code() };
        self.output.record(RecordType::EndRequest, id.get(), &body.encode());
        self.closing |= !keep_conn;
        true
    }

    /// Gives up a request whose response will never be complete: once this is written, the connection is to be closed.
    /// Returns false if the request is not active.
    ///
    /// The protocol has no word for it. With `FCGI_KEEP_CONN`, web servers miss `END_REQUEST`. Without, nginx takes the
    /// close for the end of the response, so `ABORT_REQUEST` is sent back: no record of an application, on which nginx
    /// cuts its client off, and which others skip.
    pub fn break_off(&mut self, id: RequestId) -> bool {
        let Some(request) = self.begun(id) else { return false };
        let keep_conn = request.keep_conn;
        self.requests.remove(&id);
        if !keep_conn {
            self.output.record(RecordType::AbortRequest, id.get(), &[]);
        }
        self.closing = true;
        true
    }

    /// What is to be written to the peer.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Frees the buffers that hold nothing, for a connection that will wait.
    pub fn shrink_when_idle(&mut self) {
        self.reader.shrink();
        self.output.shrink();
    }

    fn next_event(&mut self) -> Result<Option<Event>, ProtocolError> {
        while !self.wants_close() && !self.stalled() {
            let event = match self.reader.next()? {
                Some(Piece::Start(header)) => self.start(header)?,
                Some(Piece::Content(header)) => self.content(header)?,
                None => return Ok(None),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Whether too many replies are unread. What is left of the output bounds what is left of the replies.
    fn stalled(&self) -> bool {
        self.replies_len.min(self.output.remaining()) > self.limits.max_reply_bytes
    }

    fn begun(&mut self, id: RequestId) -> Option<&mut Request> {
        self.requests.get_mut(&id).filter(|request| request.begun())
    }

    /// A record begins.
    fn start(&mut self, header: Header) -> Result<Option<Event>, ProtocolError> {
        use RecordType as T;
        let Some(id) = RequestId::new(header.id) else { return self.start_management(header) };
        match T::from_code(header.kind) {
            Some(T::BeginRequest) => self.start_begin(header, id)?,
            Some(T::AbortRequest) => return Ok(self.abort(id)),
            Some(T::Params) => return self.start_params(header, id),
            Some(kind @ (T::Stdin | T::Data)) => return self.start_stream(header, id, kind),
            _ => {} // Not for an application, or not known: skipped.
        }
        Ok(None)
    }

    fn start_management(&mut self, header: Header) -> Result<Option<Event>, ProtocolError> {
        use RecordType as T;
        match T::from_code(header.kind) {
            Some(T::BeginRequest) => return Err(ProtocolError::BeginWithoutId),
            Some(T::GetValues) => self.reader.whole(header),
            Some(T::GetValuesResult | T::UnknownType) => {} // An answer to these could be answered for ever.
            _ => self.reply(|output| management::unknown_type(header.kind, output)),
        }
        Ok(None)
    }

    fn start_begin(&mut self, header: Header, id: RequestId) -> Result<(), ProtocolError> {
        if self.is_active(id) {
            return Err(ProtocolError::BeginOnActive(id));
        }
        if usize::from(header.content_len) != BeginBody::LEN {
            return Err(ProtocolError::BodyLength {
                kind: RecordType::BeginRequest,
                len: header.content_len,
            });
        }
        // After a request that does not keep the connection, another is not begun, and closing tells the peer so.
        if !self.closing {
            self.reader.whole(header);
        }
        Ok(())
    }

    fn start_params(&mut self, header: Header, id: RequestId) -> Result<Option<Event>, ProtocolError> {
        let Some(request) = self.requests.get_mut(&id) else { return Ok(None) };
        if header.content_len == 0 {
            let Some((role, stream)) = request.end_params() else { return Ok(None) };
            self.params_len -= stream.len();
            let params = Params::decode(stream, self.limits.max_param_count);
            let params = params.map_err(|error| ProtocolError::Params { id, error })?;
            return Ok(Some(Event::Begin { id, role, params }));
        }
        let Some(stream) = request.params() else { return Ok(None) };
        let (len, limits) = (usize::from(header.content_len), &self.limits);
        if stream.len() + len > limits.max_params_bytes {
            let error = ParamsError::TooLong { limit: limits.max_params_bytes };
            return Err(ProtocolError::Params { id, error });
        }
        if self.params_len + len > limits.max_params_total {
            return Err(ProtocolError::ParamsTotal { limit: limits.max_params_total });
        }
        self.reader.stream(header);
        Ok(None)
    }

    fn start_stream(
        &mut self,
        header: Header,
        id: RequestId,
        kind: RecordType,
    ) -> Result<Option<Event>, ProtocolError> {
        let Some(request) = self.requests.get_mut(&id) else { return Ok(None) };
        match request.accepts(kind) {
            Err(awaited) => return Err(ProtocolError::OutOfOrder { id, kind, awaited }),
            Ok(false) => {}
            Ok(true) if header.content_len == 0 => return Ok(Some(request.end_stream(id))),
            Ok(true) => self.reader.stream(header),
        }
        Ok(None)
    }

    fn abort(&mut self, id: RequestId) -> Option<Event> {
        let request = self.requests.get_mut(&id)?;
        if request.begun() {
            return request.abort().then_some(Event::Abort { id });
        }
        let request = self.requests.remove(&id)?;
        self.params_len -= request.params_len();
        self.refuse(id, request.keep_conn, ProtocolStatus::RequestComplete);
        None
    }

    /// Content that was asked for has arrived.
    fn content(&mut self, header: Header) -> Result<Option<Event>, ProtocolError> {
        match (RecordType::from_code(header.kind), RequestId::new(header.id)) {
            (Some(RecordType::Stdin), Some(id)) if self.is_active(id) => {
                return Ok(Some(Event::Stdin { id, data: self.reader.take() }));
            }
            (Some(RecordType::Data), Some(id)) if self.is_active(id) => {
                return Ok(Some(Event::Data { id, data: self.reader.take() }));
            }
            (Some(RecordType::BeginRequest), Some(id)) => self.begin(id),
            (Some(RecordType::Params), Some(id)) => self.params(id),
            (Some(RecordType::GetValues), None) => self.values()?,
            _ => {} // The owner ended the request inside the record.
        }
        self.reader.consume();
        Ok(None)
    }

    fn begin(&mut self, id: RequestId) {
        let Some(&body) = self.reader.content().first_chunk() else { return };
        let BeginBody { role, keep_conn } = BeginBody::decode(body);
        let Some(role) = Role::from_code(role) else {
            return self.refuse(id, keep_conn, ProtocolStatus::UnknownRole);
        };
        if self.requests.len() >= self.limits.max_requests {
            return self.refuse(id, keep_conn, ProtocolStatus::Overloaded);
        }
        self.requests.insert(id, Request::new(role, keep_conn));
    }

    fn params(&mut self, id: RequestId) {
        let Some(stream) = self.requests.get_mut(&id).and_then(Request::params) else { return };
        let content = self.reader.content();
        stream.extend_from_slice(content);
        self.params_len += content.len();
    }

    fn values(&mut self) -> Result<(), ProtocolError> {
        let asked = Asked::decode(self.reader.content()).map_err(ProtocolError::Values)?;
        let limits = self.limits;
        self.reply(|output| asked.answer(&limits, output));
        Ok(())
    }

    /// Ends a request that the owner never saw.
    fn refuse(&mut self, id: RequestId, keep_conn: bool, status: ProtocolStatus) {
        self.closing |= !keep_conn;
        let body = EndBody { app_status: 0, protocol_status: status.code() };
        self.reply(|output| output.record(RecordType::EndRequest, id.get(), &body.encode()));
    }

    fn reply(&mut self, write: impl FnOnce(&mut Output)) {
        let before = self.output.remaining();
        write(&mut self.output);
        self.replies_len = self.replies_len.min(before) + self.output.remaining() - before;
    }
}
