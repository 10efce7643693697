//! The engine, its pool of instances, and the clock that makes endless loops yield.

use std::{
    hash::Hash,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use thiserror::Error;
use tracing::{debug, warn};
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::{
    limits::{self, CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES},
    reuse::Shelves,
};

/// How often a running guest gives way to other requests. A turn costs some microseconds, so 10 ms is free, and no
/// request waits longer than one turn of each busy guest before it.
const TICK: Duration = Duration::from_millis(10);

/// How many turns are between two looks for instances that have waited too long for a request: a second.
const TURNS: u32 = 100;

/// Linear memory that a pool slot keeps between requests instead of returning it page by page. A wiki page touches
/// less than this; with `PAGEMAP_SCAN` only the pages that were written are cleared.
const KEEP_RESIDENT_MEMORY: usize = 1 << 20;

/// The same for tables and stacks: what a typical request touches.
const KEEP_RESIDENT_TABLE: usize = 64 << 10;
const KEEP_RESIDENT_STACK: usize = 64 << 10;

/// The stack of a guest. Deep recursion in a markup parser stays below 100 KiB; beyond this it traps.
const GUEST_STACK: usize = 512 << 10;

/// The stack on which a guest and the host functions that it calls run; must exceed [`GUEST_STACK`].
const TASK_STACK: usize = 2 << 20;

/// Address space of one memory where the machine grants less than the engine's 4 GiB: enough for every memory limit
/// up to it; larger limits reserve what they need.
const SMALL_RESERVATION: u64 = 128 << 20;
const SMALL_GUARD: u64 = 64 << 10;

/// Stacks for each instance of an engine with asynchronous functions: one for the function that runs, and some for those
/// that wait in the middle of a call.
const STACKS: u32 = 4;

/// A WebAssembly engine: one for the whole process, since pools belong to an engine and engines never mix; and one more where
/// there are handlers with asynchronous functions.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    pool: Pool,
    room: Room,
    handles: usize,
    shelves: Arc<Shelves>,
}

/// What an engine has room for.
#[derive(Debug, Clone, Copy)]
struct Room {
    instances: u32,
    memory: usize,
    stacks: u32,
    /// Whether functions may be asynchronous (WASI 0.3). Each call, also of those that are not, then costs more.
    asynchronous: bool,
}

/// How instances get their memory, best first. The choice changes the machine code, so it is made before compiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Slots of 4 GiB address space each: no bounds checks.
    Reserved,
    /// Slots of a small reservation: bounds checks, far less address space.
    Small,
    /// No pool: each instance maps its own memory, at several times the cost.
    OnDemand,
}

/// No engine could be made.
#[derive(Debug, Error)]
#[error("the webassembly engine cannot start: {0:#}")]
pub struct EngineError(wasmtime::Error);

impl Engine {
    /// Opens what every engine needs of the machine, once and for all: where instances' memory has been written is asked
    /// of `/proc/self/pagemap`, which is out of reach when the process is restricted.
    pub fn prepare() {
        PoolingAllocationConfig::is_pagemap_scan_available();
    }

    /// Makes an engine with room for `instances` at once, of at most `memory` bytes each.
    pub fn new(instances: u32, memory: usize) -> Result<Self, EngineError> {
        Self::with(Room { instances, memory, stacks: instances, asynchronous: false })
    }

    /// Makes another engine with as much room, for components with asynchronous functions.
    pub(super) fn asynchronous(&self) -> Result<Self, EngineError> {
        let stacks = self.room.instances.saturating_mul(STACKS);
        Self::with(Room { stacks, asynchronous: true, ..self.room })
    }

    fn with(room: Room) -> Result<Self, EngineError> {
        let mut refused = None;
        for pool in [Pool::Reserved, Pool::Small, Pool::OnDemand] {
            match wasmtime::Engine::new(&config(pool, room)) {
                Ok(inner) => {
                    if let Some(reason) = &refused {
                        warn!(
                            ?pool,
                            reason = format!("{reason:#}"),
                            "less address space than wished; instances are made more slowly"
                        );
                    }
                    let capacity = usize::try_from(room.instances).unwrap_or(usize::MAX);
                    let shelves = Arc::new(Shelves::new(capacity));
                    start_ticking(&inner, Arc::downgrade(&shelves));
                    debug!(?pool, ?room, "engine ready");
                    let handles = limits::handles(room.instances);
                    return Ok(Self { inner, pool, room, handles, shelves });
                }
                Err(error) => refused = Some(error),
            }
        }
        Err(EngineError(refused.unwrap_or_else(|| wasmtime::Error::msg("no way to allocate instances"))))
    }

    /// How instances get their memory here.
    pub fn pool(&self) -> Pool {
        self.pool
    }

    /// Handles that one instance may hold at once.
    pub(super) fn handles(&self) -> usize {
        self.handles
    }

    /// Whether functions may be asynchronous here.
    #[cfg(feature = "wasi-03")]
    pub(super) fn is_asynchronous(&self) -> bool {
        self.room.asynchronous
    }

    /// Everything that compiled code depends on besides the component itself.
    pub(super) fn compatibility(&self) -> impl Hash + '_ {
        self.inner.precompile_compatibility_hash()
    }

    /// The instances that wait for another request.
    pub(super) fn shelves(&self) -> &Arc<Shelves> {
        &self.shelves
    }

    pub(super) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

fn config(pool: Pool, room: Room) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .concurrency_support(room.asynchronous)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(TASK_STACK)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    match pool {
        Pool::Reserved => {}
        Pool::Small => {
            config
                .memory_reservation(SMALL_RESERVATION.max(room.memory as u64))
                .memory_guard_size(SMALL_GUARD)
                .memory_reservation_for_growth(0);
        }
        Pool::OnDemand => return config,
    }
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(slots(room)));
    config
}

fn slots(room: Room) -> PoolingAllocationConfig {
    let Room { instances, memory, stacks, .. } = room;
    let mut slots = PoolingAllocationConfig::new();
    slots
        .total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(2))
        .total_stacks(stacks)
        .max_core_instances_per_component(bound(CORE_INSTANCES))
        .max_memories_per_component(bound(MEMORIES))
        .max_tables_per_component(bound(TABLES))
        .max_memory_size(memory)
        .table_elements(TABLE_ELEMENTS)
        .max_unused_warm_slots(0);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        slots
            .pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(KEEP_RESIDENT_MEMORY)
            .table_keep_resident(KEEP_RESIDENT_TABLE)
            .async_stack_keep_resident(KEEP_RESIDENT_STACK);
    }
    slots
}

fn bound(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Advances the engine's epoch for as long as the engine lives, and looks after the instances that wait.
fn start_ticking(engine: &wasmtime::Engine, shelves: Weak<Shelves>) {
    let engine = engine.weak();
    let ticker = thread::Builder::new().name("epoch".into()).spawn(move || {
        for turn in (0..TURNS).cycle() {
            let Some(engine) = engine.upgrade() else { break };
            engine.increment_epoch();
            drop(engine);
            if let Some(shelves) = shelves.upgrade().filter(|_| turn == 0) {
                shelves.sweep();
            }
            thread::sleep(TICK);
        }
    });
    if let Err(error) = ticker {
        warn!(%error, "no thread for the clock of running handlers: an endless loop will hold its processor");
    }
}
