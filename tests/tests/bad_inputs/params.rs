//! Inputs 14 to 24: the encoding of variables.

use std::time::Instant;

use fcgi::RecordType as T;
use tests::{
    Request, TestHost,
    wire::{self, Wire},
};

use crate::{MIB, assert_bounded, assert_closed, behaviours};

/// Checks what the log says of a request whose variables are encoded like that.
fn assert_refused(host: &TestHost, pairs: &[u8], reason: &str) {
    assert_closed(
        host,
        [wire::begin(1), wire::stream(T::Params, 1, pairs)].concat(),
        &format!("request 1: {reason}"),
    );
}

/// The answer to a request for `/env` with these pairs besides its own.
fn environment(host: &TestHost, connection: &mut Wire, pairs: &[u8]) -> String {
    let pairs = [&wire::pairs(Request::get("/env").variables()), pairs].concat();
    connection
        .send([wire::begin(1), wire::stream(T::Params, 1, &pairs), wire::stream(T::Stdin, 1, b"")].concat());
    host.assert_serves_others();
    connection.response(1).text().to_owned()
}

#[test]
fn input_14_names_of_two_gigabytes() {
    let reason = "pair at byte 0 claims 4294967294 bytes where 0 are left";
    assert_refused(&behaviours(), &[0xff; 8], reason);
}

#[test]
fn input_15_lengths_whose_sum_overflows() {
    let host = behaviours();
    for (lengths, claimed) in [
        ([0x80, 0, 0, 1, 0xff, 0xff, 0xff, 0xff], 2_147_483_648_u64),
        ([0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 3], 2_147_483_649),
        ([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], 4_294_967_293),
    ] {
        let reason = format!("pair at byte 0 claims {claimed} bytes where 1 are left");
        assert_refused(&host, &[&lengths[..], b"A"].concat(), &reason);
    }
}

#[test]
fn input_16_a_length_that_is_cut() {
    let host = behaviours();
    for cut in [&b"\x01"[..], b"\x80", b"\x80\0", b"\x80\0\0", b"\x80\0\0\x01", b"\x01\x80\0\0"] {
        assert_refused(&host, cut, "pair at byte 0 is cut inside its lengths");
    }
}

#[test]
fn input_17_a_pair_beyond_the_stream() {
    let host = behaviours();
    assert_refused(&host, b"\x01\x00A\x01\x05B12", "pair at byte 3 claims 6 bytes where 3 are left");
    assert_refused(&host, b"\x7f\x7fshort", "pair at byte 0 claims 254 bytes where 5 are left");
}

#[test]
fn input_18_a_request_cut_at_every_byte() {
    let host = behaviours();
    let mut connection = host.wire();
    let variables = [("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/count"), ("LONG", &"x".repeat(130))];
    let params = wire::stream(T::Params, 1, &wire::pairs(variables));
    let request = [wire::begin(1), params, wire::stream(T::Stdin, 1, b"four")].concat();
    for at in 1..request.len() {
        let (head, tail) = request.split_at(at);
        connection.send(head);
        // Until this is answered, the host has most likely read so far.
        host.assert_serves_others();
        connection.send(tail);
        assert_eq!(connection.response(1).text(), "4\n", "cut at {at}");
    }
}

#[test]
fn input_19_variables_that_never_end() {
    let host = behaviours();
    let drip = wire::record(T::Params, 1, &[&[1, 100, b'N'][..], &[b'x'; 100]].concat());
    assert_bounded(&host, 8 * MIB, || {
        let mut connection = host.wire();
        connection.send(wire::begin(1));
        let taken = (0..100_000).take_while(|_| connection.try_send(&drip)).count();
        assert!(taken < 100_000, "the host reads without end");
        host.assert_serves_others();
        connection.expect_close();
        host.log_line("request 1: name-value pairs pass the limit of 131072 bytes");
    });
}

#[test]
fn input_20_a_hundred_thousand_variables() {
    let host = behaviours();
    assert_refused(&host, &vec![0; 200_000], "name-value pairs pass the limit of 131072 bytes");
    assert_refused(&host, &vec![0; 100_000], "more than 1024 name-value pairs");
}

#[test]
fn input_21_names_that_collide() {
    let host = behaviours();
    // Alike at both ends and in length, as a weak hash would see them.
    let names: Vec<_> = (0..1000).map(|number| format!("AAAAAAAA{number:08}ZZZZZZZZ")).collect();
    let pairs = wire::pairs(names.iter().map(|name| (name, "")));
    let mut connection = host.wire();
    let fastest = (0..5).map(|_| {
        let started = Instant::now();
        let text = environment(&host, &mut connection, &pairs);
        assert_eq!(text.lines().filter(|line| line.starts_with("AAAAAAAA")).count(), 1000);
        started.elapsed()
    });
    let fastest = fastest.min().expect("a time");
    assert!(fastest.as_millis() < 100, "{fastest:?}");
}

#[test]
fn input_22_a_value_of_64_megabytes() {
    let host = behaviours();
    assert_bounded(&host, 8 * MIB, || {
        let start = [b"\x01\x84\0\0\0A".to_vec(), vec![b'x'; 1 << 20]].concat();
        assert_refused(&host, &start, "name-value pairs pass the limit of 131072 bytes");
    });
}

#[test]
fn input_23_names_that_are_empty() {
    let host = behaviours();
    let text = environment(&host, &mut host.wire(), &wire::pairs([("", "first"), ("", ""), ("", "last")]));
    assert!(text.ends_with("\n=last\n"), "{text}");
}

#[test]
fn input_24_names_that_no_variable_can_have() {
    let host = behaviours();
    for (name, shown) in [
        ("A\0B", "A\\x00B"),
        ("\rA", "\\rA"),
        ("A\n", "A\\n"),
        ("LD_PRELOAD=x", "LD_PRELOAD=x"),
        ("\0", "\\x00"),
    ] {
        let pairs = wire::pairs([("FIRST", "1"), (name, "value")]);
        assert_refused(&host, &pairs, &format!("name \"{shown}\" holds NUL, CR, LF or \"=\""));
    }
}
