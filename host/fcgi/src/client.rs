//! The web server's side of a connection, for gateways, load generators and tests.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::ProtocolError;
use crate::output::Output;
use crate::pairs::encode_pair;
use crate::params::Params;
use crate::reader::{Piece, Reader};
use crate::record::{
    BeginBody, EndBody, Header, MAX_CONTENT_LEN, ProtocolStatus, RecordType, RequestId, Role,
    UNKNOWN_TYPE_LEN,
};

/// What the application did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A piece of the response, never empty.
    Stdout {
        /// The request.
        id: RequestId,
        /// The piece.
        data: Bytes,
    },
    /// A piece of an error message, never empty.
    Stderr {
        /// The request.
        id: RequestId,
        /// The piece.
        data: Bytes,
    },
    /// A request has ended; its id may be used again.
    End {
        /// The request.
        id: RequestId,
        /// What a CGI program would have given as its exit status.
        app_status: u32,
        /// How the request ended for the protocol.
        status: ProtocolStatus,
    },
    /// The answer to [`Connection::get_values`].
    Values(Params),
    /// The application does not know the management record of that type.
    UnknownType(u8),
}

/// The web server's side of a connection, without its socket; used as [`crate::Connection`] is.
///
/// Requests are written as told: their order and whether the application multiplexes is the owner's affair.
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    output: Output,
    requests: BTreeMap<RequestId, Request>,
    failure: Option<ProtocolError>,
}

/// Which streams of the response have ended; what follows is ignored.
#[derive(Debug, Default)]
struct Request {
    stdout_ended: bool,
    stderr_ended: bool,
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl Connection {
    /// A connection that was just opened.
    pub fn new() -> Self {
        Self { reader: Reader::new(), output: Output::default(), requests: BTreeMap::new(), failure: None }
    }

    /// Where to append what was read from the application.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.reader.buffer()
    }

    /// The next event, or `None` until more bytes arrive.
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

    /// Begins a request. Returns false if the id is in use.
    pub fn begin(&mut self, id: RequestId, role: Role, keep_conn: bool) -> bool {
        if self.is_active(id) {
            return false;
        }
        self.requests.insert(id, Request::default());
        let body = BeginBody { role: role.code(), keep_conn };
        self.output.record(RecordType::BeginRequest, id.get(), &body.encode());
        true
    }

