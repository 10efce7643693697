//! What the specification asks of an application. The numbers are those of its sections.

use bytes::{Buf, Bytes};
use fcgi::RecordType as T;
use fcgi::{Event, Limits, ParamsError, ProtocolError, ProtocolStatus, RequestId, Role};

use crate::wire::*;

#[test]
fn reserved_bytes_are_ignored() {
    let mut bytes = begun(1, Role::Responder);
    bytes[7] = 0xff;
    bytes[11..16].fill(0xee);
    bytes[23] = 0xff;
    assert_eq!(Application::new().feed(&bytes), [begin_event(1, Role::Responder, &[])]);
}

#[test]
fn all_lengths_of_content_and_padding_go_together() {
    for content_len in [1, 7, 8, 9, 1023, 1024, 65_528, 65_535] {
        for padding_len in [0, 1, 7, 8, 254, 255] {
            let mut application = Application::new();
            application.feed(&begun(1, Role::Responder));
            let body = vec![b'x'; content_len];
            let events = application.feed(&padded(T::Stdin.code(), 1, &body, padding_len));
            assert_eq!(events, [Event::Stdin { id: id(1), data: body.into() }]);
            assert_eq!(application.feed(&record(T::Stdin, 1, &[])), [Event::StdinEnd { id: id(1) }]);
        }
    }
}

#[test]
fn content_is_handed_out_before_its_record_is_complete() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    let record = padded(T::Stdin.code(), 1, &vec![b'x'; 65_535], 255);
    assert_eq!(application.feed(&record[..8]), []);
    assert_eq!(application.feed(&record[8..11]), [stdin_event(1, b"xxx")]);
    assert_eq!(application.feed(&record[11..12]), [stdin_event(1, b"x")]);
}

#[test]
fn padding_may_be_split_anywhere() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    let bytes = [padded(T::Stdin.code(), 1, b"a", 255), record(T::Stdin, 1, b"b")].concat();
    for (at, byte) in bytes.iter().enumerate() {
        let expected: &[Event] = match at {
            8 => &[stdin_event(1, b"a")],
            272 => &[stdin_event(1, b"b")],
            _ => &[],
        };
        assert_eq!(application.feed(&[*byte]), expected, "byte {at}");
    }
}

#[test]
fn ids_come_in_any_order_and_are_reusable_after_the_end() {
    let mut application = Application::new();
    for number in [65_535, 1, 300, 2, 1, 65_535] {
        assert_eq!(
            application.feed(&begun(number, Role::Responder)),
            [begin_event(number, Role::Responder, &[])]
        );
        assert!(application.connection.is_active(id(number)));
        assert!(application.complete(number));
        assert!(!application.connection.is_active(id(number)));
    }
}

#[test]
fn records_of_inactive_ids_are_ignored() {
    let mut application = Application::new();
    for kind in [T::Params, T::Stdin, T::Data, T::AbortRequest] {
        assert_eq!(application.feed(&record(kind, 7, b"\x01\x00A")), []);
        assert_eq!(application.feed(&record(kind, 7, b"")), []);
    }
    assert_eq!(application.sent(), []);
    assert_eq!(application.feed(&begun(7, Role::Responder)), [begin_event(7, Role::Responder, &[])]);
}

#[test]
fn output_for_inactive_ids_is_dropped() {
    let mut application = Application::new();
    application.feed(&begin(1, Role::Responder)); // Active, but not handed out.
    for number in [1, 2] {
        assert!(!application.connection.stdout(id(number), Bytes::from_static(b"x")));
        assert!(!application.connection.stderr(id(number), Bytes::from_static(b"x")));
        assert!(!application.complete(number));
    }
    assert_eq!(application.sent(), []);
}

#[test]
fn begin_on_an_active_id_closes() {
    let mut application = Application::new();
    application.feed(&begin(1, Role::Responder));
    assert_eq!(application.refuse(&begin(1, Role::Responder)), ProtocolError::BeginOnActive(id(1)));
    assert!(!application.connection.wants_read());
}

#[test]
fn what_follows_the_end_of_a_stream_is_ignored() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    assert_eq!(application.feed(&stream(T::Params, 1, b"\xff junk")), []);
    let once = [stdin_event(1, b"body"), Event::StdinEnd { id: id(1) }];
    assert_eq!(application.feed(&stream(T::Stdin, 1, b"body")), once);
    assert_eq!(application.feed(&stream(T::Stdin, 1, b"more")), []);
}

