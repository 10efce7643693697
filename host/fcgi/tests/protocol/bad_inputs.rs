//! What broken and hostile peers send.

use bytes::Buf;
use fcgi::RecordType as T;
use fcgi::{Event, Limits, ParamsError, ProtocolError, ProtocolStatus, Role};

use crate::wire::*;

/// Checks that the connection fails on `bytes` with `message`, once and for all.
fn check_refused(bytes: &[u8], message: &str) {
    let mut application = Application::new();
    let error = application.refuse(bytes);
    assert_eq!(error.to_string(), message);
    assert_eq!(application.refuse(&begun(1, Role::Responder)), error);
    assert!(!application.connection.wants_read());
}

/// Checks what becomes of a request with that PARAMS stream.
fn check_params(stream: &[u8], message: &str) {
    let parts = stream.chunks(65_535).flat_map(|part| record(T::Params, 1, part));
    let bytes = begin(1, Role::Responder).into_iter().chain(parts).chain(record(T::Params, 1, &[]));
    check_refused(&bytes.collect::<Vec<u8>>(), &format!("request 1: {message}"));
}

#[test]
fn other_versions_and_protocols_are_refused() {
    let hint = "instead of 1: the peer must speak FastCGI, not HTTP or TLS";
    for (start, shown) in [
        (&[0; 8][..], "0 (byte \"\\x00\")"),
        (&[2, 1, 0, 1, 0, 8, 0, 0], "2 (byte \"\\x02\")"),
        (&[255; 8], "255 (byte \"\\xff\")"),
        (b"GET / HTTP/1.1\r\n\r\n", "71 (byte \"G\")"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "22 (byte \"\\x16\")"),
    ] {
        check_refused(start, &format!("record of version {shown} {hint}"));
    }
}

#[test]
fn a_stream_that_ends_inside_a_record_is_noticed() {
    let whole = padded(T::Stdin.code(), 1, b"content", 9);
    for len in 0..=whole.len() {
        let mut application = Application::new();
        application.feed(&begun(1, Role::Responder));
        application.feed(&whole[..len]);
        let at_an_end = len == 0 || len == whole.len();
        let expected = if at_an_end { Ok(()) } else { Err(ProtocolError::Truncated) };
        assert_eq!(application.connection.end_of_input(), expected, "after {len} bytes");
    }
}

#[test]
fn begin_of_another_length_is_refused() {
    for len in [0, 2, 7, 9, 65_535] {
        check_refused(
            &record(T::BeginRequest, 1, &vec![0; len]),
            &format!("BEGIN_REQUEST of {len} bytes instead of 8"),
        );
    }
}

#[test]
fn begin_without_an_id_is_refused() {
    check_refused(
        &begin(0, Role::Responder),
        "BEGIN_REQUEST with id 0: a request needs an id from 1 to 65535",
    );
}

#[test]
fn begin_twice_is_refused() {
    let twice = [begun(1, Role::Responder), begin(1, Role::Responder)].concat();
    let mut application = Application::new();
    assert_eq!(application.try_feed(&twice), Err(ProtocolError::BeginOnActive(id(1))));
    check_refused(&begin(1, Role::Responder).repeat(2), "request 1: BEGIN_REQUEST before its end");
}

#[test]
fn begins_without_params_are_bounded() {
    let mut application = Application::new();
    let mut refused = 0;
    for number in 1..=u16::MAX {
        assert_eq!(application.feed(&begin(number, Role::Responder)), []);
        refused += application.sent().len();
    }
    assert_eq!(application.connection.active(), Limits::MAX_REQUESTS);
    assert_eq!(refused, usize::from(u16::MAX) - Limits::MAX_REQUESTS);
}

#[test]
fn streams_out_of_order_are_refused() {
    let begin = begin(1, Role::Filter);
    for (kind, content) in [(T::Stdin, &b"x"[..]), (T::Stdin, b""), (T::Data, b"x"), (T::Data, b"")] {
        let bytes = [begin.clone(), record(kind, 1, content)].concat();
        check_refused(&bytes, &format!("request 1: {kind} before the end of PARAMS"));
    }
    let mut application = Application::new();
    application.feed(&begun(1, Role::Filter));
    let error = application.refuse(&record(T::Data, 1, b"x"));
    assert_eq!(error.to_string(), "request 1: DATA before the end of STDIN");
}

#[test]
fn lengths_beyond_the_stream_are_refused() {
    check_params(
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        "pair at byte 0 claims 4294967294 bytes where 0 are left",
    );
    check_params(
        b"\x80\x00\x00\x01\xff\xff\xff\xffA",
        "pair at byte 0 claims 2147483648 bytes where 1 are left",
    );
    check_params(b"\x01\x00A\x01\x05B12", "pair at byte 3 claims 6 bytes where 3 are left");
    check_params(b"\x7f\x7fshort", "pair at byte 0 claims 254 bytes where 5 are left");
}

