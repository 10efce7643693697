//! Lines 15 to 19: name-value pairs.

use fcgi::RecordType as T;
use tests::{Request, Wire, wire};

use crate::behaviours;

/// Asks for the handler's environment with the PARAMS in these pieces, on a connection that goes on.
fn environment(connection: &mut Wire, pieces: &[&[u8]]) -> String {
    connection.send(wire::begin(1));
    for piece in pieces {
        connection.send(wire::record(T::Params, 1, piece));
    }
    connection.send([wire::record(T::Params, 1, b""), wire::record(T::Stdin, 1, b"")].concat());
    let response = connection.response(1);
    assert_eq!(response.status(), 200);
    response.text().to_owned()
}

/// The pairs of a request for the environment, and one more, with its lengths written as the story wants.
fn with_pair(lengths: &[u8], name: &str, value: &str) -> Vec<u8> {
    let asked = wire::pairs(Request::get("/env").variables());
    [&asked[..], lengths, name.as_bytes(), value.as_bytes()].concat()
}

#[test]
fn line_15_lengths_have_one_byte_or_four() {
    let host = behaviours();
    let mut connection = host.wire();
    let (long_name, long_value) = ("N".repeat(128), "v".repeat(70_000));
    for (lengths, name, value) in [
        (&[4, 127][..], "NAME", &"v".repeat(127)[..]),
        (&[4, 0x80, 0, 0, 128], "NAME", &"v".repeat(128)),
        (&[4, 0x80, 1, 0x11, 0x70], "NAME", &long_value),
        (&[0x80, 0, 0, 128, 5], &long_name, "value"),
        (&[0x80, 0, 0, 128, 0x80, 0, 0, 200], &long_name, &"v".repeat(200)),
        // Longer than they need be.
        (&[0x80, 0, 0, 4, 0x80, 0, 0, 5], "NAME", "value"),
    ] {
        let pairs = with_pair(lengths, name, value);
        let pieces: Vec<_> = pairs.chunks(65_535).collect();
        let text = environment(&mut connection, &pieces);
        assert!(text.lines().any(|line| line == format!("{name}={value}")), "{lengths:?}");
    }
}

#[test]
fn line_16_a_pair_may_straddle_records_at_any_byte() {
    let host = behaviours();
    let mut connection = host.wire();
    let (name, value) = ("N".repeat(130), "v".repeat(140));
    let pairs = with_pair(&[0x80, 0, 0, 130, 0x80, 0, 0, 140], &name, &value);
    let whole = environment(&mut connection, &[&pairs]);
    assert!(whole.contains(&format!("\n{name}={value}\n")));
    for at in 1..pairs.len() {
        let (head, tail) = pairs.split_at(at);
        assert_eq!(environment(&mut connection, &[head, tail]), whole, "cut at {at}");
    }
    let bytes: Vec<_> = pairs.chunks(1).collect();
    assert_eq!(environment(&mut connection, &bytes), whole);
}

#[test]
fn line_17_params_names_and_values_may_be_empty() {
    let host = behaviours();
    let mut connection = host.wire();
    let text = environment(&mut connection, &[&with_pair(&[0, 1], "", "x"), &[5, 0], b"EMPTY"]);
    assert!(text.contains("\n=x\nEMPTY=\n"), "{text}");
    // Without any, nobody knows what is asked for, but the protocol is in order.
    connection
        .send([wire::begin(1), wire::record(T::Params, 1, b""), wire::record(T::Stdin, 1, b"")].concat());
    assert_eq!(connection.response(1).status(), 500);
    host.log_line("the web server sent no REQUEST_METHOD");
    assert_eq!(connection.ask(2, &Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn line_18_nul_in_a_value_is_refused() {
    let host = behaviours();
    let mut connection = host.wire();
    connection.send(wire::head(1, &Request::get("/env").variable("PATH_INFO", "/a\0b").keep()));
    connection.expect_close();
    host.log_line("request 1: value of \"PATH_INFO\" holds NUL");
}

#[test]
fn line_19_repeated_headers_are_joined_and_else_the_last_counts() {
    let host = behaviours();
    let repeated =
        Request::get("/env").header("Cookie", "a=1").header("X-Twice", "1").header("Cookie", "b=2");
    let repeated = repeated.header("X-Twice", "2");
    let pairs = wire::pairs(repeated.variables().chain([("PLAIN", "first"), ("PLAIN", "last")]));
    let text = environment(&mut host.wire(), &[&pairs]);
    for line in ["HTTP_COOKIE=a=1; b=2", "HTTP_X_TWICE=1, 2", "PLAIN=last"] {
        assert_eq!(text.lines().filter(|other| *other == line).count(), 1, "{line} in {text}");
    }
    assert!(!text.contains("PLAIN=first"));
}
