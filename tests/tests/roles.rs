//! The roles of an authorizer and of a filter, and the variables that HTTP has no place for.

use std::{fs, thread};

use fcgi::{ProtocolStatus, Role};
use tests::{Request, Response, Running, TestHost, guest, noise};

/// The time of every file here.
const LAST_MODIFIED: &str = "1700000000";

fn roles() -> TestHost {
    TestHost::with(guest::ROLES).start()
}

/// Asks whether a request may be answered, as web servers do: STDIN never comes.
fn ask(host: &TestHost, request: impl Into<Request>) -> Response {
    host.begin_upload(request.into().role(Role::Authorizer)).finish()
}

fn authorizer(uri: &str) -> Request {
    Request::get(uri).role(Role::Authorizer)
}

/// A request for a filter whose file has that length.
fn filter(uri: &str, length: usize) -> Request {
    let request = Request::get(uri).role(Role::Filter).variable("FCGI_DATA_LENGTH", &length.to_string());
    request.variable("FCGI_DATA_LAST_MOD", LAST_MODIFIED)
}

/// Sends a body and a file that are as long as they are.
fn send(mut running: Running, body: &[u8], file: &[u8]) -> Response {
    running.send_body(body.to_vec());
    running.finish_body();
    running.send_file(file.to_vec());
    running.finish_file();
    running.finish()
}

#[test]
fn a_request_is_allowed_before_its_body_has_come() {
    let host = roles();
    let response = ask(&host, "/allow");
    assert_eq!(response.stdout, b"Status: 200 OK\r\n\r\n");
    assert_eq!(response.end, Some((0, ProtocolStatus::RequestComplete)));
}

#[test]
fn variables_are_passed_on_in_their_own_case() {
    let host = roles();
    let expected = "Status: 200 OK\r\nVariable-AUTH_METHOD: database lookup\r\nVariable-user_id: 7\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&ask(&host, "/variables").stdout), expected);
}

#[test]
fn a_denial_is_a_whole_response() {
    let host = roles();
    let response = ask(&host, "/deny");
    assert_eq!(response.status(), 401);
    assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"x\""));
    assert_eq!(response.text(), "no\n");
    let head = ask(&host, Request::new("HEAD", "/deny"));
    assert_eq!((head.status(), head.body()), (401, &b""[..]));
}

#[test]
fn what_speaks_of_a_body_or_a_script_is_not_told() {
    let host = roles();
    let request = |uri| {
        let request = Request::get(uri).variable("CONTENT_LENGTH", "7").variable("PATH_INFO", "/x");
        request.variable("PATH_TRANSLATED", "/srv/x").header("Cookie", "a=1")
    };
    for uri in ["/told", "/environment"] {
        let told = ask(&host, request(uri)).text().to_owned();
        assert!(told.lines().any(|line| line == "HTTP_COOKIE=a=1"), "{told}");
        for name in ["CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME", "REMOTE_USER"] {
            assert!(!told.contains(&format!("{name}=")), "{name} in {told}");
        }
    }
}

#[test]
fn a_name_that_the_authorizer_is_to_check_is_told_as_a_claim() {
    let host = TestHost::with(guest::ROLES).options("trust=user").start();
    let claim = || Request::get("/told").variable("REMOTE_USER", "ada").variable("AUTH_TYPE", "Basic");
    let told = |request: Request| ask(&host, request).text().to_owned();
    let checked = told(claim().variable("FCGI_APACHE_ROLE", "AUTHORIZER"));
    assert!(
        checked.contains("REMOTE_USER=ada\nAUTH_TYPE=Basic\n") && !checked.contains("CLAIMED"),
        "{checked}"
    );
    for (name, value) in
        [("FCGI_APACHE_ROLE", "AUTHENTICATOR"), ("REMOTE_PASSWD", "secret"), ("REMOTE_PASSWD", "")]
    {
        let unchecked = told(claim().variable(name, value));
        assert!(unchecked.contains("FCGI_WASM_HOST_CLAIMED_USER=ada\n"), "{unchecked}");
        assert!(!unchecked.contains("REMOTE_USER=") && !unchecked.contains("AUTH_TYPE="), "{unchecked}");
    }
}

