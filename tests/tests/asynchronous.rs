//! Handlers with asynchronous functions (WASI 0.3): the same promises as to all others.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    thread,
    time::Duration,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tests::{ONE_AT_A_TIME, Request, Response, TestHost, eventually, guest, noise, paths};

const MIB: u64 = 1 << 20;

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS_03).args(["--deadline", "2s"]).start()
}

fn assert_page(response: &Response, status: u16) {
    assert_eq!(response.status(), status, "{response:?}");
    assert!(response.text().starts_with("<!DOCTYPE html>") && response.is_complete());
}

/// Head and beginning arrive, and the end is seen to be missing.
fn assert_cut(response: &Response, beginning: &str) {
    assert_eq!((response.status(), response.text()), (200, beginning));
    assert!(!response.is_complete());
}

#[test]
fn a_request_arrives_as_the_client_sent_it() {
    let host = behaviours();
    let request = Request::get("/headers?a=%20b&c").header("Accept-Language", "de").header("X-Twice", "1");
    let response = host.send(request.header("X-Twice", "2").variable("HTTPS", "on"));
    let (line, headers) = response.text().split_once("\n\n").expect("two parts");
    let expected = "method: GET\nscheme: https\nauthority: wiki.example\npath-with-query: /headers?a=%20b&c";
    assert_eq!(line, expected);
    let mut headers: Vec<_> = headers.lines().collect();
    headers.sort_unstable();
    assert_eq!(headers, ["accept-language: de", "x-twice: 1, 2"]);
    for method in ["GET", "POST", "PROPFIND"] {
        assert_eq!(host.send(Request::new(method, "/echo")).header("x-method"), Some(method));
    }
}

#[test]
fn the_environment_is_the_requests_own_in_both_versions() {
    let request =
        Request::get("/env").variable("FOSWIKI_ALLOW_RAW", "on").variable("REMOTE_USER", "AdminUser");
    let text = behaviours().send(request).text().to_owned();
    assert!(text.contains("FOSWIKI_ALLOW_RAW=on\n") && text.contains("REQUEST_URI=/env\n"), "{text}");
    assert!(!text.contains("AdminUser") && !text.contains("PATH=") && !text.contains("RUST_LOG"), "{text}");
}

#[test]
fn nothing_remains_of_the_request_before() {
    let host = behaviours();
    let mut connection = host.connect();
    for _ in 0..3 {
        assert_eq!(connection.send(Request::get("/visits").keep()).text(), "1\n");
    }
}

#[test]
fn a_response_is_held_to_the_rules_of_all() {
    let host = behaviours();
    for code in [200, 204, 404, 503] {
        assert_eq!(host.get(&format!("/status?code={code}")).status(), code);
    }
    assert_page(&host.get("/status?code=103"), 502);
    host.log_line("status 103 Early Hints is not final");
    let sendfile = host.get("/with?x-sendfile=/etc/passwd&status=404");
    assert_eq!((sendfile.status(), sendfile.header("x-sendfile")), (200, None));
    assert_eq!(host.get("/trailers").text(), "a body with a trailer\n");
}

#[test]
fn ten_megabytes_go_each_way() {
    let (host, body) = (behaviours(), noise(10_000_000));
    for way in ["/echo", "/pass"] {
        assert_eq!(host.send(Request::post(way, body.clone())).body(), body, "{way}");
        assert_eq!(
            host.send(Request::post(way, body.clone()).without("CONTENT_LENGTH")).body(),
            body,
            "{way}"
        );
    }
    assert_eq!(host.send(Request::post("/count", body)).text(), "10000000\n");
    for bytes in [0, 1, 65_535, 65_537, 1_000_003] {
        assert_eq!(host.get(&format!("/generate?bytes={bytes}")).body().len(), bytes);
    }
}

#[test]
fn reading_and_writing_go_on_at_the_same_time() {
    let host = behaviours();
    let mut running = host.begin_upload(Request::new("POST", "/both"));
    assert_eq!(running.wait_for_body(21).text(), "line 1\nline 2\nline 3\n");
    running.send_body("some");
    assert!(running.wait_for_body(29).text().ends_with("4 bytes\n"));
    running.send_body(" words");
    running.finish_body();
    assert!(running.finish().text().ends_with("10 bytes\n"));
}

