//! What holds of any input.

use bytes::{Buf, Bytes, BytesMut};
use fcgi::{
    Connection, Event, HEADER_LEN, Limits, MAX_CONTENT_LEN, Params, ParamsError, ProtocolError,
    ProtocolStatus, RecordType, Role, client, encode_pair,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::wire::{begin_with, padded, pairs, records};

/// Everything that one side of a conversation can be seen to do.
#[derive(Debug, PartialEq, Eq)]
struct Transcript {
    events: Vec<Event>,
    error: Option<ProtocolError>,
    sent: Vec<u8>,
    closes: bool,
}

/// Feeds `input` in pieces to an application that echoes and ends each request with its input.
fn converse<'a>(limits: Limits, input: impl IntoIterator<Item = &'a [u8]>) -> Transcript {
    let mut connection = Connection::new(limits);
    let mut seen = Transcript { events: Vec::new(), error: None, sent: Vec::new(), closes: false };
    for piece in input {
        connection.buffer().extend_from_slice(piece);
        loop {
            match connection.poll() {
                Ok(Some(event)) => {
                    answer(&mut connection, &event);
                    note(&mut seen.events, event);
                }
                Ok(None) if connection.output().has_remaining() => {
                    let len = connection.output().remaining();
                    seen.sent.extend_from_slice(&connection.output().copy_to_bytes(len));
                }
                Ok(None) => {
                    assert!(connection.buffer().len() < HEADER_LEN + MAX_CONTENT_LEN);
                    break;
                }
                Err(error) => {
                    assert_eq!(connection.poll(), Err(error.clone()));
                    seen.error = Some(error);
                    break;
                }
            }
        }
        assert!(connection.active() <= limits.max_requests);
        assert!(seen.error.is_none() || !connection.wants_read());
    }
    let len = connection.output().remaining();
    seen.sent.extend_from_slice(&connection.output().copy_to_bytes(len));
    seen.closes = connection.wants_close();
    seen
}

fn answer(connection: &mut Connection, event: &Event) {
    match event {
        Event::Begin { id, role: Role::Authorizer, .. } | Event::DataEnd { id } | Event::Abort { id } => {
            assert!(connection.end(*id, 0, ProtocolStatus::RequestComplete));
        }
        Event::Begin { id, .. } => assert!(connection.stderr(*id, Bytes::from_static(b"begin"))),
        Event::StdinEnd { id } if id.get() % 2 == 0 => {
            assert!(connection.end(*id, 1, ProtocolStatus::RequestComplete));
        }
        Event::StdinEnd { .. } | Event::Stdin { .. } | Event::Data { .. } => {}
    }
}

/// Joins the pieces of a stream, which are as the input was cut.
fn note(events: &mut Vec<Event>, event: Event) {
    match (events.last_mut(), event) {
        (Some(Event::Stdin { id: last, data }), Event::Stdin { id, data: more }) if *last == id => {
            *data = [&data[..], &more].concat().into();
        }
        (Some(Event::Data { id: last, data }), Event::Data { id, data: more }) if *last == id => {
            *data = [&data[..], &more].concat().into();
        }
        (_, event) => events.push(event),
    }
}

/// Records of every kind for a few ids, most of them in order, as far as chance has it.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let names = select(vec!["A", "HTTP_COOKIE", "HTTP_ACCEPT", "FCGI_MAX_REQS", ""]);
    let content = prop_oneof![
        3 => Just(Vec::new()),
        2 => vec(any::<u8>(), 0..40),
        1 => (0..3000usize).prop_map(|len| vec![b'x'; len]),
        3 => vec((names, "[a-z]{0,5}"), 0..4).prop_map(|list| {
            pairs(&list.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
        }),
    ];
    let stream = (prop_oneof![Just(4), Just(4), Just(5), Just(8), 0..13u8], 0..5u16, content, any::<u8>())
        .prop_map(|(kind, id, content, padding)| padded(kind, id, &content, padding % 20));
    let whole = (1..5u16, 0..5u16, prop_oneof![9 => Just(true), 1 => Just(false)]).prop_map(
        |(id, role, keep_conn)| {
            [begin_with(id, role, keep_conn), padded(4, id, &[], 0), padded(5, id, b"body", 4)].concat()
        },
    );
    let begin = (1..5u16, 1..4u16).prop_map(|(id, role)| begin_with(id, role, true));
    vec(prop_oneof![4 => stream, 1 => whole, 1 => begin], 0..25).prop_map(|records| records.concat())
}

