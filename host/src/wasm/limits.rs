//! What one instance may use, and the note of what it was refused.

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

/// Handles (files, streams, header maps) that one instance may hold at once.
pub(super) const HANDLES: usize = 4096;

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
    refused: Option<Refusal>,
}

/// A limit that an instance ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Linear memory, in bytes asked for.
    Memory(usize),
    /// Table elements asked for.
    Table(usize),
    /// A file or folder, or more of one.
    Quota(Exceeded),
    /// Room on the disk.
    DiskFull,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, memory: 0, refused: None }
    }

    /// Bytes of all linear memories.
    pub(super) fn memory(&self) -> usize {
        self.memory
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
