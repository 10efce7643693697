//! Connections that keep their requests under way until the end, and the sum of what they saw.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Buf;
use fcgi::{
    RequestId,
    client::{Connection, Event},
};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinSet,
    time::timeout,
};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use crate::{histogram::Histogram, request::Template, response::Response};

/// Read at once: a record.
const READ: usize = 64 << 10;

/// How long all the requests of a connection may be without any progress before they count as failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The pause after a connection could not be made, so that a dead server is not asked without end.
const PAUSE: Duration = Duration::from_millis(10);

/// When no further request is begun.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Requests(u64),
    At(Instant),
}

impl End {
    pub(crate) fn new(requests: Option<u64>, seconds: Option<f64>) -> Self {
        let seconds = Duration::from_secs_f64(seconds.unwrap_or(5.0));
        requests.map_or_else(|| Self::At(Instant::now() + seconds), Self::Requests)
    }

    /// Whether another request may begin, which is then counted.
    fn admits(&mut self) -> bool {
        match self {
            Self::Requests(0) => false,
            Self::Requests(left) => {
                *left -= 1;
                true
            }
            Self::At(end) => Instant::now() < *end,
        }
    }
}

/// What is printed. Latencies are in microseconds, from the first byte queued to the request's end.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    requests: u64,
    seconds: f64,
    requests_per_second: f64,
    failures: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_failure: Option<String>,
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
    bytes: u64,
}

/// The load and what came of it, shared by all connections.
pub(crate) struct Load {
    address: String,
    template: Template,
    expect_length: Option<u64>,
    end: RefCell<End>,
    seen: RefCell<Seen>,
}

struct Seen {
    latencies: Histogram,
    requests: u64,
    bytes: u64,
    failures: u64,
    first_failure: Option<String>,
}

impl Load {
    pub(crate) fn new(address: String, template: Template, expect_length: Option<u64>, end: End) -> Self {
        let seen =
            Seen { latencies: Histogram::new(), requests: 0, bytes: 0, failures: 0, first_failure: None };
        Self { address, template, expect_length, end: RefCell::new(end), seen: RefCell::new(seen) }
    }

