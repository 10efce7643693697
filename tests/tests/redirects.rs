//! Programs that name another path of their site instead of answering: the host asks them for that (RFC 3875 §6.2.2).

use tests::{Nginx, Request, Response, TestHost, guest};

fn commands() -> TestHost {
    TestHost::with(guest::COMMANDS).args(["--deadline", "1s"]).start()
}

fn assert_page(host: &TestHost, response: &Response, reason: &str) {
    assert_eq!((response.status(), response.headers("location").len()), (502, 0));
    host.log_line(reason);
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn the_answer_is_that_of_the_other_path() {
    let host = commands();
    let request = Request::post("/raw", "Location: /environment?a=%20b\n\n")
        .variable("CONTENT_TYPE", "text/plain")
        .header("Cookie", "c=d");
    let response = host.send(request);
    assert_eq!((response.status(), response.headers("location").len()), (200, 0));
    let has = |line: &str| response.text().lines().any(|other| other == line);
    for line in [
        "REQUEST_METHOD=GET",
        "REQUEST_URI=/environment?a=%20b",
        "DOCUMENT_URI=/environment",
        "SCRIPT_NAME=/environment",
        "QUERY_STRING=a=%20b",
        "HTTP_COOKIE=c=d",
    ] {
        assert!(has(line), "{line} in {}", response.text());
    }
    assert!(!response.text().lines().any(|line| line.starts_with("CONTENT_")), "{}", response.text());
}

#[test]
fn each_path_is_asked_in_an_instance_of_its_own_and_without_a_body() {
    let host = commands();
    assert_eq!(host.get("/redirect?/visits").text(), "1\n");
    assert_eq!(host.send(Request::post("/raw", "Location: /count\n\n")).text(), "0\n");
    let head = host.send(Request::new("HEAD", "/redirect?/visits"));
    assert_eq!((head.status(), head.text()), (200, ""));
}

#[test]
fn ten_redirects_are_followed_and_no_more() {
    let host = commands();
    assert_eq!(host.get("/count-down?n=10").text(), "arrived\n");
    assert_page(&host, &host.get("/count-down?n=11"), "after 10 redirects that led to no response");
}

#[test]
fn circles_end_at_once() {
    let host = commands();
    let circle = host.get("/redirect?/redirect?/redirect?/nothing");
    assert_eq!(circle.status(), 404);
    let request = Request::get("/redirect").variable("QUERY_STRING", "/redirect");
    assert_page(&host, &host.send(request), "the handler redirects in a circle");
}

#[test]
fn a_redirect_that_fails_is_the_failure_of_its_request() {
    let host = commands();
    assert_page(&host, &host.get("/redirect?/trap"), "the handler trapped");
    assert_eq!(host.get("/redirect?/loop").status(), 504);
    assert_page(&host, &host.get("/redirect?/silent"), "request failed");
    assert_page(&host, &host.get("/redirect?/visits%00"), "is not a path of this site");
}

#[test]
fn nginx_sees_the_answer_alone() {
    let host = commands();
    let nginx = Nginx::before(&host);
    let reply = nginx.get("/redirect?/visits");
    assert_eq!((reply.status, reply.header("location"), reply.text()), (200, None, "1\n"));
    let reply = nginx.send("POST", "/raw", &[], b"Location: /count-down?n=3\n\n");
    assert_eq!((reply.status, reply.text()), (200, "arrived\n"));
}
