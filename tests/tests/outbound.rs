//! Requests that handlers make themselves: to the servers of their route, and to no other.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use tests::{TestHost, guest};

/// The beginning of a settings file.
const HEAD: &str = "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"$SOCKET\"\n\
                    [[site]]\nname = \"a\"\nmodule = \"$GUESTS/network.wasm\"\n";

/// A server that answers every request with 204, for as long as the test runs.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    address
}

fn start(settings: &str) -> TestHost {
    TestHost::settings(&format!("{HEAD}{settings}")).start()
}

#[test]
fn nothing_can_be_asked_unless_it_is_named() {
    let server = server();
    for host in [TestHost::with(guest::NETWORK).start(), start("outbound = [\"http://127.0.0.1:1\"]\n")] {
        let response = host.get(&format!("/http?to={server}"));
        assert_eq!(response.status(), 502);
        assert!(response.text().contains("HttpRequestDenied"), "{}", response.text());
    }
}

#[test]
fn a_server_that_is_named_answers() {
    let server = server();
    let host = start(&format!("outbound = [\"http://{server}\"]\n"));
    assert_eq!(host.get(&format!("/http?to={server}")).text(), "204");
    let other = host.get(&format!("/http?to=127.0.0.1:{}", server.port() ^ 1));
    assert_eq!(other.status(), 502);
    host.log_line("request of a handler refused: the server is not among those of its route");
    for way in ["tcp", "udp", "listen"] {
        assert_eq!(host.get(&format!("/{way}?to={server}")).status(), 502, "{way}");
    }
}

#[test]
fn a_name_does_not_lead_to_the_machine_itself() {
    let server = server();
    let origin = format!("outbound = [\"http://localhost:{}\"]\n", server.port());
    let host = start(&origin);
    let asked = format!("/http?to=localhost:{}", server.port());
    let response = host.get(&asked);
    assert!(response.text().contains("DestinationIpProhibited"), "{}", response.text());
    host.log_line("the name leads into a private network");
    let host = start(&format!("{origin}outbound-private = true\n"));
    assert_eq!(host.get(&asked).text(), "204");
}

#[test]
fn a_server_that_does_not_answer_ends_with_the_request() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = silent.local_addr().expect("its address");
    let host = start(&format!("outbound = [\"http://{server}\"]\nlimits = {{ deadline = \"200ms\" }}\n"));
    let response = host.get(&format!("/http?to={server}"));
    assert_eq!(response.status(), 504);
    let (mut stream, _) = silent.accept().expect("a connection");
    let mut asked = Vec::new();
    stream.read_to_end(&mut asked).expect("its end");
    assert!(asked.starts_with(b"GET / HTTP/1.1\r\n"), "{asked:?}");
}