    /// Sends all the variables of a request and ends PARAMS. Returns false, and sends nothing, if the request is not
    /// active or a pair is longer than [`MAX_PAIR_LEN`](crate::MAX_PAIR_LEN).
    pub fn params<N, V>(&mut self, id: RequestId, pairs: impl IntoIterator<Item = (N, V)>) -> bool
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let mut stream = BytesMut::new();
        let encoded =
            pairs.into_iter().all(|(name, value)| encode_pair(name.as_ref(), value.as_ref(), &mut stream));
        if !encoded || !self.is_active(id) {
            return false;
        }
        self.output.stream(RecordType::Params, id.get(), stream.freeze());
        self.output.end_stream(RecordType::Params, id.get());
        true
    }

    /// Sends a piece of the request body; an empty one ends it. Returns false if the request is not active.
    pub fn stdin(&mut self, id: RequestId, data: Bytes) -> bool {
        self.stream(RecordType::Stdin, id, data)
    }

    /// Sends a piece of the file for a filter; an empty one ends it. Returns false if the request is not active.
    pub fn data(&mut self, id: RequestId, data: Bytes) -> bool {
        self.stream(RecordType::Data, id, data)
    }

    /// Asks that a request be ended. It stays active until it is. Returns false if it is not active.
    pub fn abort(&mut self, id: RequestId) -> bool {
        let active = self.is_active(id);
        if active {
            self.output.record(RecordType::AbortRequest, id.get(), &[]);
        }
        active
    }

    /// Asks for properties of the application, such as [`MAX_REQS`](crate::MAX_REQS). Returns false, and sends nothing,
    /// if the names do not fit into one record.
    pub fn get_values<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> bool {
        let mut content = BytesMut::new();
        let encoded = names.into_iter().all(|name| encode_pair(name.as_bytes(), b"", &mut content));
        let fits = encoded && content.len() <= MAX_CONTENT_LEN;
        if fits {
            self.output.record(RecordType::GetValues, 0, &content);
        }
        fits
    }

    /// Number of active requests.
    pub fn active(&self) -> usize {
        self.requests.len()
    }

    /// Whether that request has begun and not ended.
    pub fn is_active(&self, id: RequestId) -> bool {
        self.requests.contains_key(&id)
    }

    /// What is to be written to the application.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    fn stream(&mut self, kind: RecordType, id: RequestId, data: Bytes) -> bool {
        let active = self.is_active(id);
        match (active, data.is_empty()) {
            (true, true) => self.output.end_stream(kind, id.get()),
            (true, false) => self.output.stream(kind, id.get(), data),
            (false, _) => {}
        }
        active
    }

    fn next_event(&mut self) -> Result<Option<Event>, ProtocolError> {
        while let Some(piece) = self.reader.next()? {
            match piece {
                Piece::Start(header) => self.start(header)?,
                Piece::Content(header) => {
                    let event = self.content(header)?;
                    if event.is_some() {
                        return Ok(event);
                    }
                }
            }
        }
        Ok(None)
    }

    fn start(&mut self, header: Header) -> Result<(), ProtocolError> {
        use RecordType as T;
        let (kind, id) = (T::from_code(header.kind), RequestId::new(header.id));
        let request = id.and_then(|id| self.requests.get_mut(&id));
        let not_active = ProtocolError::NotActive { id: header.id, kind: header.kind };
        match (kind, request) {
            (Some(kind @ (T::Stdout | T::Stderr)), Some(request)) => {
                let ended =
                    if kind == T::Stdout { &mut request.stdout_ended } else { &mut request.stderr_ended };
                *ended |= header.content_len == 0;
                if !*ended {
                    self.reader.stream(header);
                }
            }
            (Some(kind @ T::EndRequest), Some(_)) => self.whole(header, kind, EndBody::LEN)?,
            (Some(kind @ T::UnknownType), None) if id.is_none() => {
                self.whole(header, kind, UNKNOWN_TYPE_LEN)?;
            }
            (Some(T::GetValuesResult), None) if id.is_none() => self.reader.whole(header),
            (Some(T::AbortRequest), Some(_)) => return Err(id.map_or(not_active, ProtocolError::BrokenOff)),
            _ => return Err(not_active),
        }
        Ok(())
    }

    fn whole(&mut self, header: Header, kind: RecordType, len: usize) -> Result<(), ProtocolError> {
        if usize::from(header.content_len) != len {
            return Err(ProtocolError::BodyLength { kind, len: header.content_len });
        }
        self.reader.whole(header);
        Ok(())
    }

    fn content(&mut self, header: Header) -> Result<Option<Event>, ProtocolError> {
        use RecordType as T;
        let event = match (T::from_code(header.kind), RequestId::new(header.id)) {
            (Some(T::Stdout), Some(id)) => return Ok(Some(Event::Stdout { id, data: self.reader.take() })),
            (Some(T::Stderr), Some(id)) => return Ok(Some(Event::Stderr { id, data: self.reader.take() })),
            (Some(T::EndRequest), Some(id)) => self.end(id)?,
            (Some(T::GetValuesResult), None) => {
                let values = Params::decode(self.reader.content().to_vec(), MAX_CONTENT_LEN);
                Some(Event::Values(values.map_err(ProtocolError::Values)?))
            }
            (Some(T::UnknownType), None) => self.reader.content().first().copied().map(Event::UnknownType),
            _ => None,
        };
        self.reader.consume();
        Ok(event)
    }

    fn end(&mut self, id: RequestId) -> Result<Option<Event>, ProtocolError> {
        let Some(&body) = self.reader.content().first_chunk() else { return Ok(None) };
        let EndBody { app_status, protocol_status: code } = EndBody::decode(body);
        let status = ProtocolStatus::from_code(code).ok_or(ProtocolError::Status { id, code })?;
        self.requests.remove(&id);
        Ok(Some(Event::End { id, app_status, status }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordType as T;
    use bytes::{Buf, BufMut};

    const ID: RequestId = RequestId::FIRST;

    fn begun() -> Connection {
        let mut connection = Connection::new();
        assert!(connection.begin(ID, Role::Responder, true));
        connection
    }

    /// Checks what an active request 1 makes of one record.
    fn check(kind: u8, id: u16, content: &'static [u8], expected: &Result<Option<Event>, ProtocolError>) {
        let content_len = u16::try_from(content.len()).expect("content that fits");
        let mut connection = begun();
        let header = Header { kind, id, content_len, padding_len: 0 };
        connection.buffer().extend_from_slice(&header.encode());
        connection.buffer().extend_from_slice(content);
        assert_eq!(&connection.poll(), expected);
        if expected.is_err() {
            assert_eq!(&connection.poll(), expected);
        }
    }

    #[test]
    fn records_of_an_application_are_told() {
        let data = Bytes::from_static(b"x");
        check(T::Stdout.code(), 1, b"x", &Ok(Some(Event::Stdout { id: ID, data: data.clone() })));
        check(T::Stderr.code(), 1, b"x", &Ok(Some(Event::Stderr { id: ID, data })));
        check(T::Stdout.code(), 1, b"", &Ok(None));
        check(T::UnknownType.code(), 0, b"\x0c\0\0\0\0\0\0\0", &Ok(Some(Event::UnknownType(12))));
        let values = [("FCGI_MAX_REQS", "5")].into_iter().collect();
        check(T::GetValuesResult.code(), 0, b"\x0d\x01FCGI_MAX_REQS5", &Ok(Some(Event::Values(values))));
        let end = Event::End { id: ID, app_status: 258, status: ProtocolStatus::Overloaded };
        check(T::EndRequest.code(), 1, b"\0\0\x01\x02\x02\0\0\0", &Ok(Some(end)));
    }

    #[test]
    fn records_out_of_place_are_refused() {
        let not_active = |kind, id| Err(ProtocolError::NotActive { id, kind });
        for (kind, id) in [(6, 2), (7, 2), (3, 2), (6, 0), (3, 0), (5, 1), (10, 1), (11, 1), (77, 1), (77, 0)]
        {
            check(kind, id, b"", &not_active(kind, id));
        }
        check(T::AbortRequest.code(), 1, b"", &Err(ProtocolError::BrokenOff(ID)));
        let len = |kind, len| Err(ProtocolError::BodyLength { kind, len });
        check(T::EndRequest.code(), 1, b"short", &len(T::EndRequest, 5));
        check(T::UnknownType.code(), 0, b"", &len(T::UnknownType, 0));
        check(
            T::EndRequest.code(),
            1,
            b"\0\0\0\0\x04\0\0\0",
            &Err(ProtocolError::Status { id: ID, code: 4 }),
        );
    }

    #[test]
    fn a_stream_says_nothing_after_its_end() {
        let mut connection = begun();
        for content in [&b""[..], b"late"] {
            let mut output = Output::default();
            output.record(T::Stdout, ID.get(), content);
            connection.buffer().put(output);
        }
        assert_eq!(connection.poll(), Ok(None));
    }

    #[test]
    fn nothing_is_sent_for_a_request_that_is_not_active() {
        let mut connection = Connection::new();
        assert!(!connection.params(ID, [("A", "1")]));
        assert!(!connection.stdin(ID, Bytes::new()));
        assert!(!connection.data(ID, Bytes::from_static(b"x")));
        assert!(!connection.abort(ID));
        assert!(!connection.output().has_remaining());
        assert!(connection.begin(ID, Role::Filter, false));
        assert!(!connection.begin(ID, Role::Filter, false));
        assert!(connection.abort(ID) && connection.is_active(ID));
        assert_eq!(connection.output().remaining(), 24);
    }

    #[test]
    fn a_question_fits_into_one_record_or_is_not_sent() {
        let mut connection = Connection::new();
        assert!(!connection.get_values(["X"].repeat(30_000)));
        assert!(!connection.output().has_remaining());
        assert!(connection.get_values([crate::MAX_REQS]));
        assert_eq!(connection.output().remaining(), 24);
    }
}
