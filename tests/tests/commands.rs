//! Programs of `wasi:cli`: CGI/1.1 from the variables to the exit status.

use std::{thread, time::Duration};

use tests::{Nginx, Request, Response, TestHost, eventually, guest, noise};

const MIB: u64 = 1 << 20;

fn commands() -> TestHost {
    TestHost::with(guest::COMMANDS).args(["--deadline", "500ms"]).start()
}

/// What the host makes of that output.
fn raw(host: &TestHost, output: &str) -> Response {
    host.send(Request::post("/raw", output.to_owned()))
}

fn assert_page(response: &Response, status: u16) {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(response.end.map(|(status, _)| status), Some(1));
}

#[test]
fn the_environment_is_the_requests_variables() {
    let request = Request::get("/environment?a=%20b&c")
        .variable("PATH_INFO", "/x y")
        .variable("PERL5LIB", "/tmp")
        .header("Accept", "text/html")
        .header("Proxy", "http://evil.example")
        .variable("REMOTE_USER", "AdminUser")
        .without("GATEWAY_INTERFACE");
    let text = commands().send(request).text().to_owned();
    let has = |line: &str| text.lines().any(|other| other == line);
    for line in [
        "QUERY_STRING=a=%20b&c",
        "PATH_INFO=/x y",
        "PERL5LIB=/tmp",
        "HTTP_ACCEPT=text/html",
        "REQUEST_METHOD=GET",
        "GATEWAY_INTERFACE=CGI/1.1",
    ] {
        assert!(has(line), "{line} in {text}");
    }
    for name in ["HTTP_PROXY", "REMOTE_USER", "PATH=", "HOME="] {
        assert!(!text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
    }
}

#[test]
fn nothing_of_a_request_becomes_an_argument() {
    let host = commands();
    for query in ["", "?search+words", "?-s", "?--help+-d"] {
        assert_eq!(host.get(&format!("/arguments{query}")).text(), "commands.wasm\n", "{query}");
    }
    let host = TestHost::with(guest::COMMANDS).args(["--arg", "-x", "--arg", "two words"]).start();
    assert_eq!(host.get("/arguments?search").text(), "-x\ncommands.wasm\ntwo words\n");
}

#[test]
fn arguments_are_for_programs() {
    let refusal = TestHost::with(guest::HELLO).args(["--arg", "x"]).refused();
    assert!(refusal.log.contains("hello.wasm: takes no arguments"), "{}", refusal.log);
}

#[test]
fn a_fresh_instance_answers_each_request() {
    let host = commands();
    (0..3).for_each(|_| assert_eq!(host.get("/visits").text(), "1\n"));
}

#[test]
fn ten_megabytes_go_through_in_little_memory() {
    let (host, body) = (commands(), noise(10_000_000));
    let exchange = || {
        let request = Request::post("/echo", body.clone());
        assert_eq!(host.send(request.clone()).body(), body);
        assert_eq!(host.send(request.without("CONTENT_LENGTH")).body(), body);
        assert_eq!(host.send(Request::post("/count", body.clone())).text(), "10000000\n");
    };
    // What the allocator keeps differs from start to start; bodies that are held would show again and again.
    (0..3).for_each(|_| exchange());
    let before = host.memory();
    (0..5).for_each(|_| exchange());
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{grown} bytes");
}

#[test]
fn large_and_small_writes_arrive_whole() {
    let host = commands();
    for path in ["/generate", "/generate-small"] {
        for bytes in [0_usize, 1, 4095, 4096, 65_535, 65_536, 65_537, 1_000_003] {
            assert_eq!(host.get(&format!("{path}?bytes={bytes}")).body().len(), bytes, "{path}");
        }
    }
}

#[test]
fn what_is_written_arrives_at_once() {
    let host = commands();
    let mut running = host.begin("/drip");
    assert_eq!(running.wait_for_body(11).text(), "first line\n");
    assert!(!running.is_over());
}

#[test]
fn standard_input_ends_at_the_announced_length() {
    let host = commands();
    let mut running = host.begin_upload(Request::new("POST", "/count").variable("CONTENT_LENGTH", "5"));
    running.send_body("12345");
    assert_eq!(running.wait_for_body(2).text(), "5\n");
}

#[test]
fn half_a_body_is_never_taken_for_a_whole_one() {
    let host = commands();
    for path in ["/count", "/ignores-errors"] {
        for announced in ["3", "11"] {
            let request = Request::post(path, "some words").variable("CONTENT_LENGTH", announced);
            assert_page(&host.send(request), 400);
        }
    }
    host.log_line("the handler was stopped: the request body is not as long as announced");
}

#[test]
fn a_lost_client_cancels_its_program() {
    let host = TestHost::with(guest::COMMANDS).args(["--instances", "1"]).start();
    let mut running = host.begin_upload(Request::new("POST", "/count"));
    running.send_body("half of it");
    drop(running);
    host.log_line("the web server closed a connection: requests cancelled");
    eventually("its instance is free", || host.get("/visits").status() == 200);
}

#[test]
fn a_program_need_not_read() {
    let host = commands();
    let mut connection = host.connect();
    for _ in 0..3 {
        let response = connection.send(Request::post("/never-reads", noise(10_000_000)).keep());
        assert_eq!(response.text(), "not interested\n");
    }
}

#[test]
fn a_program_that_does_not_read_holds_its_client_up_and_little_memory() {
    let host = TestHost::with(guest::COMMANDS).start();
    host.send(Request::post("/count", noise(10_000_000)));
    let before = host.memory();
    let mut running = host.begin_upload(Request::new("POST", "/stalls-reading"));
    for _ in 0..10 {
        running.send_body(noise(10_000_000));
        assert_eq!(host.get("/visits").text(), "1\n");
    }
    assert!(running.unsent() > 90_000_000, "{} bytes wait", running.unsent());
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
}

#[test]
fn a_client_that_does_not_read_holds_its_program_up_and_little_memory() {
    let host = commands();
    host.get("/generate?bytes=1000000");
    let before = host.memory();
    let mut running = host.begin("/generate?bytes=200000000");
    running.wait_for_body(1);
    (0..200).for_each(|_| assert_eq!(host.get("/visits").text(), "1\n"));
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
    assert_eq!(running.finish().body().len(), 200_000_000);
}

#[test]
fn a_slow_client_is_not_held_against_the_program() {
    let host = commands();
    let mut running = host.begin_upload(Request::new("POST", "/count"));
    // Longer than the deadline: the one sleep that is the story.
    thread::sleep(Duration::from_secs(1));
    running.send_body("late");
    running.finish_body();
    assert_eq!(running.finish().text(), "4\n");
}

#[test]
fn a_header_block_becomes_a_response() {
    let host = commands();
    let response = raw(&host, "Status: 404 No such thing\r\nContent-Type: a/b\r\nX-Own: 1\r\n\r\nbody\r\n");
    assert_eq!((response.status(), response.text()), (404, "body\r\n"));
    assert_eq!((response.header("content-type"), response.header("x-own")), (Some("a/b"), Some("1")));

    let cookies = "Set-Cookie: b=1\nContent-Type: a/b\nSet-Cookie: a=2\nConnection: close\n\n";
    let response = raw(&host, cookies);
    assert_eq!(response.headers("set-cookie"), ["b=1", "a=2"]);
    assert_eq!(response.header("connection"), None);

    let nothing = raw(&host, "Status: 204 No Content\n\n");
    assert_eq!((nothing.status(), nothing.body()), (204, &b""[..]));
}

#[test]
fn redirects_go_to_the_client() {
    let host = commands();
    let found = raw(&host, "Location: http://elsewhere.example/a\n\n");
    assert_eq!((found.status(), found.header("location")), (302, Some("http://elsewhere.example/a")));
    let moved = raw(&host, "Status: 301 Moved\nLocation: /elsewhere\n\n");
    assert_eq!((moved.status(), moved.header("location")), (301, Some("/elsewhere")));
    let document = "Location: http://elsewhere.example/\nStatus: 303 See\nContent-Type: text/plain\n\nthere";
    let document = raw(&host, document);
    assert_eq!((document.status(), document.text()), (303, "there"));
}

#[test]
fn a_path_alone_is_followed_in_the_host() {
    let host = commands();
    let followed = raw(&host, "Location: /environment?a=b\n\n");
    assert_eq!((followed.status(), followed.header("location")), (200, None));
    for line in ["REQUEST_METHOD=GET", "SCRIPT_NAME=/environment", "QUERY_STRING=a=b"] {
        assert!(followed.text().lines().any(|other| other == line), "{line} in {}", followed.text());
    }
    let with_more = raw(&host, "Location: /environment\nSet-Cookie: a=1\n\n");
    assert_eq!((with_more.status(), with_more.header("set-cookie")), (302, Some("a=1")));
}

#[test]
fn output_without_a_valid_header_block_is_a_page_and_a_line_of_the_log() {
    let host = commands();
    let check = |output: &str, expected: &str| {
        assert_page(&raw(&host, output), 502);
        let line = host.log_line(expected);
        assert!(line.contains("request failed: the handler's response is not valid"), "{line}");
    };
    check("Hello world\n", "line 1 of its header block, \"Hello world\", has no colon");
    check("HTTP/1.1 200 OK\nContent-Type: a/b\n\n", "\"HTTP/1.1 200 OK\", is a status line");
    check("Content-Type: a/b\n folded\n\n", "\" folded\", begins with a space");
    check("Content-Type : a/b\n\n", "\"Content-Type : a/b\", has a space before its colon");
    check("Content Type: a/b\n\n", "\"Content Type: a/b\", has no valid header name");
    check("Content-Type: a\0b\n\n", "\"Content-Type: a\\x00b\", has a control character");
    check("Content-Type: a/b\nX: a\rY: b\n\n", "\"X: a\\rY: b\", has a control character");
    check("Content-Type: a/b\nContent-Type: c/d\n\n", "\"Content-Type: c/d\", repeats a header");
    for status in ["99", "1000", "abc", "199 Early"] {
        check(&format!("Status: {status}\n\n"), &format!("\"Status: {status}\", has no status from 200"));
    }
    check("Content-Type:\n\n", "\"Content-Type:\", has no value");
    check("Content-Type: text/cut", "\"Content-Type: text/cut\", is where its output ends");
    check("X-Other: y\n\n", "its header block has no Content-Type, Location or Status");
    check("Status: 200 OK\n\nbody", "its body has no Content-Type");
    check("Location: http://host/\n\nbody", "a body follows its Location");
    check("Location: elsewhere\n\n", "its Location is neither a URI nor a path");
    check(&format!("X: {}", "y".repeat(70_000)), "is past the 65536 bytes that a header block may have");
    check(&"X: y\n".repeat(300), "is past the 256 lines that a header block may have");
    assert_page(&host.get("/silent"), 502);
    host.log_line("it wrote nothing, not even a header block");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn what_a_program_writes_forges_no_line_of_the_log() {
    let host = commands();
    raw(&host, "\u{1b}[31mevil\u{7f} \u{2028}\n\n");
    let line = host.log_line("has no colon");
    assert!(line.contains("\\x1b[31mevil\\x7f \\xe2\\x80\\xa8"), "{line}");
}

#[test]
fn a_response_to_head_has_no_body() {
    let host = commands();
    let response = host.send(Request::new("HEAD", "/never-reads"));
    assert_eq!((response.status(), response.body()), (200, &b""[..]));
    assert!(response.is_complete());
}

#[test]
fn a_promised_length_is_held() {
    let host = commands();
    for body in ["shor", "longer"] {
        let output = format!("Content-Type: a/b\nContent-Length: 5\n\n{body}");
        let response = host.begin(Request::post("/raw", output)).finish();
        assert!(!response.is_complete() || response.status() == 502, "{response:?}");
    }
    host.log_line("content-length");
}

#[test]
fn an_exit_status_is_the_application_status() {
    let host = commands();
    let ended = |path: &str| {
        let response = host.get(path);
        (response.text().to_owned(), response.end.map(|(status, _)| status))
    };
    assert_eq!(ended("/exit-late?code=0"), ("all of it\n".to_owned(), Some(0)));
    let (text, status) = ended("/exit-late?code=1");
    assert_eq!((text.as_str(), status), ("all of it\n", Some(1)));
    host.log_line("after the response: the handler exited with status 1");
    assert_eq!(ended("/exit-with?code=3"), ("all of it\n".to_owned(), Some(3)));

    assert_page(&host.get("/exit?code=1"), 502);
    host.log_line("the handler exited with status 1 before it answered");
    assert_page(&host.get("/exit?code=0"), 502);
    host.log_line("it wrote nothing, not even a header block");
}

#[test]
fn standard_error_goes_to_both_logs() {
    let host = commands();
    let response = host.get("/stderr");
    assert_eq!(response.text(), "fine\n");
    assert_eq!(response.stderr, b"something is odd\n");
    host.log_line("something is odd");
}

#[test]
fn a_trap_is_a_page_and_later_a_visible_cut() {
    let host = commands();
    // What a program wrote in the turn in which it traps is not worth a cut page.
    for path in ["/trap", "/trap-soon"] {
        assert_page(&host.get(path), 502);
    }
    host.log_line("request failed: the handler trapped");
    let cut = host.begin("/trap-late").finish();
    assert_eq!((cut.status(), cut.text(), cut.is_complete()), (200, "half of it\n", false));
    host.log_line("response broken off: the handler trapped");
}

#[test]
fn nothing_goes_on_for_ever() {
    let host = commands();
    let running = ["/loop", "/stalls-reading", "/memory", "/recurse", "/endless-head"];
    let running = running.map(|path| (path, host.begin(path)));
    let endless = host.begin("/endless");
    assert_eq!(host.get("/visits").text(), "1\n");
    for (path, running) in running {
        let expected = if matches!(path, "/loop" | "/stalls-reading") { 504 } else { 502 };
        assert_page(&running.finish(), expected);
    }
    assert!(!endless.finish().is_complete());
    for line in ["deadline of 500ms", "memory limit", "call stack exhausted", "is past the 256 lines"] {
        host.log_line(line);
    }
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn a_response_has_a_greatest_length() {
    let host = TestHost::with(guest::COMMANDS).args(["--max-response", "1MB"]).start();
    assert!(!host.begin("/endless").finish().is_complete());
    host.log_line("raise --max-response");
}

#[test]
fn requests_share_a_connection() {
    let host = TestHost::with(guest::COMMANDS).start();
    let mut connection = host.connect();
    let slow = connection.begin(Request::get("/drip").keep());
    let ids: Vec<_> =
        (0..8).map(|_| connection.begin(Request::post("/echo", noise(100_000)).keep())).collect();
    for id in ids {
        assert_eq!(connection.finish(id).body().len(), 100_000);
    }
    connection.abort(slow);
    assert_eq!(connection.send(Request::get("/visits").keep()).text(), "1\n");
}

#[test]
fn nginx_shows_what_a_program_answers() {
    let (host, body) = (commands(), noise(1_000_000));
    for nginx in [Nginx::before(&host), Nginx::without_keep_alive(&host)] {
        assert_eq!(nginx.send("POST", "/count", &[], &body).text(), "1000000\n");
        let found = nginx.send("POST", "/raw", &[], b"Location: http://elsewhere.example/\n\n");
        assert_eq!((found.status, found.header("location")), (302, Some("http://elsewhere.example/")));
        let created = nginx.send("POST", "/raw", &[], b"Status: 201 Created\nContent-Type: a/b\n\nnew");
        assert_eq!((created.status, created.text()), (201, "new"));
        assert_eq!(nginx.send("POST", "/raw", &[], b"no header\n").status, 502);
        assert_eq!(nginx.get("/exit-late?code=1").text(), "all of it\n");
    }
}