#[test]
fn nothing_that_goes_wrong_is_a_permission() {
    let host = TestHost::with(guest::ROLES).args(["--deadline", "200ms"]).start();
    let check = |uri: &str, status: u16, reason: &str| {
        let response = ask(&host, uri);
        assert_eq!((response.status(), response.end.expect("an end").0), (status, 1), "{uri}");
        assert!(response.header("variable-a").is_none(), "{uri}");
        assert!(host.log_line(&format!("uri={uri:?}")).contains(reason), "{}", host.log());
    };
    check("/trap", 502, "as asked");
    check("/loop", 504, "raise --deadline");
    check("/exit", 502, "exited with status 0");
    check("/variable?A=b%0aStatus: 200", 502, "control character");
    check("/variable?A%3aB=c", 502, "cannot be the name of a variable");
    check("/status?200", 502, "not that of a denial");
    check("/status?100", 502, "not that of a denial");
    assert_eq!(ask(&host, "/allow").status(), 200);
}

#[test]
fn a_web_server_without_authorizers_asks_by_a_variable() {
    let host = roles();
    let asked = |uri: &str| Request::get(uri).variable("FCGI_ROLE", "AUTHORIZER");
    assert_eq!(host.send(asked("/allow")).stdout, b"Status: 200 OK\r\n\r\n");
    assert_eq!(host.send(asked("/deny")).status(), 401);
    assert_eq!(host.send(Request::get("/deny").variable("FCGI_ROLE", "RESPONDER")).text(), "responder\n");
    // No header of a client can be taken for it, and an authorizer stays one.
    assert_eq!(host.send(Request::get("/deny").header("FCGI-ROLE", "AUTHORIZER")).text(), "responder\n");
    assert_eq!(ask(&host, Request::get("/deny").variable("FCGI_ROLE", "RESPONDER")).status(), 401);
}

#[test]
fn a_role_that_is_not_served_is_refused_and_named_once() {
    let host = TestHost::with(guest::HELLO).start();
    let mut connection = host.connect();
    let refused = Some((0, ProtocolStatus::UnknownRole));
    let authorizer = Request::get("/").variable("FCGI_ROLE", "AUTHORIZER");
    for request in [authorizer.clone(), authorizer.role(Role::Authorizer)] {
        let response = connection.send(request.keep());
        // Not in silence, which lighttpd would take for a permission.
        assert_eq!((response.status(), response.end), (500, refused));
    }
    let response = connection.send(Request::get("/").role(Role::Filter).keep());
    assert_eq!((response.stdout.len(), response.end), (0, refused));
    assert_eq!(connection.send(Request::get("/").keep()).text(), "hello\n");
    let line = host.log_line("asks for a role");
    assert!(line.contains("role=authorizer") && line.contains("wasi:http/incoming-handler@0.2"), "{line}");
    assert_eq!(host.log().matches("asks for a role").count(), 1, "{}", host.log());
}

#[test]
fn all_roles_share_a_connection() {
    let host = roles();
    let mut connection = host.connect();
    let upload = connection.begin_upload(Request::post("/", "").without("CONTENT_LENGTH").keep());
    let asked = connection.begin_upload(authorizer("/deny").keep());
    let filtered = connection.begin_upload(filter("/copy", 4).keep());
    assert_eq!(connection.finish(asked).status(), 401);
    connection.finish_body(filtered);
    connection.send_file(filtered, "file");
    connection.finish_file(filtered);
    assert_eq!(connection.finish(filtered).text(), "file");
    connection.finish_body(upload);
    assert_eq!(connection.finish(upload).text(), "responder\n");
    let again = connection.begin_upload(authorizer("/allow").keep());
    assert_eq!(connection.finish(again).status(), 200);
}

#[test]
fn a_filter_gets_the_body_and_then_the_file() {
    let host = roles();
    let (body, file) = (noise(300_000), noise(2_000_000));
    let request = filter("/copy", file.len()).variable("CONTENT_LENGTH", &body.len().to_string());
    let response = send(host.begin_upload(request), &body, &file);
    assert_eq!(response.header("x-last-modified"), Some(LAST_MODIFIED));
    assert_eq!(response.header("x-length"), Some("2000000"));
    assert!(response.body() == [body, file].concat());
}

