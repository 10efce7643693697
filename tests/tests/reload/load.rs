//! Under load, over and over again.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use tests::{Request, TestHost, eventually};

use super::{start, version, versioned, write};

/// Clients that ask all the time, and how often the settings change meanwhile.
struct Load {
    clients: usize,
    swaps: usize,
    /// Swaps after which memory and descriptors are what they stay: the first requests of each client make room for all others.
    warm: usize,
    /// Bytes that may come on top of a tenth: what a thread needs that had little to do until then.
    more: u64,
}

#[test]
fn no_request_fails_and_none_is_stale() {
    swap_under(&Load { clients: 8, swaps: 120, warm: 60, more: 16 << 20 });
}

#[test]
#[ignore = "slow: cargo xtask test --slow"]
fn no_request_fails_and_none_is_stale_for_a_long_time() {
    swap_under(&Load { clients: 32, swaps: 1000, warm: 10, more: 0 });
}

fn swap_under(&Load { clients, swaps, warm, more }: &Load) {
    let host = start();
    let in_force = AtomicUsize::new(0);
    let mut before = None;
    thread::scope(|scope| {
        for client in 0..clients {
            let (host, in_force) = (&host, &in_force);
            scope.spawn(move || {
                if client % 4 == 0 { multiplex(host, in_force, swaps) } else { ask(host, in_force, swaps) }
            });
        }
        for swap in 1..=swaps {
            write(&host, &versioned(swap));
            host.ok(&["reload"]);
            in_force.store(swap, Ordering::SeqCst);
            if swap == warm {
                before = Some(cost(&host));
            }
        }
    });
    let (memory, files) = before.expect("more swaps than that");
    eventually("old generations end", || !host.ok(&["status"]).contains("was replaced"));
    eventually("descriptors are closed", || cost(&host).1 <= files);
    let after = cost(&host).0;
    assert!(after <= memory / 10 * 11 + more, "{} KiB instead of {} KiB", after >> 10, memory >> 10);
    assert_eq!(host.terminate().code(), Some(0));
}

/// Memory and descriptors, without those of its connections.
fn cost(host: &TestHost) -> (u64, usize) {
    (host.memory(), host.open_files() - host.sockets())
}

/// One request after the other on a connection that is kept.
fn ask(host: &TestHost, in_force: &AtomicUsize, swaps: usize) {
    let mut connection = host.connect();
    loop {
        let at_least = in_force.load(Ordering::SeqCst);
        let response = connection.send(Request::get("/env").keep());
        assert_eq!(response.status(), 200);
        assert!(version(response.text()) >= at_least, "version {at_least} was in force");
        if at_least == swaps {
            return;
        }
    }
}

/// Several requests at once on a connection that is kept.
fn multiplex(host: &TestHost, in_force: &AtomicUsize, swaps: usize) {
    let mut connection = host.connect();
    loop {
        let at_least = in_force.load(Ordering::SeqCst);
        let ids = [0; 4].map(|_| connection.begin(Request::get("/env").keep()));
        for id in ids {
            let response = connection.finish(id);
            assert_eq!(response.status(), 200);
            assert!(version(response.text()) >= at_least, "version {at_least} was in force");
        }
        if at_least == swaps {
            return;
        }
    }
}

#[test]
fn a_request_keeps_what_it_began_with() {
    let host = start();
    let mut running = host.begin("/drip?chunks=3&ms=300");
    running.wait_for_body(1);
    write(&host, &super::SETTINGS.replace("behaviours.wasm", "hello.wasm"));
    host.ok(&["reload"]);
    assert!(host.get("/").text().starts_with("hello"));
    assert!(host.ok(&["status"]).contains("still runs 1 requests"));
    assert!(running.finish().text().ends_with("chunk 3\n"));
    eventually("the old generation ends", || !host.ok(&["status"]).contains("was replaced"));
}

#[test]
fn what_was_replaced_ends_in_time() {
    let host = start();
    write(&host, &format!("drain-timeout = \"1s\"\n{}", versioned(1)));
    host.ok(&["reload"]);
    let mut running = host.begin("/drip?chunks=1000&ms=50");
    running.wait_for_body(1);
    let waiting = host.begin("/sleep?ms=60000");
    host.ok(&["reload"]);
    assert_eq!(waiting.finish().status(), 503);
    assert!(!running.finish().is_complete());
    host.log_line("generation 2 was replaced, and its time to finish has passed");
}

/// From the signal to the first answer of what is new, its modules being compiled already.
#[test]
fn a_swap_takes_milliseconds() {
    const SWAPS: usize = 20;
    const AT_MOST: Duration = Duration::from_millis(5);

    let host = start();
    let mut connection = host.connect();
    let swap = |version| {
        write(&host, &versioned(version));
        let started = Instant::now();
        host.reload();
        while self::version(connection.send(Request::get("/env").keep()).text()) != version {}
        started.elapsed()
    };
    let mut taken: Vec<_> = (1..=SWAPS).map(swap).collect();
    taken.sort_unstable();
    // On a machine that does other things as well, some take longer.
    assert!(taken[SWAPS / 4] < AT_MOST, "{taken:?}");
    println!("a swap: median {:?}", taken[SWAPS / 2]);
}
