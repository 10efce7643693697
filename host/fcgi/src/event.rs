//! What the web server does, as the application sees it.

use bytes::Bytes;

use crate::{Params, RequestId, Role};

/// What the web server did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request begins: its PARAMS have ended. The response may start at once.
    Begin {
        /// The request.
        id: RequestId,
        /// What is asked of the application.
        role: Role,
        /// The CGI variables.
        params: Params,
    },
    /// A piece of the request body, never empty.
    Stdin {
        /// The request.
        id: RequestId,
        /// The piece.
        data: Bytes,
    },
    /// The request body has ended.
    StdinEnd {
        /// The request.
        id: RequestId,
    },
    /// A piece of the file for a filter, never empty.
    Data {
        /// The request.
        id: RequestId,
        /// The piece.
        data: Bytes,
    },
    /// The file for a filter has ended.
    DataEnd {
        /// The request.
        id: RequestId,
    },
    /// The web server no longer wants an answer: cancel the work, then call [`Connection::end`](crate::Connection::end).
    Abort {
        /// The request.
        id: RequestId,
    },
}
