//! Both sides against each other, through a line that cuts the bytes anywhere.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use fcgi::{Connection, Event, Limits, ProtocolStatus, RequestId, Role, client};
use proptest::prelude::*;

use crate::wire::id;

/// What goes into a request and, echoed, what comes out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Exchange {
    pairs: BTreeMap<String, Vec<u8>>,
    stdin: Vec<u8>,
    data: Vec<u8>,
    errors: Vec<u8>,
    app_status: u32,
}

fn exchanges() -> impl Strategy<Value = Vec<Exchange>> {
    let body = || (any::<u8>(), prop_oneof![0..300usize, Just(0), 65_520..65_550usize, 1..200_000usize]);
    let filled = |(byte, len): (u8, usize)| vec![byte; len];
    let pairs =
        proptest::collection::btree_map("[A-Z_]{0,140}", proptest::collection::vec(1..=255u8, 0..300), 0..40);
    let exchange = (pairs, body(), body(), body(), any::<u32>()).prop_map(
        move |(pairs, stdin, data, errors, app_status)| Exchange {
            pairs,
            stdin: filled(stdin),
            data: filled(data),
            errors: filled(errors),
            app_status,
        },
    );
    proptest::collection::vec(exchange, 1..4)
}

/// Moves up to `count` bytes, in the way of a vectored write.
fn carry(from: &mut impl Buf, to: &mut bytes::BytesMut, count: usize) {
    let mut slices = [std::io::IoSlice::new(&[]); 5];
    let filled = from.chunks_vectored(&mut slices);
    let before = to.len();
    for slice in &slices[..filled] {
        let room = count - (to.len() - before);
        to.extend_from_slice(slice.get(..room).unwrap_or(slice));
    }
    let moved = to.len() - before;
    assert!(moved > 0 || !from.has_remaining());
    from.advance(moved);
}

/// Echoes STDIN and DATA to STDOUT, and what the exchange wants to STDERR.
fn serve(application: &mut Connection, exchanges: &[Exchange], seen: &mut BTreeMap<RequestId, Exchange>) {
    while let Some(event) = application.poll().expect("a request that is in order") {
        match event {
            Event::Begin { id, role, params } => {
                assert_eq!(role, Role::Filter);
                let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
                let pairs = params.iter().map(|(key, value)| (name(key), value.to_vec())).collect();
                seen.insert(id, Exchange { pairs, ..Exchange::default() });
            }
            Event::Stdin { id, data } => {
                seen.entry(id).or_default().stdin.extend_from_slice(&data);
                assert!(application.stdout(id, data));
            }
            Event::Data { id, data } => {
                seen.entry(id).or_default().data.extend_from_slice(&data);
                assert!(application.stdout(id, data));
            }
            Event::StdinEnd { .. } => {}
            Event::DataEnd { id } => {
                let exchange = &exchanges[usize::from(id.get()) - 1];
                assert!(application.stderr(id, exchange.errors.clone().into()));
                assert!(application.end(id, exchange.app_status, ProtocolStatus::RequestComplete));
            }
            Event::Abort { .. } => panic!("nobody aborts"),
        }
    }
}

/// What came back on STDOUT, and the rest of each exchange.
type Answers = BTreeMap<RequestId, (Vec<u8>, Exchange)>;

fn collect(web_server: &mut client::Connection, answers: &mut Answers) {
    while let Some(event) = web_server.poll().expect("a response that is in order") {
        match event {
            client::Event::Stdout { id, data } => answers.entry(id).or_default().0.extend_from_slice(&data),
            client::Event::Stderr { id, data } => {
                answers.entry(id).or_default().1.errors.extend_from_slice(&data);
            }
            client::Event::End { id, app_status, status } => {
                assert_eq!(status, ProtocolStatus::RequestComplete);
                answers.entry(id).or_default().1.app_status = app_status;
            }
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_one_side_sends_the_other_gets(exchanges in exchanges(), cuts in proptest::collection::vec(1..40_000usize, 1..20)) {
        let (mut web_server, mut application) = (client::Connection::new(), Connection::new(Limits::default()));
        for (exchange, number) in exchanges.iter().zip(1..) {
            assert!(web_server.begin(id(number), Role::Filter, usize::from(number) < exchanges.len()));
            assert!(web_server.params(id(number), &exchange.pairs));
            let send = [client::Connection::stdin, client::Connection::data];
            for (send, content) in send.iter().zip([&exchange.stdin, &exchange.data]) {
                if !content.is_empty() {
                    assert!(send(&mut web_server, id(number), content.clone().into()));
                }
                assert!(send(&mut web_server, id(number), Bytes::new()));
            }
        }
        let (mut seen, mut answers) = (BTreeMap::new(), Answers::new());
        for &cut in cuts.iter().cycle() {
            carry(web_server.output(), application.buffer(), cut);
            serve(&mut application, &exchanges, &mut seen);
            carry(application.output(), web_server.buffer(), cut);
            collect(&mut web_server, &mut answers);
            if !web_server.output().has_remaining() && !application.output().has_remaining() {
                break;
            }
        }
        prop_assert_eq!(web_server.active(), 0);
        prop_assert!(application.wants_close());
        for (exchange, number) in exchanges.iter().zip(1..) {
            let (echo, answer) = &answers[&id(number)];
            let request = &seen[&id(number)];
            prop_assert_eq!(&request.pairs, &exchange.pairs);
            prop_assert!(request.stdin == exchange.stdin && request.data == exchange.data);
            prop_assert!(*echo == [&exchange.stdin[..], &exchange.data].concat());
            prop_assert!(answer.errors == exchange.errors && answer.app_status == exchange.app_status);
        }
    }
}
