//! A file as an output stream. What is written goes into the page cache at once, so a stream is always ready.

use std::{fs::File, sync::Arc};

use bytes::Bytes;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use super::door::{At, Door};

/// Bytes of one write, as many as the engine's own streams take.
const CAPACITY: usize = 64 << 10;

pub(super) struct Writer {
    file: Arc<File>,
    at: At,
    door: Arc<Door>,
    is_closed: bool,
}

impl Writer {
    pub(super) fn new(file: Arc<File>, at: At, door: Arc<Door>) -> Self {
        Self { file, at, door, is_closed: false }
    }

    fn open(&self) -> Result<(), StreamError> {
        if self.is_closed { Err(StreamError::Closed) } else { Ok(()) }
    }
}

impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.open()?;
        if let Err(error) = self.door.write(&self.file, &bytes, self.at) {
            self.is_closed = true;
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        if let At::Offset(offset) = &mut self.at {
            *offset += bytes.len() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.open()
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        self.open()?;
        Ok(CAPACITY)
    }
}

#[async_trait::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}
