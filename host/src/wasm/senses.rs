//! Clocks that stand still and numbers that are not random, for handlers that are to learn nothing from either.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::capability::Senses;

/// Random bytes that a handler gets in one call, at most: they are made in the host's memory.
const RANDOM_BYTES: u64 = 1 << 20;

/// Limits what an instance learns.
pub(super) fn limit(wasi: &mut WasiCtxBuilder, Senses { time, chance }: Senses) {
    wasi.max_random_size(RANDOM_BYTES);
    if !time {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        wasi.wall_clock(Still(now)).monotonic_clock(Still(Duration::ZERO));
    }
    if !chance {
        let numbers = || Deterministic::new((0..=u8::MAX).collect());
        wasi.secure_random(numbers()).insecure_random(numbers()).insecure_random_seed(0);
    }
}

/// A clock that shows one time only.
struct Still(Duration);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}
