//! Management records (section 4): questions about the application itself.

use bytes::BytesMut;

use crate::output::Output;
use crate::pairs::{Cursor, encode_pair};
use crate::record::{RecordType, UNKNOWN_TYPE_LEN};
use crate::{Limits, ParamsError};

/// Variable: connections that the application accepts.
pub const MAX_CONNS: &str = "FCGI_MAX_CONNS";
/// Variable: requests that the application runs at once.
pub const MAX_REQS: &str = "FCGI_MAX_REQS";
/// Variable: whether the application takes several requests on a connection, `1` or `0`.
pub const MPXS_CONNS: &str = "FCGI_MPXS_CONNS";

/// Which of the known variables a `GET_VALUES` record names.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    max_conns: bool,
    max_reqs: bool,
    mpxs_conns: bool,
}

impl Asked {
    /// Reads the content of `GET_VALUES`. Values are ignored, as are names that are not known.
    pub(crate) fn decode(content: &[u8]) -> Result<Self, ParamsError> {
        let mut asked = Self::default();
        let mut cursor = Cursor::new(content);
        while let Some(pair) = cursor.pair()? {
            let name = content.get(pair.name).unwrap_or_default();
            asked.max_conns |= name == MAX_CONNS.as_bytes();
            asked.max_reqs |= name == MAX_REQS.as_bytes();
            asked.mpxs_conns |= name == MPXS_CONNS.as_bytes();
        }
        Ok(asked)
    }

    /// Queues `GET_VALUES_RESULT` with the variables asked for, which may be none.
    pub(crate) fn answer(&self, limits: &Limits, output: &mut Output) {
        let mut content = BytesMut::new();
        if self.max_conns {
            encode_pair(MAX_CONNS.as_bytes(), limits.max_connections.to_string().as_bytes(), &mut content);
        }
        if self.max_reqs {
            encode_pair(MAX_REQS.as_bytes(), limits.max_requests.to_string().as_bytes(), &mut content);
        }
        if self.mpxs_conns {
            encode_pair(MPXS_CONNS.as_bytes(), b"1", &mut content);
        }
        output.record(RecordType::GetValuesResult, 0, &content);
    }
}

/// Queues `UNKNOWN_TYPE`.
pub(crate) fn unknown_type(kind: u8, output: &mut Output) {
    let body: [u8; UNKNOWN_TYPE_LEN] = [kind, 0, 0, 0, 0, 0, 0, 0];
    output.record(RecordType::UnknownType, 0, &body);
}
