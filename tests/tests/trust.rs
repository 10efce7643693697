//! Who may connect, and what a web server is believed, listener by listener.

use std::{net::SocketAddr, os::unix::net::UnixStream, path::Path};

use rustix::process::geteuid;
use tests::{Builder, Client, Request, TestHost, free_address, guest, paths};

/// A user that none of these processes belongs to.
const STRANGER: &str = "allow-uid=54321";

fn behaviours() -> Builder {
    TestHost::with(guest::BEHAVIOURS)
}

/// A request that claims everything.
fn claims(path: &str) -> Request {
    Request::get(path)
        .variable("REMOTE_USER", "AdminUser")
        .variable("AUTH_TYPE", "Basic")
        .variable("REDIRECT_REMOTE_USER", "AdminUser")
        .variable("HTTPS", "on")
        .header("X-Forwarded-For", "192.0.2.7")
        .header("X-Forwarded-Proto", "https")
        .header("Forwarded", "for=192.0.2.7")
        .header("Proxy", "http://evil.example")
}

fn connect(socket: &Path) -> Client {
    Client::new(UnixStream::connect(socket).expect("a host that listens"))
}

/// Checks which of the claims a handler finds in its environment.
fn check(connection: &mut Client, expected: &[&str]) {
    let response = connection.send(claims("/env").keep());
    let all = ["REMOTE_USER", "AUTH_TYPE", "REDIRECT_REMOTE_USER", "HTTPS", "REQUEST_SCHEME"];
    let headers = ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED", "HTTP_PROXY"];
    let seen = |name: &&str| response.text().lines().any(|line| line.starts_with(&format!("{name}=")));
    let found: Vec<_> = all.into_iter().chain(headers).filter(seen).collect();
    assert_eq!(found, expected);
}

/// Checks that a connection is closed without an answer, and that the log says whose it was.
fn assert_refused(host: &TestHost, mut connection: Client, peer: &str) {
    connection.wait_for_close();
    let line = host.log_line("connection refused");
    assert!(line.contains(&format!("peer={peer}")), "{line}");
}

#[test]
fn a_web_server_is_believed_that_it_speaks_tls_and_not_who_the_client_is() {
    let host = behaviours().start();
    check(&mut host.connect(), &["HTTPS", "REQUEST_SCHEME"]);
    assert!(host.send(claims("/headers")).text().contains("scheme: https"));
    assert!(!host.send(claims("/headers")).text().contains("forwarded"));
}

#[test]
fn each_listener_has_its_own_trust() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = |name: &str| folder.path().join(name);
    let listen = |name: &str, options: &str| format!("{},{options}", socket(name).display());
    let host = behaviours()
        .args(["--listen", &listen("user", "trust=user")])
        .args(["--listen", &listen("forwarded", "trust=forwarded,distrust=https")])
        .args(["--listen", &listen("nothing", "distrust=https")])
        .start();
    let user = ["REMOTE_USER", "AUTH_TYPE", "REDIRECT_REMOTE_USER", "HTTPS", "REQUEST_SCHEME"];
    check(&mut connect(&socket("user")), &user);
    let forwarded = ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED"];
    check(&mut connect(&socket("forwarded")), &forwarded);
    check(&mut connect(&socket("nothing")), &[]);
    check(&mut host.connect(), &["HTTPS", "REQUEST_SCHEME"]);
}

#[test]
fn the_scheme_is_what_those_say_who_are_trusted() {
    let scheme = |options: &str, request: Request| {
        let host = behaviours().options(options).start();
        let text = host.send(request).text().to_owned();
        text.lines().find_map(|line| line.strip_prefix("scheme: ")).expect("a scheme").to_owned()
    };
    let request = Request::get("/headers");
    assert_eq!(scheme("distrust=https", request.clone().variable("HTTPS", "on")), "http");
    let behind = request.header("X-Forwarded-Proto", "https");
    assert_eq!(scheme("trust=https", behind.clone()), "http");
    assert_eq!(scheme("trust=forwarded", behind), "https");
}

#[test]
fn the_wiki_knows_its_readers_where_the_web_server_is_trusted() {
    let status = |options: &str| {
        let wiki = TestHost::wiki().arg("--root").arg(paths::repository("examples/wiki"));
        let reader = Request::get("/bin/view/Main/EditorsNotes").variable("REMOTE_USER", "ben");
        wiki.options(options).start().send(reader).status()
    };
    assert_eq!(status("trust=https"), 403);
    assert_eq!(status("trust=user"), 200);
}

#[test]
fn only_the_users_that_are_named_may_connect() {
    let own = format!("allow-uid={}", geteuid().as_raw());
    let host = behaviours().options(&format!("{STRANGER},{own}")).start();
    assert_eq!(host.get("/visits").text(), "1\n");
    let host = behaviours().options(STRANGER).start();
    assert_refused(&host, host.connect(), &format!("uid {}", geteuid().as_raw()));
    assert!(host.terminate().success());
}

#[test]
fn only_the_networks_that_are_named_may_connect() {
    let (near, far) = (free_address(), free_address());
    let host = behaviours()
        .args(["--listen", &format!("{near},allow=10.0.0.0/8,allow=127.0.0.0/8,trust=user")])
        .args(["--listen", &format!("{far},allow=10.0.0.0/8")])
        .start();
    assert!(host.connect_tcp(near).send(claims("/env")).text().contains("REMOTE_USER=AdminUser"));
    assert_refused(&host, host.connect_tcp(far), "127.0.0.1");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn who_knocks_again_and_again_does_not_fill_the_log() {
    let host = behaviours().options(STRANGER).start();
    for _ in 0..300 {
        host.connect().wait_for_close();
    }
    let told = host.log().lines().filter(|line| line.contains("connection refused")).count();
    assert!((1..100).contains(&told), "{told} lines for 300 connections");
}

#[test]
fn nobody_else_connects_where_the_addresses_of_web_servers_are_named() {
    let start = |addresses: &str, listen: SocketAddr| {
        let host = behaviours().env("FCGI_WEB_SERVER_ADDRS", addresses);
        host.args(["--listen", &listen.to_string()]).start()
    };
    let address = free_address();
    let host = start("192.0.2.1,127.0.0.1", address);
    assert_eq!(host.connect_tcp(address).send("/visits").text(), "1\n");
    assert_refused(&host, host.connect(), "uid");
    drop(host);
    let address = free_address();
    let host = start("192.0.2.1", address);
    assert_refused(&host, host.connect_tcp(address), "127.0.0.1");
}

#[test]
fn a_user_who_is_named_connects_whatever_the_addresses_of_web_servers_are() {
    let own = format!("allow-uid={}", geteuid().as_raw());
    let host = behaviours().env("FCGI_WEB_SERVER_ADDRS", "192.0.2.1").options(&own).start();
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn a_list_of_web_servers_that_cannot_be_read_serves_nobody() {
    for list in ["localhost", "127.0.0.1;192.0.2.1", ""] {
        let refusal = behaviours().env("FCGI_WEB_SERVER_ADDRS", list).refused();
        assert!(refusal.log.contains("FCGI_WEB_SERVER_ADDRS"), "{list:?}: {}", refusal.log);
    }
}

#[test]
fn a_user_is_believed_only_where_it_is_known_who_connects() {
    for listen in ["0.0.0.0:9000,trust=user", "192.0.2.1:9000,trust=user", "192.0.2.1:9000,trust=forwarded"] {
        let refusal = behaviours().args(["--listen", listen]).refused();
        assert!(refusal.log.contains("allow="), "{listen}: {}", refusal.log);
    }
}
