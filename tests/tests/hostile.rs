//! Clients that are no web servers: each costs little, ends in good order, and nobody else notices.

use bytes::Bytes;
use fcgi::{BeginBody, Header, RecordType, Role};
use tests::{Request, TestHost, eventually, guest};

const MIB: u64 = 1 << 20;

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).start()
}

fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    let content_len = u16::try_from(content.len()).expect("content that fits into a record");
    let header = Header { kind: kind.code(), id, content_len, padding_len: 0 };
    [&header.encode()[..], content].concat()
}

fn begin(id: u16) -> Vec<u8> {
    record(
        RecordType::BeginRequest,
        id,
        &BeginBody { role: Role::Responder.code(), keep_conn: true }.encode(),
    )
}

/// Sends `bytes` on a connection of its own; the host must close that, say why, and serve on.
fn assert_closed(host: &TestHost, bytes: &[u8], reason: &str) {
    let mut connection = host.connect();
    connection.send_raw(bytes);
    connection.wait_for_close();
    host.log_line(reason);
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn records_that_are_none_are_named_in_the_log() {
    let host = behaviours();
    assert_closed(&host, &[0; 8], "record of version 0");
    assert_closed(&host, &[255; 8], "record of version 255");
    assert_closed(&host, b"GET / HTTP/1.1\r\n\r\n", "must speak FastCGI, not HTTP");
    assert_closed(&host, &record(RecordType::BeginRequest, 1, b"short"), "of 5 bytes instead of 8");
    assert_closed(&host, &begin(0), "with id 0");
    assert_closed(&host, &[begin(1), begin(1)].concat(), "request 1: BEGIN_REQUEST before its end");
}

#[test]
fn variables_that_cannot_be_are_refused() {
    let host = behaviours();
    let overlong = [begin(1), record(RecordType::Params, 1, &[255; 8]), record(RecordType::Params, 1, b"")];
    assert_closed(&host, &overlong.concat(), "request 1: ");
    let cut = [begin(1), record(RecordType::Params, 1, &[5, 5, b'N']), record(RecordType::Params, 1, b"")];
    assert_closed(&host, &cut.concat(), "request 1: ");
}

#[test]
fn endless_variables_end() {
    let host = behaviours();
    host.get("/visits");
    let before = host.memory();
    let mut connection = host.connect();
    connection.send_raw(&begin(1));
    let drip = record(RecordType::Params, 1, &[&[1, 100, b'N'][..], &[b'x'; 100]].concat().repeat(100));
    let mut sent = 0;
    eventually("the connection is closed", || {
        sent += connection.send_what_goes(&drip[sent % drip.len()..]);
        connection.is_closed()
    });
    host.log_line("request 1: name-value pairs pass the limit of");
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
}

#[test]
fn requests_without_number_are_refused_one_by_one() {
    let host = behaviours();
    host.get("/visits");
    let before = host.memory();
    let mut connection = host.connect();
    for id in 1..=20_000_u16 {
        connection.send_what_goes(&begin(id));
    }
    assert_eq!(host.get("/visits").text(), "1\n");
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
}

#[test]
fn questions_whose_answers_are_not_read_are_not_answered_for_ever() {
    let host = behaviours();
    host.get("/visits");
    let before = host.memory();
    let mut connection = host.connect();
    let question = record(RecordType::GetValues, 0, b"\x0e\0FCGI_MAX_CONNS").repeat(1000);
    let taken = (0..1000).take_while(|_| connection.send_what_goes(&question) == question.len()).count();
    assert!(taken < 1000, "the host answers without end");
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn bytes_inside_a_body_are_no_records() {
    let host = behaviours();
    let body = Bytes::from([begin(7), record(RecordType::AbortRequest, 1, b"")].concat());
    assert_eq!(host.send(Request::post("/echo", body.clone())).body(), body);
}

#[test]
fn aborts_and_new_requests_may_chase_each_other() {
    let host = behaviours();
    let mut connection = host.connect();
    for _ in 0..500 {
        let id = connection.begin(Request::get("/sleep?ms=20000").keep());
        connection.abort(id);
        assert!(connection.finish(id).stdout.is_empty());
    }
    assert_eq!(connection.send(Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn records_of_nobody_are_ignored() {
    let host = behaviours();
    let mut connection = host.connect();
    for kind in [RecordType::Params, RecordType::Stdin, RecordType::Data, RecordType::AbortRequest] {
        connection.send_raw(&record(kind, 99, b"for nobody"));
    }
    assert_eq!(connection.send(Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let host = behaviours();
    let silent: Vec<_> = (0..500).map(|_| host.connect()).collect();
    assert_eq!(host.get("/visits").text(), "1\n");
    drop(silent);
    assert!(host.terminate().success());
}
