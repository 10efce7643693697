//! Lines 20 to 22: management records.

use fcgi::{Params, RecordType as T};
use tests::{
    Request, Wire,
    wire::{self, Record},
};

use crate::behaviours;

/// What the host answers to a question for these names.
fn values(connection: &mut Wire, names: &[&str]) -> Params {
    let asked = wire::pairs(names.iter().map(|name| (name, "")));
    connection.send(wire::record(T::GetValues, 0, &asked));
    let answer = connection.next().expect("an answer");
    assert!(answer.is(T::GetValuesResult) && answer.id == 0, "{answer:?}");
    Params::decode(answer.content, names.len()).expect("pairs")
}

#[test]
fn line_20_questions_are_answered_at_any_time_and_with_what_is_known() {
    let host = behaviours();
    let mut connection = host.wire();
    let request = wire::whole(1, &Request::new("POST", "/count").body("words").keep());
    // Before, between and after the records of a request; not inside one, where they would be its content.
    let mut sent = 0;
    while sent < request.len() {
        let known = values(&mut connection, &["FCGI_MAX_REQS", "NOBODY_KNOWS", "fcgi_max_conns"]);
        assert_eq!(known.iter().map(|(name, _)| name).collect::<Vec<_>>(), [b"FCGI_MAX_REQS"]);
        assert!(values(&mut connection, &["NOBODY_KNOWS"]).is_empty());
        assert!(values(&mut connection, &[]).is_empty());
        let content = u16::from_be_bytes([request[sent + 4], request[sent + 5]]);
        let next = sent + 8 + usize::from(content);
        connection.send(&request[sent..next]);
        sent = next;
    }
    assert_eq!(connection.response(1).text(), "5\n");
}

#[test]
fn line_21_the_values_are_decimal_numbers() {
    let host = behaviours();
    let values = values(&mut host.wire(), &["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"]);
    assert_eq!(values.len(), 3);
    for name in ["FCGI_MAX_CONNS", "FCGI_MAX_REQS"] {
        let value = std::str::from_utf8(values.get(name).expect(name)).expect("text");
        assert!(
            value.parse::<u32>().is_ok_and(|number| number > 1 && number.to_string() == value),
            "{name}={value}"
        );
    }
    assert_eq!(values.get("FCGI_MPXS_CONNS"), Some(&b"1"[..]));
}

#[test]
fn line_22_unknown_types_are_named_for_the_connection_and_ignored_for_requests() {
    let host = behaviours();
    let mut connection = host.wire();
    connection.send(wire::whole(1, &Request::get("/sleep?ms=600000").keep()));
    for kind in (12..=255).chain([0]) {
        connection.send(wire::padded(kind, 1, b"content", 1));
        connection.send(wire::padded(kind, 0, b"content", 1));
        assert_eq!(connection.records(1), [Record::new(T::UnknownType, 0, &[kind, 0, 0, 0, 0, 0, 0, 0])]);
    }
    assert_eq!(connection.ask(2, &Request::get("/visits").keep()).text(), "1\n");
}
