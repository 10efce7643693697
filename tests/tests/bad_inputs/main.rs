//! The bad inputs of docs/conformance.md, one by one, from a real socket to the real program: the answer, the line of the
//! log, and that a good request on a fresh connection is served in time while the bad one is under way.

mod bodies;
mod guests;
mod params;
mod records;
mod requests;
mod time;
mod variables;

use tests::{TestHost, Wire, guest};

const MIB: u64 = 1 << 20;

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).start()
}

/// Sends `bytes` on a connection of its own; the host must close that, say why, and serve others.
fn assert_closed(host: &TestHost, bytes: impl AsRef<[u8]>, reason: &str) {
    let mut connection = host.wire();
    // It may be closed before it has read everything.
    connection.try_send(bytes);
    host.assert_serves_others();
    connection.expect_close();
    host.log_line(reason);
}

/// Sends `bytes`, which the host must read and then answer nothing, and shows that the connection goes on.
fn assert_ignored(host: &TestHost, connection: &mut Wire, bytes: impl AsRef<[u8]>) {
    connection.send(bytes);
    host.assert_serves_others();
    assert_eq!(connection.ask(1, &tests::Request::get("/visits").keep()).text(), "1\n");
}

/// Checks how much memory `act` has the host take, above what it had before.
fn assert_bounded(host: &TestHost, most: u64, act: impl FnOnce()) {
    host.get("/visits");
    let before = host.memory();
    act();
    let grown = host.memory().saturating_sub(before);
    assert!(grown < most, "{grown} bytes");
}