#[test]
fn what_is_written_arrives_at_once() {
    let host = TestHost::with(guest::BEHAVIOURS_03).args(["--deadline", "10m"]).start();
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
    (0..200).for_each(|_| assert_eq!(host.get("/visits").text(), "1\n"));
    let grown = host.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
    assert_eq!(running.finish().body().len(), 200_000_000);
}

#[test]
fn a_handler_that_does_not_read_holds_its_client_up_and_little_memory() {
    let host = TestHost::with(guest::BEHAVIOURS_03).args(["--deadline", "10m"]).start();
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
    assert_eq!(host.send(Request::post("/never-reads", noise(1_000_000))).text(), "not interested\n");
}

#[test]
fn a_body_of_another_length_than_announced_is_an_error_for_the_handler() {
    let host = behaviours();
    for announced in ["3", "11"] {
        let response = host.send(Request::post("/count", "some words").variable("CONTENT_LENGTH", announced));
        assert_eq!(response.status(), 400, "{announced}: {}", response.text());
        assert!(response.text().starts_with("the body breaks off after "), "{}", response.text());
        let echo = Request::post("/pass", "some words").variable("CONTENT_LENGTH", announced);
        let response = host.begin(echo).finish();
        assert!(!response.is_complete() || response.status() == 502, "{announced}: {response:?}");
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
}

#[test]
fn a_slow_client_is_not_held_against_the_handler() {
    let host = TestHost::with(guest::BEHAVIOURS_03).args(["--deadline", "1s"]).start();
    let mut running = host.begin_upload(Request::new("POST", "/count"));
    // Longer than the deadline: the one sleep that is the story.
    thread::sleep(Duration::from_millis(1500));
    running.send_body("late");
    running.finish_body();
    assert_eq!(running.finish().text(), "4\n");
}

#[test]
fn standard_error_of_both_versions_goes_to_the_web_server_and_the_log() {
    let host = behaviours();
    for way in ["/stderr", "/stderr-03"] {
        let response = host.get(way);
        assert_eq!((response.status(), response.text()), (200, "printed\n"));
        assert_eq!(String::from_utf8_lossy(&response.stderr), "first line\nsecond line\n");
    }
    host.log_line("second line");
}

#[test]
fn a_trap_is_a_page_and_a_line_of_the_log_and_a_late_one_a_visible_cut() {
    let host = behaviours();
    assert_page(&host.get("/trap"), 502);
    let line = host.log_line("the handler trapped");
    assert!(line.contains("/trap") && line.contains("as asked"), "{line}");
    assert_cut(&host.begin("/trap-late").finish(), "half of a body\n");
    assert!(host.log_line("response broken off").contains("as asked, late"));
    host.assert_serves_others();
}

#[test]
fn what_does_not_end_ends_at_the_deadline_and_delays_nobody() {
    let host = behaviours();
    let running: Vec<_> =
        ["/loop", "/stalls-reading", "/sleep?ms=600000"].map(|path| host.begin(path)).into();
    let late = host.begin("/loop-late");
    host.assert_serves_others();
    for running in running {
        assert_page(&running.finish(), 504);
    }
    assert_cut(&late.finish(), "half of a body\n");
    host.log_line("did not finish within its deadline of 2s");
}

#[test]
fn a_body_that_its_handler_breaks_off_is_a_visible_cut() {
    let host = behaviours();
    assert_cut(&host.begin("/breaks-off").finish(), "line 1\n");
    host.log_line("the handler broke off its response");
}

#[test]
fn handlers_that_do_not_answer_are_a_page() {
    let host = behaviours();
    for (path, line) in [("/exit", "exited with status 1"), ("/error", "answered with the error")] {
        assert_page(&host.get(path), 502);
        host.log_line(line);
    }
}

#[test]
fn memory_and_handles_end_at_their_limits() {
    let host = TestHost::with(guest::BEHAVIOURS_03).args(["--memory", "16MiB"]).start();
    let given: u32 = host.get("/memory").text().trim().parse().expect("a number of MiB");
    assert!((8..16).contains(&given), "{given} MiB");
    assert_page(&host.get("/streams"), 502);
    host.log_line("handle limit exceeded");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn a_response_has_a_greatest_length() {
    let host = TestHost::with(guest::BEHAVIOURS_03).args(["--max-response", "1MB"]).start();
    let response = host.begin("/endless").finish();
    assert!(response.body().len() <= 1_000_000 && !response.is_complete());
    host.log_line("longer than 1000000 bytes; raise --max-response");
}

#[test]
fn a_handler_ends_with_its_client() {
    let host = TestHost::with(guest::BEHAVIOURS_03).args(ONE_AT_A_TIME).args(["--deadline", "10m"]).start();
    for path in ["/endless", "/stalls-reading", "/loop", "/drip?chunks=2&ms=600000"] {
        let running = host.begin(path);
        eventually("it runs", || host.get("/visits").status() == 503);
        drop(running);
        eventually("its instance is free", || host.get("/visits").status() == 200);
    }
}

#[test]
fn what_a_handler_does_after_its_response_belongs_to_its_request() {
    let host = behaviours();
    let response = host.get("/afterwards");
    assert_eq!((response.text(), &*response.stderr), ("done\n", &b"after its response\n"[..]));
    assert_cut(&host.begin("/afterwards?for-ever").finish(), "done\n");
    host.log_line("did not finish within its deadline of 2s");
    assert_eq!(&*host.get("/sent").stderr, b"sent: Ok(())\n");
}

#[test]
fn only_mounts_are_seen_and_there_is_no_network() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "in the mount").expect("a file");
    let host = TestHost::with(guest::BEHAVIOURS_03).mount(folder.path(), "/data").start();
    assert_eq!(host.get("/open?path=/data/file").text(), "in the mount");
    assert_eq!(host.get("/open?path=/data/../etc/passwd").status(), 404);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("its address");
    for way in [format!("/fetch?to={to}"), format!("/connect?to={to}"), "/listen?to=127.0.0.1:0".to_owned()] {
        let response = host.get(&way);
        assert_eq!(response.status(), 502, "{way}: {}", response.text());
    }
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn nothing_is_opened_but_files_and_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "in the mount").expect("a file");
    symlink("file", folder.path().join("link")).expect("a link");
    mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    let host = TestHost::with(guest::BEHAVIOURS_03).mount(folder.path(), "/data").start();
    let check = |path: &str, expected: &str| {
        let response = host.get(&format!("/open-03?path={path}"));
        assert!(response.text().contains(expected), "{path}: {}", response.text());
    };
    check("file", "RegularFile");
    check("link", "RegularFile");
    check(".", "Directory");
    check("pipe", "Unsupported");
    check("pipe/x", "NotDirectory");
    check("nothing", "NoEntry");
    check("../file", "NotPermitted");
}

