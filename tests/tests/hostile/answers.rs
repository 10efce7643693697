//! Answers that are none, or that go on.

use tests::Request;

use crate::{bad, fails, hostile, said, suffer};

#[test]
fn a_hundred_thousand_headers() {
    let host = hostile("").start();
    let response = suffer(&host, &bad("/headers?100000"));
    assert!(response.stdout.len() < 70_000, "{} bytes", response.stdout.len());
    assert!([200, 500, 502].contains(&response.status()) && response.is_complete());
}

#[test]
fn trailers_of_ten_megabytes() {
    let host = hostile("").start();
    let response = suffer(&host, &bad("/trailers?10000000"));
    assert!(response.stdout.len() < 1000, "{} bytes", response.stdout.len());
    assert!(!said(&response).contains("10000 of 10000"), "{}", said(&response));
}

#[test]
fn two_answers() {
    let host = hostile("").start();
    fails(&host, "/twice", 502, "the handler trapped");
}

#[test]
fn a_body_without_an_end() {
    let host = hostile("").start();
    let response = suffer(&host, &bad("/unfinished"));
    assert!(response.status() == 502 || !response.is_complete(), "{response:?}");
    host.log_line("the handler broke off its response");
}

#[test]
fn a_body_that_is_read_after_the_answer() {
    let host = hostile("").start();
    let request = Request::post("/reads-late", vec![b'x'; 1_000_000]).variable("HTTP_HOST", "bad.example");
    let response = suffer(&host, &request);
    assert_eq!((response.status(), response.text(), response.is_complete()), (200, "all of it\n", true));
    host.log_line("read 1000000 bytes late");
}
