//! Instances that serve more than one request, for handlers whose operator wants it so.
//!
//! The price: what a request leaves in an instance's memory, the next one's may find. An instance is never another
//! handler's, and is not used again after anything out of order.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::p2::bindings::Proxy;

use super::store::State;

/// How often an instance of a handler is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reuse {
    /// Requests that one instance serves at most, one after the other. With 1, each has a fresh one, and nothing of a request
    /// can be found by another.
    pub requests: u32,
    /// Bytes of linear memory; an instance that has more is not used again.
    pub memory: usize,
    /// How long an instance waits for its next request.
    pub idle: Duration,
}

impl Default for Reuse {
    /// A fresh instance for each request.
    fn default() -> Self {
        Self { requests: 1, memory: 0, idle: Duration::ZERO }
    }
}

/// An instance between two requests.
pub(super) struct Kept {
    pub(super) store: Store<State>,
    pub(super) proxy: Proxy,
    /// Requests that it has served.
    pub(super) served: u32,
}

/// The instances of one handler that wait for a request, the one that has waited longest first.
pub(super) struct Shelf {
    reuse: Reuse,
    waiting: Mutex<Vec<(Instant, Kept)>>,
    shelves: Arc<Shelves>,
}

/// The shelves of all handlers of an engine: what waits there takes room that requests may need.
pub(super) struct Shelves {
    /// Instances that may wait, on all of them.
    capacity: usize,
    waiting: AtomicUsize,
    all: Mutex<Vec<Weak<Shelf>>>,
}

impl Shelf {
    /// For a handler with that setting; none where each request has a fresh instance.
    pub(super) fn new(reuse: Reuse, shelves: &Arc<Shelves>) -> Option<Arc<Self>> {
        (reuse.requests > 1).then(|| {
            let waiting = Mutex::default();
            let shelf = Arc::new(Self { reuse, waiting, shelves: Arc::clone(shelves) });
            let mut all = locked(&shelves.all);
            all.retain(|other| other.strong_count() > 0);
            all.push(Arc::downgrade(&shelf));
            drop(all);
            shelf
        })
    }

    /// The instance that was put back last: its memory is the warmest.
    pub(super) fn take(&self) -> Option<Kept> {
        let (since, kept) = locked(&self.waiting).pop()?;
        self.shelves.waiting.fetch_sub(1, Ordering::Relaxed);
        (since.elapsed() < self.reuse.idle).then_some(kept)
    }

    /// Keeps an instance that has served a request to its end, if it may serve another.
    pub(super) fn put(&self, mut kept: Kept) {
        let state = kept.store.data_mut();
        let small = state.limiter.memory() <= self.reuse.memory;
        if kept.served >= self.reuse.requests || !small || !state.rest() {
            return;
        }
        if self.shelves.waiting.fetch_add(1, Ordering::Relaxed) >= self.shelves.capacity {
            self.shelves.evict();
        }
        locked(&self.waiting).push((Instant::now(), kept));
    }

    fn longest(&self) -> Option<Instant> {
        locked(&self.waiting).first().map(|(since, _)| *since)
    }

    /// Takes out the one that has waited longest, if it has since then.
    fn remove(&self, until: Instant) -> Option<Kept> {
        let mut waiting = locked(&self.waiting);
        let (since, _) = waiting.first()?;
        if *since > until {
            return None;
        }
        let (_, kept) = waiting.remove(0);
        self.shelves.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(kept)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let waiting = locked(&self.waiting).len();
        self.shelves.waiting.fetch_sub(waiting, Ordering::Relaxed);
    }
}

impl Shelves {
    /// No handlers yet; at most `capacity` of their instances may wait.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: AtomicUsize::new(0), all: Mutex::default() }
    }

    /// Makes room for an instance that could not be made; whether it is worth another try.
    pub(super) fn make_room(&self, error: &wasmtime::Error) -> bool {
        error.is::<PoolConcurrencyLimitError>() && self.evict()
    }

    /// Ends the instance that has waited longest; whether there was one.
    fn evict(&self) -> bool {
        let shelves = self.all();
        loop {
            let waiting = shelves.iter().filter_map(|shelf| Some((shelf.longest()?, shelf)));
            let Some((since, longest)) = waiting.min_by_key(|(since, _)| *since) else { return false };
            // It is dropped here, with no lock held; unless a request was faster, and then there may be another.
            if longest.remove(since).is_some() {
                return true;
            }
        }
    }

    /// Ends all that have waited for longer than their handlers want.
    pub(super) fn sweep(&self) {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        for shelf in self.all() {
            let Some(until) = Instant::now().checked_sub(shelf.reuse.idle) else { continue };
            while shelf.remove(until).is_some() {}
        }
    }

    fn all(&self) -> Vec<Arc<Shelf>> {
        locked(&self.all).iter().filter_map(Weak::upgrade).collect()
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