#[test]
fn a_server_that_is_named_can_be_asked() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = server.local_addr().expect("its address");
    let settings = format!(
        "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"$SOCKET\"\n[[site]]\nname = \"a\"\n\
         module = \"$GUESTS/behaviours-03.wasm\"\noutbound = [\"http://{to}\"]\n"
    );
    let host = TestHost::settings(&settings).start();
    let running = host.begin(format!("/fetch?to={to}").as_str());
    let (mut stream, _) = server.accept().expect("a connection");
    assert_ne!(stream.read(&mut [0; 1024]).expect("a request"), 0);
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("an answer");
    assert_eq!(running.finish().text(), "done\n");
}

#[test]
fn the_compiler_and_the_host_choose_the_same_engine() {
    let cache = tempfile::tempdir().expect("a folder");
    let module = paths::component(guest::BEHAVIOURS_03);
    for compiles in [true, false] {
        let host = TestHost::module(&module).cache(cache.path()).start();
        assert_eq!(host.get("/visits").text(), "1\n");
        assert_eq!(host.log().contains("compiling"), compiles, "{}", host.log());
        assert!(!host.log().contains("compiler process failed"), "{}", host.log());
    }
}

#[test]
fn another_version_is_refused_with_those_that_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("draft.wasm");
    // Versions have the same length here, so that the component stays one.
    let module = fs::read(paths::component(guest::BEHAVIOURS_03)).expect("a module");
    let draft = replaced(&module, b"wasi:http/handler@0.3.2", b"wasi:http/handler@0.4.2");
    fs::write(&file, draft).expect("a file");
    let log = TestHost::module(&file).cache(folder.path()).refused().log;
    assert!(log.contains("it exports wasi:http/handler@0.4.2"), "{log}");
    assert!(log.contains("wasi:http/incoming-handler@0.2, wasi:http/handler@0.3, "), "{log}");
    assert!(!log.contains("compiling"), "{log}");
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> =
        (0..bytes.len() - old.len()).filter(|start| bytes[*start..].starts_with(old)).collect();
    assert!(!places.is_empty());
    for start in places {
        bytes[start..start + old.len()].copy_from_slice(new);
    }
    bytes
}
