//! Inputs 1 to 5, 39 to 42, 48 and 49: records.

use fcgi::RecordType as T;
use tests::{
    Request, noise,
    wire::{self, Record},
};

use crate::{MIB, assert_bounded, assert_closed, assert_ignored, behaviours};

#[test]
fn input_01_other_versions() {
    let host = behaviours();
    for version in [0, 2, 255] {
        let mut bytes = wire::whole(1, &Request::get("/visits"));
        bytes[0] = version;
        assert_closed(&host, bytes, &format!("record of version {version} (byte "));
    }
}

#[test]
fn input_02_a_header_that_is_cut() {
    let host = behaviours();
    for length in 1..8 {
        let mut connection = host.wire();
        connection.send(&wire::begin(1)[..length]);
        host.assert_serves_others();
        connection.finish_sending();
        connection.expect_close();
        host.log_lines("connection closed: connection ended inside a record", length);
    }
}

#[test]
fn input_03_an_end_inside_content() {
    let host = behaviours();
    for (round, length) in [1, 8, 100].into_iter().enumerate() {
        let params = [wire::begin(1), wire::record(T::Params, 1, &noise(1000))].concat();
        let stdin = wire::record(T::Stdin, 1, &noise(1000));
        let upload = [wire::head(1, &Request::new("POST", "/count").keep()), stdin].concat();
        for (bytes, line) in
            [(params, "connection ended inside a record"), (upload, "requests cancelled requests=1")]
        {
            let mut connection = host.wire();
            connection.send(&bytes[..bytes.len() - length]);
            host.assert_serves_others();
            connection.finish_sending();
            connection.expect_close();
            host.log_lines(line, round + 1);
        }
    }
}

#[test]
fn input_04_an_end_inside_padding() {
    let host = behaviours();
    let params = [wire::begin(1), wire::padded(T::Params.code(), 1, b"\x01\x00A", 200)].concat();
    let stdin = wire::padded(T::Stdin.code(), 1, b"half a body", 200);
    let upload = [wire::head(1, &Request::new("POST", "/count").keep()), stdin].concat();
    for (bytes, line) in
        [(params, "connection ended inside a record"), (upload, "requests cancelled requests=1")]
    {
        for (round, left) in [1, 199].into_iter().enumerate() {
            let mut connection = host.wire();
            connection.send(&bytes[..bytes.len() - left]);
            host.assert_serves_others();
            connection.finish_sending();
            connection.expect_close();
            host.log_lines(line, round + 1);
        }
    }
}

#[test]
fn input_05_begin_of_another_length() {
    let host = behaviours();
    for length in [0, 2, 7, 9, 65_535] {
        let begin = wire::record(T::BeginRequest, 1, &vec![0; length]);
        assert_closed(&host, begin, &format!("BEGIN_REQUEST of {length} bytes instead of 8"));
    }
}

#[test]
fn input_39_questions_whose_answers_nobody_reads() {
    let host = behaviours();
    let question = wire::record(T::GetValues, 0, &wire::pairs([("FCGI_MAX_CONNS", "")])).repeat(1000);
    assert_bounded(&host, 8 * MIB, || {
        let mut connection = host.wire();
        let taken = (0..1000).take_while(|_| connection.send_what_goes(&question) == question.len()).count();
        assert!(taken < 1000, "the host answers without end");
        host.assert_serves_others();
        // As soon as they are read, it goes on.
        for record in connection.records(1000) {
            assert!(record.is(T::GetValuesResult), "{record:?}");
        }
    });
}

#[test]
fn input_40_questions_of_junk() {
    let host = behaviours();
    let junk = wire::record(T::GetValues, 0, b"\x05\x05x");
    assert_closed(&host, junk, "GET_VALUES: pair at byte 0 claims 10 bytes where 1 are left");
    assert_closed(
        &host,
        wire::record(T::GetValues, 0, b"\xff"),
        "GET_VALUES: pair at byte 0 is cut inside its lengths",
    );
    let of_a_request = wire::record(T::GetValues, 1, &wire::pairs([("FCGI_MAX_CONNS", "")]));
    assert_ignored(&host, &mut host.wire(), of_a_request);
}

#[test]
fn input_41_types_that_nobody_knows() {
    let host = behaviours();
    let mut connection = host.wire();
    let types = || (12..=255).chain([0]);
    connection.send(types().flat_map(|kind| wire::padded(kind, 0, b"\xff\xff", 6)).collect::<Vec<_>>());
    host.assert_serves_others();
    for kind in types() {
        assert_eq!(connection.next(), Some(Record::new(T::UnknownType, 0, &[kind, 0, 0, 0, 0, 0, 0, 0])));
    }
    let of_a_request: Vec<u8> = types().flat_map(|kind| wire::padded(kind, 1, b"\xff\xff", 6)).collect();
    assert_ignored(&host, &mut connection, of_a_request);
}

#[test]
fn input_42_what_an_application_sends() {
    let host = behaviours();
    let mut connection = host.wire();
    let kinds = [T::EndRequest, T::Stdout, T::Stderr, T::GetValuesResult, T::UnknownType];
    let (head, body) =
        (wire::head(1, &Request::new("POST", "/count").keep()), wire::stream(T::Stdin, 1, b"body"));
    let sent = kinds.map(|kind| wire::record(kind, 1, &[0; 8])).concat();
    connection.send([head, sent, body].concat());
    host.assert_serves_others();
    assert_eq!(connection.response(1).text(), "4\n");
    // Were these answered, two applications could answer each other for ever.
    let answers = [T::GetValuesResult, T::UnknownType].map(|kind| wire::record(kind, 0, &[0; 8])).concat();
    assert_ignored(&host, &mut connection, answers);
}

#[test]
fn input_48_padding_that_imitates_records() {
    let host = behaviours();
    let mut connection = host.wire();
    // All padding of this client's is made of BEGIN_REQUEST records.
    let pieces = (0..200).flat_map(|_| wire::padded(T::Stdin.code(), 1, b"piece ", 248));
    let body: Vec<u8> = pieces.chain(wire::padded(T::Stdin.code(), 1, b"", 248)).collect();
    let begin = wire::padded(T::BeginRequest.code(), 1, &[0, 1, wire::KEEP, 0, 0, 0, 0, 0], 248);
    let params = wire::stream(T::Params, 1, &wire::pairs(Request::new("POST", "/count").variables()));
    connection.send([begin, params, body].concat());
    host.assert_serves_others();
    assert_eq!(connection.response(1).text(), "1200\n");
    assert_eq!(connection.ask(2, &Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn input_49_http_and_tls() {
    let host = behaviours();
    let hint = "instead of 1: the peer must speak FastCGI, not HTTP or TLS";
    assert_closed(
        &host,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &format!("record of version 71 (byte \"G\") {hint}"),
    );
    assert_closed(
        &host,
        b"\x16\x03\x01\x02\0\x01\0\x01",
        &format!("record of version 22 (byte \"\\x16\") {hint}"),
    );
}
