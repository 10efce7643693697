//! Requests that a handler makes itself: to the servers that its route names, and to no other.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{
    Request, Response, Uri,
    uri::{PathAndQuery, Scheme},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use thiserror::Error as ThisError;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, Error as TlsError, RootCertStore, pki_types::ServerName},
};
use tracing::{info, warn};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::capability::{Origin, Outbound};

/// How long a server may take to accept a connection, or to send anything, where the handler does not say. Its deadline is
/// shorter as a rule.
const PATIENCE: Duration = Duration::from_mins(1);

/// A handler's way to other servers.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    allowed: Outbound,
    tls: Option<Arc<ClientConfig>>,
}

/// No request can be made.
#[derive(Debug, ThisError)]
pub enum GateError {
    /// Nobody could be believed to be the server that is named.
    #[error(
        "outbound: this machine has no certificates of authorities for https ({0}); install ca-certificates"
    )]
    Certificates(String),
}

/// What a sent request leads to: the response, and the work of the connection that its body comes from.
pub(super) type Sent =
    Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl Gate {
    /// A gate to what is `allowed`, which is something.
    pub fn new(allowed: Outbound) -> Result<Self, GateError> {
        let tls = allowed.origins.iter().any(|origin| origin.tls).then(tls).transpose()?;
        Ok(Self(Arc::new(Inner { allowed, tls })))
    }

    /// Sends a request, if it may be sent.
    pub(super) async fn send(self, request: Request<WasiBody>, options: Option<RequestOptions>) -> Sent {
        let options = options.unwrap_or_default();
        let target = Target::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        let Some(origin) = self.0.allowed.origins.iter().find(|origin| target.is(origin)) else {
            info!(%target, "request of a handler refused: the server is not among those of its route (outbound)");
            return Err(Error::HttpRequestDenied);
        };
        let connecting = async {
            let stream = self.connect(&target, origin).await?;
            Ok::<_, Error>(if target.tls { self.secure(&target, stream).await? } else { Box::new(stream) })
        };
        let patience = options.connect_timeout.unwrap_or(PATIENCE);
        let stream = timeout(patience, connecting).await.map_err(|_| Error::ConnectionTimeout)??;
        exchange(stream, request, &options).await
    }

    /// Connects to the first address of the server that may be connected to.
    async fn connect(&self, target: &Target, origin: &Origin) -> Result<TcpStream, Error> {
        let bare = target.host.trim_start_matches('[').trim_end_matches(']');
        let found = lookup_host((bare, target.port)).await.map_err(|error| {
            info!(%target, %error, "a handler asks for a server that has no address");
            Error::DnsError { rcode: None, info_code: None }
        })?;
        // An address that the operator wrote is meant; one behind a name is whatever others say that it is.
        let is_literal = !origin.host.starts_with("*.") && bare.parse::<IpAddr>().is_ok();
        let (allowed, refused): (Vec<SocketAddr>, Vec<SocketAddr>) =
            found.partition(|address| is_literal || self.0.allowed.private || is_public(address.ip()));
        let mut last = match refused.first() {
            Some(address) if allowed.is_empty() => {
                warn!(%target, %address, "request of a handler refused: the name leads into a private network \
                    (outbound-private = true allows that)");
                Error::DestinationIpProhibited
            }
            _ => Error::DestinationNotFound,
        };
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Error::Connect(error),
            }
        }
        Err(last)
    }

    async fn secure(&self, target: &Target, stream: TcpStream) -> Result<Box<dyn Stream>, Error> {
        let config = self.0.tls.clone().ok_or(Error::ConfigurationError)?;
        let bare = target.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|_| Error::HttpRequestUriInvalid)?;
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(unsecured(target, error)),
        }
    }
}

/// One line about a server that could be connected to, and cannot be trusted.
fn unsecured(target: &Target, error: io::Error) -> Error {
    let Some(TlsError::InvalidCertificate(reason)) = error.get_ref().and_then(|error| error.downcast_ref())
    else {
        info!(%target, %error, "request of a handler failed: no TLS with the server");
        return Error::Tls(error);
    };
    warn!(%target, %reason, "request of a handler failed: the server's certificate is not believed (authorities are those of \
        this machine, or of SSL_CERT_FILE)");
    Error::TlsCertificateError
}

