//! What a connection may hold at most, as docs/ARCHITECTURE.md says, with connections that hold all they can.

use std::fs;

use fcgi::RecordType as T;
use tests::{Request, TestHost, Wire, guest, paths, wire};

const MIB: u64 = 1 << 20;

/// Of a connection itself.
const CONNECTION: u64 = 4 * MIB;

/// Of each request on it, without its handler's memory.
const REQUEST: u64 = MIB;

/// Requests on a connection.
const REQUESTS: u16 = 128;

/// Checks how much memory the host takes for what `act` returns.
fn assert_bounded<H>(host: &TestHost, most: u64, act: impl FnOnce() -> H) {
    host.get("/visits");
    let before = host.memory();
    let held = act();
    let grown = host.memory().saturating_sub(before);
    println!("{grown} of {most} bytes");
    assert!(grown < most, "{grown} of {most} bytes");
    drop(held);
}

/// Waits until the host has read everything that was sent.
fn settle(connection: &mut Wire) {
    connection.send(wire::record(T::GetValues, 0, b""));
    while !connection.next().expect("an answer").is(T::GetValuesResult) {}
}

/// As many bytes of variables as a request may have, some of them headers, which handlers get in another form, too.
fn variables() -> Vec<u8> {
    let request = Request::new("POST", "/stalls-reading").keep();
    let mut pairs = wire::pairs(request.variables());
    let value = "x".repeat(1000);
    for number in 0.. {
        let prefix = if number % 2 == 0 { "HTTP_X" } else { "VARIABLE" };
        let pair = wire::pairs([(format!("{prefix}_{number}"), &value)]);
        if pairs.len() + pair.len() > fcgi::Limits::MAX_PARAMS_BYTES {
            break;
        }
        pairs.extend(pair);
    }
    pairs
}

#[test]
fn the_bounds_are_those_of_the_documentation() {
    let text = fs::read_to_string(paths::repository("docs/ARCHITECTURE.md")).expect("the documentation");
    let bounds = format!(
        "at most {} MiB for itself and {} MiB for each of its requests, of which it has at most {REQUESTS}",
        CONNECTION / MIB,
        REQUEST / MIB
    );
    assert!(text.replace('\n', " ").contains(&bounds), "{bounds}");
}

#[test]
fn heads_that_are_half_sent() {
    let host = TestHost::with(guest::BEHAVIOURS).start();
    let pairs = variables();
    let open = |_| {
        let mut connection = host.wire();
        // As many as a connection may have, and all that they may hold together.
        for id in 1..=REQUESTS {
            connection.send(wire::begin(id));
        }
        for id in 1..=8 {
            pairs.chunks(60_000).for_each(|part| connection.send(wire::record(T::Params, id, part)));
        }
        settle(&mut connection);
        connection
    };
    assert_bounded(&host, 16 * CONNECTION, || (0..16).map(open).collect::<Vec<_>>());
}

#[test]
fn bodies_that_nobody_reads() {
    // All but one wait for their turn, with everything that belongs to them.
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "2", "--queue-wait", "10m"]).start();
    let (pairs, piece) = (variables(), vec![b'x'; 65_535]);
    assert_bounded(&host, CONNECTION + u64::from(REQUESTS) * REQUEST, || {
        let mut connection = host.wire();
        for id in 1..=REQUESTS {
            connection.send([wire::begin(id), wire::stream(T::Params, id, &pairs)].concat());
            // Four bytes less than what makes the connection wait.
            (0..4).for_each(|_| connection.send(wire::record(T::Stdin, id, &piece)));
        }
        settle(&mut connection);
        // No body takes more than that: what follows is left in the socket.
        let more = wire::record(T::Stdin, 1, &piece).repeat(100);
        let taken = connection.send_what_goes(&more);
        assert!(taken < more.len(), "{taken} bytes more");
        connection
    });
}

#[test]
fn responses_that_nobody_reads() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "9", "--deadline", "10m"]).start();
    let busy = |uri: &str| {
        let mut connection = host.wire();
        (1..=8).for_each(|id| connection.send(wire::whole(id, &Request::get(uri).keep())));
        // Until all of them run, or as much as there is room for.
        (0..100).for_each(|_| assert_eq!(host.get("/visits").text(), "1\n"));
        connection
    };
    // Their handlers' memories are there before.
    let mut before = busy("/sleep?ms=100");
    (0..16).for_each(|_| assert!(before.next().is_some()));
    assert_bounded(&host, CONNECTION + 8 * REQUEST, || busy("/endless"));
}
