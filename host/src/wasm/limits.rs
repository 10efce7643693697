//! What one instance may use, and the note of what it was refused.

use rustix::process::{Resource, getrlimit};
use tracing::warn;
use wasmtime::ResourceLimiter;

use super::guard::Exceeded;

/// The default memory of one instance. A wiki page needs 2–8 MiB; interpreters need tens.
const DEFAULT_MEMORY: usize = 64 << 20;

/// Elements in all function tables of an instance. Large interpreters have some ten thousand functions.
pub(super) const TABLE_ELEMENTS: usize = 100_000;

/// Core instances inside one component: the program, adapters and shims. Composed components have a dozen.
pub(super) const CORE_INSTANCES: usize = 64;

/// Tables of one component: each core module brings one, and the adapters' shim one.
pub(super) const TABLES: usize = 16;

/// Linear memories of one component: the program's and an adapter's.
pub(super) const MEMORIES: usize = 4;

/// Bytes that the host will allocate on behalf of one call out of the guest (strings, lists). File reads are at
/// most 64 KiB each; an environment or directory entry is far smaller.
pub(super) const HOSTCALL_BYTES: usize = 16 << 20;

/// Handles (files, streams, header maps) that one instance may hold at once, at most. Programs hold some dozens; a header
/// map is up to 128 KiB of the host's memory, so that all of them are 128 MiB.
pub(super) const HANDLES: usize = 1024;

/// The same, at least: a request, its response and their bodies take ten.
const FEWEST_HANDLES: usize = 64;

/// Bytes of a folder, as its file system counts them, that is listed where the handler runs: some hundred names, which
/// takes less than a millisecond. Larger ones are read by another thread.
pub(super) const SMALL_FOLDER: u64 = 16 << 10;

/// Bytes of all larger folders that one request may list: some million names. The engine keeps a listing in the host's
/// memory until it is dropped, with five times as many bytes.
const LISTED_BYTES: u64 = 32 << 20;

/// Handles that each of so many instances may hold. Each can be an open file, of which the system grants the process a
/// number; half of them are for handlers, so that connections can always be accepted.
pub(super) fn handles(instances: u32) -> usize {
    let granted = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let share = usize::try_from(granted / 2 / u64::from(instances.max(1))).unwrap_or(usize::MAX);
    if share < FEWEST_HANDLES {
        warn!(
            granted,
            instances,
            "handlers can use up the files that the host may open, and keep it from accepting connections; raise the \
             limit of open files (ulimit -n), or lower --instances"
        );
    }
    share.clamp(FEWEST_HANDLES, HANDLES)
}

/// Limits of one instance of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, a multiple of the 64 KiB page.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: DEFAULT_MEMORY }
    }
}

/// Enforces [`Limits`] and remembers the first refusal, so that the log can name it.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: Limits,
    memory: usize,
    listed: u64,
    refused: Option<Refusal>,
}

/// A limit that an instance ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Linear memory, in bytes asked for.
    Memory(usize),
    /// Table elements asked for.
    Table(usize),
    /// Listings of large folders, in bytes of all of them.
    Listing(u64),
    /// A file or folder, or more of one.
    Quota(Exceeded),
    /// Room on the disk.
    DiskFull,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, memory: 0, listed: 0, refused: None }
    }

    /// Bytes of all linear memories.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Counts a listing of a large folder; whether it may be made.
    pub(super) fn list(&mut self, bytes: u64) -> bool {
        let listed = self.listed.saturating_add(bytes);
        let allowed = listed <= LISTED_BYTES;
        if allowed {
            self.listed = listed;
        } else {
            self.refused.get_or_insert(Refusal::Listing(listed));
        }
        allowed
    }

    /// Begins another request.
    pub(super) fn resume(&mut self) {
        self.listed = 0;
    }

    pub(super) fn refused(&self) -> Option<Refusal> {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limits.memory;
        if allowed {
            self.memory += desired.saturating_sub(current);
        } else {
            self.refused.get_or_insert(Refusal::Memory(desired));
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= TABLE_ELEMENTS;
        if !allowed {
            self.refused.get_or_insert(Refusal::Table(desired));
        }
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_a_share_of_the_open_files() {
        assert!((FEWEST_HANDLES..=HANDLES).contains(&handles(64)));
        assert_eq!(handles(u32::MAX), FEWEST_HANDLES);
        assert!(handles(1) >= handles(1000));
    }

    #[test]
    fn listings_of_large_folders_are_bounded() {
        let mut limiter = Limiter::new(Limits::default());
        assert!(limiter.list(LISTED_BYTES) && !limiter.list(1));
        assert_eq!(limiter.refused(), Some(Refusal::Listing(LISTED_BYTES + 1)));
        limiter.resume();
        assert!(limiter.list(1) && !limiter.list(u64::MAX));
    }
}
