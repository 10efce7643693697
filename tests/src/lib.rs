//! What the stories in `tests/` are told with: the real host, a web server's side of `FastCGI`, real web servers.
//!
//! Everything here blocks and panics: a story is one thread, and whatever does not happen within [`PATIENCE`] fails it.

#![expect(clippy::missing_panics_doc, reason = "a failed expectation is what tests are for")]

pub mod catalogue;
mod client;
pub mod foreign;
mod host;
pub mod http;
mod log;
mod machine;
mod network;
pub mod paths;
pub mod registry;
mod request;
mod response;
mod servers;
pub mod station;
mod tap;
pub mod wire;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
pub use client::{Client, Running};
pub use host::{Builder, ONE_AT_A_TIME, Refusal, TestHost, filled_in};
pub use machine::Machine;
pub use network::Network;
pub use request::Request;
pub use response::Response;
pub use servers::{Apache, Caddy, HaProxy, Lighttpd, Nginx, Place, WebServer, example, free_address};
pub use station::Station;
pub use tap::{Event, Side, Tap};
pub use wire::Wire;

/// The names of the components that stories run.
pub mod guest {
    /// Does what its path says, well or badly; the table is in `tests/guests/behaviours`.
    pub const BEHAVIOURS: &str = "behaviours";
    /// A CGI program that does what its path says; the table is in `tests/guests/commands`.
    pub const COMMANDS: &str = "commands";
    /// The example in C, a core module of WASI preview 1.
    pub const COMMAND_C: &str = "command-c";
    /// The example in Rust.
    pub const COMMAND_RUST: &str = "command-rust";
    /// Does some of that, and more, with asynchronous functions; the table is in `tests/guests/behaviours-03`.
    pub const BEHAVIOURS_03: &str = "behaviours-03";
    /// Answers `hello`.
    pub const HELLO: &str = "hello";
    /// Wants its host to suffer; the table is in `tests/guests/hostile`.
    pub const HOSTILE: &str = "hostile";
    /// Does to files what the request's body says; the table is in `tests/guests/intruder`.
    pub const INTRUDER: &str = "intruder";
    /// Tries to reach the network.
    pub const NETWORK: &str = "network";
    /// An interpreter of JavaScript, as others have built it for WASI preview 1.
    pub const QUICKJS: &str = "quickjs";
    /// Serves in all roles; the table is in `tests/guests/roles`.
    pub const ROLES: &str = "roles";
    /// The example of an authorizer.
    pub const AUTHORIZER: &str = "authorizer";
    /// The example of a handler that reads CGI variables.
    pub const CGI: &str = "cgi";
    /// The example of a filter.
    pub const FILTER: &str = "filter";
}

/// Is set when its story's part ends, also when that fails: what waits for it ends as well.
pub struct Mark<'a>(pub &'a AtomicBool);

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// How long anything may take before its story fails: far longer than on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How often a condition that nothing announces is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// So many bytes, in which no two neighbouring records are alike.
pub fn noise(length: u32) -> Bytes {
    (0..length).map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

/// Waits until `condition` holds; fails the story, naming `what`, if it does not within [`PATIENCE`].
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        thread::sleep(LOOK);
    }
}
