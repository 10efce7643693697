//! `FastCGI` 1.0 as state machines without input or output of their own.

pub mod client;
mod connection;
mod error;
mod limits;
mod management;
mod output;
mod params;
mod reader;
mod record;

pub use connection::{Connection, Event};
pub use error::ProtocolError;
pub use limits::Limits;
pub use management::{MAX_CONNS, MAX_REQS, MPXS_CONNS};
pub use output::Output;
pub use params::{MAX_PAIR_LEN, Params, ParamsError, encode_pair};
pub use record::{
    BeginBody, EndBody, HEADER_LEN, Header, MAX_CONTENT_LEN, ProtocolStatus, RecordType, RequestId, Role,
    VERSION,
};