#[test]
fn lengths_that_are_cut_are_refused() {
    for cut in [&b"\x01"[..], b"\x80", b"\x80\x00", b"\x80\x00\x00", b"\x80\x00\x00\x01", b"\x01\x80\x00\x00"]
    {
        check_params(cut, "pair at byte 0 is cut inside its lengths");
    }
}

#[test]
fn params_that_never_end_are_refused_at_the_limit() {
    let mut application = Application::new();
    application.feed(&begin(1, Role::Responder));
    let drip = record(T::Params, 1, b"x");
    for _ in 0..Limits::MAX_PARAMS_BYTES {
        assert_eq!(application.feed(&drip), []);
    }
    let error = application.refuse(&drip);
    assert_eq!(error.to_string(), "request 1: name-value pairs pass the limit of 131072 bytes");
}

#[test]
fn params_of_many_requests_are_bounded_together() {
    let mut application = Application::new();
    let part = vec![b'x'; 32 * 1024];
    let error = (1..=u16::MAX).find_map(|number| {
        let bytes = [begin(number, Role::Responder), record(T::Params, number, &part)].concat();
        application.try_feed(&bytes).err()
    });
    assert_eq!(error, Some(ProtocolError::ParamsTotal { limit: Limits::MAX_PARAMS_TOTAL }));
    assert_eq!(application.connection.active(), Limits::MAX_PARAMS_TOTAL / part.len() + 1);
}

#[test]
fn params_given_back_count_no_more() {
    let mut application = Application::new();
    let params = [record(T::Params, 1, &vec![0; 32 * 1024]), record(T::AbortRequest, 1, &[])].concat();
    for _ in 0..100 {
        application.feed(&[begin(1, Role::Responder), params.clone()].concat());
        application.sent();
    }
    assert_eq!(application.connection.active(), 0);
}

#[test]
fn too_many_pairs_are_refused() {
    check_params(&vec![0; 100_000], "more than 1024 name-value pairs");
}

#[test]
fn a_value_of_64_megabytes_is_refused_at_the_limit() {
    let start = [b"\x01\x84\x00\x00\x00A".to_vec(), vec![b'x'; 200_000]].concat();
    check_params(&start, "name-value pairs pass the limit of 131072 bytes");
}

#[test]
fn names_that_collide_cost_no_more_than_others() {
    let names: Vec<String> = (0..1000).map(|number| format!("AAAAAAAA{number:08}ZZZZZZZZ")).collect();
    let wanted: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let bytes = [begin(1, Role::Responder), stream(T::Params, 1, &pairs(&wanted))].concat();
    assert_eq!(Application::new().feed(&bytes), [begin_event(1, Role::Responder, &wanted)]);
}

#[test]
fn names_that_no_variable_can_have_are_refused() {
    for (name, shown) in
        [("A\0B", "A\\x00B"), ("\rA", "\\rA"), ("A\n", "A\\n"), ("LD_PRELOAD=x", "LD_PRELOAD=x")]
    {
        let message = format!("name \"{shown}\" holds NUL, CR, LF or \"=\"");
        check_params(&pairs(&[("FIRST", "1"), (name, "value")]), &message);
    }
}

#[test]
fn nul_in_a_value_is_refused_and_the_log_line_is_printable() {
    check_params(&pairs(&[("SCRIPT_NAME", "/a\0b")]), "value of \"SCRIPT_NAME\" holds NUL");
    let name = "\u{1b}[31m".repeat(100);
    let shown = format!("{}\\x1b[31", "\\x1b[31m".repeat(12));
    check_params(&pairs(&[(&name, "\0")]), &format!("value of \"{shown}\" holds NUL"));
}

#[test]
fn odd_but_legal_pairs_are_handed_out() {
    let wanted =
        [("", ""), ("\u{e4}", "\u{df}"), ("http_host", "a"), ("HTTP_HOST", "b"), ("URI", "a\r\nb=c")];
    let bytes = [begin(1, Role::Responder), stream(T::Params, 1, &pairs(&wanted))].concat();
    assert_eq!(Application::new().feed(&bytes), [begin_event(1, Role::Responder, &wanted)]);
}

#[test]
fn bytes_that_are_no_utf8_are_handed_out() {
    let bytes = [begin(1, Role::Responder), stream(T::Params, 1, b"\x01\x02A\xff\xfe")].concat();
    let [Event::Begin { params, .. }] = &Application::new().feed(&bytes)[..] else { panic!("no request") };
    assert_eq!(params.get("A"), Some(&b"\xff\xfe"[..]));
}

