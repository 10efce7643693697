//! A request's body on its way from the connection to the handler: bounded, and never silently short.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;

/// Bytes of one body that wait for its handler. Four full records: enough that reading and running overlap.
const CAPACITY: usize = 256 << 10;

/// Makes a body of `length` bytes, where that is known.
pub fn channel(length: Option<u64>) -> (Writer, Reader) {
    let shared = Arc::new(Mutex::new(Queue { remaining: length, ..Queue::default() }));
    (Writer(Arc::clone(&shared)), Reader(shared))
}

/// The connection's end. Dropping it before [`Writer::finish`] breaks the body off.
#[derive(Debug)]
pub struct Writer(Arc<Mutex<Queue>>);

/// The handler's end.
#[derive(Debug)]
pub struct Reader(Arc<Mutex<Queue>>);

/// Tells how long a handler has been waiting for the client, which is not held against it.
#[derive(Debug, Clone)]
pub struct Waiting(Arc<Mutex<Queue>>);

/// A body that ended before its end, or is longer than it was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the request body is not as long as announced, longer than max-request allows, or its client has gone"
)]
pub struct BrokenOff;

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    remaining: Option<u64>,
    /// How many more bytes may come where the length is not known.
    allowed: Option<u64>,
    end: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    reader_gone: bool,
    /// Some of it came when nobody was there to read it.
    lost: bool,
    client: Client,
}

/// How long the handler has been waiting for the client, in both directions.
#[derive(Debug, Default)]
struct Client {
    reading: bool,
    writing: bool,
    since: Option<Instant>,
    waited: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    /// The client went away, or sent another number of bytes than it announced.
    Broken,
}

impl Writer {
    /// Breaks the body off after `most` bytes, where its length is not known.
    #[must_use]
    pub fn within(self, most: u64) -> Self {
        lock(&self.0).allowed = Some(most);
        self
    }

    /// Adds a piece. The caller asks [`Writer::poll_ready`] first; a piece is never refused.
    pub fn push(&self, piece: Bytes) {
        let mut queue = lock(&self.0);
        if queue.end.is_some() {
            return;
        }
        let Queue { remaining, allowed, .. } = &mut *queue;
        let bound = if remaining.is_some() { remaining } else { allowed };
        if let Some(left) = bound {
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => *left = rest,
                None => return queue.end(End::Broken),
            }
        }
        if queue.reader_gone {
            queue.lost = true;
            return queue.wake_reader();
        }
        queue.bytes += piece.len();
        queue.pieces.push_back(piece);
        queue.wake_reader();
    }

    /// Ready once the handler has taken enough for more; at once when it does not read any more.
    pub fn poll_ready(&self, context: &Context<'_>) -> Poll<()> {
        let mut queue = lock(&self.0);
        if queue.bytes < CAPACITY || queue.reader_gone {
            return Poll::Ready(());
        }
        queue.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ends the body: complete when it is as long as announced, else broken off. Returns whether it is complete.
    pub fn finish(&self) -> bool {
        let mut queue = lock(&self.0);
        let end = if queue.remaining.is_none_or(|rest| rest == 0) { End::Complete } else { End::Broken };
        queue.end(end);
        queue.end == Some(End::Complete)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        lock(&self.0).end(End::Broken);
    }
}

impl Reader {
    /// What comes next, as far as it is known without waiting: a piece, or the end, which is also reached where all
    /// bytes that were announced are read.
    pub fn poll_next(&mut self) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let mut queue = lock(&self.0);
        match queue.next() {
            Poll::Pending if queue.remaining == Some(0) => Poll::Ready(None),
            next => next,
        }
    }

    /// A view on how long this body's handler has waited for the client.
    pub fn waiting(&self) -> Waiting {
        Waiting(Arc::clone(&self.0))
    }
}

impl Waiting {
    /// The time that the handler has spent waiting for the client to send the body.
    pub fn total(&self) -> Duration {
        let client = &lock(&self.0).client;
        client.waited + client.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Drops what the handler has not read, and what still comes. If there is any, the body is broken off for the handler.
    pub fn give_up(&self) {
        lock(&self.0).drop_reader();
    }

    /// Says that the handler waits for the client to take the response, until the guard is dropped.
    pub fn start(&self) -> impl Drop + use<> {
        lock(&self.0).client.update(|client| client.writing = true);
        Writing(Arc::clone(&self.0))
    }
}

struct Writing(Arc<Mutex<Queue>>);

impl Drop for Writing {
    fn drop(&mut self) {
        lock(&self.0).client.update(|client| client.writing = false);
    }
}

impl Client {
    fn update(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        if self.reading || self.writing {
            self.since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }
}

impl Queue {
    fn end(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.wake_reader();
        }
    }

