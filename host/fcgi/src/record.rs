//! The fixed layouts: record header, record types, roles and the two 8-byte bodies (specification, section 3.3 and 5).

use std::fmt;
use std::num::NonZeroU16;

use crate::ProtocolError;

/// The only version there is (`FCGI_VERSION_1`).
pub const VERSION: u8 = 1;
/// Length of a record header, in bytes.
pub const HEADER_LEN: usize = 8;
/// Most content that one record can carry, in bytes: its length field has 16 bits.
pub const MAX_CONTENT_LEN: usize = u16::MAX as usize;
/// Length of the content of `UNKNOWN_TYPE`: the type, then seven zeros (section 4.2).
pub(crate) const UNKNOWN_TYPE_LEN: usize = 8;
/// Records are padded to a multiple of this, as the specification recommends (section 3.3).
pub(crate) const ALIGNMENT: usize = 8;
/// Bit of the `BEGIN_REQUEST` flags by which the peer keeps the connection for itself.
const KEEP_CONN: u8 = 1;

/// Number of a request on its connection; never 0, which stands for the connection itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(NonZeroU16);

impl RequestId {
    /// The id of peers that run one request at a time.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The id of that number, or `None` for 0.
    pub const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number, as it stands in the record header.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record is about (section 8, "Types and Constants").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordType {
    /// The web server starts a request.
    BeginRequest = 1,
    /// The web server no longer wants an answer.
    AbortRequest = 2,
    /// The application has finished a request.
    EndRequest = 3,
    /// Stream of name-value pairs to the application.
    Params = 4,
    /// Stream of the request body to the application.
    Stdin = 5,
    /// Stream of the response to the web server.
    Stdout = 6,
    /// Stream of error messages to the web server.
    Stderr = 7,
    /// Stream of the file that a filter works on.
    Data = 8,
    /// The web server asks for properties of the application.
    GetValues = 9,
    /// The application answers with its properties.
    GetValuesResult = 10,
    /// The application does not know a management record.
    UnknownType = 11,
}

impl RecordType {
    /// The type of that code, or `None` when the specification names none.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::BeginRequest,
            2 => Self::AbortRequest,
            3 => Self::EndRequest,
            4 => Self::Params,
            5 => Self::Stdin,
            6 => Self::Stdout,
            7 => Self::Stderr,
            8 => Self::Data,
            9 => Self::GetValues,
            10 => Self::GetValuesResult,
            11 => Self::UnknownType,
            _ => return None,
        })
    }

    /// The code, as it stands in the record header.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Prints the name of the specification, without its prefix.
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeginRequest => "BEGIN_REQUEST",
            Self::AbortRequest => "ABORT_REQUEST",
            Self::EndRequest => "END_REQUEST",
            Self::Params => "PARAMS",
            Self::Stdin => "STDIN",
            Self::Stdout => "STDOUT",
            Self::Stderr => "STDERR",
            Self::Data => "DATA",
            Self::GetValues => "GET_VALUES",
            Self::GetValuesResult => "GET_VALUES_RESULT",
            Self::UnknownType => "UNKNOWN_TYPE",
        })
    }
}

/// What the web server wants of the application (section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Role {
    /// Answers an HTTP request, as a CGI program does.
    Responder = 1,
    /// Decides whether an HTTP request may go on.
    Authorizer = 2,
    /// Answers an HTTP request by working over a file that the web server sends along.
    Filter = 3,
}

impl Role {
    /// The role of that code, or `None` when the specification names none.
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::Responder),
            2 => Some(Self::Authorizer),
            3 => Some(Self::Filter),
            _ => None,
        }
    }

    /// The code, as it stands in `BEGIN_REQUEST`.
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// How a request ended, in the words of the protocol (section 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProtocolStatus {
    /// The request was answered, or aborted as asked.
    RequestComplete = 0,
    /// Refused: the application takes one request at a time on a connection.
    CantMultiplex = 1,
    /// Refused: the application has run out of something.
    Overloaded = 2,
    /// Refused: the role is not known.
    UnknownRole = 3,
}

impl ProtocolStatus {
    /// The status of that code, or `None` when the specification names none.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::RequestComplete),
            1 => Some(Self::CantMultiplex),
            2 => Some(Self::Overloaded),
            3 => Some(Self::UnknownRole),
            _ => None,
        }
    }

    /// The code, as it stands in `END_REQUEST`.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The 8 bytes before the content of every record (section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Code of the record type, which may be one that nobody knows.
    pub kind: u8,
    /// The request, or 0 for the connection.
    pub id: u16,
    /// Bytes of content that follow.
    pub content_len: u16,
    /// Bytes to be skipped after the content.
    pub padding_len: u8,
}

