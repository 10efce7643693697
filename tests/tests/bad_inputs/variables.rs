//! Inputs 25 to 29, 32 to 38 and 55: variables that lie, and what a handler sees of them.

use fcgi::RecordType as T;
use tests::{Request, TestHost, Wire, guest, wire};

use crate::{assert_closed, behaviours};

/// What the handler answers to a request, with others served meanwhile.
fn text(host: &TestHost, request: &Request) -> String {
    let mut connection = host.wire();
    connection.send(wire::whole(1, request));
    host.assert_serves_others();
    let response = connection.response(1);
    assert_eq!(response.status(), 200, "{response:?}");
    response.text().to_owned()
}

/// Checks the status of the host's own answer, and what it logs.
fn assert_answered(host: &TestHost, request: &Request, status: u16, line: &str) {
    let mut connection = host.wire();
    connection.send(wire::whole(1, request));
    host.assert_serves_others();
    assert_eq!(connection.response(1).status(), status);
    host.log_line(line);
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|other| other == line)
}

/// Sends a request with variables that are no text.
fn send_bytes(connection: &mut Wire, request: &Request, pairs: &[(&str, &[u8])]) {
    let pairs = [wire::pairs(request.variables()), wire::pairs(pairs.iter().copied())].concat();
    connection
        .send([wire::begin(1), wire::stream(T::Params, 1, &pairs), wire::stream(T::Stdin, 1, b"")].concat());
}

#[test]
fn input_25_nul_in_the_script_name() {
    let request = Request::get("/visits").variable("SCRIPT_NAME", "/visits\0.html");
    assert_closed(&behaviours(), wire::whole(1, &request), "request 1: value of \"SCRIPT_NAME\" holds NUL");
}

#[test]
fn input_26_bytes_that_are_no_utf8() {
    let host = behaviours();
    let mut connection = host.wire();
    send_bytes(&mut connection, &Request::get("/env"), &[("LATIN_1", b"\xe4"), ("HTTP_X", b"\xff\xfe")]);
    host.assert_serves_others();
    assert!(has_line(connection.response(1).text(), "LATIN_1=\u{fffd}"));
    let no_uri = Request::get("/").without("REQUEST_URI").without("SCRIPT_NAME");
    send_bytes(&mut connection, &no_uri.clone(), &[("REQUEST_URI", b"/headers?\xe4\xff")]);
    assert!(connection.response(1).text().contains("path-with-query: /headers?%E4%FF\n"));
    send_bytes(&mut connection, &no_uri, &[("SCRIPT_NAME", b"/headers"), ("PATH_INFO", b"/\xe4")]);
    assert_eq!(connection.response(1).status(), 404);
    send_bytes(
        &mut connection,
        &Request::get("/visits").without("REQUEST_METHOD"),
        &[("REQUEST_METHOD", b"\xff")],
    );
    assert_eq!(connection.response(1).status(), 400);
    host.log_line("is not a method");
}

#[test]
fn input_27_names_that_differ_in_case() {
    let host = behaviours();
    let request =
        Request::get("/headers").variable("http_host", "evil.example").variable("Http_Host", "evil.example");
    let request = request.variable("content_length", "7").variable("request_uri", "/trap");
    let text = text(&host, &request);
    assert!(
        text.contains("authority: wiki.example\n")
            && !text.contains("evil")
            && !text.contains("content-length")
    );
}

#[test]
fn input_28_two_lengths() {
    let host = behaviours();
    let request = |lengths: [&str; 2]| {
        let variables = lengths.map(|length| ("CONTENT_LENGTH", length));
        let post = Request::new("POST", "/count").without("CONTENT_LENGTH");
        let pairs = wire::pairs(post.variables().chain(variables));
        [wire::begin(1), wire::stream(T::Params, 1, &pairs), wire::stream(T::Stdin, 1, b"body")].concat()
    };
    for (lengths, status) in [(["99", "4"], 200), (["4", "99"], 400), (["4", "4, 4"], 400)] {
        let mut connection = host.wire();
        connection.send(request(lengths));
        host.assert_serves_others();
        assert_eq!(connection.response(1).status(), status, "{lengths:?}");
    }
}

#[test]
fn input_29_lengths_that_are_no_numbers() {
    let host = behaviours();
    let request =
        |length: &str| Request::new("POST", "/count").body("body").variable("CONTENT_LENGTH", length).keep();
    for unknown in ["-1", ""] {
        assert_eq!(text(&host, &request(unknown)), "4\n");
    }
    for length in ["+5", "0x10", " 5", "5 ", "4.0", "-2", "18446744073709551616", "99999999999999999999999"] {
        let line = format!("bad request: CONTENT_LENGTH {length:?} is not a number");
        assert_answered(&host, &request(length), 400, &line);
    }
}

#[test]
fn input_32_a_transfer_encoding_of_the_clients() {
    let host = behaviours();
    let request = Request::post("/headers", "0\r\n\r\n").header("Transfer-Encoding", "chunked");
    let text = text(&host, &request);
    assert!(!text.contains("transfer-encoding") && has_line(&text, "content-length: 5"), "{text}");
    // What is counted is what came.
    let request = Request::post("/count", "5\r\nwords\r\n0\r\n\r\n").header("Transfer-Encoding", "chunked");
    assert_eq!(self::text(&host, &request), "15\n");
}