#[test]
fn a_pair_may_straddle_records_at_any_byte() {
    let value = "v".repeat(200);
    let wanted = [("", ""), ("NAME", value.as_str()), ("EMPTY", "")];
    let stream = pairs(&wanted);
    for at in 1..stream.len() {
        let (head, tail) = stream.split_at(at);
        let parts = [record(T::Params, 1, head), record(T::Params, 1, tail), record(T::Params, 1, &[])];
        let bytes = [begin(1, Role::Responder), parts.concat()].concat();
        assert_eq!(
            Application::new().feed(&bytes),
            [begin_event(1, Role::Responder, &wanted)],
            "split at {at}"
        );
    }
}

#[test]
fn get_values_is_answered_at_any_time_with_known_names_only() {
    let asked =
        pairs(&[("FCGI_MPXS_CONNS", ""), ("NOBODY_KNOWS", "x"), ("FCGI_MAX_CONNS", "9"), ("A=B", "")]);
    let answer = pairs(&[("FCGI_MAX_CONNS", "50"), ("FCGI_MPXS_CONNS", "1")]);
    let mut application = Application::with(Limits { max_connections: 50, ..Limits::default() });
    for before in [vec![], begin(1, Role::Responder), record(T::Params, 1, &[]), record(T::Stdin, 1, b"x")] {
        application.feed(&before);
        assert_eq!(application.feed(&record(T::GetValues, 0, &asked)), []);
        assert_eq!(application.sent(), [Record::new(T::GetValuesResult, 0, &answer)]);
    }
}

#[test]
fn get_values_may_ask_for_nothing_or_for_nothing_known() {
    let mut application = Application::with(Limits { max_requests: 7, ..Limits::default() });
    for (asked, answer) in [("", None), ("UNKNOWN", None), ("FCGI_MAX_REQS", Some("7"))] {
        let content = if asked.is_empty() { vec![] } else { pairs(&[(asked, ""), (asked, "")]) };
        application.feed(&record(T::GetValues, 0, &content));
        let answer = answer.map_or(vec![], |value| pairs(&[(asked, value)]));
        assert_eq!(application.sent(), [Record::new(T::GetValuesResult, 0, &answer)]);
    }
}

#[test]
fn unknown_management_types_are_answered_with_their_number() {
    let mut application = Application::new();
    application.feed(&padded(77, 0, &[9; 1000], 3));
    assert_eq!(application.sent(), [Record::new(T::UnknownType, 0, &[77, 0, 0, 0, 0, 0, 0, 0])]);
}

#[test]
fn unknown_roles_are_refused_and_their_id_discarded() {
    for role in [0, 4, 9, 0x0100, 65_535] {
        let mut application = Application::new();
        let bytes =
            [begin_with(3, role, true), stream(T::Params, 3, b"\xff"), stream(T::Stdin, 3, b"x")].concat();
        assert_eq!(application.feed(&bytes), []);
        assert_eq!(application.sent(), [Record::end(3, 0, ProtocolStatus::UnknownRole)]);
        assert!(!application.connection.wants_close());
        assert_eq!(application.feed(&begun(3, Role::Filter)), [begin_event(3, Role::Filter, &[])]);
    }
}

#[test]
fn more_requests_than_the_limit_are_refused_one_by_one() {
    let mut application = Application::with(Limits { max_requests: 2, ..Limits::default() });
    for number in 1..=4 {
        application.feed(&begun(number, Role::Responder));
    }
    let overloaded = [3, 4].map(|number| Record::end(number, 0, ProtocolStatus::Overloaded));
    assert_eq!(application.sent(), overloaded);
    assert!(application.complete(1));
    assert_eq!(application.feed(&begun(4, Role::Responder)), [begin_event(4, Role::Responder, &[])]);
}

#[test]
fn without_keep_conn_the_connection_closes_after_the_end() {
    for (keep_conn, closes) in [(true, false), (false, true)] {
        let mut application = Application::new();
        application.feed(&[begin_with(1, 1, keep_conn), record(T::Params, 1, &[])].concat());
        assert!(!application.connection.wants_close());
        application.complete(1);
        assert_eq!(application.connection.wants_close(), closes);
        assert_eq!(application.connection.wants_read(), !closes);
    }
}

#[test]
fn without_keep_conn_a_refusal_closes_as_well() {
    let mut application = Application::new();
    application.feed(&begin_with(1, 9, false));
    assert!(application.connection.wants_close());
    let mut application = Application::new();
    application.feed(&[begin_with(1, 1, false), record(T::AbortRequest, 1, &[])].concat());
    assert!(application.connection.wants_close());
}