#[test]
fn replies_that_nobody_reads_stop_the_reading() {
    for flood in [
        record(T::GetValues, 0, &pairs(&[("FCGI_MAX_REQS", "")])),
        record(T::Stdin, 0, b""),
        begin_with(1, 9, true),
    ] {
        let mut application = Application::new();
        let count = 5000;
        application.feed(&flood.repeat(count));
        assert!(!application.connection.wants_read());
        assert!(application.connection.output().remaining() < Limits::MAX_REPLY_BYTES + 64);
        let mut answers = 0;
        while application.connection.output().has_remaining() {
            answers += application.sent().len();
            application.feed(&[]);
        }
        assert_eq!(answers, count);
        assert!(application.connection.wants_read());
    }
}

#[test]
fn junk_in_get_values_is_refused() {
    let junk = record(T::GetValues, 0, b"\x05\x05x");
    check_refused(&junk, "GET_VALUES: pair at byte 0 claims 10 bytes where 1 are left");
}

#[test]
fn management_types_with_an_id_are_ignored() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    for number in [1, 2] {
        for kind in (9..=255).chain([0]) {
            assert_eq!(application.feed(&padded(kind, number, b"\xff\xff", 6)), []);
        }
    }
    assert_eq!(application.sent(), []);
}

#[test]
fn unknown_types_without_an_id_are_named() {
    let mut application = Application::new();
    for kind in (12..=255).chain([0]) {
        application.feed(&padded(kind, 0, b"\xff\xff", 6));
        assert_eq!(application.sent(), [Record::new(T::UnknownType, 0, &[kind, 0, 0, 0, 0, 0, 0, 0])]);
    }
}

#[test]
fn records_meant_for_the_web_server_are_not_acted_on() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    for kind in [T::EndRequest, T::Stdout, T::Stderr, T::GetValuesResult, T::UnknownType] {
        assert_eq!(application.feed(&record(kind, 1, &[0; 8])), []);
    }
    // Were these answered, two applications could answer each other for ever.
    application.feed(&record(T::UnknownType, 0, &[0; 8]));
    application.feed(&record(T::GetValuesResult, 0, &[]));
    assert_eq!(application.sent(), []);
    assert!(application.connection.is_active(id(1)));
}

#[test]
fn content_and_padding_that_imitate_records_are_not_read_as_such() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    let imitation = begin(2, Role::Responder);
    let events = application.feed(&padded(T::Stdin.code(), 1, &imitation, 64));
    assert_eq!(events, [Event::Stdin { id: id(1), data: imitation.into() }]);
    assert_eq!(application.connection.active(), 1);
}

#[test]
fn aborts_with_reused_ids_leave_nothing_behind() {
    let mut application = Application::new();
    let (abort, unseen) = (record(T::AbortRequest, 1, &[]), begin(1, Role::Responder));
    for _ in 0..1000 {
        let events = application
            .feed(&[unseen.clone(), abort.clone(), begun(1, Role::Responder), abort.clone()].concat());
        assert_eq!(events, [begin_event(1, Role::Responder, &[]), Event::Abort { id: id(1) }]);
        application.complete(1);
        let ends = application.sent().into_iter().filter(|record| record.kind == T::EndRequest.code());
        assert_eq!(ends.collect::<Vec<_>>(), vec![Record::end(1, 0, ProtocolStatus::RequestComplete); 2]);
    }
    assert!(application.connection.is_idle());
}

#[test]
fn an_error_gives_up_what_was_received() {
    let mut application = Application::new();
    let error = application.refuse(&[begin(0, Role::Responder), vec![0; 60_000]].concat());
    assert!(application.connection.buffer().is_empty());
    application.connection.buffer().extend_from_slice(b"more");
    assert_eq!(application.connection.poll(), Err(error));
}

#[test]
fn limits_are_exact() {
    let stream = pairs(&[("A", "1"), ("B", "2")]);
    let bytes = [begin(1, Role::Responder), self::stream(T::Params, 1, &stream)].concat();
    let exact = Limits { max_params_bytes: 8, max_params_total: 8, max_param_count: 2, ..Limits::default() };
    let params = |error| Err(ProtocolError::Params { id: id(1), error });
    for (limits, expected) in [
        (exact, Ok(vec![begin_event(1, Role::Responder, &[("A", "1"), ("B", "2")])])),
        (Limits { max_params_bytes: 7, ..exact }, params(ParamsError::TooLong { limit: 7 })),
        (Limits { max_params_total: 7, ..exact }, Err(ProtocolError::ParamsTotal { limit: 7 })),
        (Limits { max_param_count: 1, ..exact }, params(ParamsError::TooMany { limit: 1 })),
    ] {
        assert_eq!(Application::with(limits).try_feed(&bytes), expected);
    }
}
