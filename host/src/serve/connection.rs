//! One connection from a web server: a task that owns the socket, and the requests that run on it.
//!
//! The task moves bytes between the socket and the protocol's state machine, which does not wait, and runs the
//! connection's request itself: handing it to another task costs more than a small handler. A request that begins
//! while another one runs gets a task of its own and talks to this one over bounded channels.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use fcgi::{Event, Limits, Params, ProtocolError, ProtocolStatus, RequestId, Role};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::{
    io::{poll_read_buf, poll_write_buf},
    sync::CancellationToken,
    task::AbortOnDropHandle,
};

use super::{
    dispatch::{self, Dispatch, Incoming, Input},
    outbox::{Content, MESSAGES, Message, Ticket},
    roles::FileWriter,
    watch::{Owed, Stalled, Watch},
};
use crate::body;

/// Output that waits for the socket before the handlers' next messages wait too.
const OUTPUT_FULL: usize = 256 << 10;

/// Answers below this size wait for one turn of the other connections that are ready.
const SMALL_ANSWER: usize = 16 << 10;

/// Read at once while bodies arrive: one record.
const READ_BODY: usize = 64 << 10;

/// Read at once otherwise, on the stack, so that an idle connection holds no buffer. A request without a body fits.
const READ_HEAD: usize = 8 << 10;

/// How long a body that its handler does not read may hold up the other requests of its connection.
const HOLD_UP: Duration = Duration::from_secs(10);

/// How long the neighbours of a broken response have to finish, before closing tells the client that it is broken.
const BROKEN_GRACE: Duration = Duration::from_secs(5);

/// How long and how much is read and dropped after the last response, so that closing does not destroy it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 16 << 20;

/// Why a connection ended otherwise than in good order.
#[derive(Debug, Error)]
pub(super) enum Closed {
    #[error("{0}")]
    Protocol(#[from] ProtocolError),
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("the web server {0}")]
    Stalled(Stalled),
    #[error("the web server closed the connection with {0} requests running; they were cancelled")]
    Lost(usize),
    #[error("a response could not be completed; closing tells the web server so")]
    Broken,
}

/// Serves a connection to its end.
pub(super) async fn serve<S>(
    mut socket: S,
    dispatch: Arc<Dispatch>,
    stop: CancellationToken,
) -> Result<(), Closed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut pump = Pump::new(dispatch, stop);
    let served = std::future::poll_fn(|context| pump.poll(&mut socket, context)).await;
    if pump.unread_input && matches!(served, Ok(()) | Err(Closed::Broken)) {
        linger(&mut socket).await;
    }
    served
}

/// Says that nothing more comes, and drops what still arrives: closing with unread input would make the system
/// destroy the response on its way.
async fn linger<S>(socket: &mut S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let drain = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // Whatever happens here, the connection ends.
    let _ = timeout(LINGER, drain).await;
}

struct Pump {
    dispatch: Arc<Dispatch>,
    protocol: fcgi::Connection,
    requests: Vec<Running>,
    sender: mpsc::Sender<Message>,
    messages: mpsc::Receiver<Message>,
    held: Option<Held>,
    watch: Watch,
    tickets: u64,
    had_others_first: bool,
    /// Several requests ran at once: behind a body that is held up, another one may wait unseen.
    multiplexed: bool,
    broken: Option<Instant>,
    /// A request was answered before all of its input was read.
    unread_input: bool,
}

/// A request that has not ended.
struct Running {
    id: RequestId,
    ticket: Ticket,
    /// What arrives now, where somebody takes it.
    body: Option<body::Writer>,
    /// What arrives after that.
    file: Option<FileWriter>,
    /// Everything has arrived.
    received: bool,
    work: Work,
}

enum Work {
    /// Runs in the connection's task.
    Here(dispatch::Work),
    /// Runs in a task of its own.
    Elsewhere { _task: AbortOnDropHandle<()> },
    /// Has nothing left to do but to see its last message sent.
    Done,
}

/// A piece of a body for which there is no room yet.
struct Held {
    id: RequestId,
    piece: Bytes,
    since: Instant,
}

impl Pump {
    fn new(dispatch: Arc<Dispatch>, stop: CancellationToken) -> Self {
        let (sender, messages) = mpsc::channel(MESSAGES);
        let watch = Watch::new(dispatch.patience(), stop);
        Self {
            dispatch,
            protocol: fcgi::Connection::new(Limits::default()),
            requests: Vec::new(),
            sender,
            messages,
            held: None,
            watch,
            tickets: 0,
            had_others_first: false,
            multiplexed: false,
            broken: None,
            unread_input: false,
        }
    }

