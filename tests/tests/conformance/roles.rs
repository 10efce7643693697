//! Lines 31 to 40: what each role reads and writes, and where errors go.

use fcgi::{ProtocolStatus as Status, RecordType as T};
use tests::{
    Request, Response,
    wire::{self, Record},
};

use crate::behaviours;

#[test]
fn line_31_a_response_may_precede_the_body() {
    let host = behaviours();
    let mut connection = host.wire();
    connection.send(wire::head(1, &Request::new("POST", "/never-reads").keep()));
    assert_eq!(connection.response(1).text(), "not interested\n");
    connection.send(wire::stream(T::Stdin, 1, b"too late"));
    assert_eq!(connection.ask(1, &Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn line_32_streams_are_ended_before_their_request() {
    let host = behaviours();
    let mut connection = host.wire();
    let ends = |kinds: &[T], app_status| {
        let streams = kinds.iter().map(|kind| Record::new(*kind, 1, b""));
        streams.chain([Record::end(1, app_status, Status::RequestComplete)]).collect::<Vec<_>>()
    };
    for (uri, expected) in [
        ("/visits", ends(&[T::Stdout], 0)),
        ("/generate?bytes=0", ends(&[T::Stdout], 0)),
        ("/stderr", ends(&[T::Stdout, T::Stderr], 0)),
        ("/no-response", ends(&[T::Stdout], 1)),
        ("/trap", ends(&[T::Stdout, T::Stderr], 1)),
    ] {
        connection.send(wire::whole(1, &Request::get(uri).keep()));
        let mut records = Vec::new();
        while records.last().is_none_or(|record: &Record| !record.is(T::EndRequest)) {
            records.push(connection.next().expect("a record"));
        }
        let (content, end) = records.split_at(records.len() - expected.len());
        assert_eq!(end, expected, "{uri}");
        assert!(content.iter().all(|record| !record.content.is_empty()), "{uri}: {content:?}");
    }
}

#[test]
fn line_33_streams_of_several_requests_interleave() {
    let host = behaviours();
    let mut connection = host.wire();
    for id in 1..=4 {
        let uri = if id == 4 { "/stderr" } else { "/drip?chunks=20&ms=5" };
        connection.send(wire::whole(id, &Request::get(uri).keep()));
    }
    let mut responses = vec![Response::default(); 5];
    let mut order = Vec::new();
    while !responses[1..].iter().all(Response::is_complete) {
        let record = connection.next().expect("a record");
        wire::take(&mut responses[usize::from(record.id)], &record);
        order.push(record.id);
    }
    order.dedup();
    assert!(order.len() > 10, "{order:?}");
    let lines = (1..=20).map(|chunk| format!("chunk {chunk}\n")).collect::<Vec<_>>().concat();
    assert!(responses[1..4].iter().all(|response| response.text() == lines));
    assert_eq!(responses[4].stderr, b"first line\nsecond line\n");
}

#[test]
fn line_38_data_is_for_filters_alone() {
    let host = behaviours();
    let mut connection = host.wire();
    let (head, data) =
        (wire::head(1, &Request::new("POST", "/echo").keep()), wire::stream(T::Data, 1, b"a file"));
    let body = [wire::record(T::Stdin, 1, b"a "), data.clone(), wire::stream(T::Stdin, 1, b"body")].concat();
    connection.send([head, data, body].concat());
    assert_eq!(connection.response(1).text(), "a body");
}

#[test]
fn line_40_errors_of_the_protocol_are_logged_and_those_of_handlers_told() {
    let host = behaviours();
    let mut connection = host.wire();
    let response = connection.ask(1, &Request::get("/trap").keep());
    assert_eq!(response.end, Some((1, Status::RequestComplete)));
    assert!(String::from_utf8_lossy(&response.stderr).contains("as asked"), "{response:?}");
    connection.send(wire::stream(T::Stdin, 1, b"").repeat(2));
    connection.send([0; 8]);
    connection.expect_close();
    host.log_line("connection closed: record of version 0");
}
