//! HTTP for development: each request goes over a real FastCGI connection to the host's own socket.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use fcgi::{
    RequestId, Role,
    client::{Connection, Event},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    request::decoded,
    serve::{Address, Hand, Handed, Word},
};

/// The longest header block that a response may have: as much as web servers take.
const MAX_HEAD: usize = 64 << 10;

/// How long open connections have to finish when the host stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Read at once: a record's worth.
const READ: usize = 64 << 10;

/// Pieces of a response that wait for a slow browser.
const PIECES: usize = 4;

type Answer = BoxBody<Bytes, io::Error>;

/// The gateway cannot listen.
#[derive(Debug, Error)]
#[error("cannot listen for http on {address}: {error}")]
pub struct GatewayError {
    address: SocketAddr,
    error: io::Error,
}

/// Binds `address` for HTTP, or takes what was handed over for it; what is bound is handed on to the keeper, if there is one.
pub fn bind(
    address: SocketAddr,
    handed: &mut Handed,
    keeper: Option<&Hand>,
) -> Result<std::net::TcpListener, GatewayError> {
    let name = format!("http {address}");
    if let Some(socket) = handed.remove(&name) {
        return Ok(socket.into());
    }
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        if let Some(keeper) = keeper {
            keeper.say(&Word::Bound(name, listener.try_clone()?.into()))?;
        }
        Ok(listener)
    });
    bound.map_err(|error| GatewayError { address, error })
}

/// Starts answering HTTP on `listener` with what the FastCGI socket `to` says, until `stop`.
pub fn start(
    listener: std::net::TcpListener,
    to: Address,
    stop: CancellationToken,
) -> io::Result<JoinHandle<()>> {
    let listener = TcpListener::from_std(listener)?;
    info!("ready: http://{}/", listener.local_addr()?);
    Ok(tokio::spawn(accept(listener, to, stop)))
}

async fn accept(listener: TcpListener, to: Address, stop: CancellationToken) {
    let open = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept an http connection");
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        // Head and body are written apart; the second write does not wait for the first one's acknowledgement.
        let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else { continue };
        let to = to.clone();
        let service =
            hyper::service::service_fn(move |request| answer(request, to.clone(), Ends { peer, local }));
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "http connection");
            }
        });
    }
    if timeout(DRAIN, open.shutdown()).await.is_err() {
        warn!("http connections were cut");
    }
}

#[derive(Clone, Copy)]
struct Ends {
    peer: SocketAddr,
    local: SocketAddr,
}

async fn answer(request: Request<Incoming>, to: Address, ends: Ends) -> Result<Response<Answer>, Infallible> {
    let asked = match to {
        Address::Unix(path) => match UnixStream::connect(&path).await {
            Ok(socket) => ask(socket, request, ends).await,
            Err(error) => Err(error),
        },
        Address::Tcp(address) => match TcpStream::connect(address).await {
            Ok(socket) => ask(socket, request, ends).await,
            Err(error) => Err(error),
        },
        // The settings have been checked for it: nobody knows where such a socket is to be reached.
        Address::Inherited | Address::Passed(_) => Err(io::ErrorKind::Unsupported.into()),
    };
    Ok(asked.unwrap_or_else(|error| {
        warn!(%error, "gateway");
        let body = Full::new(Bytes::from_static(b"502 Bad Gateway\n")).map_err(|never| match never {});
        let mut response = Response::new(body.boxed());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    }))
}

/// Sends one request and returns its response as soon as its head is there; the body follows.
async fn ask<S>(mut socket: S, request: Request<Incoming>, ends: Ends) -> io::Result<Response<Answer>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (parts, body) = request.into_parts();
    let mut exchange = Exchange { protocol: Connection::new(), body_ended: false, head: BytesMut::new() };
    exchange.protocol.begin(RequestId::FIRST, Role::Responder, false);
    exchange.protocol.params(RequestId::FIRST, variables(&parts, body.size_hint().exact(), ends));
    let mut body = Box::pin(body);
    let (head, first) = loop {
        match exchange.next(&mut socket, body.as_mut()).await? {
            Some(piece) => {
                exchange.head.extend_from_slice(&piece);
                if let Some(end) = end_of_head(&exchange.head) {
                    let head = exchange.head.split_to(end);
                    break (head, exchange.head.split().freeze());
                }
                if exchange.head.len() > MAX_HEAD {
                    return Err(invalid("the header block is too long"));
                }
            }
            None => return Err(invalid("the response has no header block")),
        }
    };
    let (status, headers) = read_head(&head)?;
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(pass_on(exchange, socket, body, first, sender));
    let mut response = Response::new(Pieces(pieces).boxed());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Hands the rest of a response to the browser; an error breaks it off there too.
async fn pass_on<S>(
    mut exchange: Exchange,
    mut socket: S,
    mut body: Pin<Box<Incoming>>,
    first: Bytes,
    sender: mpsc::Sender<io::Result<Bytes>>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut piece = Ok(Some(first));
    while let Some(next) = piece.transpose() {
        let failed = next.is_err();
        if sender.send(next).await.is_err() || failed {
            return; // Dropping the socket cancels the request.
        }
        piece = exchange.next(&mut socket, body.as_mut()).await;
    }
}

