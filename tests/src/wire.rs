//! Records by hand: what a web server may send and what none sends, byte by byte, and what comes back.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
};

use bytes::BytesMut;
use fcgi::{
    BeginBody, EndBody, HEADER_LEN, Header, MAX_CONTENT_LEN, ProtocolStatus, RecordType, Role, encode_pair,
};

use crate::{PATIENCE, Request, Response};

/// The flag of `BEGIN_REQUEST` by which the web server keeps the connection.
pub const KEEP: u8 = 1;

/// A record as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Code of the record type.
    pub kind: u8,
    /// The request, or 0.
    pub id: u16,
    /// What stands between header and padding.
    pub content: Vec<u8>,
    /// Bytes of padding.
    pub padding: u8,
}

/// A connection to the host whose bytes are the story's own. Whatever it waits for comes within [`PATIENCE`].
#[derive(Debug)]
pub struct Wire {
    socket: UnixStream,
    received: BytesMut,
}

/// A record of any type, with padding that looks like `BEGIN_REQUEST` records.
pub fn padded(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let content_len = u16::try_from(content.len()).expect("content that fits into a record");
    let header = Header { kind, id, content_len, padding_len: padding };
    let padding = [1, 1, 0, 1, 0, 8, 0, 0].into_iter().cycle().take(padding.into());
    header.encode().into_iter().chain(content.iter().copied()).chain(padding).collect()
}

/// A record without padding.
pub fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind.code(), id, content, 0)
}

/// `BEGIN_REQUEST` for a responder whose connection is kept.
pub fn begin(id: u16) -> Vec<u8> {
    begin_with(id, Role::Responder.code(), KEEP)
}

/// `BEGIN_REQUEST` with any role and any flags.
pub fn begin_with(id: u16, role: u16, flags: u8) -> Vec<u8> {
    let mut body = BeginBody { role, keep_conn: false }.encode();
    body[2] = flags;
    record(RecordType::BeginRequest, id, &body)
}

/// Name-value pairs, encoded as web servers do.
pub fn pairs<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (N, V)>) -> Vec<u8> {
    let mut stream = BytesMut::new();
    for (name, value) in pairs {
        assert!(encode_pair(name.as_ref(), value.as_ref(), &mut stream), "a pair that can be encoded");
    }
    stream.to_vec()
}

/// A whole stream, in as many records as it takes, and its end.
pub fn stream(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    let parts = content.chunks(MAX_CONTENT_LEN).flat_map(|part| record(kind, id, part));
    parts.chain(record(kind, id, b"")).collect()
}

/// A request up to the end of its variables.
pub fn head(id: u16, request: &Request) -> Vec<u8> {
    let begin = begin_with(id, request.role.code(), if request.keep { KEEP } else { 0 });
    [begin, stream(RecordType::Params, id, &pairs(request.variables()))].concat()
}

/// A request with its whole body.
pub fn whole(id: u16, request: &Request) -> Vec<u8> {
    [head(id, request), stream(RecordType::Stdin, id, &request.body)].concat()
}

impl Record {
    /// A record that needs no padding, as the host sends it.
    pub fn new(kind: RecordType, id: u16, content: &[u8]) -> Self {
        Self { kind: kind.code(), id, content: content.to_vec(), padding: 0 }
    }

    /// The end of a request.
    pub fn end(id: u16, app_status: u32, status: ProtocolStatus) -> Self {
        let body = EndBody { app_status, protocol_status: status.code() };
        Self::new(RecordType::EndRequest, id, &body.encode())
    }

    /// Whether it is of that type.
    pub fn is(&self, kind: RecordType) -> bool {
        self.kind == kind.code()
    }
}

impl Wire {
    pub(crate) fn new(socket: UnixStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self { socket, received: BytesMut::new() }
    }

    /// The same connection, for a thread that sends while this one receives.
    #[must_use]
    pub fn sender(&self) -> Self {
        Self::new(self.socket.try_clone().expect("a socket"))
    }

    /// Sends all of these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("a host that reads");
    }

    /// Sends these bytes; returns false if the host has closed the connection.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match self.socket.write_all(bytes.as_ref()) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => false,
            Err(error) => panic!("the host neither reads nor closes: {error}"),
        }
    }

    /// Sends these bytes as far as the host takes them at once; returns how many it took.
    pub fn send_what_goes(&mut self, bytes: &[u8]) -> usize {
        self.socket.set_nonblocking(true).expect("a socket");
        let taken = self.socket.write(bytes).unwrap_or(0);
        self.socket.set_nonblocking(false).expect("a socket");
        taken
    }

    /// Says that nothing more will be sent; the host can still be heard.
    pub fn finish_sending(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("a socket");
    }

    /// Waits for so many records.
    pub fn records(&mut self, count: usize) -> Vec<Record> {
        (0..count).map(|_| self.next().expect("a record")).collect()
    }

    /// Waits for all the records until the host closes the connection.
    pub fn until_close(&mut self) -> Vec<Record> {
        self.collect()
    }

    /// Waits until the host closes the connection, which it does without a word.
    pub fn expect_close(&mut self) {
        assert_eq!(self.next(), None, "instead of a close");
    }

    /// Waits for the end of that request, and of the response that is all that comes until then.
    pub fn response(&mut self, id: u16) -> Response {
        let mut response = Response::default();
        while !response.is_complete() {
            let record = self.next().unwrap_or_else(|| panic!("a close instead of the end of {response:?}"));
            assert_eq!(record.id, id, "{record:?}");
            take(&mut response, &record);
        }
        response
    }

    /// Sends a request and waits for its response.
    pub fn ask(&mut self, id: u16, request: &Request) -> Response {
        self.send(whole(id, request));
        self.response(id)
    }

    /// Waits for so many bytes; nothing if the connection ends before them.
    fn bytes(&mut self, count: usize) -> Option<BytesMut> {
        while self.received.len() < count {
            let mut bytes = [0; 16 << 10];
            match self.socket.read(&mut bytes) {
                Ok(0) => break,
                Ok(length) => self.received.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("nothing from the host: {}", silence(&error)),
            }
        }
        let complete = self.received.len() >= count;
        assert!(complete || self.received.is_empty(), "a close inside a record: {:?}", self.received);
        complete.then(|| self.received.split_to(count))
    }
}

/// Records as they come, each waited for, until the host closes the connection.
impl Iterator for Wire {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let header = Header::decode(*self.bytes(HEADER_LEN)?.first_chunk()?).expect("a record");
        let content_len = usize::from(header.content_len);
        let rest = self.bytes(content_len + usize::from(header.padding_len));
        let content = rest.expect("a whole record")[..content_len].to_vec();
        Some(Record { kind: header.kind, id: header.id, content, padding: header.padding_len })
    }
}

/// Adds a record to the response that it belongs to.
pub fn take(response: &mut Response, record: &Record) {
    match RecordType::from_code(record.kind) {
        Some(RecordType::Stdout) => response.stdout.extend_from_slice(&record.content),
        Some(RecordType::Stderr) => response.stderr.extend_from_slice(&record.content),
        Some(RecordType::EndRequest) => {
            let end = EndBody::decode(*record.content.first_chunk().expect("eight bytes"));
            let status = ProtocolStatus::from_code(end.protocol_status).expect("a status");
            response.end = Some((end.app_status, status));
        }
        _ => panic!("{record:?} in a response"),
    }
}

fn silence(error: &io::Error) -> String {
    if error.kind() == ErrorKind::WouldBlock { format!("not within {PATIENCE:?}") } else { error.to_string() }
}