#[test]
fn no_stream_of_a_filter_is_silently_short() {
    let host = roles();
    let check = |uri: &str, announced: (usize, usize), sent: (u32, u32), expected: &str| {
        let request = filter(uri, announced.1).variable("CONTENT_LENGTH", &announced.0.to_string());
        let response = send(host.begin_upload(request), &noise(sent.0), &noise(sent.1));
        assert_eq!(response.text(), expected, "{uri} {announced:?} {sent:?}");
    };
    check("/count", (3, 70_000), (3, 70_000), "body 3, file 70000\n");
    check("/count", (0, 0), (0, 0), "body 0, file 0\n");
    check("/count", (3, 5), (3, 4), "body 3, file broken\n");
    check("/count", (3, 5), (3, 6), "body 3, file broken\n");
    check("/count", (3, 5), (2, 5), "body broken, file broken\n");
    check("/count", (3, 5), (4, 5), "body broken, file broken\n");
    check("/file-first", (0, 5), (0, 5), "body 0, file 5\n");
    check("/file-first", (600_000, 5), (600_000, 5), "body broken, file 5\n");
    check("/never-reads", (600_000, 600_000), (600_000, 600_000), "unread\n");
}

#[test]
fn a_filter_that_breaks_off_is_seen_to() {
    let host = roles();
    let response = send(host.begin_upload(filter("/copy", 10)), b"", b"short");
    assert!(!response.is_complete() || response.status() == 502, "{response:?}");
    assert_eq!(send(host.begin_upload(filter("/trap", 1)), b"", b"x").status(), 502);
}

#[test]
fn a_filter_answers_once_the_file_begins() {
    let host = roles();
    let mut running = host.begin_upload(filter("/early", 4));
    running.send_body("x");
    assert_eq!(host.send(authorizer("/allow")).status(), 200);
    assert!(!running.is_over());
    running.finish_body();
    assert_eq!(running.wait_for_body(6).text(), "early\n");
    running.send_file("file");
    running.finish_file();
    assert_eq!(running.finish().text(), "early\nfile 4\n");
}

#[test]
fn a_slow_filter_holds_its_file_back() {
    let host = TestHost::with(guest::ROLES).start();
    let file = noise(32 << 20);
    let mut running = host.begin_upload(filter("/copy", file.len()));
    running.finish_body();
    let before = host.memory();
    running.send_file(file.clone());
    running.finish_file();
    // Nobody reads the response: it fills up, then the file stops.
    thread::sleep(std::time::Duration::from_millis(300));
    assert!(running.unsent() > 16 << 20, "{} bytes are left", running.unsent());
    assert!(host.memory() < before + (16 << 20));
    assert!(running.finish().body() == file);
}

#[test]
fn a_file_without_a_length_is_a_bad_request() {
    let host = roles();
    for name in ["FCGI_DATA_LENGTH", "FCGI_DATA_LAST_MOD"] {
        let response = send(host.begin_upload(filter("/count", 1).without(name)), b"", b"x");
        assert_eq!(response.status(), 400, "{name}");
        assert!(host.log_line(name).contains("is not a number"));
    }
}

#[test]
fn the_example_of_an_authorizer_asks_for_tickets() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Ada"), "").expect("a ticket");
    let host = TestHost::with(guest::AUTHORIZER).mount(folder.path(), "/tickets").start();
    let check = |cookie: &str, status: u16, of: Option<&str>| {
        let response = ask(&host, Request::get("/members/").header("Cookie", cookie));
        assert_eq!((response.status(), response.header("variable-ticket_of")), (status, of), "{cookie}");
    };
    check("a=b; ticket=Ada", 200, Some("Ada"));
    check("ticket=Ben", 403, None);
    check("ticket=../Ada", 403, None);
    check("", 403, None);
}

#[test]
fn the_example_of_a_filter_numbers_lines() {
    let host = TestHost::with(guest::FILTER).start();
    let text = b"one\ntwo\n";
    let response = send(host.begin_upload(filter("/", text.len())), b"", text);
    assert_eq!(response.text(), "1: one\n2: two\n");
    assert_eq!(response.header("x-last-modified"), Some(LAST_MODIFIED));
}

#[test]
fn the_example_of_cgi_variables_reads_what_no_header_can_forge() {
    let host = TestHost::with(guest::CGI).start();
    let request =
        |uri: &str| Request::get(uri).variable("PATH_INFO", "/\u{e4} b").header("PATH-INFO", "forged");
    assert_eq!(host.send(request("/PATH_INFO")).text(), "/\u{e4} b");
    let all = host.send(request("/HTTP_PATH_INFO").variable("REMOTE_USER", "admin")).text().to_owned();
    assert!(all.contains("SERVER_NAME=wiki.example\n") && all.contains("PATH_INFO=/\u{e4} b\n"), "{all}");
    assert!(!all.lines().any(|line| line.starts_with("HTTP_") || line.starts_with("REMOTE_USER")), "{all}");
}
