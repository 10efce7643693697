//! A host that is told to stop: it finishes what runs, nobody sees a broken response, and it exits with 0.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use tests::{Client, Request, TestHost, eventually, guest};

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).start()
}

#[test]
fn an_idle_host_ends_at_once_and_takes_its_socket_with_it() {
    let host = TestHost::with(guest::HELLO).start();
    let socket = host.socket().to_owned();
    host.get("/");
    let _idle = host.connect();
    host.stop();
    eventually("the socket is gone", || !socket.exists());
    assert!(host.wait().success());
}

#[test]
fn what_runs_is_finished() {
    let host = behaviours();
    let sleeping = host.begin("/sleep?ms=500");
    let mut upload = host.begin_upload(Request::new("POST", "/echo"));
    upload.send_body("the first half, ");
    upload.wait_for_body(16);
    host.stop();
    host.log_line("no new connections");
    upload.send_body("the second half");
    upload.finish_body();
    assert_eq!(upload.finish().text(), "the first half, the second half");
    let response = sleeping.finish();
    assert!(response.is_complete());
    assert_eq!(response.text(), "slept 500 ms\n");
    assert!(host.wait().success());
}

#[test]
fn a_stream_is_finished() {
    let host = behaviours();
    let mut running = host.begin("/drip?chunks=10&ms=50");
    running.wait_for_body(1);
    host.stop();
    let response = running.finish();
    assert!(response.is_complete());
    assert_eq!(response.text().lines().last(), Some("chunk 10"));
    assert!(host.wait().success());
}

#[test]
fn a_large_response_is_read_to_its_end() {
    let host = behaviours();
    let mut running = host.begin("/generate?bytes=50000000");
    running.wait_for_body(1);
    host.stop();
    host.log_line("no new connections");
    let response = running.finish();
    assert!(response.is_complete());
    assert_eq!(response.body().len(), 50_000_000);
    assert!(host.wait().success());
}

#[test]
fn what_does_not_finish_is_cut_and_said() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--drain-timeout", "300ms"]).start();
    let mut running = host.begin("/sleep?ms=600000");
    assert!(!running.is_over());
    host.get("/visits");
    host.stop();
    let response = running.finish();
    assert!(!response.is_complete());
    host.log_line("1 connections were cut");
    assert_eq!(host.wait().code(), Some(1));
}

#[test]
fn under_load_no_client_sees_a_broken_response() {
    let host = behaviours();
    let (served, stopped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // A web server's worker: it uses a connection until that is closed, then cannot make another one.
    let work = |mut connection: Client| {
        loop {
            let id = connection.begin(Request::get("/drip?chunks=3&ms=1").keep());
            let response = connection.finish(id);
            if response.is_complete() {
                assert_eq!(response.text(), "chunk 1\nchunk 2\nchunk 3\n");
                served.fetch_add(1, Ordering::Relaxed);
            } else {
                // Closed between two requests: nothing of this one was answered, so it can be tried elsewhere.
                assert!(response.stdout.is_empty() && response.stderr.is_empty(), "{response:?}");
                break stopped.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        (0..16).for_each(|_| drop(scope.spawn(|| work(host.connect()))));
        eventually("all of them work", || served.load(Ordering::Relaxed) > 200);
        host.stop();
    });
    assert_eq!(stopped.into_inner(), 16);
    assert!(host.wait().success());
}

#[test]
fn a_host_that_listens_can_be_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..20 {
        let host = TestHost::with(guest::HELLO).socket(&folder.path().join("host.sock")).start();
        assert!(host.terminate().success());
    }
}

#[test]
fn connections_made_before_are_served_and_none_after() {
    let host = behaviours();
    let mut connections: Vec<_> = (0..20).map(|_| host.connect()).collect();
    let ids: Vec<_> = connections.iter_mut().map(|one| one.begin("/sleep?ms=100")).collect();
    host.stop();
    for (mut connection, id) in connections.into_iter().zip(ids) {
        let response = connection.finish(id);
        assert!(response.is_complete());
        assert_eq!(response.text(), "slept 100 ms\n");
    }
    assert!(!host.socket().exists());
    assert!(host.wait().success());
}

#[test]
fn a_successor_takes_the_address_while_the_old_host_finishes() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("host.sock");
    let old = TestHost::with(guest::BEHAVIOURS).socket(&socket).start();
    let running = old.begin("/sleep?ms=1000");
    old.stop();
    eventually("the address is free", || !socket.exists());
    let new = TestHost::with(guest::HELLO).socket(&socket).start();
    assert_eq!(new.get("/").text(), "hello\n");
    assert_eq!(running.finish().text(), "slept 1000 ms\n");
    assert!(old.wait().success());
    assert_eq!(new.get("/").text(), "hello\n");
}

#[test]
fn a_stopping_host_does_not_wait_for_idle_connections() {
    let host = TestHost::with(guest::HELLO).args(["--drain-timeout", "10m"]).start();
    let mut connections: Vec<_> = (0..50).map(|_| host.connect()).collect();
    for connection in &mut connections {
        assert_eq!(connection.send(Request::get("/").keep()).text(), "hello\n");
    }
    let started = std::time::Instant::now();
    assert!(host.terminate().success());
    assert!(started.elapsed() < Duration::from_secs(10));
}
