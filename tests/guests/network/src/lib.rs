//! A component that tries to reach the network in every way that it knows.
//!
//! | path | what it tries |
//! |---|---|
//! | `/http?to=HOST:PORT`, `/https?to=HOST:PORT` | a `wasi:http` request for `/`; answers the response's status |
//! | `/tcp?to=HOST:PORT` | a connection |
//! | `/listen?to=HOST:PORT` | to be connected to |
//! | `/udp?to=HOST:PORT` | a datagram |
//! | `/resolve?to=HOST:PORT` | the host's addresses |
//!
//! Success is answered with 200, failure with 502 and the error.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};

struct Network;

wasip2::http::proxy::export!(Network);

impl Guest for Network {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (status, text) = match attempt(&target) {
            Ok(text) => (200, text),
            Err(error) => (502, error),
        };
        answer(outparam, status, &text);
    }
}

/// Does what `target`, a path with its query, asks for.
fn attempt(target: &str) -> Result<String, String> {
    let (path, to) = target.split_once("?to=").ok_or("no `?to=` in the request")?;
    let done = |()| "done".to_owned();
    let outcome = match path {
        "/http" => return fetch(&Scheme::Http, to),
        "/https" => return fetch(&Scheme::Https, to),
        "/tcp" => TcpStream::connect(to).map(drop).map(done),
        "/listen" => TcpListener::bind(to).map(drop).map(done),
        "/udp" => {
            UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"hello", to)).map(drop).map(done)
        }
        "/resolve" => to.to_socket_addrs().map(|addresses| format!("{:?}", addresses.collect::<Vec<_>>())),
        _ => return Err(format!("no way called {path}")),
    };
    outcome.map_err(|error| error.to_string())
}

/// Requests `/` of `authority`, waits for the response, and returns its status.
fn fetch(scheme: &Scheme, authority: &str) -> Result<String, String> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(scheme)).map_err(|()| "refused: scheme")?;
    request.set_authority(Some(authority)).map_err(|()| format!("refused: authority {authority}"))?;
    request.set_path_with_query(Some("/")).map_err(|()| "refused: path")?;
    let future = outgoing_handler::handle(request, None).map_err(|code| code.to_string())?;
    future.subscribe().block();
    let outcome = future.get().ok_or("no response")?.map_err(|()| "the response was taken")?;
    outcome.map(|response| response.status().to_string()).map_err(|code| code.to_string())
}

fn answer(outparam: ResponseOutparam, status: u16, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    if response.set_status_code(status).is_err() {
        return;
    }
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    if let Ok(stream) = body.write() {
        // An error's text is far shorter than the 4096 bytes that one write takes.
        let _ = stream.blocking_write_and_flush(text.as_bytes());
    }
    let _ = OutgoingBody::finish(body, None);
}
