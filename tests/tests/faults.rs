//! Handlers that misbehave: the stated answer, a host that goes on, and neighbours that do not notice.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use tests::{Request, Response, TestHost, guest};

/// How much later than otherwise a request may be answered while another one misbehaves.
const DELAY: Duration = Duration::from_millis(100);

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).args(["--deadline", "500ms"]).start()
}

/// The host's answer to `path`, with others answered in time meanwhile and afterwards.
///
/// A machine that does something else for a moment delays requests, too: one of five attempts must go well.
fn misbehave(host: &TestHost, path: &str) -> Response {
    for _ in 0..5 {
        let mut running = host.begin(path);
        let mut slowest = Duration::ZERO;
        while !running.is_over() {
            let started = Instant::now();
            assert_eq!(host.get("/visits").text(), "1\n");
            slowest = slowest.max(started.elapsed());
        }
        let response = running.finish();
        assert_eq!(host.get("/visits").text(), "1\n");
        if slowest < DELAY {
            return response;
        }
    }
    panic!("{path} delays other requests")
}

fn assert_page(response: &Response, status: u16) {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.text().starts_with("<!DOCTYPE html>") && response.is_complete());
    assert_eq!(response.end.map(|(status, _)| status), Some(1));
}

/// Head and beginning arrive, and the end is seen to be missing.
fn assert_cut(response: &Response) {
    assert_eq!((response.status(), response.text()), (200, "half of a body\n"));
    assert!(!response.is_complete());
}

#[test]
fn a_trap_is_a_page_and_a_line_of_the_log() {
    let host = behaviours();
    assert_page(&misbehave(&host, "/trap"), 502);
    let line = host.log_line("the handler trapped");
    assert!(line.contains("/trap") && line.contains("as asked"), "{line}");
}

#[test]
fn the_client_is_told_nothing_about_the_inside() {
    let response = behaviours().get("/trap");
    for inside in ["asked", "panic", "wasm", "trap"] {
        assert!(!response.text().contains(inside), "{}", response.text());
    }
}

#[test]
fn a_trap_before_anything_was_sent_is_a_page() {
    let host = behaviours();
    for path in ["/trap-after-head", "/trap-after-head?ms=20", "/trap-late"] {
        assert_page(&misbehave(&host, path), 502);
    }
    assert!(!host.log().contains("response broken off"), "{}", host.log());
}

#[test]
fn a_head_does_not_wait_for_its_body_for_long() {
    let host = TestHost::with(guest::BEHAVIOURS).start();
    let mut running = host.begin("/trap-after-head?ms=600000");
    running.wait_for_head();
    assert!(!running.is_over());
}

#[test]
fn a_trap_after_a_beginning_is_a_visible_cut() {
    let host = behaviours();
    assert_cut(&misbehave(&host, "/trap-late?ms=50"));
    let line = host.log_line("response broken off");
    assert!(line.contains("as asked, late"), "{line}");
}

#[test]
fn a_cut_response_lets_its_neighbours_finish() {
    let host = behaviours();
    let mut connection = host.connect();
    let slow = connection.begin(Request::get("/sleep?ms=100").keep());
    let cut = connection.begin(Request::get("/trap-late?ms=50").keep());
    assert_eq!(connection.finish(slow).text(), "slept 100 ms\n");
    assert_cut(&connection.finish(cut));
}

#[test]
fn a_loop_ends_at_the_deadline() {
    let host = behaviours();
    assert_page(&misbehave(&host, "/loop"), 504);
    host.log_line("did not finish within its deadline of 500ms");
}

#[test]
fn a_loop_after_the_head_is_a_visible_cut() {
    let host = behaviours();
    assert_cut(&misbehave(&host, "/loop-late"));
    host.log_line("did not finish within its deadline of 500ms");
}

#[test]
fn more_loops_than_processors_leave_room_for_others() {
    let host = behaviours();
    let loops: Vec<_> = (0..8).map(|_| host.begin("/loop")).collect();
    assert_eq!(host.get("/visits").text(), "1\n");
    for running in loops {
        assert_page(&running.finish(), 504);
    }
}

#[test]
fn sleep_ends_at_the_deadline() {
    let host = behaviours();
    assert_page(&misbehave(&host, "/sleep?ms=600000"), 504);
    assert_page(&misbehave(&host, "/stalls-reading"), 504);
}

#[test]
fn memory_ends_at_the_limit() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--memory", "16MiB"]).start();
    let response = misbehave(&host, "/memory");
    let given: u32 = response.text().trim().parse().expect("a number of MiB");
    assert!((8..16).contains(&given), "{given} MiB");
}

#[test]
fn memory_that_a_handler_cannot_do_without_is_named_in_the_log() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--memory", "8MiB"]).start();
    assert_page(&misbehave(&host, "/big-header?bytes=100000000"), 502);
    host.log_line("the handler reached its memory limit of 8388608 bytes");
}

#[test]
fn endless_recursion_is_a_trap() {
    let host = behaviours();
    assert_page(&misbehave(&host, "/recurse"), 502);
    host.log_line("endless recursion?");
}

#[test]
fn an_endless_writer_is_stopped_however_fast_its_client_reads() {
    let host = behaviours();
    let response = misbehave(&host, "/endless");
    assert!(response.body().len() > 4096 && !response.is_complete());
    host.log_line("response broken off");
}