/// The rest of a response, as it arrives.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// One request on its connection.
struct Exchange {
    protocol: Connection,
    body_ended: bool,
    head: BytesMut,
}

impl Exchange {
    /// The next piece of the response, or nothing at its end; sends the request's body meanwhile.
    async fn next<S>(&mut self, socket: &mut S, mut body: Pin<&mut Incoming>) -> io::Result<Option<Bytes>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut reader, mut writer) = tokio::io::split(socket);
        loop {
            while let Some(event) = self.protocol.poll().map_err(invalid)? {
                match event {
                    Event::Stdout { data, .. } => return Ok(Some(data)),
                    Event::End { .. } => return Ok(None),
                    _ => {} // Standard error is in the host's log already.
                }
            }
            let output = self.protocol.output().has_remaining();
            let mut received = BytesMut::with_capacity(READ);
            tokio::select! {
                read = reader.read_buf(&mut received) => match read? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => self.protocol.buffer().unsplit(received),
                },
                written = writer.write_buf(self.protocol.output()), if output => { written?; }
                frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)), if !output && !self.body_ended => self.send(frame),
            }
        }
    }

    fn send(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        let piece = match frame {
            None => Bytes::new(),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => return,
                Ok(data) => data,
                Err(_trailers) => return,
            },
            Some(Err(_)) => {
                self.body_ended = true;
                self.protocol.abort(RequestId::FIRST);
                return;
            }
        };
        self.body_ended = piece.is_empty();
        self.protocol.stdin(RequestId::FIRST, piece);
    }
}

/// The CGI variables of a request (RFC 3875 §4.1).
fn variables(parts: &Parts, length: Option<u64>, ends: Ends) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut variables = Vec::new();
    let mut set = |name: &str, value: &[u8]| variables.push((name.as_bytes().to_vec(), value.to_vec()));
    set("GATEWAY_INTERFACE", b"CGI/1.1");
    set("SERVER_SOFTWARE", concat!("fcgi-wasm-host/", env!("CARGO_PKG_VERSION")).as_bytes());
    set("SERVER_PROTOCOL", format!("{:?}", parts.version).as_bytes());
    set("REQUEST_METHOD", parts.method.as_str().as_bytes());
    set("REQUEST_URI", parts.uri.path_and_query().map_or("/", |uri| uri.as_str()).as_bytes());
    set("REQUEST_SCHEME", b"http");
    set("SCRIPT_NAME", b"");
    set("PATH_INFO", &decoded(parts.uri.path().as_bytes()));
    set("QUERY_STRING", parts.uri.query().unwrap_or_default().as_bytes());
    set("REMOTE_ADDR", ends.peer.ip().to_string().as_bytes());
    set("REMOTE_PORT", ends.peer.port().to_string().as_bytes());
    set("SERVER_ADDR", ends.local.ip().to_string().as_bytes());
    set("SERVER_NAME", ends.local.ip().to_string().as_bytes());
    set("SERVER_PORT", ends.local.port().to_string().as_bytes());
    set("CONTENT_LENGTH", length.map_or(String::new(), |length| length.to_string()).as_bytes());
    for (name, value) in &parts.headers {
        match name.as_str() {
            "content-type" => set("CONTENT_TYPE", value.as_bytes()),
            "content-length" => {}
            name => set(&format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_")), value.as_bytes()),
        }
    }
    variables
}

/// Where the body begins: after the first empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let crlf = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|start| start + 4);
    let lf = bytes.windows(2).position(|two| two == b"\n\n").map(|start| start + 2);
    crlf.into_iter().chain(lf).min()
}

fn read_head(head: &[u8]) -> io::Result<(StatusCode, HeaderMap)> {
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let colon =
            line.iter().position(|byte| *byte == b':').ok_or_else(|| invalid("a header without a colon"))?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"status") {
            status = StatusCode::from_bytes(value.get(..3).unwrap_or_default()).map_err(invalid)?;
        } else {
            let name = HeaderName::from_bytes(name).map_err(invalid)?;
            headers.append(name, HeaderValue::from_bytes(value).map_err(invalid)?);
        }
    }
    Ok((status, headers))
}

fn invalid(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let (status, headers) = read_head(b"Status: 303 See Other\r\nlocation: /x\r\n\r\n").expect("a head");
        assert_eq!((status.as_u16(), headers["location"].as_bytes()), (303, b"/x".as_slice()));
        for bad in ["no colon\n\n", "Status: 9\n\n", "a b: c\n\n"] {
            assert!(read_head(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(end_of_head(b"a: b\r\n\r\nbody"), Some(8));
        assert_eq!(end_of_head(b"a: b\n\nbody\r\n\r\n"), Some(6));
        assert_eq!(end_of_head(b"a: b\r\n"), None);
    }
}