/// The same, with some bytes changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (conversation(), vec((any::<Index>(), any::<u8>()), 0..4)).prop_map(|(mut bytes, changes)| {
        for (index, byte) in changes {
            if !bytes.is_empty() {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes
    })
}

/// Cuts at the given lengths, over and over.
fn cut<'a>(mut bytes: &'a [u8], lens: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    lens.iter().cycle().map_while(move |&len| {
        let (piece, rest) = bytes.split_at(len.min(bytes.len()));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Small enough to be met.
const TIGHT: Limits = Limits {
    max_requests: 3,
    max_params_bytes: 3000,
    max_param_count: 10,
    max_params_total: 5000,
    max_reply_bytes: 50,
    max_connections: 1,
};

proptest! {
    #[test]
    fn any_split_of_the_bytes_yields_the_same(bytes in damaged(), lens in vec(1..50usize, 1..10), tight: bool) {
        let limits = if tight { TIGHT } else { Limits::default() };
        let at_once = converse(limits, [&bytes[..]]);
        prop_assert_eq!(&converse(limits, cut(&bytes, &lens)), &at_once);
        prop_assert_eq!(&converse(limits, cut(&bytes, &[1])), &at_once);
    }

    #[test]
    fn whatever_comes_in_whole_records_go_out(bytes in damaged()) {
        for record in records(&converse(TIGHT, [&bytes[..]]).sent) {
            prop_assert!([3, 6, 7, 10, 11].contains(&record.kind));
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..300), lens in vec(1..50usize, 1..10)) {
        converse(TIGHT, cut(&bytes, &lens));
        let mut web_server = client::Connection::new();
        web_server.buffer().extend_from_slice(&bytes);
        while let Ok(Some(_)) = web_server.poll() {}
        let result = web_server.poll();
        prop_assert_eq!(web_server.poll(), result);
    }

    #[test]
    fn pairs_are_decoded_as_they_were_encoded(list in vec(("[^\0\r\n=]{0,200}", "[^\0]{0,200}"), 0..30)) {
        let mut stream = BytesMut::new();
        for (name, value) in &list {
            prop_assert!(encode_pair(name.as_bytes(), value.as_bytes(), &mut stream));
        }
        prop_assert_eq!(Params::decode(stream.to_vec(), list.len()), Ok(list.iter().map(|(n, v)| (n, v)).collect()));
    }

    #[test]
    fn no_stream_of_pairs_yields_more_than_it_holds(stream in vec(any::<u8>(), 0..200), max_count in 0..20usize) {
        match Params::decode(stream.clone(), max_count) {
            Ok(params) => {
                let len: usize = params.iter().map(|(name, value)| name.len() + value.len()).sum();
                prop_assert!(params.len() <= max_count && len <= stream.len());
            }
            Err(ParamsError::TooMany { limit }) => prop_assert_eq!(limit, max_count),
            Err(_) => {}
        }
    }

    #[test]
    fn a_client_reads_any_split_alike(parts in vec((select(vec![6u8, 7]), vec(any::<u8>(), 1..3000)), 0..6), lens in vec(1..400usize, 1..10)) {
        let mut bytes: Vec<u8> = parts.iter().flat_map(|(kind, content)| padded(*kind, 1, content, 5)).collect();
        bytes.extend(padded(RecordType::EndRequest.code(), 1, &[0, 0, 0, 9, 0, 0, 0, 0], 0));
        let mut web_server = client::Connection::new();
        web_server.begin(crate::wire::id(1), Role::Responder, true);
        let mut streams = [Vec::new(), Vec::new()];
        for piece in cut(&bytes, &lens) {
            web_server.buffer().extend_from_slice(piece);
            while let Some(event) = web_server.poll().expect("a response that is in order") {
                match event {
                    client::Event::Stdout { data, .. } => streams[0].extend_from_slice(&data),
                    client::Event::Stderr { data, .. } => streams[1].extend_from_slice(&data),
                    client::Event::End { app_status, .. } => prop_assert_eq!(app_status, 9),
                    other => panic!("{other:?}"),
                }
            }
        }
        prop_assert_eq!(web_server.active(), 0);
        for (kind, stream) in [6, 7].into_iter().zip(streams) {
            let sent = parts.iter().filter(|part| part.0 == kind).flat_map(|part| part.1.clone());
            prop_assert!(stream == sent.collect::<Vec<u8>>());
        }
    }
}
