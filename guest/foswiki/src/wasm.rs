//! The wiki as a component: `wasi:http/incoming-handler` over the folders `/data` and `/pub`, and the authorizer for
//! files that the web server sends itself.
//!
//! The CGI variables are the component's environment; what a host does not put there is taken from the
//! request, so that the component also runs where there is no FastCGI.

#![expect(unsafe_code, reason = "what the bindings are made of")]

use std::{
    io::{self, Read},
    time::{SystemTime, UNIX_EPOCH},
};

use wasip2::{
    cli::environment,
    exports::http::incoming_handler::Guest,
    http::types::{
        Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam, Scheme,
    },
    io::streams::{OutputStream, StreamError},
};

use self::bindings::{
    exports::fcgi_wasm_host::handler::authorization::{self, Decision, Denial},
    fcgi_wasm_host::handler::cgi::Variable,
};
use crate::{
    actions::{Body, Request, Response, Verdict, answer, authorize},
    store::Files,
};

mod bindings {
    #![allow(clippy::all, clippy::pedantic, reason = "what the macro makes of the world")]

    wit_bindgen::generate!({ path: "../../wit", world: "authorizer", generate_all });
}

/// Where the host mounts the topics.
const DATA: &str = "/data";

/// Where the host mounts the attachments.
const ATTACHMENTS: &str = "/pub";

/// How much of a file is in memory at a time: a few times what pipes and sockets take at once.
const BLOCK: usize = 64 << 10;

struct Wiki;

wasip2::http::proxy::export!(Wiki);
bindings::export!(Wiki with_types_in bindings);

impl Guest for Wiki {
    fn handle(incoming: IncomingRequest, outparam: ResponseOutparam) {
        let wiki = Files::new(DATA, ATTACHMENTS);
        let request = Request::new(environment::get_environment().into_iter().chain(variables(&incoming)));
        let log = |error: &io::Error| eprintln!("foswiki: {}: {error}", request.variable("REQUEST_URI"));
        let response = answer(&wiki, &request, now(), log);
        if let Err(error) = send(response, outparam) {
            eprintln!("foswiki: {}: {error}", request.variable("REQUEST_URI"));
        }
    }
}

impl authorization::Guest for Wiki {
    fn authorize(variables: Vec<Variable>) -> Decision {
        let wiki = Files::new(DATA, ATTACHMENTS);
        let text = |(name, value): Variable| (name, String::from_utf8_lossy(&value).into_owned());
        let request = Request::new(variables.into_iter().map(text));
        let log = |error: &io::Error| eprintln!("foswiki: {}: {error}", request.variable("REQUEST_URI"));
        match authorize(&wiki, &request, now(), log) {
            Verdict::Allowed => Decision::Allow(Vec::new()),
            Verdict::Refused(response) => Decision::Deny(denial(response)),
        }
    }
}

fn denial(response: Response) -> Denial {
    let header = |(name, value): (&str, String)| (name.to_owned(), value.into_bytes());
    let body = match response.body {
        Body::Text(text) => text.into_bytes(),
        Body::Static(text) => text.as_bytes().to_vec(),
        // No file is ever sent in the place of another one.
        Body::Empty | Body::File { .. } => Vec::new(),
    };
    Denial { status: response.status, headers: response.headers.into_iter().map(header).collect(), body }
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(now).unwrap_or_default()
}

/// The variables that the request itself tells.
fn variables(request: &IncomingRequest) -> Vec<(String, String)> {
    let method = match request.method() {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    };
    let uri = request.path_with_query().unwrap_or_default();
    let query = uri.split_once('?').map_or("", |(_, query)| query).to_owned();
    let scheme = if matches!(request.scheme(), Some(Scheme::Https)) { "https" } else { "http" };
    let mut variables: Vec<(String, String)> = request
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (header_variable(&name), String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let own = [("REQUEST_METHOD", method), ("REQUEST_URI", uri), ("QUERY_STRING", query)];
    variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
    variables.push(("REQUEST_SCHEME".to_owned(), scheme.to_owned()));
    variables.extend(request.authority().map(|host| ("HTTP_HOST".to_owned(), host)));
    variables
}

/// `If-Range` as `HTTP_IF_RANGE`.
fn header_variable(name: &str) -> String {
    format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// Sends head and body. An error means that the client gets less than was promised.
fn send(response: Response, outparam: ResponseOutparam) -> io::Result<()> {
    let refused = |()| io::Error::other("the host refused the response");
    let headers: Vec<(String, Vec<u8>)> =
        response.headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    let headers = Fields::from_list(&headers).map_err(io::Error::other)?;
    let outgoing = OutgoingResponse::new(headers);
    outgoing.set_status_code(response.status).map_err(refused)?;
    if response.body.is_empty() {
        // A body that is never opened is empty, whatever `Content-Length` says: the answer to HEAD.
        ResponseOutparam::set(outparam, Ok(outgoing));
        return Ok(());
    }
    let body = outgoing.body().map_err(refused)?;
    ResponseOutparam::set(outparam, Ok(outgoing));
    let stream = body.write().map_err(refused)?;
    match response.body {
        Body::Empty => (),
        Body::Text(text) => write(&stream, text.as_bytes())?,
        Body::Static(text) => write(&stream, text.as_bytes())?,
        Body::File { mut content, len } => copy(&mut content, len, &stream)?,
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(io::Error::other)
}

/// Sends `len` bytes of a file, in blocks.
fn copy(file: &mut impl Read, len: u64, stream: &OutputStream) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut left = len;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let read = file.read(&mut block[..most])?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was sent",
            ));
        }
        write(stream, &block[..read])?;
        left -= read as u64;
    }
    Ok(())
}

/// Writes all bytes, each time as many as the host takes.
fn write(stream: &OutputStream, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = stream.check_write().map_err(closed)?;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = rest.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(rest.len()));
        stream.write(now).map_err(closed)?;
        rest = later;
    }
    Ok(())
}

fn closed(error: StreamError) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}
