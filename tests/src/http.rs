//! HTTP/1.1 as a browser speaks it, one request on a connection, and nothing hidden: a cut body is seen as one.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::PATIENCE;

/// A response, or as much of it as arrived.
#[derive(Debug, Default)]
pub struct Reply {
    /// The status; 0 if the connection was closed without a response.
    pub status: u16,
    /// The headers in their order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
    /// Whether the body ended as it said it would.
    pub complete: bool,
}

impl Reply {
    /// The first header of that name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }
}

/// Asks for a page.
pub fn get(server: SocketAddr, uri: &str) -> Reply {
    send(server, "GET", uri, &[], b"")
}

/// Sends a request and waits for the response.
pub fn send(server: SocketAddr, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    read(&all_of(begin(server, method, uri, headers, body)), method == "HEAD")
}

/// Waits for the response to a request that was begun, which asked for more than a head.
pub fn receive(stream: impl Read) -> Reply {
    read(&all_of(stream), false)
}

fn all_of(mut stream: impl Read) -> Vec<u8> {
    let mut received = Vec::new();
    if let Err(error) = stream.read_to_end(&mut received) {
        // A server may cut a connection so; whether something is missing is seen later.
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }
    received
}

/// Sends a request; the response comes out of the stream.
pub fn begin(
    server: SocketAddr,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> TcpStream {
    let mut head = format!("{method} {uri} HTTP/1.1\r\nHost: wiki.example\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() {
        head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    let mut stream = TcpStream::connect(server).expect("a server that listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(&[head.as_bytes(), b"\r\n", body].concat()).expect("a server that reads");
    stream
}

/// Reads all that a server sent.
fn read(received: &[u8], head_only: bool) -> Reply {
    if received.is_empty() {
        return Reply::default();
    }
    let end = received.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(received)));
    let head = std::str::from_utf8(&received[..end]).expect("a head in ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut reply = Reply { status, headers, body: Vec::new(), complete: true };
    let rest = &received[end + 4..];
    if reply.header("transfer-encoding") == Some("chunked") {
        (reply.body, reply.complete) = unchunked(rest);
    } else {
        let length = reply.header("content-length").map(|length| length.parse().expect("a length"));
        rest.clone_into(&mut reply.body);
        reply.complete = head_only || length.is_none_or(|length: usize| length == rest.len());
    }
    reply
}

/// The content of chunks (RFC 9112 §7.1), and whether the last one was there.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).expect("a chunk's size");
        let size = usize::from_str_radix(size, 16).expect("a chunk's size in hexadecimal");
        let chunk = &rest[end + 2..];
        if size == 0 {
            return (body, true);
        }
        if chunk.len() < size + 2 {
            body.extend_from_slice(&chunk[..size.min(chunk.len())]);
            break;
        }
        body.extend_from_slice(&chunk[..size]);
        rest = &chunk[size + 2..];
    }
    (body, false)
}

/// The header with which a browser gives a password (RFC 7617).
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

/// Base64 (RFC 4648 §4).
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits =
            three.iter().chain([&0; 2]).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let letter = |place: usize| char::from(LETTERS[bits >> (18 - 6 * place) & 63]);
        let four: Vec<_> =
            (0..4).map(|place| if place <= three.len() { letter(place) } else { '=' }).collect();
        four
    };
    bytes.chunks(3).flat_map(group).collect()
}
