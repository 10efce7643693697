//! FastCGI clients that this project did not write: a page, a body, a large response, and connections that are kept.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use fastcgi_client::{
    Client, Params,
    io::{AsyncRead, AsyncWrite, Cursor},
};
use tests::{Request, Response, TestHost, foreign, guest, noise};

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).start()
}

/// A body that may be printed between others.
fn text(length: u32) -> Bytes {
    noise(length).iter().map(|byte| byte | 1).collect()
}

/// Has a client ask for a page, send a body and receive a large one.
fn exchange(ask: impl Fn(&TestHost, &Request) -> Response) {
    let host = behaviours();
    let page = ask(&host, &Request::get("/visits"));
    assert_eq!((page.status(), page.text()), (200, "1\n"));
    for length in [1, 10_000, 300_000] {
        let echo = ask(&host, &Request::post("/echo", text(length)));
        assert!(echo.body() == text(length), "{length}");
    }
    let large = ask(&host, &Request::get("/generate?bytes=3000000"));
    assert_eq!(large.body().len(), 3_000_000);
    assert_eq!(ask(&host, &Request::get("/status?code=404")).status(), 404);
}

/// Has a client ask for several pages at once or after one another.
fn again(ask: impl Fn(&TestHost, &Request, usize) -> Vec<Response>) {
    let host = behaviours();
    let pages = ask(&host, &Request::get("/drip?chunks=3&ms=1"), 10);
    assert_eq!(pages.len(), 10);
    assert!(pages.iter().all(|page| page.text() == "chunk 1\nchunk 2\nchunk 3\n"));
}

#[test]
fn cgi_fcgi_of_the_developers_kit() {
    exchange(foreign::cgi_fcgi);
}

#[test]
fn fcgi_client_of_perl() {
    exchange(foreign::fcgi_client_perl);
}

#[test]
fn net_fastcgi_of_perl() {
    exchange(|host, request| foreign::net_fastcgi_perl(host, request, 1).remove(0));
    again(foreign::net_fastcgi_perl);
}

#[test]
fn fastcgi_client_of_npm() {
    exchange(|host, request| foreign::fastcgi_client_npm(host, request, 1).remove(0));
    again(foreign::fastcgi_client_npm);
}

#[test]
fn fastcgi_client_of_rust() {
    exchange(|host, request| {
        block_on(Client::new(Blocking::to(host)).execute_once(foreign_request(request)))
    });
    again(|host, request, count| {
        let mut client = Client::new_keep_alive(Blocking::to(host));
        (0..count).map(|_| block_on(client.execute(foreign_request(request)))).collect()
    });
}

fn foreign_request(request: &Request) -> fastcgi_client::Request<'_, Cursor<&[u8]>> {
    let variables = request.variables();
    let params = variables.fold(Params::default(), |params, (name, value)| params.custom(name, value));
    fastcgi_client::Request::new(params, Cursor::new(request.content()))
}

fn block_on(
    exchange: impl Future<Output = fastcgi_client::ClientResult<fastcgi_client::Response>>,
) -> Response {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let response = runtime.block_on(exchange).expect("a response");
    Response { stdout: response.stdout.expect("some output"), ..Response::default() }
}

/// A socket that is always ready: the client has the thread for itself.
struct Blocking(UnixStream);

impl Blocking {
    fn to(host: &TestHost) -> Self {
        Self(UnixStream::connect(host.socket()).expect("a host that listens"))
    }
}

impl AsyncRead for Blocking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.0.read(bytes))
    }
}

impl AsyncWrite for Blocking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.0.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.0.shutdown(Shutdown::Both))
    }
}
