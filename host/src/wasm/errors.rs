//! The standard streams of an instance that is no program: nothing to read, nowhere to write but to standard error, which is
//! that of whichever request it is serving.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::{
    cli::{IsTerminal, StdinStream, StdoutStream},
    p2::{InputStream, OutputStream, Pollable, StreamError},
};

use super::store::{CHUNK, Stderr};

/// Leads to a request's standard error, and can be turned to another's. Streams that the instance keeps turn with it.
#[derive(Clone)]
pub(super) struct Errors(Arc<Target>);

struct Target {
    stderr: Mutex<Stderr>,
    streams: AtomicUsize,
}

impl Errors {
    pub(super) fn new(stderr: Stderr) -> Self {
        Self(Arc::new(Target { stderr: Mutex::new(stderr), streams: AtomicUsize::new(0) }))
    }

    pub(super) fn turn_to(&self, stderr: Stderr) {
        *self.0.stderr.lock().unwrap_or_else(PoisonError::into_inner) = stderr;
    }

    /// Streams that the instance has.
    pub(super) fn streams(&self) -> usize {
        self.0.streams.load(Ordering::Relaxed)
    }

    fn counted(&self) -> Counted {
        self.0.streams.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    fn stderr(&self) -> Stderr {
        self.0.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The standard output of an instance that is no program, with its streams among those that are counted.
pub(super) struct Nowhere(pub(super) Errors);

/// Its standard input: nothing. The same holds.
pub(super) struct Nothing(pub(super) Errors);

impl IsTerminal for Nowhere {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl IsTerminal for Nothing {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Nowhere {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Stream { counted: self.0.counted(), goes_nowhere: true })
    }
}

impl StdinStream for Nothing {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Closed(self.0.counted()))
    }
}

impl IsTerminal for Errors {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Errors {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.stderr())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Stream { counted: self.counted(), goes_nowhere: false })
    }
}

/// A stream that the instance has.
struct Counted(Errors);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Stream {
    counted: Counted,
    goes_nowhere: bool,
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        if !self.goes_nowhere {
            self.counted.0.stderr().keep(&bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(CHUNK)
    }
}

/// The counting is all that it is for.
struct Closed(#[expect(dead_code, reason = "counts as long as it lives")] Counted);

impl InputStream for Closed {
    fn read(&mut self, _size: usize) -> Result<Bytes, StreamError> {
        Err(StreamError::Closed)
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl Pollable for Closed {
    async fn ready(&mut self) {}
}
