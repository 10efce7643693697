//! A host with more requests than places.

use std::time::{Duration, Instant};

use tests::{ONE_AT_A_TIME, Request, Response, TestHost, eventually, guest};

fn assert_busy(response: &Response) {
    assert_eq!(response.status(), 503);
    assert_eq!(response.header("retry-after"), Some("2"));
}

#[test]
fn who_waits_is_served_when_a_place_is_free() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "2"]).start();
    let running: Vec<_> = (0..10).map(|_| host.begin("/sleep?ms=20")).collect();
    for one in running {
        assert_eq!(one.finish().text(), "slept 20 ms\n");
    }
}

#[test]
fn who_waits_too_long_is_asked_to_come_back() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "1", "--queue-wait", "200ms"]).start();
    let _busy = host.begin("/sleep?ms=20000");
    let waiting = Instant::now();
    eventually("it is busy", || host.get("/visits").status() == 503);
    let waited = waiting.elapsed();
    assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
    assert_busy(&host.get("/visits"));
    host.log_line("all 1 instances of the host stayed busy for 200ms; raise instances or queue-wait");
}

#[test]
fn who_finds_the_queue_full_is_told_at_once() {
    let host = TestHost::with(guest::BEHAVIOURS)
        .args(["--instances", "1", "--queue", "2", "--queue-wait", "10m"])
        .start();
    let mut running: Vec<_> = (0..6).map(|_| host.begin("/sleep?ms=1000")).collect();
    eventually("three are told", || {
        running.iter_mut().filter_map(|one| one.is_over().then_some(())).count() == 3
    });
    let responses: Vec<_> = running.into_iter().map(tests::Running::finish).collect();
    responses.iter().filter(|response| response.status() != 200).for_each(assert_busy);
    assert_eq!(responses.iter().filter(|response| response.status() == 200).count(), 3);
    host.log_line(
        "all 1 instances of the host are busy and 2 requests wait already; raise instances or queue",
    );
}

#[test]
fn a_place_in_the_queue_is_free_when_its_client_goes_away() {
    let host = TestHost::with(guest::BEHAVIOURS)
        .args(["--instances", "1", "--queue", "1", "--queue-wait", "10m"])
        .start();
    let mut busy = host.begin("/drip?chunks=2&ms=600000");
    busy.wait_for_body(1);
    let mut connection = host.connect();
    for _ in 0..20 {
        let waiting = connection.begin(Request::get("/visits").keep());
        connection.abort(waiting);
        assert!(connection.finish(waiting).stdout.is_empty());
    }
    let last = host.begin("/visits");
    drop(busy);
    assert_eq!(last.finish().text(), "1\n");
}

#[test]
fn a_full_host_answers_head_without_a_body() {
    let host = TestHost::with(guest::BEHAVIOURS).args(ONE_AT_A_TIME).start();
    let _busy = host.begin("/sleep?ms=20000");
    eventually("it is busy", || host.get("/visits").status() == 503);
    let response = host.send(Request::new("HEAD", "/visits"));
    assert_busy(&response);
    assert_eq!(response.body(), b"");
}