#[test]
fn a_response_has_a_greatest_length() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--max-response", "1MB"]).start();
    assert_eq!(host.get("/generate?bytes=1000000").body().len(), 1_000_000);
    let response = host.begin("/endless").finish();
    assert!(response.body().len() <= 1_000_000 && !response.is_complete());
    host.log_line("longer than 1000000 bytes; raise --max-response");
}

#[test]
fn an_endless_writer_ends_with_its_client() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "1", "--deadline", "10m"]).start();
    let mut running = host.begin("/endless");
    running.wait_for_body(1);
    drop(running);
    host.log_line("requests cancelled");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn handlers_that_do_not_answer_are_a_page() {
    let host = behaviours();
    let check = |path, line| {
        assert_page(&misbehave(&host, path), 502);
        host.log_line(line);
    };
    check("/exit?code=1", "exited with status 1 before it answered");
    check("/no-response", "returned without a response");
    check("/error", "answered with the error");
}

#[test]
fn only_mounts_are_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "in the mount").expect("a file");
    let host = TestHost::with(guest::BEHAVIOURS).mount(folder.path(), "/data").start();
    assert_eq!(host.get("/open?path=/data/file").text(), "in the mount");
    assert_eq!(host.get("/list?path=/data").text(), "file\n");
    for outside in [
        "../../etc/passwd",
        "/etc/passwd",
        "/data/../etc/passwd",
        "/data/../../../../../../etc/passwd",
        "/data/x/../../../../../../../etc/passwd",
        "/proc/self/environ",
        "/data/%2e%2e/%2e%2e/etc/passwd",
    ] {
        let response = host.get(&format!("/open?path={outside}"));
        assert!(matches!(response.status(), 403 | 404), "{outside}: {}", response.text());
    }
    for folder in ["/", "..", "/data/.."] {
        let response = host.get(&format!("/list?path={folder}"));
        assert!(matches!(response.status(), 403 | 404), "{folder}: {}", response.text());
    }
}

#[test]
fn links_lead_nowhere_outside_their_mount() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::create_dir(path.join("mounted")).expect("a folder");
    fs::write(path.join("secret"), "secret").expect("a file");
    fs::write(path.join("mounted/file"), "inside").expect("a file");
    let links = [("in", "file"), ("out", "../secret"), ("absolute", "/etc/passwd"), ("etc", "/etc")];
    for (name, target) in links {
        symlink(target, path.join("mounted").join(name)).expect("a link");
    }
    let host = TestHost::with(guest::BEHAVIOURS).mount(&path.join("mounted"), "/data:rw").start();
    assert_eq!(host.get("/open?path=/data/in").text(), "inside");
    for way in ["open?path=/data/out", "open?path=/data/absolute", "open?path=/data/etc/passwd"] {
        assert!(matches!(host.get(&format!("/{way}")).status(), 403 | 404), "{way}");
    }
    assert!(matches!(host.get("/write?path=/data/out").status(), 403 | 404));
    assert_eq!(fs::read_to_string(path.join("secret")).expect("a file"), "secret");
}

#[test]
fn only_mounts_that_say_so_can_be_written() {
    let (ro, rw) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::write(ro.path().join("old"), "as it was").expect("a file");
    let host = TestHost::with(guest::BEHAVIOURS).mount(ro.path(), "/ro").mount(rw.path(), "/rw:rw").start();
    for file in ["old", "new"] {
        assert_eq!(host.get(&format!("/write?path=/ro/{file}")).status(), 403);
        assert_eq!(host.get(&format!("/write?path=/rw/{file}")).text(), "written\n");
    }
    assert_eq!(fs::read_to_string(ro.path().join("old")).expect("a file"), "as it was");
    assert!(!ro.path().join("new").exists());
    assert_eq!(fs::read_to_string(rw.path().join("new")).expect("a file"), "written by the guest\n");
}

#[test]
fn there_is_no_network() {
    let host = TestHost::with(guest::NETWORK).start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("its address");
    for way in ["http", "tcp", "udp", "listen"] {
        let to = if way == "listen" { "127.0.0.1:0".to_owned() } else { to.to_string() };
        let response = host.get(&format!("/{way}?to={to}"));
        assert_eq!(response.status(), 502, "{way}: {}", response.text());
    }
    let name = host.get("/resolve?to=localhost:80");
    assert_eq!(name.status(), 502, "{}", name.text());
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn a_host_survives_all_of_them_at_once() {
    let host = behaviours();
    let paths = ["/trap", "/trap-late", "/loop", "/memory", "/recurse", "/endless", "/exit?code=3", "/error"];
    let running: Vec<_> = paths.iter().cycle().take(32).map(|path| host.begin(*path)).collect();
    for one in running {
        one.finish();
    }
    assert_eq!(host.get("/visits").text(), "1\n");
    assert!(host.terminate().success());
}

#[test]
fn a_full_disk_is_insufficient_storage() {
    let host = TestHost::with(guest::INTRUDER).args(["--mount", "/dev:/dev:rw"]).start();
    assert_page(&host.send(Request::post("/", "open-write /dev full x\ntrap")), 507);
    host.log_line("the disk is full");
    let handled = host.send(Request::post("/", "open-write /dev full x"));
    assert_eq!((handled.status(), handled.text()), (200, "insufficient-space\n"));
}
