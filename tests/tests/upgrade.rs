//! The program is replaced by a newer one while requests run: none fails.

use std::{
    fs,
    os::unix::net::UnixStream,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use rustix::process::Signal;
use tests::{Builder, Client, Request, Response, TestHost, eventually, filled_in, guest, paths};

fn behaviours() -> Builder {
    TestHost::wiki().upgradable().arg("--module").arg(paths::component(guest::BEHAVIOURS))
}

fn start() -> TestHost {
    behaviours().start()
}

/// The process that serves.
fn serving(host: &TestHost) -> String {
    let status = host.ok(&["status"]);
    let rest = status.split_once("process ").expect("a process").1;
    rest.split_once(',').expect("its number").0.to_owned()
}

/// Puts a new program in the place of the old one, and waits until it serves.
fn upgrade(host: &TestHost) {
    let before = serving(host);
    let new = host.folder().join("new");
    fs::copy(paths::program(), &new).expect("a copy");
    fs::rename(new, host.folder().join("program")).expect("its place");
    host.signal(Signal::USR2);
    eventually("another process serves", || serving(host) != before);
}

fn upgrade_under_load(upgrades: usize) {
    let host = start();
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..6 {
            let (host, over, answered) = (&host, &over, &answered);
            scope.spawn(move || {
                let mut kept = host.connect();
                while !over.load(Ordering::Relaxed) {
                    let response = if client % 2 == 0 { host.get("/visits") } else { ask(host, &mut kept) };
                    assert_eq!(response.text(), "1\n");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..upgrades {
            upgrade(&host);
            let so_far = answered.load(Ordering::Relaxed);
            eventually("requests are answered", || answered.load(Ordering::Relaxed) > so_far + 50);
        }
        over.store(true, Ordering::Relaxed);
    });
    host.log_lines("the one before has ended", upgrades);
    let socket = host.socket().to_owned();
    assert_eq!(host.terminate().code(), Some(0));
    assert!(!socket.exists());
}

/// Asks over a connection that is kept, as web servers do: one that was closed while nothing ran on it is made anew.
fn ask(host: &TestHost, kept: &mut Client) -> Response {
    let id = kept.begin(Request::get("/visits").keep());
    let response = kept.finish(id);
    if response.is_complete() {
        return response;
    }
    assert!(response.head().is_empty(), "half an answer: {response:?}");
    *kept = host.connect();
    kept.send(Request::get("/visits").keep())
}

#[test]
fn no_request_fails() {
    upgrade_under_load(2);
}

#[test]
#[ignore = "slow: cargo xtask test --slow"]
fn no_request_fails_for_a_long_time() {
    upgrade_under_load(30);
}

#[test]
fn what_runs_is_finished_by_the_program_that_began_it() {
    let host = start();
    let mut running = host.begin("/drip?chunks=5&ms=300");
    running.wait_for_body(1);
    upgrade(&host);
    assert!(running.finish().text().ends_with("chunk 5\n"));
    host.log_line("the one before has ended");
}

#[test]
fn a_program_that_does_not_start_changes_nothing() {
    let host = start();
    let before = serving(&host);
    fs::rename(host.folder().join("program"), host.folder().join("old")).expect("another place");
    host.signal(Signal::USR2);
    host.log_line("not upgraded, what served before serves on");
    fs::copy("/bin/false", host.folder().join("program")).expect("a copy");
    host.signal(Signal::USR2);
    host.log_lines("not upgraded, what served before serves on", 2);
    assert_eq!(serving(&host), before);
    fs::remove_file(host.folder().join("program")).expect("a file");
    upgrade(&host);
}

#[test]
fn a_host_whose_settings_are_wrong_ends_as_one_without_a_keeper_does() {
    let refusal = behaviours().args(["--memory", "1KiB"]).refused();
    assert_eq!(refusal.status.code(), Some(1));
    assert!(refusal.log.contains("--memory 1KiB"), "{}", refusal.log);
}

#[test]
fn signals_go_to_the_one_that_serves() {
    let host = start();
    upgrade(&host);
    host.reload();
    host.log_line(" reloaded");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn without_its_keeper_a_host_ends_in_good_order() {
    let host = start();
    let process = serving(&host);
    host.signal(Signal::KILL);
    host.log_line("the keeper has ended");
    eventually("it ends", || !fs::exists(format!("/proc/{process}")).expect("its process"));
    assert!(!host.socket().exists());
}

#[test]
fn a_listener_that_the_new_settings_do_not_name_is_closed() {
    let head = "cache-dir = \"$CACHE\"\nreload-on-change = false\n[[site]]\nname = \"a\"\n\
                module = \"$GUESTS/behaviours.wasm\"\n[[listen]]\naddress = \"$SOCKET\"\n";
    let both = format!("{head}[[listen]]\naddress = \"$FOLDER/other.sock\"\n");
    let host = TestHost::settings(&both).upgradable().start();
    let other = host.folder().join("other.sock");
    eventually("both listen", || UnixStream::connect(&other).is_ok());
    let settings = filled_in(head, host.socket(), host.folder());
    fs::write(host.folder().join("settings.toml"), settings).expect("a file");
    upgrade(&host);
    eventually("the other one is closed", || UnixStream::connect(&other).is_err());
    assert_eq!(host.get("/visits").text(), "1\n");
}
