//! What one connection may use.

/// What one connection may use. Each default says why it is as large as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Active requests; more are refused as overloaded. Also the answer to `FCGI_MAX_REQS`.
    pub max_requests: usize,
    /// Bytes of the encoded PARAMS of one request.
    pub max_params_bytes: usize,
    /// Name-value pairs of one request.
    pub max_param_count: usize,
    /// Bytes of encoded PARAMS of all requests that are still sending them.
    pub max_params_total: usize,
    /// Bytes of replies that the peer has not read, such as those to `GET_VALUES`; no record is read beyond them.
    pub max_reply_bytes: usize,
    /// The answer to `FCGI_MAX_CONNS`; nothing here counts connections.
    pub max_connections: usize,
}

impl Limits {
    /// A browser's HTTP/2 connection carries about a hundred streams, which a web server may pass on over one of ours.
    pub const MAX_REQUESTS: usize = 128;
    /// Twice the one record of PARAMS, of at most 64 KiB, that most web servers send.
    pub const MAX_PARAMS_BYTES: usize = 128 * 1024;
    /// Web servers send 20 to 40 and a hundred headers of the client at most.
    pub const MAX_PARAM_COUNT: usize = 1024;
    /// Room for eight of the largest requests, or for every one of ordinary size.
    pub const MAX_PARAMS_TOTAL: usize = 8 * Self::MAX_PARAMS_BYTES;
    /// Some hundred replies; a web server asks once, if at all.
    pub const MAX_REPLY_BYTES: usize = 16 * 1024;
    /// What a web server keeps open to one application, as a rule, stays below.
    pub const MAX_CONNECTIONS: usize = 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_requests: Self::MAX_REQUESTS,
            max_params_bytes: Self::MAX_PARAMS_BYTES,
            max_param_count: Self::MAX_PARAM_COUNT,
            max_params_total: Self::MAX_PARAMS_TOTAL,
            max_reply_bytes: Self::MAX_REPLY_BYTES,
            max_connections: Self::MAX_CONNECTIONS,
        }
    }
}
