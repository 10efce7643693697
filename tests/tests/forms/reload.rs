//! What is served is replaced under load.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use tests::{Mark, eventually, http::Reply};

use crate::{
    Case, GOOD,
    scene::{Scene, WELCOME},
};

pub(crate) const CASES: &[Case] = &[Case {
    name: "reload under load",
    what: "settings and module are replaced five times while four clients ask; each reload counts, and no request fails",
    run: under_load,
}];

/// Clients that ask all the time, and how often the settings change meanwhile.
const CLIENTS: usize = 4;
const RELOADS: usize = 5;

/// Requests between a reload that has come and the next one.
const REQUESTS: usize = 50;

fn under_load(scene: &Scene) -> String {
    let (over, asked, newest) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let failed = thread::scope(|scope| {
        let client = || {
            let mut failed = Vec::new();
            while !over.load(Ordering::SeqCst) {
                match ask(scene) {
                    Ok(version) => drop(newest.fetch_max(version, Ordering::SeqCst)),
                    Err(error) => failed.push(error),
                }
                asked.fetch_add(1, Ordering::SeqCst);
            }
            failed
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let over = Mark(&over);
        for version in 1..=RELOADS {
            scene.ground.change(&scene.server, version);
            eventually("what is new answers", || newest.load(Ordering::SeqCst) == version);
            let so_far = asked.load(Ordering::SeqCst);
            eventually("it goes on answering", || asked.load(Ordering::SeqCst) > so_far + REQUESTS);
        }
        drop(over);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect::<Vec<_>>()
    });
    println!("{} requests, {} failed: {failed:?}", asked.into_inner(), failed.len());
    if failed.is_empty() { GOOD.into() } else { "requests fail".into() }
}

/// Asks for a page of the wiki, and for the version of the settings.
fn ask(scene: &Scene) -> Result<usize, String> {
    let failed = |reply: &Reply| format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body));
    let page = scene.bin("GET", "/view/Main/WebHome", &[], b"");
    if page.status != 200 || !page.complete || !page.text().contains(WELCOME) {
        return Err(failed(&page));
    }
    let reply = scene.bin("GET", "/try/env", &[], b"");
    let version = reply.text().lines().find_map(|line| line.strip_prefix("VERSION=")?.parse().ok());
    version.filter(|_| reply.status == 200).ok_or_else(|| failed(&reply))
}