    /// Runs to the end on `connections` connections with `multiplex` requests each. Must be called in a `LocalSet`.
    pub(crate) async fn run(self, connections: u16, multiplex: u16) -> Report {
        let started = Instant::now();
        let load = Rc::new(self);
        let mut drivers = JoinSet::new();
        for _ in 0..connections {
            drivers.spawn_local(Rc::clone(&load).drive(multiplex));
        }
        while drivers.join_next().await.is_some() {}
        load.report(started.elapsed())
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody waits for 2^53 requests")]
    fn report(&self, elapsed: Duration) -> Report {
        let seen = self.seen.borrow();
        let seconds = elapsed.as_secs_f64();
        Report {
            requests: seen.requests,
            seconds,
            requests_per_second: seen.requests as f64 / seconds,
            failures: seen.failures,
            first_failure: seen.first_failure.clone(),
            p50: seen.latencies.percentile(50),
            p90: seen.latencies.percentile(90),
            p99: seen.latencies.percentile(99),
            max: seen.latencies.max(),
            bytes: seen.bytes,
        }
    }

    /// Keeps one connection busy, or one after another.
    async fn drive(self: Rc<Self>, multiplex: u16) {
        while self.end.borrow_mut().admits() {
            let begun = Instant::now();
            let result = if let Ok(address) = self.address.parse::<SocketAddr>() {
                self.use_stream(TcpStream::connect(address).await.and_then(without_delay), begun, multiplex)
                    .await
            } else {
                self.use_stream(UnixStream::connect(&self.address).await, begun, multiplex).await
            };
            if let Err(error) = result {
                self.failed(1, &format!("cannot connect to {}: {error}", self.address));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Sends requests until the connection or the load ends; the first of them was admitted and began at `begun`.
    async fn use_stream<S>(&self, stream: io::Result<S>, begun: Instant, multiplex: u16) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut socket = stream?;
        let mut exchange = Exchange::new(self, multiplex);
        exchange.begin(RequestId::FIRST, begun);
        exchange.fill();
        let lost = loop {
            let step = std::future::poll_fn(|context| exchange.poll(&mut socket, context));
            match timeout(PATIENCE, step).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(()),
                Ok(Err(reason)) => break reason,
                Err(_) => break format!("nothing happened for {} s", PATIENCE.as_secs()),
            }
        };
        // What had not begun to be answered is lost with the rest.
        self.failed(exchange.running.len() as u64, &lost);
        Ok(())
    }

    fn answered(&self, begun: Instant, length: u64) {
        let mut seen = self.seen.borrow_mut();
        seen.latencies.record(begun.elapsed());
        seen.requests += 1;
        seen.bytes += length;
    }

    fn failed(&self, requests: u64, reason: &str) {
        let mut seen = self.seen.borrow_mut();
        seen.failures += requests;
        if requests > 0 {
            seen.first_failure.get_or_insert_with(|| reason.to_owned());
        }
    }
}

/// Requests are written whole; waiting for more to send with them only delays them.
fn without_delay(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One connection and the requests on it.
struct Exchange<'a> {
    load: &'a Load,
    protocol: Connection,
    running: BTreeMap<RequestId, Running>,
    multiplex: u16,
}

struct Running {
    begun: Instant,
    response: Response,
    failure: Option<String>,
}

impl<'a> Exchange<'a> {
    fn new(load: &'a Load, multiplex: u16) -> Self {
        Self { load, protocol: Connection::new(), running: BTreeMap::new(), multiplex }
    }

    fn begin(&mut self, id: RequestId, begun: Instant) {
        self.load.template.send(&mut self.protocol, id);
        self.running.insert(id, Running { begun, response: Response::default(), failure: None });
    }

    /// Begins what there is room for.
    fn fill(&mut self) {
        for id in (1..=self.multiplex).filter_map(RequestId::new) {
            if !self.running.contains_key(&id) && self.load.end.borrow_mut().admits() {
                self.begin(id, Instant::now());
            }
        }
    }

    /// Ready when something was read: with true to go on, with false when nothing is left to do here.
    fn poll<S>(&mut self, socket: &mut S, context: &mut Context<'_>) -> Poll<Result<bool, String>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        while self.protocol.output().has_remaining() {
            match poll_write_buf(Pin::new(&mut *socket), context, self.protocol.output()) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0)) => return Poll::Ready(Err("the connection takes no more".into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.to_string())),
                Poll::Pending => break,
            }
        }
        self.protocol.buffer().reserve(READ);
        match poll_read_buf(Pin::new(socket), context, self.protocol.buffer()) {
            Poll::Ready(Ok(1..)) => Poll::Ready(self.receive()),
            Poll::Ready(Ok(0)) => Poll::Ready(Err("the connection was closed inside a response".into())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.to_string())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn receive(&mut self) -> Result<bool, String> {
        while let Some(event) = self.protocol.poll().map_err(|error| error.to_string())? {
            match event {
                Event::Stdout { id, data } => {
                    let Some(running) = self.running.get_mut(&id) else { continue };
                    if running.failure.is_none() {
                        running.failure = running.response.receive(&data).err();
                    }
                }
                Event::End { id, status, .. } => {
                    let Some(Running { begun, response, failure }) = self.running.remove(&id) else {
                        continue;
                    };
                    let outcome =
                        failure.map_or_else(|| response.finish(status, self.load.expect_length), Err);
                    match outcome {
                        Ok(length) => self.load.answered(begun, length),
                        Err(reason) => self.load.failed(1, &reason),
                    }
                }
                Event::Stderr { .. } | Event::Values(_) | Event::UnknownType(_) => {}
            }
        }
        if self.load.template.keep_alive {
            self.fill();
        }
        Ok(!self.running.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_of_requests_ends_after_so_many() {
        let mut end = End::new(Some(2), None);
        assert_eq!([end.admits(), end.admits(), end.admits()], [true, true, false]);
    }

    #[test]
    fn a_dead_server_is_told_as_failures() {
        let template = Template::new("/", 0, Vec::new(), true).unwrap();
        let load = Load::new("/nowhere/socket".into(), template, None, End::new(Some(3), None));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let report = tokio::task::LocalSet::new().block_on(&runtime, load.run(2, 1));
        assert_eq!((report.requests, report.failures), (0, 3));
        assert!(report.first_failure.unwrap().contains("/nowhere/socket"));
    }
}