#[test]
fn input_33_a_header_that_contradicts_the_length() {
    let host = behaviours();
    let request =
        Request::post("/headers", "body").header("Content-Length", "9999").header("Content-Type", "x/y");
    let text = text(&host, &request);
    assert!(
        has_line(&text, "content-length: 4") && !text.contains("9999") && !text.contains("x/y"),
        "{text}"
    );
}

#[test]
fn input_34_a_proxy_of_the_clients() {
    let host = behaviours();
    for uri in ["/env", "/headers"] {
        let text = text(&host, &Request::get(uri).header("Proxy", "http://evil.example"));
        assert!(!text.to_lowercase().contains("proxy") && !text.contains("evil"), "{text}");
    }
}

#[test]
fn input_35_paths_that_lead_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = TestHost::with(guest::BEHAVIOURS).mount(folder.path(), "/data").start();
    let long = format!("/{}", "x/../".repeat(1000));
    for path in ["/../../../../etc/passwd", "/a%0ab", "/a\r\nStatus: 500\r\n\r\n", "../", "\\..\\", &long] {
        let request = Request::get("/env").variable("PATH_INFO", path).variable("PATH_TRANSLATED", path);
        assert!(text(&host, &request).contains(&format!("\nPATH_INFO={path}\n")), "{path:?}");
        // As the only path there is, it is escaped, and leads to no file.
        let request =
            Request::get("/").without("REQUEST_URI").variable("SCRIPT_NAME", "").variable("PATH_INFO", path);
        let mut connection = host.wire();
        assert_eq!(connection.ask(1, &request).status(), 404, "{path:?}");
    }
}

#[test]
fn input_36_scripts_outside() {
    let host = behaviours();
    for script in ["proxy:fcgi://127.0.0.1:9000/etc/passwd", "/etc/passwd", "../../etc/passwd", "/bin/sh"] {
        let request =
            Request::get("/visits").variable("SCRIPT_FILENAME", script).variable("DOCUMENT_ROOT", "/");
        assert_eq!(text(&host, &request), "1\n");
    }
}

#[test]
fn input_37_users_that_nobody_checked() {
    let host = behaviours();
    let names = ["REMOTE_USER", "AUTH_TYPE", "REDIRECT_REMOTE_USER", "REMOTE_IDENT"];
    for uri in ["/env", "/headers"] {
        let request =
            names.iter().fold(Request::get(uri), |request, name| request.variable(name, "AdminUser"));
        let text = text(&host, &request);
        assert!(!text.contains("AdminUser"), "{text}");
    }
}

#[test]
fn input_38_settings_of_other_programs() {
    let host = behaviours();
    let settings = [
        ("PHP_VALUE", "auto_prepend_file=/etc/passwd"),
        ("PHP_ADMIN_VALUE", "allow_url_include=1"),
        ("LD_PRELOAD", "/tmp/evil.so"),
        ("PERL5LIB", "/tmp/evil"),
        ("RUST_LOG", "trace"),
        ("PATH", "/tmp/evil"),
        ("HOME", "/tmp/evil"),
        ("WASMTIME_BACKTRACE_DETAILS", "1"),
    ];
    let request =
        settings.iter().fold(Request::get("/env"), |request, (name, value)| request.variable(name, value));
    // They are variables of this request, which no program of the host's reads, and end with it.
    let text = text(&host, &request);
    assert!(settings.iter().all(|(name, value)| has_line(&text, &format!("{name}={value}"))), "{text}");
    let after = host.get("/env");
    assert!(settings.iter().all(|(name, _)| !after.text().contains(&format!("{name}="))), "{}", after.text());
    assert!(!host.log().contains("TRACE") && !host.log().contains("DEBUG"));
}

#[test]
fn input_55_lines_of_the_log_that_are_none() {
    let host = behaviours();
    let forged = "/trap?\r\n2026-01-01T00:00:00Z ERROR forged\x1b[2J";
    assert_answered(
        &host,
        &Request::get("/trap").variable("REQUEST_URI", forged),
        502,
        "the handler trapped",
    );
    assert_answered(
        &host,
        &Request::get("/").variable("REQUEST_METHOD", "G\nERROR forged"),
        400,
        "is not a method",
    );
    assert_answered(
        &host,
        &Request::get("/").variable("HTTP_HOST", "a\nERROR forged b"),
        400,
        "is not a host name",
    );
    assert_eq!(host.get("/stderr").status(), 200);
    host.log_line("second line");
    let named = wire::pairs([("A\nERROR forged", "")]);
    assert_closed(&host, [wire::begin(1), wire::stream(T::Params, 1, &named)].concat(), "holds NUL, CR, LF");
    for line in host.log().lines() {
        assert!(
            !line.starts_with("ERROR") && !line.starts_with("2026-01-01") && !line.contains('\x1b'),
            "{line}"
        );
        assert!(!line.starts_with("second"), "{line}");
    }
}
