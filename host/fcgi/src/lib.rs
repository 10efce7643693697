//! `FastCGI` 1.0 as state machines: no sockets, no threads, no clock.
//!
//! [`Connection`] is the application's side: bytes in, [`Event`]s out; responses in, records out. Its owner moves the
//! bytes. [`client::Connection`] is the web server's side, for gateways, load generators and tests.
//!
//! - Every record, role and management variable of the specification, and any number of requests on a connection.
//! - Bodies are handed out as they arrive, and long ones go either way without a copy.
//! - Everything a peer can make grow has a limit, see [`Limits`]. What goes against the specification is a
//!   [`ProtocolError`]: the connection is to be closed.
//!
//! The protocol has no flow control: an owner who does not want more of a request body stops to poll and to read,
//! which holds up all requests of the connection.
//!
//! ```
//! use bytes::{BufMut, Bytes};
//! use fcgi::{Connection, Event, Limits, ProtocolError, ProtocolStatus, RequestId, Role, client};
//!
//! # fn main() -> Result<(), ProtocolError> {
//! // The web server asks.
//! let mut web_server = client::Connection::new();
//! web_server.begin(RequestId::FIRST, Role::Responder, true);
//! web_server.params(RequestId::FIRST, [("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", "/hello")]);
//! web_server.stdin(RequestId::FIRST, Bytes::new());
//!
//! // The application answers. Here the bytes are moved by hand; `Output` is made for vectored writes.
//! let mut application = Connection::new(Limits::default());
//! application.buffer().put(web_server.output());
//! while let Some(event) = application.poll()? {
//!     if let Event::Begin { id, params, .. } = event {
//!         assert_eq!(params.get("SCRIPT_NAME"), Some(&b"/hello"[..]));
//!         application.stdout(id, Bytes::from_static(b"Content-Type: text/plain\r\n\r\nhello"));
//!         application.end(id, 0, ProtocolStatus::RequestComplete);
//!     }
//! }
//!
//! web_server.buffer().put(application.output());
//! let Some(client::Event::Stdout { data, .. }) = web_server.poll()? else { panic!("no response") };
//! assert!(data.ends_with(b"hello"));
//! # Ok(())
//! # }
//! ```

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
