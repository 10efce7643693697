//! Settings and modules loaded again while requests run: none fails, and none is stale.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tests::{Request, TestHost, filled_in};

const SETTINGS: &str = "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"$SOCKET\"\n\
                        [[site]]\nname = \"a\"\nmodule = \"$GUESTS/behaviours.wasm\"\nenv = { VERSION = \"0\" }\n";

/// Clients that ask all the time.
const CLIENTS: usize = 8;

/// How often the settings change meanwhile.
const SWAPS: usize = 50;

fn start() -> TestHost {
    TestHost::settings(SETTINGS).start()
}

/// Writes the settings anew, as editors do.
fn write(host: &TestHost, settings: &str) {
    let text = filled_in(settings, host.socket(), host.folder());
    let new = host.folder().join("new.toml");
    fs::write(&new, text).expect("a file");
    fs::rename(new, host.folder().join("settings.toml")).expect("the settings' place");
}

fn versioned(version: usize) -> String {
    SETTINGS.replace("VERSION = \"0\"", &format!("VERSION = \"{version}\""))
}

fn version(text: &str) -> usize {
    let value = text.lines().find_map(|line| line.strip_prefix("VERSION=")).expect("a version");
    value.parse().expect("a number")
}

#[test]
fn under_load_no_request_fails_and_none_is_stale() {
    let host = start();
    let in_force = AtomicUsize::new(0);
    thread::scope(|scope| {
        let client = || {
            let mut connection = host.connect();
            loop {
                let at_least = in_force.load(Ordering::SeqCst);
                let response = connection.send(Request::get("/env").keep());
                assert_eq!(response.status(), 200);
                assert!(version(response.text()) >= at_least, "version {at_least} was in force");
                if at_least == SWAPS {
                    return;
                }
            }
        };
        for _ in 0..CLIENTS {
            scope.spawn(client);
        }
        for swap in 1..=SWAPS {
            write(&host, &versioned(swap));
            host.reload();
            host.log_lines(" reloaded", swap);
            in_force.store(swap, Ordering::SeqCst);
        }
    });
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_request_keeps_what_it_began_with() {
    let host = start();
    let mut running = host.begin("/drip?chunks=3&ms=300");
    running.wait_for_body(1);
    write(&host, &SETTINGS.replace("behaviours.wasm", "hello.wasm"));
    host.reload();
    host.log_line(" reloaded");
    assert!(host.get("/").text().starts_with("hello"));
    assert!(running.finish().text().ends_with("chunk 3\n"));
}

#[test]
fn what_is_wrong_leaves_everything_as_it_was() {
    let host = start();
    let check = |settings: &str, reason: &str| {
        write(&host, settings);
        host.reload();
        host.log_line(reason);
        assert_eq!(version(host.get("/env").text()), 0);
    };
    check(&SETTINGS.replace("module", "modul"), "there is no setting `modul` here");
    check(&SETTINGS.replace("behaviours.wasm", "none.wasm"), "cannot be read");
    check(&SETTINGS.replace("env =", "limits = { memory = \"1GiB\" }\nenv ="), "does not fit into the pool");
    check(&format!("{SETTINGS}mounts = [{{ host = \"/root\", guest = \"/x\" }}]\n"), "allow-path");
    check("site = 3", "not reloaded, what served before serves on");
}

#[test]
fn what_takes_a_restart_is_said() {
    let host = start();
    write(&host, &format!("drain-timeout = \"1s\"\n{}", versioned(7)));
    host.reload();
    assert!(host.log_line("take a restart").contains("drain-timeout"));
    assert_eq!(version(host.get("/env").text()), 7);
}