    /// Moves everything that can be moved. Ready when the connection is to be closed.
    fn poll<S>(&mut self, socket: &mut S, context: &mut Context<'_>) -> Poll<Result<(), Closed>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let mut moved = self.run(context);
            moved |= self.collect(context);
            if self.lets_others_first() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            moved |= self.write(socket, context)?;
            moved |= self.release(context);
            moved |= self.read(socket, context)?;
            moved |= self.receive(context)?;
            if !moved {
                if self.is_finished() {
                    return Poll::Ready(if self.broken.is_some() { Err(Closed::Broken) } else { Ok(()) });
                }
                ready!(self.wait(context))?;
            }
        }
    }

    /// Runs the request that belongs to this task.
    fn run(&mut self, context: &mut Context<'_>) -> bool {
        for request in &mut self.requests {
            if let Work::Here(work) = &mut request.work
                && work.as_mut().poll(context).is_ready()
            {
                request.work = Work::Done;
                return true;
            }
        }
        false
    }

    /// Takes what requests have to say, as long as the socket keeps up.
    fn collect(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        // Without requests nobody is there to say anything: asking would have this task woken by its own next request.
        while !self.requests.is_empty() && !self.is_output_full() {
            let Poll::Ready(Some(Message { ticket, content })) = self.messages.poll_recv(context) else {
                break;
            };
            moved = true;
            let Some(id) =
                self.requests.iter().find(|request| request.ticket == ticket).map(|found| found.id)
            else {
                continue; // It was aborted in the meantime.
            };
            match content {
                Content::Stdout(bytes) => drop(self.protocol.stdout(id, bytes)),
                Content::Stderr(bytes) => drop(self.protocol.stderr(id, bytes)),
                Content::End(status) => self.end(id, status),
                Content::Broken => {
                    self.unread_input |= self.forget(id);
                    self.broken.get_or_insert_with(Instant::now);
                    // With neighbours, who are still to finish, closing alone must tell it.
                    if self.requests.is_empty() {
                        self.protocol.break_off(id);
                    }
                }
            }
        }
        moved
    }

    /// Whether to give the other connections that are ready a turn before writing a small answer.
    ///
    /// Their answers are then written one right after the other, and a web server that sleeps is woken once for all
    /// of them: a wake-up costs as much as a small handler. Where nobody else is ready, the turn comes back at once.
    fn lets_others_first(&mut self) -> bool {
        let pending = self.protocol.output().remaining();
        let small = (1..SMALL_ANSWER).contains(&pending);
        let lets = small && !self.had_others_first;
        self.had_others_first = small;
        lets
    }

    fn write<S>(&mut self, socket: &mut S, context: &mut Context<'_>) -> Result<bool, Closed>
    where
        S: AsyncWrite + Unpin,
    {
        let mut moved = false;
        while self.protocol.output().has_remaining() {
            match poll_write_buf(Pin::new(&mut *socket), context, self.protocol.output()) {
                Poll::Ready(Ok(0)) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Poll::Ready(Ok(_)) => {
                    self.watch.wrote();
                    moved = true;
                }
                Poll::Ready(Err(error)) => return Err(self.lost(error)),
                Poll::Pending => break,
            }
        }
        Ok(moved)
    }

    fn read<S>(&mut self, socket: &mut S, context: &mut Context<'_>) -> Result<bool, Closed>
    where
        S: AsyncRead + Unpin,
    {
        if self.held.is_some()
            || self.broken.is_some()
            || self.is_output_full()
            || !self.protocol.wants_read()
        {
            return Ok(false);
        }
        let read = if self.requests.iter().any(|request| request.body.is_some()) {
            self.protocol.buffer().reserve(READ_BODY);
            poll_read_buf(Pin::new(socket), context, self.protocol.buffer())
        } else {
            self.read_head(socket, context)
        };
        match read {
            Poll::Ready(Ok(0)) => Err(self.end_of_input()),
            Poll::Ready(Ok(_)) => {
                self.watch.read();
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(self.lost(error)),
            Poll::Pending => Ok(false),
        }
    }

    fn read_head<S>(&mut self, socket: &mut S, context: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        S: AsyncRead + Unpin,
    {
        let mut bytes = [MaybeUninit::uninit(); READ_HEAD];
        let mut bytes = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(socket).poll_read(context, &mut bytes))?;
        self.protocol.buffer().extend_from_slice(bytes.filled());
        Poll::Ready(Ok(bytes.filled().len()))
    }

    /// Hands what was read to the requests that it belongs to.
    fn receive(&mut self, context: &Context<'_>) -> Result<bool, Closed> {
        let mut moved = false;
        while self.held.is_none() && self.broken.is_none() && !self.is_output_full() {
            let Some(event) = self.protocol.poll()? else { break };
            moved = true;
            match event {
                Event::Begin { id, role, params } => self.begin(id, role, params),
                Event::Stdin { id, data } | Event::Data { id, data } => self.pass(id, data, context),
                Event::StdinEnd { id } | Event::DataEnd { id } => self.end_stream(id),
                Event::Abort { id } => self.end(id, 0),
            }
        }
        Ok(moved)
    }

    fn begin(&mut self, id: RequestId, role: Role, params: Params) {
        let ticket = Ticket(self.tickets + 1);
        let incoming = Incoming { ticket, role, params, connection: self.sender.clone() };
        let (Input { body, file }, work) = match self.dispatch.begin(incoming) {
            Ok(begun) => begun,
            Err(refusal) => return self.refuse(id, refusal),
        };
        self.tickets += 1;
        self.watch.began();
        self.multiplexed |= !self.requests.is_empty();
        let here = self.requests.iter().all(|request| !matches!(request.work, Work::Here(_)));
        let work = if here {
            Work::Here(work)
        } else {
            Work::Elsewhere { _task: AbortOnDropHandle::new(tokio::spawn(work)) }
        };
        self.requests.push(Running { id, ticket, body, file, received: false, work });
    }

    /// Ends a request in a role that is not served.
    fn refuse(&mut self, id: RequestId, refusal: Bytes) {
        self.unread_input = true;
        self.protocol.stdout(id, refusal);
        self.protocol.end(id, 0, ProtocolStatus::UnknownRole);
    }

    fn pass(&mut self, id: RequestId, piece: Bytes, context: &Context<'_>) {
        let Some(body) = self.request(id).and_then(|request| request.body.as_ref()) else { return };
        if body.poll_ready(context).is_ready() {
            body.push(piece);
        } else {
            self.held = Some(Held { id, piece, since: Instant::now() });
        }
    }

    /// A stream has ended. A filter's file follows its body, unless that was not what it should have been.
    fn end_stream(&mut self, id: RequestId) {
        let Some(request) = self.request(id) else { return };
        let complete = request.body.take().is_some_and(|body| body.finish());
        request.received = request.file.is_none();
        request.body = request.file.take().filter(|_| complete).map(FileWriter::begin);
    }

    /// Passes the piece that was held, once there is room for it.
    fn release(&mut self, context: &Context<'_>) -> bool {
        let Some(Held { id, piece, since }) = self.held.take() else { return false };
        self.pass(id, piece, context);
        let Some(held) = &mut self.held else { return true };
        held.since = since;
        if !self.multiplexed || since.elapsed() < HOLD_UP {
            return false;
        }
        // Its handler goes on, with a body that is broken off; the neighbours get theirs.
        self.held = None;
        if let Some(request) = self.request(id) {
            request.body = None;
            request.file = None;
        }
        true
    }

    fn end(&mut self, id: RequestId, app_status: u32) {
        self.unread_input |= self.forget(id);
        self.protocol.end(id, app_status, ProtocolStatus::RequestComplete);
    }

    /// Drops a request, and with it what still runs for it. Returns whether some of its input was unread.
    fn forget(&mut self, id: RequestId) -> bool {
        if self.held.as_ref().is_some_and(|held| held.id == id) {
            self.held = None;
        }
        let Some(index) = self.requests.iter().position(|request| request.id == id) else { return false };
        !self.requests.swap_remove(index).received
    }

    fn request(&mut self, id: RequestId) -> Option<&mut Running> {
        self.requests.iter_mut().find(|request| request.id == id)
    }

    /// Whether so much waits for the socket that nothing may be added, by handlers or by answers to the peer's records.
    fn is_output_full(&mut self) -> bool {
        self.protocol.output().remaining() >= OUTPUT_FULL
    }

    fn is_finished(&mut self) -> bool {
        let closing = self.protocol.wants_close() || self.watch.is_over() || self.broken.is_some();
        closing && self.requests.is_empty() && !self.protocol.output().has_remaining()
    }

    fn end_of_input(&mut self) -> Closed {
        match (self.requests.len(), self.protocol.end_of_input()) {
            (0, Ok(())) => io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            (0, Err(error)) => error.into(),
            (running, _) => Closed::Lost(running),
        }
    }

    fn lost(&self, error: io::Error) -> Closed {
        match self.requests.len() {
            0 => error.into(),
            running => Closed::Lost(running),
        }
    }

    /// Nothing can be moved: waits for the socket, the requests, or the end of somebody's patience.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let unread = self.protocol.output().has_remaining();
        let idle = self.protocol.is_idle();
        if idle && !unread {
            self.protocol.shrink_when_idle();
        }
        let half_a_head = self.protocol.receiving_params() > 0 || (!idle && self.requests.is_empty());
        let half_a_body = self.held.is_none() && self.requests.iter().any(|request| request.body.is_some());
        self.watch.owed(Owed { head: half_a_head, body: half_a_body, reading: unread });
        let multiplexed = self.multiplexed;
        let held = self.held.as_ref().filter(|_| multiplexed).map(|held| held.since + HOLD_UP);
        let broken = self.broken.map(|since| since + BROKEN_GRACE);
        let until = [held, broken].into_iter().flatten().min();
        ready!(self.watch.poll(until, self.requests.is_empty(), context));
        if broken.is_some_and(|until| until <= Instant::now()) {
            return Poll::Ready(Err(Closed::Broken));
        }
        Poll::Ready(self.watch.verdict().map_err(Closed::Stalled))
    }
}
