//! Behaviours that try to reach the network.

use std::net::SocketAddrV4;

use wasip3::http::client;
use wasip3::http::types::{Fields, Request, Response, Scheme};
use wasip3::sockets::types::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket};
use wasip3::wit_future;

use crate::exchange::{Exchange, text};

pub(crate) async fn fetch(exchange: &Exchange) -> Response {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, trailers, None);
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(exchange.parameter("to").as_deref());
    let _ = request.set_path_with_query(Some("/"));
    told(client::send(request).await)
}

pub(crate) async fn connect(exchange: &Exchange) -> Response {
    match TcpSocket::create(IpAddressFamily::Ipv4) {
        Ok(socket) => told(socket.connect(address(exchange)).await),
        Err(error) => told(Err::<(), _>(error)),
    }
}

pub(crate) fn listen(exchange: &Exchange) -> Response {
    let listening = TcpSocket::create(IpAddressFamily::Ipv4)
        .and_then(|socket| socket.bind(address(exchange)).and_then(|()| socket.listen()));
    told(listening)
}

fn address(exchange: &Exchange) -> IpSocketAddress {
    let to: SocketAddrV4 = exchange.parameter("to").and_then(|to| to.parse().ok()).expect("an address");
    let [a, b, c, d] = to.ip().octets();
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port: to.port(), address: (a, b, c, d) })
}

fn told<T, E: std::fmt::Debug>(outcome: Result<T, E>) -> Response {
    match outcome {
        Ok(_) => text(200, "done\n"),
        Err(error) => text(502, &format!("{error:?}\n")),
    }
}
