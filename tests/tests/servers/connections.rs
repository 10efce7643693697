//! How web servers use their connections to the host.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
};

use fcgi::RecordType;
use tests::{Event, Side, http};

use crate::{
    Case,
    scene::{Scene, Watch},
};

pub(crate) const CASES: &[Case] = &[
    ("connection kept for the next request", kept),
    ("requests at once on one connection", multiplexed),
    ("GET_VALUES", questions),
    ("upload as it comes", streamed),
    ("client goes away within its upload", gone_uploading),
    ("client goes away before the response", gone_waiting),
    ("client goes away within the response", gone_reading),
    ("others are served afterwards", afterwards),
];

const REQUESTS: usize = 10;

fn kept(scene: &Scene, _: &str) -> String {
    scene.listen(|watch| {
        (0..REQUESTS).for_each(|_| assert_eq!(scene.get("/visits").text(), "1\n"));
        if connections(&watch.events()).len() < REQUESTS { "yes".into() } else { "no".into() }
    })
}

fn connections(events: &[Event]) -> BTreeSet<usize> {
    let begun = events.iter().filter(|event| event.is(Side::Server, RecordType::BeginRequest));
    begun.map(|event| event.connection).collect()
}

fn multiplexed(scene: &Scene, _: &str) -> String {
    scene.listen(|watch| {
        let streams: Vec<_> =
            (0..4).map(|_| scene.server.begin("GET", "/drip?chunks=2&ms=300", &[])).collect();
        let replies: Vec<_> = streams.into_iter().map(http::receive).collect();
        assert!(replies.iter().all(|reply| reply.text() == "chunk 1\nchunk 2\n"));
        if most_at_once(&watch.events()) > 1 { "yes".into() } else { "no".into() }
    })
}

/// How many requests were under way on one connection, at most.
fn most_at_once(events: &[Event]) -> usize {
    let (mut running, mut most) = (BTreeMap::<usize, usize>::new(), 0);
    for event in events {
        let running = running.entry(event.connection).or_default();
        if event.is(Side::Server, RecordType::BeginRequest) {
            *running += 1;
            most = most.max(*running);
        } else if event.is(Side::Host, RecordType::EndRequest) {
            *running = running.saturating_sub(1);
        }
    }
    most
}

fn questions(scene: &Scene, _: &str) -> String {
    // It asks where a connection begins, which may have been long ago.
    scene.listen(|watch| {
        let asked = watch.since_the_beginning();
        let count = |side, kind| asked.iter().filter(|event| event.is(side, kind)).count();
        let questions = count(Side::Server, RecordType::GetValues);
        assert_eq!(questions, count(Side::Host, RecordType::GetValuesResult));
        if questions > 0 { "yes".into() } else { "no".into() }
    })
}

fn streamed(scene: &Scene, expected: &str) -> String {
    scene.listen(|watch| {
        let mut stream = scene.server.begin("POST", "/count", &[("Content-Length", "10")]);
        stream.write_all(b"first").expect("a server that reads");
        let streamed = watch.sees(expected == "yes", uploading);
        stream.write_all(b" last").expect("a server that reads");
        assert_eq!(http::receive(stream).text(), "10\n");
        if streamed { "yes".into() } else { "when whole".into() }
    })
}

/// Whether a request has begun whose body has not ended.
fn uploading(events: &[Event]) -> bool {
    let count = |side, kind| events.iter().filter(|event| event.is(side, kind)).count();
    count(Side::Server, RecordType::BeginRequest) > count(Side::Host, RecordType::EndRequest)
}

fn gone_uploading(scene: &Scene, expected: &str) -> String {
    scene.listen(|watch| {
        let mut stream = scene.server.begin("POST", "/count", &[("Content-Length", "10")]);
        stream.write_all(b"first").expect("a server that reads");
        let asked = expected != "never asked";
        if asked != watch.sees(asked, uploading) {
            return "asked".into();
        }
        drop(stream);
        if asked { told(watch, expected) } else { expected.into() }
    })
}

fn gone_waiting(scene: &Scene, expected: &str) -> String {
    gone(scene, "/sleep?ms=600000", expected)
}

fn gone_reading(scene: &Scene, expected: &str) -> String {
    gone(scene, "/endless", expected)
}

/// A client that goes away while a request runs, after what has come of the response.
fn gone(scene: &Scene, uri: &str, expected: &str) -> String {
    scene.listen(|watch| {
        let mut stream = scene.server.begin("GET", uri, &[]);
        watch.wait_for_running(1);
        if uri == "/endless" {
            stream.read_exact(&mut [0; 10_000]).expect("a response");
        }
        drop(stream);
        told(watch, expected)
    })
}

/// How the web server tells that it does not want an answer any more.
fn told(watch: &Watch, expected: &str) -> String {
    let aborted =
        |events: &[Event]| events.iter().any(|event| event.is(Side::Server, RecordType::AbortRequest));
    let closed = |events: &[Event]| {
        let closes = |event: &&Event| event.side == Side::Server && event.record.is_none();
        let unended = unended(events);
        events.iter().filter(closes).any(|event| unended.contains(&event.connection))
    };
    let told = watch.sees(expected != "untold", |events| aborted(events) || closed(events));
    if !told {
        return "untold".into();
    }
    if aborted(&watch.events()) { "ABORT".into() } else { "close".into() }
}

/// Connections with a request that the host has not ended.
fn unended(events: &[Event]) -> BTreeSet<usize> {
    let mut running = BTreeMap::<usize, i32>::new();
    for event in events {
        let change = i32::from(event.is(Side::Server, RecordType::BeginRequest))
            - i32::from(event.is(Side::Host, RecordType::EndRequest));
        *running.entry(event.connection).or_default() += change;
    }
    running.into_iter().filter(|(_, count)| *count > 0).map(|(connection, _)| connection).collect()
}

fn afterwards(scene: &Scene, _: &str) -> String {
    (0..REQUESTS).for_each(|_| assert_eq!(scene.get("/visits").text(), "1\n"));
    "yes".into()
}