/// The machine's own certificates, so that those of a company are among them.
fn tls() -> Result<Arc<ClientConfig>, GateError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(GateError::Certificates(reasons.join("; ")));
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The server that a request is for.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    tls: bool,
    host: String,
    port: u16,
}

impl Target {
    fn of(uri: &Uri) -> Option<Self> {
        let authority = uri.authority()?;
        // A name and a password in it are for people's browsers.
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let tls = uri.scheme() == Some(&Scheme::HTTPS);
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Some(Self { tls, host: authority.host().trim_end_matches('.').to_owned(), port })
    }

    fn is(&self, origin: &Origin) -> bool {
        origin.covers(self.tls, &self.host, self.port)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        // What a handler wrote cannot pass for a line of the log.
        write!(formatter, "{scheme}://{}:{}", self.host.escape_default(), self.port)
    }
}

/// Whether an address is one of the Internet's servers (the registries of RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let protocols = (first, second, third) == (192, 0, 0);
    let benchmarks = first == 198 && (18..20).contains(&second);
    let special = address.is_private() || address.is_loopback() || address.is_link_local();
    let nowhere = first == 0 || first >= 224 || address.is_documentation();
    !(special || nowhere || shared || protocols || benchmarks)
}

/// The address of IPv4 that one of IPv6 stands for: mapped, compatible, by NAT64 or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only what has been given out as global unicast, less what is for examples and tunnels.
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
}

/// Sends a request over a connection and waits for the head of the response.
async fn exchange(stream: Box<dyn Stream>, mut request: Request<WasiBody>, options: &RequestOptions) -> Sent {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    *request.uri_mut() = path.into();
    let mut connection = Box::pin(connection);
    let mut response = Box::pin(sender.send_request(request));
    let mut ended = None;
    let both = async {
        tokio::select! {
            biased;
            response = &mut response => response,
            end = &mut connection => {
                // It may have ended right behind a whole response: by itself that is no failure of this one.
                ended = Some(end);
                response.await
            }
        }
    };
    let patience = options.first_byte_timeout.unwrap_or(PATIENCE);
    let response = timeout(patience, both).await.map_err(|_| Error::ConnectionReadTimeout)?;
    let response = response.map_err(Error::from)?;
    let patience = options.between_bytes_timeout.unwrap_or(PATIENCE);
    let response = response.map(|body| Timed::new(body, patience).boxed_unsync());
    let work = async move {
        // The sender keeps the connection open for as long as the body is read.
        let _sender = sender;
        match ended {
            Some(end) => end.map_err(Error::from),
            None => connection.await.map_err(Error::from),
        }
    };
    Ok((response, Box::new(work)))
}

/// A body whose pieces must not take too long.
struct Timed {
    body: Incoming,
    patience: Duration,
    end: Pin<Box<Sleep>>,
}

impl Timed {
    fn new(body: Incoming, patience: Duration) -> Self {
        Self { body, patience, end: Box::pin(sleep_until(Instant::now() + patience)) }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.end.as_mut().reset(Instant::now() + this.patience);
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        ready!(this.end.as_mut().poll(context));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let check = |uri: &str, expected: Option<(bool, &str, u16)>| {
            let found = Target::of(&uri.parse().expect("a URI"));
            let found = found.as_ref().map(|target| (target.tls, target.host.as_str(), target.port));
            assert_eq!(found, expected, "{uri}");
        };
        check("http://a.org/x", Some((false, "a.org", 80)));
        check("https://a.org.:8443/", Some((true, "a.org", 8443)));
        check("http://[::1]/", Some((false, "[::1]", 80)));
        check("http://user:password@a.org/", None);
        check("/x", None);
    }

    #[test]
    fn private_addresses() {
        let check = |addresses: &[&str], expected| {
            for address in addresses {
                assert_eq!(is_public(address.parse().expect("an address")), expected, "{address}");
            }
        };
        check(&["1.1.1.1", "192.1.2.3", "198.20.0.1", "2606:4700::1111", "64:ff9b::101:101"], true);
        check(&["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0"], false);
        check(&["100.64.0.1", "192.0.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255"], false);
        check(&["::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "2001::1"], false);
        check(&["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"], false);
    }
}
