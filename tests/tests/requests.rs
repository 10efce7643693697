//! What arrives at a handler, and how its response leaves the host.

use tests::{Request, TestHost, guest};

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).start()
}

#[test]
fn a_request_arrives_as_the_client_sent_it() {
    let host = behaviours();
    let request =
        Request::get("/headers?a=%20b&c").header("Accept-Language", "de, en;q=0.5").header("X-Twice", "1");
    let text = host.send(request.header("X-Twice", "2")).text().to_owned();
    let (line, headers) = text.split_once("\n\n").expect("two parts");
    let expected = "method: GET\nscheme: http\nauthority: wiki.example\npath-with-query: /headers?a=%20b&c";
    assert_eq!(line, expected);
    let mut headers: Vec<_> = headers.lines().collect();
    headers.sort_unstable();
    assert_eq!(headers, ["accept-language: de, en;q=0.5", "x-twice: 1, 2"]);
}

#[test]
fn methods_are_the_clients() {
    let host = behaviours();
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "x-own"] {
        let response = host.send(Request::new(method, "/echo?x"));
        assert_eq!(response.header("x-method"), Some(method));
        assert_eq!(response.header("x-path"), Some("/echo?x"));
    }
}

#[test]
fn scheme_and_authority_are_what_the_web_server_says() {
    let host = behaviours();
    let check = |request: Request, scheme: &str, authority: &str| {
        let text = host.send(request).text().to_owned();
        assert!(text.contains(&format!("scheme: {scheme}\nauthority: {authority}\n")), "{text}");
    };
    let request = Request::get("/headers");
    check(request.clone(), "http", "wiki.example");
    check(request.clone().variable("HTTPS", "on"), "https", "wiki.example");
    check(request.clone().variable("REQUEST_SCHEME", "https"), "https", "wiki.example");
    check(request.clone().variable("HTTP_HOST", "other:8080"), "http", "other:8080");
    check(request.without("HTTP_HOST").variable("SERVER_PORT", "8080"), "http", "wiki.example:8080");
}

#[test]
fn the_environment_is_the_requests_own() {
    let host = behaviours();
    let request = Request::get("/env").variable("FOSWIKI_ALLOW_RAW", "on").header("Accept", "text/html");
    let forged = request
        .header("Proxy", "http://evil.example")
        .variable("REMOTE_USER", "AdminUser")
        .variable("AUTH_TYPE", "Basic")
        .variable("REDIRECT_REMOTE_USER", "AdminUser");
    let text = host.send(forged).text().to_owned();
    for variable in ["FOSWIKI_ALLOW_RAW=on", "HTTP_ACCEPT=text/html", "REQUEST_URI=/env"] {
        assert!(text.lines().any(|line| line == variable), "{variable} in {text}");
    }
    for name in ["HTTP_PROXY", "REMOTE_USER", "AUTH_TYPE", "REDIRECT_REMOTE_USER", "PATH", "HOME", "RUST_LOG"]
    {
        assert!(!text.lines().any(|line| line.starts_with(&format!("{name}="))), "{name} in {text}");
    }
}

#[test]
fn nothing_remains_of_the_request_before() {
    let host = behaviours();
    let mut connection = host.connect();
    let first = connection.send(Request::get("/env").variable("SECRET", "of the first").keep());
    assert!(first.text().contains("SECRET=of the first"));
    assert!(!connection.send(Request::get("/env").keep()).text().contains("SECRET"));
    for _ in 0..3 {
        assert_eq!(connection.send(Request::get("/visits").keep()).text(), "1\n");
    }
}

#[test]
fn cookies_of_several_variables_become_one_header() {
    let request = Request::get("/headers").header("Cookie", "a=1").header("Cookie", "b=2");
    let response = behaviours().send(request);
    assert!(response.text().contains("\ncookie: a=1; b=2\n"), "{}", response.text());
}

#[test]
fn cookies_stay_apart_and_in_order() {
    let response = behaviours().get("/cookies");
    assert_eq!(response.headers("set-cookie"), ["one=1; Path=/", "two=2; Path=/; HttpOnly"]);
}

#[test]
fn a_redirect_begins_with_its_location() {
    let response = behaviours().get("/redirect?to=https://other.example/x");
    let expected = "location: https://other.example/x\r\nStatus: 302 Found";
    assert!(response.head().starts_with(expected), "{}", response.head());
}

