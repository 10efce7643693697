//! Management records (section 4): questions about the application itself.

use bytes::BytesMut;

use crate::Limits;
use crate::output::Output;
use crate::params::{Params, ParamsError, encode_pair};
use crate::record::{MAX_CONTENT_LEN, RecordType};

/// Variable: connections that the application accepts.
pub const MAX_CONNS: &str = "FCGI_MAX_CONNS";
/// Variable: requests that the application runs at once.
pub const MAX_REQS: &str = "FCGI_MAX_REQS";
/// Variable: whether the application takes several requests on a connection, `1` or `0`.
pub const MPXS_CONNS: &str = "FCGI_MPXS_CONNS";

/// Which of the known variables a GET_VALUES record names.
#[derive(Debug)]
pub(crate) struct Asked {
    max_conns: bool,
    max_reqs: bool,
    mpxs_conns: bool,
}

impl Asked {
    /// Reads the content of GET_VALUES. Values are ignored, as are unknown names.
    pub(crate) fn decode(content: &[u8]) -> Result<Self, ParamsError> {
        let asked = Params::decode(content.to_vec(), MAX_CONTENT_LEN)?;
        let names = |name| asked.get(name).is_some();
        Ok(Self { max_conns: names(MAX_CONNS), max_reqs: names(MAX_REQS), mpxs_conns: names(MPXS_CONNS) })
    }

    /// Queues GET_VALUES_RESULT with the variables asked for, which may be none.
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

/// Queues UNKNOWN_TYPE.
pub(crate) fn unknown_type(kind: u8, output: &mut Output) {
    output.record(RecordType::UnknownType, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]);
}