#[test]
fn with_mixed_keep_conn_flags_the_active_requests_finish_and_no_other_begins() {
    let mut application = Application::new();
    application
        .feed(&[begun(1, Role::Responder), begin_with(2, 1, false), record(T::Params, 2, &[])].concat());
    application.complete(2);
    assert!(!application.connection.wants_close());
    assert_eq!(application.feed(&begun(3, Role::Responder)), []);
    assert_eq!(application.feed(&record(T::Stdin, 1, b"x")), [stdin_event(1, b"x")]);
    application.complete(1);
    assert!(application.connection.wants_close());
    assert_eq!(application.feed(&begun(4, Role::Responder)), []);
}

#[test]
fn the_end_carries_the_status_of_the_application() {
    use ProtocolStatus::{CantMultiplex, Overloaded, RequestComplete, UnknownRole};
    for (app_status, status) in
        [(0, RequestComplete), (0x0102_0304, CantMultiplex), (u32::MAX, Overloaded), (1, UnknownRole)]
    {
        let mut application = Application::new();
        application.feed(&begun(1, Role::Responder));
        application.connection.end(id(1), app_status, status);
        let sent = [Record::new(T::Stdout, 1, &[]), Record::end(1, app_status, status)];
        assert_eq!(application.sent(), sent);
    }
}

#[test]
fn stdout_is_always_ended_and_stderr_when_it_was_used() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    application.connection.stderr(id(1), Bytes::from_static(b"oops"));
    application.connection.stdout(id(1), Bytes::new()); // Would end the stream.
    application.complete(1);
    let sent = [
        Record::new(T::Stderr, 1, b"oops"),
        Record::new(T::Stdout, 1, &[]),
        Record::new(T::Stderr, 1, &[]),
        Record::end(1, 0, ProtocolStatus::RequestComplete),
    ];
    assert_eq!(application.sent(), sent);
}

#[test]
fn stdout_and_stderr_of_several_requests_interleave() {
    let mut application = Application::new();
    application.feed(&[begun(1, Role::Responder), begun(2, Role::Responder)].concat());
    let mut expected = Vec::new();
    for (kind, number, text) in [
        (T::Stdout, 2, "a"),
        (T::Stderr, 1, "b"),
        (T::Stdout, 1, "c"),
        (T::Stderr, 2, "d"),
        (T::Stdout, 2, "e"),
    ] {
        let data = Bytes::from_static(text.as_bytes());
        let queued = match kind {
            T::Stdout => application.connection.stdout(id(number), data),
            _ => application.connection.stderr(id(number), data),
        };
        assert!(queued);
        expected.push(Record::new(kind, number, text.as_bytes()));
    }
    assert_eq!(application.sent(), expected);
}

#[test]
fn a_response_may_precede_the_end_of_the_request_body() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    application.connection.stdout(id(1), Bytes::from_static(b"early"));
    application.feed(&record(T::Stdin, 1, b"first"));
    application.complete(1);
    assert_eq!(application.sent().len(), 3);
    assert_eq!(application.feed(&stream(T::Stdin, 1, b"late")), []);
}

#[test]
fn an_end_inside_a_record_leaves_its_rest_unread() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    let long = record(T::Stdin, 1, &[b'x'; 100]);
    assert_eq!(application.feed(&long[..9]), [stdin_event(1, b"x")]);
    application.complete(1);
    assert_eq!(application.feed(&long[9..]), []);
    assert_eq!(application.feed(&begun(1, Role::Responder)), [begin_event(1, Role::Responder, &[])]);
}

#[test]
fn an_abort_is_told_once_and_ended_once() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    let abort = record(T::AbortRequest, 1, b"content means nothing");
    assert_eq!(application.feed(&abort), [Event::Abort { id: id(1) }]);
    assert_eq!(application.feed(&[abort.clone(), record(T::Stdin, 1, b"x")].concat()), []);
    assert!(application.complete(1));
    assert!(!application.complete(1));
    assert_eq!(application.feed(&abort), []);
    assert_eq!(application.sent().last(), Some(&Record::end(1, 0, ProtocolStatus::RequestComplete)));
}

#[test]
fn an_abort_before_the_end_of_params_is_answered_unseen() {
    let mut application = Application::new();
    let params = record(T::Params, 1, &pairs(&[("A", "1")]));
    assert_eq!(
        application.feed(&[begin(1, Role::Responder), params, record(T::AbortRequest, 1, &[])].concat()),
        []
    );
    assert_eq!(application.sent(), [Record::end(1, 0, ProtocolStatus::RequestComplete)]);
    assert_eq!(application.feed(&begun(1, Role::Responder)), [begin_event(1, Role::Responder, &[])]);
}

