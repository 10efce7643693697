//! The standard input and output of a program: a request's body, and a bounded pipe to its response.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::{
    cli::{IsTerminal, StdinStream, StdoutStream},
    p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult},
};

use crate::body::{self, BrokenOff};

/// Bytes of output that wait in the pipe before the program does: one full record, joined from small writes.
const CAPACITY: usize = 64 << 10;

/// The body as standard input. All clones read from the same place.
#[derive(Clone)]
pub(super) struct Stdin(Arc<Mutex<Input>>);

struct Input {
    body: body::Reader,
    piece: Bytes,
    end: Option<Result<(), BrokenOff>>,
}

/// The program's end of the pipe, and the response's: both are clones.
#[derive(Clone, Default)]
pub(super) struct Stdout(Arc<Mutex<Pipe>>);

#[derive(Default)]
struct Pipe {
    bytes: BytesMut,
    exit: Option<u32>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What comes out of the pipe.
pub(super) enum Next {
    /// Everything that was written since the last time.
    Piece(Bytes),
    /// The program has ended with this status.
    Exit(u32),
}

impl Stdin {
    pub(super) fn new(body: body::Reader) -> Self {
        Self(Arc::new(Mutex::new(Input { body, piece: Bytes::new(), end: None })))
    }
}

impl Input {
    /// Ready when there is a piece or the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.piece.is_empty() && self.end.is_none() {
            let next = match self.body.poll_next() {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
                    frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()))
                }
            };
            self.take(next);
        }
        Poll::Ready(())
    }

    fn take(&mut self, next: Option<Result<Bytes, BrokenOff>>) {
        match next {
            Some(Ok(piece)) => self.piece = piece,
            Some(Err(broken)) => self.end = Some(Err(broken)),
            None => self.end = Some(Ok(())),
        }
    }

    /// What there is, up to `size` bytes; nothing while there is nothing yet.
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.piece.is_empty()
            && self.end.is_none()
            && let Poll::Ready(next) = self.body.poll_next()
        {
            self.take(next);
        }
        match self.end {
            None => {}
            Some(_) if !self.piece.is_empty() => {}
            Some(Ok(())) => return Err(StreamError::Closed),
            // Many programs take an error for the end; this one must not act on half a body.
            Some(Err(BrokenOff)) => return Err(StreamError::Trap(BrokenOff.into())),
        }
        Ok(self.piece.split_to(size.min(self.piece.len())))
    }
}

impl Stdout {
    /// Says that the program has ended; what it wrote can still be read.
    pub(super) fn finish(&self, exit: u32) {
        let mut pipe = lock(&self.0);
        pipe.exit = Some(exit);
        wake(&mut pipe.reader);
    }

    /// What was written, else how the program ended.
    pub(super) fn poll_read(&self, context: &Context<'_>) -> Poll<Next> {
        let mut pipe = lock(&self.0);
        if !pipe.bytes.is_empty() {
            wake(&mut pipe.writer);
            return Poll::Ready(Next::Piece(pipe.bytes.split().freeze()));
        }
        if let Some(exit) = pipe.exit {
            return Poll::Ready(Next::Exit(exit));
        }
        pipe.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Pipe {
    fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.bytes.len())
    }

    fn poll_room(&mut self, context: &Context<'_>) -> Poll<usize> {
        match self.room() {
            0 => {
                self.writer = Some(context.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(room),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        wake(&mut self.reader);
    }
}

#[async_trait::async_trait]
impl Pollable for Stdin {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| lock(&self.0).poll_fill(context)).await;
    }
}

impl InputStream for Stdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        lock(&self.0).read(size)
    }
}

#[async_trait::async_trait]
impl Pollable for Stdout {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| lock(&self.0).poll_room(context)).await;
    }
}

impl OutputStream for Stdout {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut pipe = lock(&self.0);
        if bytes.len() > pipe.room() {
            return Err(StreamError::trap("more was written than the stream had said it would take"));
        }
        pipe.write(&bytes);
        Ok(())
    }

    /// What is in the pipe is on its way: waiting for the client is the response's part.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(lock(&self.0).room())
    }
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut input = lock(&self.0);
        ready!(input.poll_fill(context));
        match input.read(buffer.remaining()) {
            Ok(piece) => buffer.put_slice(&piece),
            Err(StreamError::Closed) => {}
            Err(error) => return Poll::Ready(Err(io::Error::other(error))),
        }
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Stdout {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdout {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.0);
        let length = ready!(pipe.poll_room(context)).min(bytes.len());
        pipe.write(&bytes[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A panic elsewhere leaves the contents as they were, so they stay usable.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that standard input gives at once, and how it ends; `None` while more may come.
    fn read(stdin: &mut Stdin) -> (Vec<u8>, Option<bool>) {
        let mut all = Vec::new();
        loop {
            match InputStream::read(stdin, 3) {
                Ok(piece) if piece.is_empty() => return (all, None),
                Ok(piece) => all.extend(piece),
                Err(StreamError::Closed) => return (all, Some(true)),
                Err(StreamError::Trap(error)) => {
                    assert!(error.downcast_ref::<BrokenOff>().is_some());
                    return (all, Some(false));
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn standard_input_ends_where_the_body_does() {
        let check = |length, pieces: &[&'static str], finish: bool, expected: (&str, Option<bool>)| {
            let (writer, reader) = body::channel(length);
            let mut stdin = Stdin::new(reader);
            for piece in pieces {
                writer.push(Bytes::from_static(piece.as_bytes()));
            }
            if finish {
                writer.finish();
            }
            let (bytes, end) = read(&mut stdin);
            assert_eq!((str::from_utf8(&bytes).expect("text"), end), expected, "{length:?} {pieces:?}");
        };
        check(None, &[], false, ("", None));
        check(None, &["abcde"], false, ("abcde", None));
        check(None, &["abcde", "f"], true, ("abcdef", Some(true)));
        check(Some(5), &["abc"], false, ("abc", None));
        // All that was announced is there, whether or not the web server has ended its stream.
        check(Some(5), &["abc", "de"], false, ("abcde", Some(true)));
        check(Some(0), &[], false, ("", Some(true)));
        check(Some(5), &["abc"], true, ("abc", Some(false)));
        check(Some(5), &["abcde", "f"], false, ("abcde", Some(false)));
    }

    #[test]
    fn a_lost_client_is_no_end_of_standard_input() {
        let (writer, reader) = body::channel(None);
        let mut stdin = Stdin::new(reader);
        writer.push(Bytes::from_static(b"half"));
        drop(writer);
        assert_eq!(read(&mut stdin), (b"half".to_vec(), Some(false)));
    }

    #[test]
    fn small_writes_are_joined_and_the_pipe_is_bounded() {
        let context = Context::from_waker(Waker::noop());
        let mut stdout = Stdout::default();
        for _ in 0..CAPACITY / 8 {
            OutputStream::write(&mut stdout, Bytes::from_static(b"8 bytes.")).expect("room");
        }
        assert_eq!(stdout.check_write().expect("an open pipe"), 0);
        assert!(OutputStream::write(&mut stdout, Bytes::from_static(b"9")).is_err());
        stdout.finish(3);
        let Poll::Ready(Next::Piece(piece)) = stdout.poll_read(&context) else { panic!("a piece") };
        assert_eq!(piece.len(), CAPACITY);
        assert_eq!(stdout.check_write().expect("an open pipe"), CAPACITY);
        assert!(matches!(stdout.poll_read(&context), Poll::Ready(Next::Exit(3))));
    }
}
