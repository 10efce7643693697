//! Lines 23 to 30: requests from their beginning to their end.

use fcgi::{ProtocolStatus as Status, RecordType as T, Role};
use tests::{
    Request, TestHost, eventually, guest, noise,
    wire::{self, KEEP, Record},
};

use crate::behaviours;

#[test]
fn line_23_a_role_has_16_bits_and_of_the_flags_only_the_lowest_counts() {
    let host = behaviours();
    let mut connection = host.wire();
    // Whoever took one byte of the role for the whole would take these for responders.
    for role in [0x0100, 0x0101] {
        connection.send(wire::begin_with(1, role, 0xff));
        assert_eq!(connection.records(1), [Record::end(1, 0, Status::UnknownRole)]);
    }
    let rest = &wire::whole(1, &Request::get("/visits"))[16..];
    for (flags, kept) in [(0xff, true), (0xfe, false)] {
        connection.send([&wire::begin_with(1, Role::Responder.code(), flags), rest].concat());
        assert_eq!(connection.response(1).text(), "1\n");
        if !kept {
            connection.expect_close();
        }
    }
}

#[test]
fn line_24_an_unknown_role_is_refused_and_its_id_discarded() {
    let host = behaviours();
    let mut connection = host.wire();
    let rest = [
        wire::stream(T::Params, 3, b"\xff"),
        wire::stream(T::Stdin, 3, b"x"),
        wire::record(T::AbortRequest, 3, b""),
    ];
    connection.send([wire::begin_with(3, 9, KEEP), rest.concat()].concat());
    assert_eq!(connection.records(1), [Record::end(3, 0, Status::UnknownRole)]);
    assert_eq!(connection.ask(3, &Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn line_26_the_end_has_the_status_of_application_and_protocol() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--queue", "1000", "--queue-wait", "10m"]).start();
    let mut connection = host.wire();
    let end = |record: &Record| record.is(T::EndRequest);
    for (uri, app_status) in [("/visits", 0), ("/trap", 1)] {
        connection.send(wire::whole(1, &Request::get(uri).keep()));
        let record = connection.by_ref().find(end);
        assert_eq!(record, Some(Record::end(1, app_status, Status::RequestComplete)));
    }
    // As many as FCGI_MAX_REQS says, and one.
    for id in 1..=129 {
        connection.send(wire::whole(id, &Request::get("/sleep?ms=600000").keep()));
    }
    assert_eq!(connection.next(), Some(Record::end(129, 0, Status::Overloaded)));
    connection.send(wire::begin_with(130, 0, KEEP));
    assert_eq!(connection.next(), Some(Record::end(130, 0, Status::UnknownRole)));
}

#[test]
fn line_27_an_abort_is_answered_at_once_and_once() {
    let host = behaviours();
    let mut connection = host.wire();
    let abort = wire::record(T::AbortRequest, 1, b"");
    let aborted = [Record::new(T::Stdout, 1, b""), Record::end(1, 0, Status::RequestComplete)];
    for request in [Request::get("/sleep?ms=600000"), Request::get("/loop"), Request::get("/stalls-reading")]
    {
        connection.send([wire::whole(1, &request.keep()), abort.repeat(3)].concat());
        assert_eq!(connection.records(2), aborted);
    }
    // Inside its body, and of nobody.
    let upload = wire::head(1, &Request::new("POST", "/count").keep());
    connection.send(
        [upload, wire::record(T::Stdin, 1, b"half"), abort.clone(), wire::record(T::AbortRequest, 2, b"")]
            .concat(),
    );
    assert_eq!(connection.records(2), aborted);
    // Before the end of its variables it has no streams to end.
    connection.send([wire::begin(1), abort].concat());
    assert_eq!(connection.records(1), aborted[1..]);
    assert_eq!(connection.ask(1, &Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn line_28_a_lost_connection_cancels_all_of_its_requests() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "3", "--deadline", "10m"]).start();
    let mut connection = host.wire();
    for (id, uri) in (1..).zip(["/loop", "/sleep?ms=600000", "/stalls-reading"]) {
        connection.send(wire::whole(id, &Request::get(uri).keep()));
    }
    // One whose variables have not come is no request yet.
    connection.send(wire::begin(4));
    drop(connection);
    host.log_line("the web server closed a connection: requests cancelled requests=3");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn line_30_after_the_last_response_the_rest_is_read_and_dropped() {
    let host = behaviours();
    let mut connection = host.wire();
    connection.send(wire::head(1, &Request::new("POST", "/never-reads")));
    let response = connection.response(1);
    assert_eq!(response.text(), "not interested\n");
    // Our side of the connection is closed, and what is under way to it destroys nothing.
    connection.expect_close();
    let piece = wire::record(T::Stdin, 1, &noise(60_000));
    assert!(connection.try_send(piece.repeat(20)), "the host reset the connection");
    // But not for ever.
    eventually("the connection is closed", || !connection.try_send(&piece));
}
