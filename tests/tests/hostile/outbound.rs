//! Servers that a handler may not ask, under all their names.

use std::net::TcpListener;

use crate::{bad, sites, suffer};

/// Ways to write the machine's own address that some resolver or library takes for it.
const LOOPBACK: [&str; 12] = [
    "127.0.0.1",
    "127.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "localhost",
    "LOCALHOST.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
];

#[test]
fn no_spelling_of_an_address_leads_to_the_machine_itself() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("a socket");
    let port = server.local_addr().expect("its address").port();
    let host = sites("$GUESTS/network.wasm", "outbound = [\"http://allowed.example\"]").start();
    for name in LOOPBACK {
        let response = suffer(&host, &bad(&format!("/http?to={name}:{port}")));
        assert_eq!(response.status(), 502, "{name}: {}", response.text());
    }
    host.log_line("request of a handler refused: the server is not among those of its route");
    assert!(server.accept().is_err(), "somebody connected");
}

#[test]
fn a_name_that_is_a_number_is_a_name() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("a socket");
    let port = server.local_addr().expect("its address").port();
    for name in ["0177.0.0.1", "2130706433", "127.1", "localhost"] {
        let host = sites("$GUESTS/network.wasm", &format!("outbound = [\"http://{name}:{port}\"]")).start();
        assert_eq!(suffer(&host, &bad(&format!("/http?to={name}:{port}"))).status(), 502, "{name}");
    }
    assert!(server.accept().is_err(), "somebody connected");
}
