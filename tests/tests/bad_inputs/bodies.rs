//! Inputs 30, 31, 46 and 47: bodies.

use fcgi::RecordType as T;
use tests::{Request, TestHost, guest, wire};

use crate::{MIB, assert_bounded, assert_ignored, behaviours};

/// A request whose body has not the announced length: its handler is told, however it reads.
fn assert_broken(announced: &str, body: &'static str) {
    let host = behaviours();
    let mut connection = host.wire();
    let request = Request::post("/count", body).variable("CONTENT_LENGTH", announced).keep();
    connection.send(wire::whole(1, &request));
    host.assert_serves_others();
    let response = connection.response(1);
    assert_eq!(response.status(), 400);
    assert!(response.text().starts_with("the body breaks off after "), "{}", response.text());
    assert_ignored(&host, &mut connection, b"");
}

#[test]
fn input_30_a_length_beyond_the_body() {
    assert_broken("11", "some words");
    assert_broken("1073741824", "some words");
}

#[test]
fn input_30_a_length_beyond_all_limits() {
    let host = behaviours();
    let mut connection = host.wire();
    let request =
        Request::post("/count", "some words").variable("CONTENT_LENGTH", "18446744073709551615").keep();
    connection.send(wire::whole(1, &request));
    host.assert_serves_others();
    assert_eq!(connection.response(1).status(), 413);
    host.log_line("a body of 18446744073709551615 bytes is longer than max-request allows, 1073741824");
    assert_ignored(&host, &mut connection, b"");
}

#[test]
fn input_31_a_length_below_the_body() {
    assert_broken("9", "some words");
    assert_broken("0", "some words");
}

#[test]
fn input_46_a_peer_that_never_reads() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--stall-timeout", "2s", "--deadline", "10m"]).start();
    assert_bounded(&host, 8 * MIB, || {
        let mut connection = host.wire();
        connection.send(wire::whole(1, &Request::get("/endless").keep()));
        host.assert_serves_others();
        host.log_line("read nothing of a response for 2s; raise --stall-timeout if it needs longer");
    });
}

#[test]
fn input_47_a_body_that_imitates_records() {
    let host = behaviours();
    let mut connection = host.wire();
    let body =
        [wire::begin(7), wire::record(T::AbortRequest, 1, b""), wire::record(T::Stdin, 1, b"")].concat();
    connection.send(wire::whole(1, &Request::post("/echo", body.clone()).keep()));
    host.assert_serves_others();
    assert_eq!(connection.response(1).body(), body);
    assert_ignored(&host, &mut connection, b"");
}
