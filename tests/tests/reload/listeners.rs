//! Listeners come and go while others go on.

use std::os::unix::net::UnixStream;

use tests::{Client, Request, eventually};

use super::{SETTINGS, start, version, version_of, versioned, write};

/// The settings with another listener.
fn with_other(options: &str) -> String {
    let other = format!("[[listen]]\naddress = \"$FOLDER/other.sock\"\n{options}\n[wall]");
    SETTINGS.replace("[wall]", &other)
}

#[test]
fn a_new_listener_accepts_and_one_that_is_left_out_does_not() {
    let host = start();
    let kept = &mut host.connect();
    let other = host.folder().join("other.sock");
    write(&host, &with_other(""));
    host.ok(&["reload"]);
    let mut client = Client::new(UnixStream::connect(&other).expect("a listener"));
    assert_eq!(client.send(Request::get("/env").keep()).status(), 200);
    write(&host, &versioned(1));
    host.ok(&["reload"]);
    eventually("the socket is removed", || !other.exists());
    assert_eq!(version(kept.send(Request::get("/env").keep()).text()), 1);
    assert_eq!(version_of(&host), 1);
}

#[test]
fn a_request_on_the_connection_of_a_closed_listener_is_finished() {
    let host = start();
    let other = host.folder().join("other.sock");
    write(&host, &with_other(""));
    host.ok(&["reload"]);
    let mut client = Client::new(UnixStream::connect(&other).expect("a listener"));
    let running = client.begin(Request::get("/drip?chunks=3&ms=200").keep());
    client.wait_for_body(running, 1);
    write(&host, SETTINGS);
    host.ok(&["reload"]);
    assert!(client.finish(running).text().ends_with("chunk 3\n"));
}

#[test]
fn what_is_believed_changes_for_connections_that_are_open() {
    let host = start();
    let mut client = host.connect();
    let asked = || Request::get("/env").keep().variable("REMOTE_USER", "WikiAdmin");
    assert!(!client.send(asked()).text().contains("WikiAdmin"));
    write(&host, &SETTINGS.replace("[wall]", "trust = [\"user\"]\n[wall]"));
    host.ok(&["reload"]);
    assert!(client.send(asked()).text().contains("REMOTE_USER=WikiAdmin"));
    write(&host, SETTINGS);
    host.ok(&["reload"]);
    assert!(!client.send(asked()).text().contains("WikiAdmin"));
}

#[test]
fn who_may_connect_changes() {
    let host = start();
    write(&host, &SETTINGS.replace("[wall]", "allow-uid = [\"54321\"]\n[wall]"));
    host.ok(&["reload"]);
    drop(host.connect());
    host.log_line("connection refused");
    write(&host, &versioned(1));
    host.ok(&["reload"]);
    assert_eq!(version_of(&host), 1);
}