#[test]
fn statuses_are_the_handlers_where_they_are_final() {
    let host = behaviours();
    for code in [200, 201, 204, 299, 304, 404, 418, 500, 503, 599] {
        let response = host.get(&format!("/status?code={code}"));
        assert_eq!((response.status(), response.headers("status").len()), (code, 1));
        let body = if matches!(code, 204 | 304) { String::new() } else { format!("status {code}\n") };
        assert_eq!(response.text(), body);
    }
    let response = host.get("/status?code=103");
    assert_eq!(response.status(), 502);
    host.log_line("status 103 Early Hints is not final");
}

#[test]
fn head_answers_the_head_alone() {
    let host = behaviours();
    for method in ["GET", "HEAD"] {
        let response = host.send(Request::new(method, "/head"));
        assert_eq!(response.header("content-length"), Some("6"));
        assert_eq!(response.text(), if method == "HEAD" { "" } else { "hello\n" });
    }
    let page = host.send(Request::new("HEAD", "/trap"));
    assert_eq!((page.status(), page.text()), (502, ""));
}

#[test]
fn the_end_of_the_stream_ends_a_body_whose_length_is_not_known() {
    let host = behaviours();
    let check = |request: Request| assert_eq!(host.send(request).text(), "some words");
    check(Request::post("/echo", "some words"));
    check(Request::post("/echo", "some words").without("CONTENT_LENGTH"));
    for unknown in ["", "-1"] {
        check(Request::post("/echo", "some words").variable("CONTENT_LENGTH", unknown));
    }
}

#[test]
fn a_body_may_come_in_pieces() {
    let host = behaviours();
    let mut running = host.begin_upload(Request::new("POST", "/echo"));
    for piece in ["some", " ", "words"] {
        running.send_body(piece);
        running.wait_for_body(1);
    }
    running.finish_body();
    assert_eq!(running.finish().text(), "some words");
}

#[test]
fn headers_that_are_the_web_servers_do_not_leave_the_host() {
    let host = behaviours();
    let response = host.get("/bad-header");
    assert_eq!((response.status(), response.headers("status").len()), (200, 1));
    for name in ["transfer-encoding", "connection", "keep-alive", "upgrade", "x-injected", "x bad name"] {
        assert_eq!(response.header(name), None, "{name} in {}", response.head());
    }
    let text = host.get("/trailers").text().to_owned();
    assert_eq!(text, "a body with a trailer\n");
}

#[test]
fn a_large_header_arrives_and_a_huge_one_is_refused() {
    let host = behaviours();
    let large = host.get("/big-header?bytes=16000");
    assert_eq!(large.header("x-big").map(str::len), Some(16_000));
    assert!(matches!(host.get("/big-header?bytes=1000000").status(), 500 | 502));
    assert_eq!(host.get("/visits").status(), 200);
}

#[test]
fn standard_error_goes_to_the_web_server_and_the_log() {
    let host = behaviours();
    let response = host.get("/stderr");
    assert_eq!((response.status(), response.text()), (200, "printed\n"));
    assert_eq!(String::from_utf8_lossy(&response.stderr), "first line\nsecond line\n");
    host.log_line("second line");
    assert_eq!(host.get("/stdout").text(), "printed\n");
}

#[test]
fn standard_error_is_bounded() {
    let host = behaviours();
    let response = host.get("/stderr?bytes=10000000");
    assert_eq!(response.text(), "printed\n");
    assert!(response.stderr.len() < 70_000, "{}", response.stderr.len());
    assert!(String::from_utf8_lossy(&response.stderr).contains("more bytes of standard error dropped"));
}

#[test]
fn what_a_handler_prints_cannot_pass_for_a_line_of_the_log() {
    let host = behaviours();
    host.send(Request::get("/trap").variable("REQUEST_URI", "/trap?\nERROR forged"));
    host.get("/stderr");
    host.log_line("as asked");
    assert!(!host.log().lines().any(|line| line.starts_with("ERROR")), "{}", host.log());
}

#[test]
fn requests_that_are_none_are_answered_so() {
    let host = behaviours();
    let check = |name: &str, value: &str, status: u16| {
        let response = host.send(Request::get("/visits").variable(name, value));
        assert_eq!(response.status(), status, "{name}={value}");
    };
    check("REQUEST_METHOD", "G ET", 400);
    check("HTTP_HOST", "user@host", 400);
    check("REQUEST_URI", "view", 400);
    check("CONTENT_LENGTH", "0x10", 400);
    check("CONTENT_LENGTH", "18446744073709551616", 400);
    check("REQUEST_URI", &format!("/{}", "x".repeat(70_000)), 414);
    check("REQUEST_METHOD", "", 500);
    host.log_line("add `include fastcgi_params;`");
    assert_eq!(host.get("/visits").status(), 200);
}
