//! Records by hand, and an application that is fed with them.

use bytes::{Buf, BytesMut};
use fcgi::RecordType as T;
use fcgi::{
    BeginBody, Connection, EndBody, Event, HEADER_LEN, Header, Limits, Params, ProtocolError, ProtocolStatus,
    RecordType, RequestId, Role, encode_pair,
};

/// A record as it stands on the wire, without its padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) id: u16,
    pub(crate) content: Vec<u8>,
}

impl Record {
    pub(crate) fn new(kind: RecordType, id: u16, content: &[u8]) -> Self {
        Self { kind: kind.code(), id, content: content.to_vec() }
    }

    pub(crate) fn end(id: u16, app_status: u32, status: ProtocolStatus) -> Self {
        Self::new(T::EndRequest, id, &EndBody { app_status, protocol_status: status.code() }.encode())
    }
}

pub(crate) fn id(id: u16) -> RequestId {
    RequestId::new(id).expect("an id that is not 0")
}

/// A record of any type with padding of any length, which looks like `BEGIN_REQUEST` records.
pub(crate) fn padded(kind: u8, id: u16, content: &[u8], padding_len: u8) -> Vec<u8> {
    let content_len = u16::try_from(content.len()).expect("content that fits");
    let header = Header { kind, id, content_len, padding_len };
    let padding = [1, 1, 0, 1, 0, 8, 0, 0].into_iter().cycle().take(padding_len.into());
    header.encode().into_iter().chain(content.iter().copied()).chain(padding).collect()
}

pub(crate) fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind.code(), id, content, 0)
}

pub(crate) fn begin(id: u16, role: Role) -> Vec<u8> {
    begin_with(id, role.code(), true)
}

pub(crate) fn begin_with(id: u16, role: u16, keep_conn: bool) -> Vec<u8> {
    record(T::BeginRequest, id, &BeginBody { role, keep_conn }.encode())
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut stream = BytesMut::new();
    for (name, value) in pairs {
        assert!(encode_pair(name.as_bytes(), value.as_bytes(), &mut stream));
    }
    stream.to_vec()
}

/// A whole stream in one record, and its end.
pub(crate) fn stream(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    [record(kind, id, content), record(kind, id, &[])].concat()
}

/// `BEGIN_REQUEST` and all of PARAMS, which are none.
pub(crate) fn begun(id: u16, role: Role) -> Vec<u8> {
    [begin(id, role), record(T::Params, id, &[])].concat()
}

pub(crate) fn begin_event(id: u16, role: Role, pairs: &[(&str, &str)]) -> Event {
    Event::Begin { id: self::id(id), role, params: pairs.iter().copied().collect::<Params>() }
}

pub(crate) fn stdin_event(id: u16, data: &'static [u8]) -> Event {
    Event::Stdin { id: self::id(id), data: data.into() }
}

/// The application's side of a connection, whose peer reads at once.
pub(crate) struct Application {
    pub(crate) connection: Connection,
}

impl Application {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self { connection: Connection::new(limits) }
    }

    /// All events that follow from these bytes.
    pub(crate) fn try_feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ProtocolError> {
        self.connection.buffer().extend_from_slice(bytes);
        std::iter::from_fn(|| self.connection.poll().transpose()).collect()
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.try_feed(bytes).expect("input that is in order")
    }

    pub(crate) fn refuse(&mut self, bytes: &[u8]) -> ProtocolError {
        self.try_feed(bytes).expect_err("input that is out of order")
    }

    pub(crate) fn complete(&mut self, id: u16) -> bool {
        self.connection.end(self::id(id), 0, ProtocolStatus::RequestComplete)
    }

    /// What was sent since the last call. Every record is padded to a multiple of 8.
    pub(crate) fn sent(&mut self) -> Vec<Record> {
        let output = self.connection.output();
        let len = output.remaining();
        records(&output.copy_to_bytes(len))
    }
}

/// Takes whole records apart, in the way of the specification's own text.
pub(crate) fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((&header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() {
        let Header { kind, id, content_len, padding_len } = Header::decode(header).expect("version 1");
        let (content, rest) = rest.split_at(content_len.into());
        assert_eq!((content.len() + usize::from(padding_len)) % 8, 0);
        records.push(Record { kind, id, content: content.to_vec() });
        bytes = &rest[padding_len.into()..];
    }
    assert!(bytes.is_empty());
    records
}
