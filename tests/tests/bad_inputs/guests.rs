//! Inputs 51 to 54: what handlers should not answer. Programs can say more of it than `wasi:http` can.

use bytes::Bytes;
use tests::{Request, Response, TestHost, guest, wire};

use crate::behaviours;

/// The answer to a request, with others served meanwhile.
fn answer(host: &TestHost, uri: &str) -> Response {
    let mut connection = host.wire();
    connection.send(wire::whole(1, &Request::get(uri)));
    host.assert_serves_others();
    connection.response(1)
}

/// The answer to a program's output, with others served meanwhile.
fn printed(host: &TestHost, output: impl Into<Bytes>) -> Response {
    let mut connection = host.wire();
    connection.send(wire::whole(1, &Request::post("/raw", output)));
    host.assert_serves_others();
    connection.response(1)
}

fn programs() -> TestHost {
    TestHost::with(guest::COMMANDS).args(["--deadline", "2s"]).start()
}

#[test]
fn input_51_a_header_with_line_ends_or_nul() {
    let host = behaviours();
    for value in ["a%0d%0ax-injected:%20b", "a%0ab", "a%0db", "a%00b"] {
        let response = answer(&host, &format!("/bad-header?name=x-split&value={value}"));
        assert_eq!((response.status(), response.text()), (200, "x-split: invalid\n"), "{value}");
        assert!(!response.head().contains("x-split") && !response.head().contains("injected"));
    }
    for name in ["x%0d%0ay", "x%00", "x:y", "x%20y", ""] {
        let response = answer(&host, &format!("/bad-header?name={name}&value=z"));
        assert!(
            response.status() == 200 && response.text().ends_with(": invalid\n"),
            "{name}: {}",
            response.text()
        );
    }
}

#[test]
fn input_52_a_header_of_a_megabyte() {
    let host = behaviours();
    let response = answer(&host, "/big-header?bytes=1000000");
    assert!(matches!(response.status(), 500 | 502), "{}", response.status());
    assert!(response.stdout.len() < 4096, "{} bytes", response.stdout.len());
}

#[test]
fn input_53_statuses_that_are_none() {
    let host = behaviours();
    for code in ["99", "1000", "0", "65535"] {
        let response = answer(&host, &format!("/status?code={code}"));
        assert_eq!((response.status(), response.text()), (500, &*format!("status {code} is refused\n")));
    }
    for code in ["100", "101", "199"] {
        assert_eq!(answer(&host, &format!("/status?code={code}")).status(), 502);
        host.log_line(&format!("status {code}"));
    }
}

#[test]
fn input_54_a_transfer_encoding_of_the_handlers() {
    let host = behaviours();
    for name in ["transfer-encoding", "connection", "keep-alive", "upgrade", "proxy-connection", "te"] {
        let response = answer(&host, &format!("/bad-header?name={name}&value=chunked"));
        assert_eq!((response.status(), response.header(name)), (200, None), "{}", response.head());
    }
}

#[test]
fn input_51_a_programs_header_with_control_characters() {
    let host = programs();
    for (value, shown) in
        [("a\0b", "a\\x00b"), ("a\rX-Injected: b", "a\\rX-Injected: b"), ("\x1b[2J", "\\x1b[2J")]
    {
        let response = printed(&host, format!("Content-Type: a/b\nX-Own: {value}\n\n"));
        assert_eq!(response.status(), 502, "{shown}");
        host.log_line(&format!("line 2 of its header block, \"X-Own: {shown}\", has a control character"));
    }
}

#[test]
fn input_52_a_programs_header_that_never_ends() {
    let host = programs();
    assert_eq!(printed(&host, format!("X: {}", "y".repeat(1 << 20))).status(), 502);
    host.log_line("is past the 65536 bytes that a header block may have");
    assert_eq!(answer(&host, "/endless-head").status(), 502);
    host.log_line("is past the 256 lines that a header block may have");
}

#[test]
fn input_53_a_programs_status_that_is_none() {
    let host = programs();
    for status in ["99", "1000", "abc", "0", "-200", "2e2", "199 Early", "600"] {
        assert_eq!(printed(&host, format!("Status: {status}\n\n")).status(), 502, "{status}");
        host.log_line(&format!("\"Status: {status}\", has no status from 200"));
    }
}

#[test]
fn input_54_a_programs_transfer_encoding() {
    let host = programs();
    let output = "Transfer-Encoding: chunked\nConnection: close\nContent-Type: a/b\n\n0\r\n\r\n";
    let response = printed(&host, output);
    assert_eq!((response.status(), response.text()), (200, "0\r\n\r\n"));
    assert!(response.header("transfer-encoding").is_none() && response.header("connection").is_none());
}
