//! Inputs 6 to 13, 43, 50 and 56: requests, their order and their ends.

use fcgi::{ProtocolStatus as Status, RecordType as T};
use tests::{
    Request,
    wire::{self, KEEP, Record},
};

use crate::{MIB, assert_bounded, assert_closed, assert_ignored, behaviours};

#[test]
fn input_06_roles_that_nobody_knows() {
    let host = behaviours();
    let mut connection = host.wire();
    for role in [0, 9, 65_535] {
        connection.send([wire::begin_with(1, role, KEEP), wire::stream(T::Params, 1, b"\xff")].concat());
        host.assert_serves_others();
        assert_eq!(connection.records(1), [Record::end(1, 0, Status::UnknownRole)]);
    }
}

#[test]
fn input_07_begin_without_an_id() {
    assert_closed(&behaviours(), wire::whole(0, &Request::get("/visits")), "BEGIN_REQUEST with id 0");
}

#[test]
fn input_08_begin_twice() {
    let host = behaviours();
    assert_closed(&host, wire::begin(1).repeat(2), "request 1: BEGIN_REQUEST before its end");
    let running = wire::whole(2, &Request::get("/sleep?ms=600000"));
    assert_closed(&host, running.repeat(2), "request 2: BEGIN_REQUEST before its end");
}

#[test]
fn input_09_requests_without_number() {
    let host = behaviours();
    assert_bounded(&host, 8 * MIB, || {
        let mut connection = host.wire();
        let sending = std::thread::spawn({
            let mut sender = connection.sender();
            move || (1..=u16::MAX).for_each(|id| sender.send(wire::begin(id)))
        });
        for id in 129..=u16::MAX {
            if id % 10_000 == 0 {
                host.assert_serves_others();
            }
            assert_eq!(connection.next(), Some(Record::end(id, 0, Status::Overloaded)));
        }
        sending.join().expect("all of them sent");
    });
}

#[test]
fn input_10_streams_of_nobody() {
    let host = behaviours();
    let kinds = [T::Params, T::Stdin, T::Data, T::AbortRequest];
    let nobodys = kinds.map(|kind| wire::stream(kind, 99, b"for nobody")).concat();
    assert_ignored(&host, &mut host.wire(), nobodys.repeat(100));
}

#[test]
fn input_11_a_body_before_the_variables_end() {
    let host = behaviours();
    for content in [&b"early"[..], b""] {
        let bytes = [wire::begin(1), wire::record(T::Stdin, 1, content)].concat();
        assert_closed(&host, bytes, "request 1: STDIN before the end of PARAMS");
    }
}

#[test]
fn input_12_data_after_the_end() {
    let host = behaviours();
    let mut connection = host.wire();
    let request = wire::whole(1, &Request::new("POST", "/count").body("body").keep());
    let late = [wire::record(T::Stdin, 1, b"late"), wire::record(T::Params, 1, b"late")].concat();
    connection.send([request, late.repeat(100)].concat());
    host.assert_serves_others();
    assert_eq!(connection.response(1).text(), "4\n");
}

#[test]
fn input_13_an_end_after_the_end() {
    let host = behaviours();
    let mut connection = host.wire();
    let ends = [wire::record(T::Params, 1, b""), wire::record(T::Stdin, 1, b"")].concat();
    connection.send(
        [wire::whole(1, &Request::new("POST", "/count").body("body").keep()), ends.repeat(100)].concat(),
    );
    host.assert_serves_others();
    assert_eq!(connection.response(1).text(), "4\n");
}

#[test]
fn input_43_aborts_of_all_kinds() {
    let host = behaviours();
    let mut connection = host.wire();
    let abort = wire::record(T::AbortRequest, 1, b"");
    let aborted = [Record::new(T::Stdout, 1, b""), Record::end(1, 0, Status::RequestComplete)];
    // Of an id that nobody knows, and again after the end.
    assert_ignored(&host, &mut connection, &abort);
    assert_ignored(&host, &mut connection, &abort);
    // Twice, and inside a body, whose rest comes nevertheless.
    connection.send(wire::head(1, &Request::new("POST", "/count").keep()));
    connection.send(
        [wire::record(T::Stdin, 1, b"half"), abort.repeat(2), wire::stream(T::Stdin, 1, b"rest")].concat(),
    );
    host.assert_serves_others();
    assert_eq!(connection.records(2), aborted);
    assert_ignored(&host, &mut connection, abort);
}

#[test]
fn input_50_aborts_and_the_same_id_again() {
    let host = behaviours();
    let mut connection = host.wire();
    let slow = wire::whole(1, &Request::get("/sleep?ms=600000").keep());
    let storm = [slow, wire::record(T::AbortRequest, 1, b"")].concat();
    for round in 0..50 {
        connection.send(storm.repeat(10));
        if round % 10 == 0 {
            host.assert_serves_others();
        }
        let ends = connection.records(20).into_iter().filter(|record| record.is(T::EndRequest));
        assert!(ends.eq(vec![Record::end(1, 0, Status::RequestComplete); 10]));
    }
    assert_ignored(&host, &mut connection, b"");
}

#[test]
fn input_56_variables_of_the_request_before() {
    let host = behaviours();
    let mut connection = host.wire();
    let secret = Request::get("/env").header("Cookie", "secret").variable("SECRET", "1").keep();
    assert!(connection.ask(1, &secret).text().contains("HTTP_COOKIE=secret\n"));
    host.assert_serves_others();
    for id in [1, 2] {
        let text = connection.ask(id, &Request::get("/env").keep()).text().to_owned();
        assert!(!text.contains("SECRET") && !text.contains("COOKIE"), "{text}");
    }
    // Nor of one whose variables never ended.
    let cut = [wire::begin(1), wire::record(T::Params, 1, &wire::pairs([("SECRET", "2")]))].concat();
    connection.send([cut, wire::record(T::AbortRequest, 1, b"")].concat());
    assert_eq!(connection.records(1), [Record::end(1, 0, Status::RequestComplete)]);
    assert!(!connection.ask(1, &Request::get("/env")).text().contains("SECRET"));
}
