//! Bodies in both directions: whole, bounded in memory, never silently short.

use std::{thread, time::Duration};

use tests::{Request, TestHost, eventually, guest, noise};

const MIB: u64 = 1 << 20;

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).start()
}

#[test]
fn ten_megabytes_go_each_way() {
    let body = noise(10_000_000);
    let host = behaviours();
    assert_eq!(host.send(Request::post("/echo", body.clone())).body(), body);
    assert_eq!(host.send(Request::post("/echo", body.clone()).without("CONTENT_LENGTH")).body(), body);
    assert_eq!(host.send(Request::post("/count", body)).text(), "10000000\n");
}

#[test]
fn large_and_small_writes_arrive_whole() {
    let host = behaviours();
    for path in ["/generate", "/generate-small"] {
        for bytes in [0_usize, 1, 4095, 4096, 65_535, 65_536, 65_537, 1_000_003] {
            let response = host.get(&format!("{path}?bytes={bytes}"));
            assert_eq!(response.body().len(), bytes, "{path}");
            let pattern = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";
            assert!(response.body().chunks(64).all(|line| pattern.starts_with(line)), "{path}?bytes={bytes}");
        }
    }
}

#[test]
fn what_is_flushed_arrives_at_once() {
    let host = behaviours();
    let mut running = host.begin("/drip?chunks=2&ms=600000");
    assert_eq!(running.wait_for_body(8).text(), "chunk 1\n");
    assert!(!running.is_over());
}

#[test]
fn a_client_that_does_not_read_holds_its_handler_up_and_little_memory() {
    let host = behaviours();
    host.get("/generate?bytes=1000000");
    let before = host.memory();
    let mut running = host.begin("/generate?bytes=200000000");
    running.wait_for_body(1);
    // Others are served meanwhile, for long enough that a host without back-pressure would hold it all.
    (0..200).for_each(|_| assert_eq!(host.get("/visits").text(), "1\n"));
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
    assert_eq!(running.finish().body().len(), 200_000_000);
}

#[test]
fn a_handler_that_does_not_read_holds_its_client_up_and_little_memory() {
    let host = behaviours();
    host.send(Request::post("/count", noise(10_000_000)));
    let before = host.memory();
    let mut running = host.begin_upload(Request::new("POST", "/stalls-reading"));
    for _ in 0..20 {
        running.send_body(noise(10_000_000));
        assert_eq!(host.get("/visits").text(), "1\n");
    }
    assert!(running.unsent() > 190_000_000, "{} bytes wait", running.unsent());
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
}

#[test]
fn a_thousand_large_bodies_each_way_leave_no_memory_behind() {
    let (host, body) = (behaviours(), noise(10_000_000));
    let exchange = || assert_eq!(host.send(Request::post("/echo", body.clone())).body().len(), body.len());
    let by_two = |count: usize| {
        let half = || (0..count / 2).for_each(|_| exchange());
        thread::scope(|scope| {
            [(); 2].map(|()| scope.spawn(half)).map(|half| half.join().expect("all is echoed"))
        });
    };
    // Places of instances and threads keep some memory once they are used: until all are.
    by_two(200);
    let before = host.memory();
    by_two(800);
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 20 * MIB, "{grown} bytes");
}

#[test]
fn a_body_of_another_length_than_announced_is_an_error_for_the_handler() {
    let host = behaviours();
    for announced in ["3", "11"] {
        let request = Request::post("/count", "some words").variable("CONTENT_LENGTH", announced);
        let response = host.send(request);
        assert_eq!(response.status(), 400, "{announced}: {}", response.text());
        assert!(response.text().starts_with("the body breaks off after "), "{}", response.text());
    }
}

#[test]
fn a_response_of_another_length_than_promised_is_cut() {
    let host = behaviours();
    for (promised, written) in [(10, 5), (5, 10), (100_000, 99_999)] {
        let path = format!("/length-mismatch?declared={promised}&bytes={written}");
        let response = host.begin(path.as_str()).finish();
        assert!(!response.is_complete() || response.status() == 502, "{promised} {written}: {response:?}");
    }
    host.log_line("content-length");
    assert_eq!(host.get("/visits").status(), 200);
}

#[test]
fn a_handler_need_not_read() {
    let host = behaviours();
    let mut connection = host.connect();
    for _ in 0..3 {
        let response = connection.send(Request::post("/never-reads", noise(10_000_000)).keep());
        assert_eq!(response.text(), "not interested\n");
    }
    assert_eq!(host.send(Request::post("/never-reads", noise(10_000_000))).text(), "not interested\n");
}

#[test]
fn an_unread_body_holds_its_neighbours_up_for_a_bounded_time() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--deadline", "10m"]).start();
    let mut connection = host.connect();
    let before = connection.begin_upload(Request::new("POST", "/count").keep());
    let stalling = connection.begin_upload(Request::new("POST", "/stalls-reading").keep());
    connection.send_body(stalling, vec![0; 1 << 20]);
    connection.send_body(before, "behind it");
    connection.finish_body(before);
    assert_eq!(connection.finish(before).text(), "9\n");
    assert!(!connection.is_over(stalling));
}

#[test]
fn an_unread_body_holds_later_neighbours_up_no_longer() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--deadline", "10m"]).start();
    let mut connection = host.connect();
    // A web server that has multiplexed may do so again.
    for id in [(), ()].map(|()| connection.begin(Request::get("/sleep?ms=10").keep())) {
        assert_eq!(connection.finish(id).status(), 200);
    }
    let stalling = connection.begin_upload(Request::new("POST", "/stalls-reading").keep());
    connection.send_body(stalling, vec![0; 1 << 20]);
    let after = connection.begin(Request::get("/visits").keep());
    assert_eq!(connection.finish(after).text(), "1\n");
    assert!(!connection.is_over(stalling));
}

#[test]
fn a_cut_upload_is_not_taken_for_a_whole_one() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "1"]).start();
    let mut running = host.begin_upload(Request::new("POST", "/count"));
    running.send_body("half of it");
    drop(running);
    host.log_line("the web server closed a connection: requests cancelled");
    eventually("its instance is free", || host.get("/visits").status() == 200);
}

#[test]
fn a_slow_client_is_not_held_against_the_handler() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--deadline", "1s"]).start();
    let mut running = host.begin_upload(Request::new("POST", "/count"));
    // Longer than the deadline: the one sleep that is the story.
    thread::sleep(Duration::from_millis(1500));
    running.send_body("late");
    running.finish_body();
    assert_eq!(running.finish().text(), "4\n");
}
