//! What must hold of any input. Each function is the body of the fuzz target of its name, and panics where it does not.
//!
//! The oracles read all bytes at once, the slow and obvious way; the crate `fcgi` gets them in pieces. Both must see
//! the same.

#![expect(clippy::missing_panics_doc, reason = "to panic is how they say that something does not hold")]

mod application;
/// The host's own sources, without the rest of the host.
#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../host/src/cgi/mod.rs"]
mod cgi;
mod header_block;
mod naive;
mod pieces;
#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../host/src/response.rs"]
mod response;
mod web_server;

use fcgi::{Params, ParamsError};

pub use application::connection;
pub use header_block::cgi;
pub use web_server::record;

/// Pairs of one request, small enough to be met.
const MAX_PAIRS: usize = 12;

/// A target's name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, for those who run a corpus.
pub const TARGETS: [Target; 4] =
    [("record", record), ("params", params), ("connection", connection), ("cgi", cgi)];

/// Name-value pairs: what is decoded is what the specification says, and what is refused is refused for its reason.
pub fn params(stream: &[u8]) {
    let decoded = Params::decode(stream.to_vec(), MAX_PAIRS);
    match (&decoded, naive::pairs(stream, MAX_PAIRS)) {
        (Ok(params), Ok(pairs)) => {
            assert!(params.iter().eq(pairs.iter().map(|(name, value)| (&name[..], &value[..]))));
            assert_eq!(params.len(), pairs.len());
            for (name, value) in &pairs {
                if let Ok(name) = str::from_utf8(name) {
                    assert_eq!(params.get(name), Some(&value[..]));
                }
            }
        }
        (Err(error), Err(expected)) => assert_eq!(*error, expected),
        (decoded, expected) => panic!("{decoded:?} instead of {expected:?}"),
    }
    if let Err(ParamsError::Name { name } | ParamsError::NulInValue { name }) = decoded {
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{name}");
    }
}
