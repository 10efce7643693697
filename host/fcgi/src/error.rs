//! What a peer can do wrong.

use std::error::Error;
use std::fmt;

use crate::{RecordType, RequestId};

/// The peer broke the protocol or passed a limit; the connection is to be closed.
///
/// Texts taken from the peer are escaped, so that the message is one printable line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProtocolError {
    /// A record of another version, or of another protocol.
    Version(u8),
    /// `BEGIN_REQUEST` with the id of the connection.
    BeginWithoutId,
    /// `BEGIN_REQUEST` on an id whose request has not ended.
    BeginOnActive(RequestId),
    /// A record of fixed length has another one.
    BodyLength {
        /// Type of the record.
        kind: RecordType,
        /// Its content length, in bytes.
        len: u16,
    },
    /// A stream came before the one that it has to follow.
    OutOfOrder {
        /// The request.
        id: RequestId,
        /// The stream that came.
        kind: RecordType,
        /// The stream that has not ended yet.
        awaited: RecordType,
    },
    /// The name-value pairs of a request are malformed or too many.
    Params {
        /// The request.
        id: RequestId,
        /// What is wrong with them.
        error: ParamsError,
    },
    /// The PARAMS of the requests that are being received at once are too long together.
    ParamsTotal {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The name-value pairs of `GET_VALUES` or its answer are malformed.
    Values(ParamsError),
    /// The connection ended inside a record.
    Truncated,
    /// The application answered a request that was not active (client side only).
    NotActive {
        /// The id of the record.
        id: u16,
        /// Code of the record type.
        kind: u8,
    },
    /// The application will not complete a response (client side only), see
    /// [`Connection::break_off`](crate::Connection::break_off).
    BrokenOff(RequestId),
    /// The application ended a request with a status that nobody knows (client side only).
    Status {
        /// The request.
        id: RequestId,
        /// Code of the protocol status.
        code: u8,
    },
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "record of version {version} (byte \"{}\") instead of 1: the peer must speak FastCGI, not HTTP or TLS",
                version.escape_ascii()
            ),
            Self::BeginWithoutId => {
                write!(f, "{} with id 0: a request needs an id from 1 to 65535", RecordType::BeginRequest)
            }
            Self::BeginOnActive(id) => {
                write!(f, "request {id}: {} before its end", RecordType::BeginRequest)
            }
            Self::BodyLength { kind, len } => write!(f, "{kind} of {len} bytes instead of 8"),
            Self::OutOfOrder { id, kind, awaited } => {
                write!(f, "request {id}: {kind} before the end of {awaited}")
            }
            Self::Params { id, error } => write!(f, "request {id}: {error}"),
            Self::ParamsTotal { limit } => {
                write!(f, "PARAMS of all requests on the connection pass the limit of {limit} bytes")
            }
            Self::Values(error) => write!(f, "{}: {error}", RecordType::GetValues),
            Self::Truncated => f.write_str("connection ended inside a record"),
            Self::NotActive { id, kind } => match RecordType::from_code(*kind) {
                Some(kind) => write!(f, "{kind} with id {id}, which is no active request"),
                None => write!(f, "record of unknown type {kind} with id {id}"),
            },
            Self::BrokenOff(id) => write!(f, "request {id}: the application broke off its response"),
            Self::Status { id, code } => write!(f, "request {id}: ended with unknown protocol status {code}"),
        }
    }
}

impl Error for ProtocolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Params { error, .. } | Self::Values(error) => Some(error),
            _ => None,
        }
    }
}

/// What is wrong with name-value pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamsError {
    /// The stream ends inside the lengths of a pair.
    LengthsCut {
        /// Offset of the pair, in bytes.
        at: usize,
    },
    /// The stream ends inside a name or a value.
    Overrun {
        /// Offset of the pair, in bytes.
        at: usize,
        /// Length of name and value together, in bytes.
        claimed: u64,
        /// Bytes left for them.
        left: usize,
    },
    /// More bytes than the limit.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// More pairs than the limit.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// A name that no variable can have, because it holds NUL, CR, LF or `=`.
    Name {
        /// Start of the name, escaped.
        name: String,
    },
    /// A value with a NUL byte.
    NulInValue {
        /// Start of the name, escaped.
        name: String,
    },
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthsCut { at } => write!(f, "pair at byte {at} is cut inside its lengths"),
            Self::Overrun { at, claimed, left } => {
                write!(f, "pair at byte {at} claims {claimed} bytes where {left} are left")
            }
            Self::TooLong { limit } => write!(f, "name-value pairs pass the limit of {limit} bytes"),
            Self::TooMany { limit } => write!(f, "more than {limit} name-value pairs"),
            Self::Name { name } => write!(f, "name \"{name}\" holds NUL, CR, LF or \"=\""),
            Self::NulInValue { name } => write!(f, "value of \"{name}\" holds NUL"),
        }
    }
}

impl Error for ParamsError {}
