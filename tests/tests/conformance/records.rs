//! Lines 6 to 14: records.

use fcgi::{ProtocolStatus, RecordType as T};
use tests::{
    Request, noise,
    wire::{self, Record},
};

use crate::behaviours;

/// A POST request whose body's length nobody knows.
fn upload() -> Request {
    Request::new("POST", "/echo").keep()
}

#[test]
fn line_06_reserved_bytes_are_ignored() {
    let host = behaviours();
    let mut connection = host.wire();
    let mut bytes = wire::whole(1, &Request::get("/visits").keep());
    bytes[7] = 0xff;
    // Of BEGIN_REQUEST's own content, too.
    bytes[11..16].fill(0xee);
    connection.send(bytes);
    assert_eq!(connection.response(1).text(), "1\n");
}

#[test]
fn line_07_any_content_goes_with_any_padding() {
    let host = behaviours();
    let mut connection = host.wire();
    let (mut bytes, mut body) = (wire::head(1, &upload()), Vec::new());
    for length in [1, 2, 7, 8, 9, 255, 256, 1023, 1024, 4096, 65_527, 65_528, 65_534, 65_535] {
        for padding in [0, 1, 7, 8, 9, 127, 128, 254, 255] {
            let content = noise(length);
            bytes.extend(wire::padded(T::Stdin.code(), 1, &content, padding));
            body.extend_from_slice(&content);
        }
    }
    bytes.extend(wire::padded(T::Stdin.code(), 1, b"", 255));
    let sending = std::thread::spawn({
        let mut sender = connection.sender();
        move || sender.send(bytes)
    });
    assert!(connection.response(1).body() == body);
    sending.join().expect("all of it sent");
}

#[test]
fn line_08_reads_may_be_cut_and_joined_anywhere() {
    let host = behaviours();
    let request = upload().body("some words");
    let mut connection = host.wire();
    for byte in wire::whole(1, &request) {
        connection.send([byte]);
    }
    assert_eq!(connection.response(1).text(), "some words");
    let joined: Vec<u8> = (1..=20).flat_map(|id| wire::whole(id, &request)).collect();
    connection.send(joined);
    let ends = connection.by_ref().filter(|record| record.is(T::EndRequest)).take(20);
    let mut ids: Vec<_> = ends.map(|record| record.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
}

#[test]
fn line_09_id_0_is_the_connections_alone() {
    let host = behaviours();
    let mut connection = host.wire();
    for kind in [T::AbortRequest, T::Params, T::Stdin, T::Data] {
        connection.send(wire::record(kind, 0, b""));
        assert_eq!(
            connection.records(1),
            [Record::new(T::UnknownType, 0, &[kind.code(), 0, 0, 0, 0, 0, 0, 0])]
        );
    }
    // And management records have no other.
    connection.send(wire::record(T::GetValues, 1, &wire::pairs([("FCGI_MPXS_CONNS", "")])));
    assert_eq!(connection.ask(1, &Request::get("/visits").keep()).text(), "1\n");
    connection.send(wire::begin(0));
    connection.expect_close();
    host.log_line("BEGIN_REQUEST with id 0: a request needs an id from 1 to 65535");
}

#[test]
fn line_10_ids_come_in_any_order_and_again_after_their_end() {
    let host = behaviours();
    let mut connection = host.wire();
    for id in [65_535, 1, 300, 2, 1, 1, 65_535] {
        assert_eq!(connection.ask(id, &Request::get("/visits").keep()).text(), "1\n");
    }
}

#[test]
fn line_11_an_id_is_active_from_its_begin_to_our_end() {
    let host = behaviours();
    let mut connection = host.wire();
    let nobodys =
        [T::Params, T::Stdin, T::Data, T::AbortRequest].map(|kind| wire::record(kind, 7, b"x")).concat();
    for _ in 0..3 {
        connection.send(&nobodys);
        assert_eq!(connection.ask(7, &upload().body("mine")).text(), "mine");
    }
    connection.send(&nobodys);
    assert_eq!(connection.ask(8, &Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn line_12_begin_on_an_active_id_closes() {
    let host = behaviours();
    let mut connection = host.wire();
    connection.send(wire::whole(3, &Request::get("/sleep?ms=600000").keep()));
    connection.send(wire::begin(3));
    connection.expect_close();
    host.log_line("request 3: BEGIN_REQUEST before its end");
}

#[test]
fn line_13_a_stream_is_what_its_records_hold_until_an_empty_one() {
    let host = behaviours();
    let mut connection = host.wire();
    let late = [wire::stream(T::Stdin, 1, b"late"), wire::stream(T::Params, 1, b"\xff late")].concat();
    for pieces in [&["some words"][..], &["s", "ome ", "w", "ords"], &["some", " ", "words"]] {
        let body: Vec<u8> =
            pieces.iter().flat_map(|piece| wire::record(T::Stdin, 1, piece.as_bytes())).collect();
        connection
            .send([wire::head(1, &upload()), body, wire::record(T::Stdin, 1, b""), late.clone()].concat());
        assert_eq!(connection.response(1).text(), "some words");
    }
}

#[test]
fn line_14_all_that_is_sent_is_padded_to_eight() {
    let host = behaviours();
    let mut connection = host.wire();
    connection.send(wire::record(
        T::GetValues,
        0,
        &wire::pairs([("FCGI_MAX_REQS", ""), ("FCGI_MPXS_CONNS", "")]),
    ));
    connection.send(wire::padded(99, 0, b"", 0));
    connection.send(wire::begin_with(9, 77, wire::KEEP));
    for (id, uri) in (1..).zip(["/visits", "/stderr", "/trap", "/generate?bytes=4001"]) {
        connection.send(wire::whole(id, &Request::get(uri).keep()));
    }
    // The one that closes the connection, after all that have begun.
    connection.send(wire::whole(5, &Request::get("/generate?bytes=200001")));
    let records = connection.until_close();
    assert!(records.len() > 15, "{}", records.len());
    for record in &records {
        assert_eq!((record.content.len() + usize::from(record.padding)) % 8, 0, "{record:?}");
        assert!(record.padding < 8, "{record:?}");
    }
    assert!(records.contains(&Record::end(9, 0, ProtocolStatus::UnknownRole)));
}
