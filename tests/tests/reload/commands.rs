//! `fcgi-wasm-host reload`, `status` and `rollback`.

use std::fs;

use tests::TestHost;

use super::{SETTINGS, start, version_of, versioned, write};

#[test]
fn a_reload_says_what_it_has_changed() {
    let host = start();
    let second = SETTINGS.replace("[[site]]", "[[listen]]\naddress = \"$FOLDER/other.sock\"\n[[site]]\nname = \"b\"\nhosts = [\"b\"]\nmodule = \"$GUESTS/hello.wasm\"\n[[site]]");
    write(&host, &second);
    let told = host.ok(&["reload"]);
    for expected in
        ["hello.wasm: added", "site b: added", "other.sock: opened", "reloaded: generation 2 serves"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    write(&host, &versioned(1));
    let told = host.ok(&["reload"]);
    for expected in ["site a: changed", "site b: removed", "other.sock: closed"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(version_of(&host), 1);
    assert!(host.ok(&["reload"]).starts_with("reloaded: generation 4"));
}

#[test]
fn a_reload_that_fails_says_why_and_changes_nothing() {
    let host = start();
    let check = |settings: &str, reason: &str| {
        write(&host, settings);
        let told = host.fails(&["reload"]);
        assert!(told.contains(reason) && told.contains("what served before serves on"), "{told}");
        assert_eq!(version_of(&host), 0);
        assert!(host.ok(&["status"]).contains(reason));
    };
    check(&SETTINGS.replace("module", "modul"), "there is no setting `modul` here");
    check(&SETTINGS.replace("behaviours.wasm", "none.wasm"), "cannot be read");
    check(&SETTINGS.replace("env =", "limits = { memory = \"1GiB\" }\nenv ="), "does not fit into the pool");
    check(&format!("{SETTINGS}mounts = [{{ host = \"/root\", guest = \"/x\" }}]\n"), "allow-path");
    check(
        &SETTINGS.replace("[[site]]", "[[listen]]\naddress = \"/proc/x.sock\"\n[[site]]"),
        "cannot listen on /proc/x.sock",
    );
    check("site = 3", "invalid type");
}

#[test]
fn sighup_does_the_same() {
    let host = start();
    write(&host, &versioned(1));
    host.reload();
    host.log_line(" reloaded");
    assert_eq!(version_of(&host), 1);
    write(&host, "site = 3");
    host.reload();
    host.log_line("not reloaded, what served before serves on");
    assert_eq!(version_of(&host), 1);
}

#[test]
fn what_takes_a_restart_is_said() {
    let host = start();
    write(
        &host,
        &format!("http = \"127.0.0.1:1\"\nlimits = {{ instances = 3, queue = 1 }}\n{}", versioned(7)),
    );
    let told = host.ok(&["reload"]);
    assert!(told.contains("takes a restart: http\n"), "{told}");
    assert!(told.contains("takes a restart: limits.instances of the host\n"), "{told}");
    assert_eq!(told.matches("takes a restart").count(), 2, "{told}");
    assert_eq!(version_of(&host), 7);
}

#[test]
fn the_status_is_for_people_and_for_programs() {
    let host = start();
    assert_eq!(version_of(&host), 0);
    let text = host.ok(&["status"]);
    for expected in ["generation 1 serves", "site a: 1 requests, 0 failures", "wall: seccomp", "host.sock"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let json = host.ok(&["status", "--json"]);
    for expected in ["\"generation\": 1", "\"requests\": 1", "\"memory\": "] {
        assert!(json.contains(expected), "{expected}: {json}");
    }
}

#[test]
fn a_rollback_serves_what_served_before_whatever_is_in_the_files_now() {
    let host = start();
    assert!(host.fails(&["rollback"]).contains("nothing was served before"));
    let module = host.folder().join("handler.wasm");
    fs::copy(tests::paths::component("hello"), &module).expect("a copy");
    write(&host, &SETTINGS.replace("$GUESTS/behaviours.wasm", "$FOLDER/handler.wasm"));
    host.ok(&["reload"]);
    fs::write(&module, "nothing").expect("a file");
    write(&host, &versioned(2));
    host.ok(&["reload"]);
    assert_eq!(version_of(&host), 2);
    assert!(host.ok(&["rollback"]).contains("rolled back"));
    assert_eq!(host.get("/").text(), "hello\n");
    host.ok(&["rollback"]);
    assert_eq!(version_of(&host), 2);
}

#[test]
fn a_host_that_is_not_there_is_named() {
    let host = start();
    let elsewhere = host.folder().join("none.sock");
    let told = host.fails(&["status", "--control", &elsewhere.to_string_lossy()]);
    assert!(told.contains("no host takes commands at") && told.contains("none.sock"), "{told}");
}

#[test]
fn the_control_socket_is_the_hosts_users_alone() {
    use std::os::unix::fs::PermissionsExt;

    let host = TestHost::with(tests::guest::HELLO).start();
    let control = host.control();
    assert_eq!(fs::metadata(&control).expect("a socket").permissions().mode() & 0o777, 0o600);
    assert_eq!(host.terminate().code(), Some(0));
    assert!(!control.exists());
}

#[test]
fn what_is_logged_changes() {
    let host = TestHost::settings(SETTINGS).env("RUST_LOG", "").start();
    write(&host, &format!("log = \"warn\"\n{SETTINGS}"));
    host.ok(&["reload"]);
    host.ok(&["reload"]);
    write(&host, SETTINGS);
    host.ok(&["reload"]);
    assert!(host.log_line(" reloaded").contains("generation=4"));
    write(&host, &format!("log = \"loud\"\n{SETTINGS}"));
    assert!(host.fails(&["reload"]).contains("write error, warn, info or debug"));
}