#[test]
fn a_response_that_is_broken_off_has_no_end() {
    for (keep_conn, expected) in [(true, &[T::Stdout][..]), (false, &[T::Stdout, T::AbortRequest])] {
        let mut application = Application::new();
        application.feed(&[begin_with(1, 1, keep_conn), record(T::Params, 1, &[])].concat());
        application.connection.stdout(id(1), Bytes::from_static(b"half"));
        assert!(application.connection.break_off(id(1)) && !application.connection.break_off(id(1)));
        assert!(application.connection.wants_close());
        let sent: Vec<_> = application.sent().iter().map(|record| record.kind).collect();
        assert_eq!(sent, expected.iter().map(|kind| kind.code()).collect::<Vec<_>>());
    }
}

#[test]
fn a_lost_connection_aborts_what_was_handed_out() {
    let mut application = Application::new();
    application
        .feed(&[begun(1, Role::Responder), begin(2, Role::Responder), begun(3, Role::Responder)].concat());
    assert_eq!(application.connection.abort_all(), [1, 3].map(id));
    assert_eq!(application.connection.active(), 0);
    assert!(!application.complete(1));
}

#[test]
fn a_filter_gets_data_after_the_end_of_stdin() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Filter));
    let bytes =
        [stream(T::Stdin, 1, b"in"), stream(T::Data, 1, b"file"), stream(T::Data, 1, b"late")].concat();
    let data = Event::Data { id: id(1), data: Bytes::from_static(b"file") };
    let ends = [Event::StdinEnd { id: id(1) }, Event::DataEnd { id: id(1) }];
    assert_eq!(application.feed(&bytes), [stdin_event(1, b"in"), ends[0].clone(), data, ends[1].clone()]);
}

#[test]
fn data_for_other_roles_is_ignored() {
    for role in [Role::Responder, Role::Authorizer] {
        let mut application = Application::new();
        let bytes = [begin(1, role), stream(T::Data, 1, b"x"), record(T::Params, 1, &[])].concat();
        assert_eq!(application.feed(&bytes), [begin_event(1, role, &[])]);
        assert_eq!(application.feed(&stream(T::Data, 1, b"x")), []);
    }
}

#[test]
fn an_authorizer_begins_without_stdin() {
    let events = Application::new().feed(&begun(1, Role::Authorizer));
    assert_eq!(events, [begin_event(1, Role::Authorizer, &[])]);
}

#[test]
fn long_output_is_cut_into_aligned_records_without_a_copy() {
    let mut application = Application::new();
    application.feed(&begun(1, Role::Responder));
    let body = Bytes::from(vec![b'x'; 200_000]);
    application.connection.stdout(id(1), body.clone());
    let lens: Vec<usize> = application.sent().iter().map(|record| record.content.len()).collect();
    assert_eq!(lens, [65_528, 65_528, 65_528, 3_416]);
}

#[test]
fn each_request_has_its_own_params() {
    let mut application = Application::new();
    for wanted in [&[("HTTP_COOKIE", "secret")][..], &[]] {
        let bytes =
            [begin(1, Role::Responder), record(T::Params, 1, &pairs(wanted)), record(T::Params, 1, &[])];
        let bytes = if wanted.is_empty() { begun(1, Role::Responder) } else { bytes.concat() };
        assert_eq!(application.feed(&bytes), [begin_event(1, Role::Responder, wanted)]);
        application.complete(1);
    }
}

#[test]
fn the_owner_sees_what_is_under_way() {
    let mut application = Application::new();
    assert!(application.connection.is_idle());
    application.feed(&begin(1, Role::Responder));
    assert_eq!((application.connection.active(), application.connection.receiving_params()), (1, 1));
    application.feed(&record(T::Params, 1, &[]));
    assert_eq!((application.connection.active(), application.connection.receiving_params()), (1, 0));
    application.complete(1);
    assert!(application.connection.is_idle());
    application.feed(&[1]);
    assert!(!application.connection.is_idle());
}

#[test]
fn an_idle_connection_holds_no_buffers() {
    let mut application = Application::new();
    application.feed(&[begun(1, Role::Responder), stream(T::Stdin, 1, &[b'x'; 5000])].concat());
    application.complete(1);
    application.connection.shrink_when_idle();
    assert!(application.connection.output().has_remaining()); // It gives up nothing that is needed.
    application.sent();
    application.connection.shrink_when_idle();
    assert_eq!(application.connection.buffer().capacity(), 0);
}

#[test]
fn a_params_error_names_the_request() {
    let bytes = [begin(9, Role::Responder), stream(T::Params, 9, b"\x01\x01A")].concat();
    let error = Application::new().refuse(&bytes);
    let overrun = ParamsError::Overrun { at: 0, claimed: 2, left: 1 };
    assert_eq!(error, ProtocolError::Params { id: RequestId::new(9).expect("9"), error: overrun });
    assert_eq!(error.to_string(), "request 9: pair at byte 0 claims 2 bytes where 1 are left");
}
