//! Clients that are slow, and that go away.

use std::io::{Read, Write};

use tests::{eventually, http, noise};

use crate::{
    Case, GOOD,
    ground::{FILM, film},
    scene::{Scene, all, verdict},
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "slow reader",
        what: "50 MB, which stop again and again until others have been served; no host takes more memory for it",
        run: slow_reader,
    },
    Case { name: "slow sender", what: "a POST of 1 MB, likewise", run: slow_sender },
    Case {
        name: "reader goes away",
        what: "the handler of an endless response is cancelled, and others are served",
        run: reader_goes_away,
    },
    Case {
        name: "sender goes away",
        what: "in the middle of a POST of 1 MB; others are served",
        run: sender_goes_away,
    },
];

/// How often a slow client stops.
const STOPS: usize = 20;

/// What a slow client reads between two stops.
const PIECE: usize = 64 << 10;

/// By how much a host may grow meanwhile: much less than the response, and as much as a few handlers that run.
const GROWTH: u64 = 32 << 20;

/// What is said where others are not served meanwhile.
const OTHERS_WAIT: &str = "others wait";

fn slow_reader(scene: &Scene) -> String {
    let before = scene.memory();
    let mut stream = scene.begin("GET", &format!("/viewfile/{}", FILM.0), &[]);
    let (mut received, mut most, mut served) = (vec![0; PIECE * STOPS], 0, true);
    for piece in received.chunks_mut(PIECE) {
        stream.read_exact(piece).expect("a server that sends");
        served = served && scene.serves_others();
        most = most.max(scene.memory());
    }
    let reply = http::receive(received.chain(stream));
    let whole = verdict(&reply, reply.status == 200 && reply.body == film());
    println!("memory before {before}, at most {most}");
    match (served, most) {
        (false, _) => all([whole, OTHERS_WAIT.into()]),
        (_, most) if most > before + GROWTH => all([whole, "memory grows".into()]),
        _ => whole,
    }
}

fn slow_sender(scene: &Scene) -> String {
    let body = noise(1_000_000);
    let length = body.len().to_string();
    let mut stream = scene.begin("POST", "/try/return", &[("Content-Length", &length)]);
    let mut served = true;
    for piece in body.chunks(body.len() / STOPS) {
        stream.write_all(piece).expect("a server that reads");
        served = served && scene.serves_others();
    }
    let reply = http::receive(stream);
    let whole = verdict(&reply, reply.status == 200 && reply.body == body);
    if served { whole } else { all([whole, OTHERS_WAIT.into()]) }
}

fn reader_goes_away(scene: &Scene) -> String {
    let cancelled = || scene.logs().matches("requests cancelled").count();
    let before = cancelled();
    let mut stream = scene.begin("GET", "/try/endless", &[]);
    stream.read_exact(&mut [0; 10_000]).expect("a response");
    drop(stream);
    eventually("the handler is cancelled", || cancelled() > before);
    if scene.serves_others() { GOOD.into() } else { OTHERS_WAIT.into() }
}

fn sender_goes_away(scene: &Scene) -> String {
    let mut stream = scene.begin("POST", "/try/return", &[("Content-Length", "1000000")]);
    stream.write_all(&noise(500_000)).expect("a server that reads");
    drop(stream);
    if scene.serves_others() { GOOD.into() } else { OTHERS_WAIT.into() }
}