impl Header {
    /// Reads a header; the reserved byte is ignored. Any version but 1 is an error.
    pub const fn decode(bytes: [u8; HEADER_LEN]) -> Result<Self, ProtocolError> {
        let [version, kind, id1, id0, len1, len0, padding_len, _reserved] = bytes;
        if version != VERSION {
            return Err(ProtocolError::Version(version));
        }
        let id = u16::from_be_bytes([id1, id0]);
        let content_len = u16::from_be_bytes([len1, len0]);
        Ok(Self { kind, id, content_len, padding_len })
    }

    /// Writes the header.
    pub const fn encode(self) -> [u8; HEADER_LEN] {
        let [id1, id0] = self.id.to_be_bytes();
        let [len1, len0] = self.content_len.to_be_bytes();
        [VERSION, self.kind, id1, id0, len1, len0, self.padding_len, 0]
    }
}

/// Content of a `BEGIN_REQUEST` record (section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeginBody {
    /// Code of the role, which may be one that nobody knows.
    pub role: u16,
    /// Whether the connection stays open after the request; the other flags mean nothing.
    pub keep_conn: bool,
}

impl BeginBody {
    /// Length of the content, in bytes.
    pub const LEN: usize = 8;

    /// Reads the content; the reserved bytes are ignored.
    pub const fn decode(bytes: [u8; Self::LEN]) -> Self {
        let [role1, role0, flags, ..] = bytes;
        Self { role: u16::from_be_bytes([role1, role0]), keep_conn: flags & KEEP_CONN != 0 }
    }

    /// Writes the content.
    pub const fn encode(self) -> [u8; Self::LEN] {
        let [role1, role0] = self.role.to_be_bytes();
        [role1, role0, if self.keep_conn { KEEP_CONN } else { 0 }, 0, 0, 0, 0, 0]
    }
}

/// Content of an `END_REQUEST` record (section 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndBody {
    /// What a CGI program would have given as its exit status.
    pub app_status: u32,
    /// How the request ended for the protocol, as its code.
    pub protocol_status: u8,
}

impl EndBody {
    /// Length of the content, in bytes.
    pub const LEN: usize = 8;

    /// Reads the content; the reserved bytes are ignored.
    pub const fn decode(bytes: [u8; Self::LEN]) -> Self {
        let [a3, a2, a1, a0, protocol_status, ..] = bytes;
        Self { app_status: u32::from_be_bytes([a3, a2, a1, a0]), protocol_status }
    }

    /// Writes the content.
    pub const fn encode(self) -> [u8; Self::LEN] {
        let [a3, a2, a1, a0] = self.app_status.to_be_bytes();
        [a3, a2, a1, a0, self.protocol_status, 0, 0, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification_and_no_others() {
        for code in 0..=u8::MAX {
            assert_eq!(
                RecordType::from_code(code).map(RecordType::code),
                (1..=11).contains(&code).then_some(code)
            );
            assert_eq!(
                ProtocolStatus::from_code(code).map(ProtocolStatus::code),
                (code <= 3).then_some(code)
            );
        }
        for code in [0, 1, 2, 3, 4, 0x100, 0x101, u16::MAX] {
            assert_eq!(Role::from_code(code).map(Role::code), (1..=3).contains(&code).then_some(code));
        }
    }

    #[test]
    fn header_fields_stand_where_the_specification_puts_them() {
        let header = Header { kind: 6, id: 0x0102, content_len: 0x0304, padding_len: 5 };
        assert_eq!(header.encode(), [1, 6, 1, 2, 3, 4, 5, 0]);
        assert_eq!(Header::decode([1, 6, 1, 2, 3, 4, 5, 0xff]), Ok(header));
    }

    #[test]
    fn other_versions_are_refused() {
        for version in [0, 2, 0x16, b'G', 255] {
            assert_eq!(Header::decode([version, 1, 0, 1, 0, 8, 0, 0]), Err(ProtocolError::Version(version)));
        }
    }

    #[test]
    fn only_the_lowest_flag_of_begin_counts() {
        for (flags, keep_conn) in [(0, false), (1, true), (0xfe, false), (0xff, true)] {
            let body = BeginBody::decode([1, 2, flags, 9, 9, 9, 9, 9]);
            assert_eq!(body, BeginBody { role: 0x0102, keep_conn });
        }
        assert_eq!(BeginBody { role: 3, keep_conn: true }.encode(), [0, 3, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_status_of_end_is_big_endian() {
        let body = EndBody { app_status: 0x0102_0304, protocol_status: 2 };
        assert_eq!(body.encode(), [1, 2, 3, 4, 2, 0, 0, 0]);
        assert_eq!(EndBody::decode([1, 2, 3, 4, 2, 7, 7, 7]), body);
    }
}
