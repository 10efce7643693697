//! `FastCGI` 1.0 as state machines without input or output of their own.

pub mod client;
mod connection;
mod error;
mod event;
mod limits;
mod management;
mod output;
mod pairs;
mod params;
mod reader;
mod record;
mod request;

pub use connection::Connection;
pub use error::{ParamsError, ProtocolError};
pub use event::Event;
pub use limits::Limits;
pub use management::{MAX_CONNS, MAX_REQS, MPXS_CONNS};
pub use output::Output;
pub use pairs::{MAX_PAIR_LEN, encode_pair};
pub use params::Params;
pub use record::{
    BeginBody, EndBody, HEADER_LEN, Header, MAX_CONTENT_LEN, ProtocolStatus, RecordType, RequestId, Role,
    VERSION,
};