    fn next(&mut self) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if let Some(piece) = self.pieces.pop_front() {
            self.bytes -= piece.len();
            if let Some(waker) = self.writer.take() {
                waker.wake();
            }
            return Poll::Ready(Some(Ok(piece)));
        }
        match self.end {
            _ if self.lost => Poll::Ready(Some(Err(BrokenOff))),
            Some(End::Complete) => Poll::Ready(None),
            Some(End::Broken) => Poll::Ready(Some(Err(BrokenOff))),
            None => Poll::Pending,
        }
    }

    /// Nobody will read what is here, nor what comes.
    fn drop_reader(&mut self) {
        self.reader_gone = true;
        self.lost |= !self.pieces.is_empty();
        self.pieces.clear();
        self.bytes = 0;
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    fn wake_reader(&mut self) {
        self.client.update(|client| client.reading = false);
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut queue = lock(&self.0);
        let next = queue.next();
        if next.is_pending() {
            queue.client.update(|client| client.reading = true);
            queue.reader = Some(context.waker().clone());
        }
        next.map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        let queue = lock(&self.0);
        queue.pieces.is_empty() && queue.end == Some(End::Complete)
    }

    fn size_hint(&self) -> SizeHint {
        let queue = lock(&self.0);
        queue.remaining.map_or_else(SizeHint::default, |rest| SizeHint::with_exact(rest + queue.bytes as u64))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        lock(&self.0).drop_reader();
    }
}

/// A panic elsewhere leaves the queue as it was, so its contents stay usable.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn read_all(mut reader: Reader) -> Result<Vec<u8>, BrokenOff> {
        let mut context = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        loop {
            match Pin::new(&mut reader).poll_frame(&mut context) {
                Poll::Ready(Some(frame)) => all.extend(frame?.into_data().expect("data")),
                Poll::Ready(None) => return Ok(all),
                Poll::Pending => panic!("a body without an end"),
            }
        }
    }

    #[test]
    fn only_a_body_of_the_announced_length_is_complete() {
        let check = |length, pieces: &[&'static str], complete| {
            let (writer, reader) = channel(length);
            for piece in pieces {
                writer.push(Bytes::from_static(piece.as_bytes()));
            }
            writer.finish();
            assert_eq!(read_all(reader).is_ok(), complete, "{length:?} {pieces:?}");
        };
        check(None, &[], true);
        check(None, &["a", "b"], true);
        check(Some(2), &["a", "b"], true);
        check(Some(3), &["a", "b"], false);
        check(Some(1), &["a", "b"], false);
        check(Some(0), &[], true);
    }

    #[test]
    fn a_body_of_unknown_length_is_not_longer_than_allowed() {
        let check = |pieces: &[&'static str], complete| {
            let (writer, reader) = channel(None);
            let writer = writer.within(3);
            for piece in pieces {
                writer.push(Bytes::from_static(piece.as_bytes()));
            }
            writer.finish();
            assert_eq!(read_all(reader).is_ok(), complete, "{pieces:?}");
        };
        check(&["ab", "c"], true);
        check(&["ab", "cd"], false);
    }

    #[test]
    fn a_lost_client_breaks_the_body_off() {
        let (writer, reader) = channel(None);
        writer.push(Bytes::from_static(b"half"));
        drop(writer);
        assert!(read_all(reader).is_err());
    }

    #[test]
    fn what_is_given_up_is_broken_off_for_its_handler_and_counted_all_the_same() {
        let check = |before: &'static str, after: &'static str, complete| {
            let (writer, reader) = channel(Some((before.len() + after.len()) as u64));
            let push = |piece: &'static str| writer.push(Bytes::from_static(piece.as_bytes()));
            [before].into_iter().filter(|piece| !piece.is_empty()).for_each(push);
            reader.waiting().give_up();
            [after].into_iter().filter(|piece| !piece.is_empty()).for_each(push);
            assert!(writer.finish());
            assert_eq!(read_all(reader).is_ok(), complete, "{before:?} {after:?}");
        };
        check("a", "", false);
        check("", "b", false);
        check("", "", true);
    }

    #[test]
    fn a_full_body_waits_for_its_handler() {
        let context = Context::from_waker(Waker::noop());
        let (writer, reader) = channel(None);
        writer.push(Bytes::from(vec![0; CAPACITY]));
        assert!(writer.poll_ready(&context).is_pending());
        drop(reader);
        assert!(writer.poll_ready(&context).is_ready());
    }
}
