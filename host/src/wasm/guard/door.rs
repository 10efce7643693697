//! The way that everything written takes, and the note of what was refused there.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{Arc, OnceLock},
};

use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use wasmtime_wasi::p2::{FsError, FsResult, bindings::filesystem::types::ErrorCode};

use super::{
    quota::{Exceeded, Meter, Quotas},
    rules::Rules,
    stat::Stat,
};
use crate::wasm::limits::Refusal;

/// Where the files of one request are written.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) rules: Arc<Rules>,
    meter: Option<Meter>,
    refused: OnceLock<Refusal>,
}

/// Where in a file something is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// So many bytes from its beginning.
    Offset(u64),
    /// At its end.
    End,
}

impl Door {
    pub(super) fn new(rules: Arc<Rules>, quotas: &Quotas) -> Self {
        Self { rules, meter: Meter::new(quotas), refused: OnceLock::new() }
    }

    /// What was refused first, if anything was.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.refused.get().copied()
    }

    /// Writes all of `bytes`.
    pub(super) fn write(&self, file: &File, bytes: &[u8], at: At) -> io::Result<()> {
        let length = bytes.len() as u64;
        let to = |size: u64| match at {
            At::Offset(offset) => size.max(offset.saturating_add(length)),
            At::End => size.saturating_add(length),
        };
        self.resize(file, to, || match at {
            At::Offset(offset) => file.write_all_at(bytes, offset),
            At::End => append(file, bytes),
        })
    }

    /// Gives a file that length.
    pub(super) fn set_size(&self, file: &File, size: u64) -> io::Result<()> {
        self.resize(file, |_| size, || file.set_len(size))
    }

    fn resize(
        &self,
        file: &File,
        to: impl FnOnce(u64) -> u64,
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        // It may have become a hidden one since it was opened.
        if self.rules.hide() && self.rules.hide_file(&Stat::of(file)?)? {
            return Err(Errno::PERM.into());
        }
        let done = match &self.meter {
            None => act(),
            Some(meter) => match meter.resize(file, to, act) {
                Ok(done) => done,
                Err(exceeded) => {
                    self.refuse(Refusal::Quota(exceeded));
                    return Err(io::ErrorKind::QuotaExceeded.into());
                }
            },
        };
        done.inspect_err(|error| {
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                self.refuse(Refusal::DiskFull);
            }
        })
    }

    /// Does what makes a file or folder.
    pub(super) async fn make<T>(&self, act: impl Future<Output = FsResult<T>>) -> FsResult<T> {
        if let Some(meter) = &self.meter {
            meter.take_file().map_err(|exceeded| self.exceeded(exceeded))?;
        }
        let made = self.noticed(act.await);
        if let (Err(_), Some(meter)) = (&made, &self.meter) {
            meter.give_file_back();
        }
        made
    }

    /// Counts a name as removed.
    pub(super) fn removed(&self, stat: &Stat) {
        if let Some(meter) = &self.meter {
            meter.removed(stat);
        }
    }

    /// Remembers a full disk.
    pub(super) fn noticed<T>(&self, done: FsResult<T>) -> FsResult<T> {
        done.inspect_err(|error| {
            if let Some(ErrorCode::InsufficientSpace) = error.downcast_ref() {
                self.refuse(Refusal::DiskFull);
            }
        })
    }

    fn exceeded(&self, exceeded: Exceeded) -> FsError {
        self.refuse(Refusal::Quota(exceeded));
        ErrorCode::Quota.into()
    }

    fn refuse(&self, refusal: Refusal) {
        let _ = self.refused.set(refusal);
    }
}

/// The guest's error for one of the system's.
pub(super) fn code(error: &io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => ErrorCode::Quota,
        _ => error.into(),
    }
}

/// Writes all of `bytes` at a file's end, wherever that is by then.
fn append(file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match pwritev2(file, &[io::IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Some file systems cannot; then others who append meanwhile may be overwritten.
            Err(Errno::NOTSUP | Errno::NOSYS) => return file.write_all_at(bytes, file.metadata()?.len()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
