//! What the processors did, so that figures taken beside others' work can be told from good ones.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::server::{ticks, ticks_per_second};

/// The times since the machine's start of all processors together (proc(5), `/proc/stat`), in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    idle: u64,
    busy: u64,
    /// What this program and its ended children used: the load is one of them.
    own: u64,
}

impl Clock {
    /// Looks at the clock.
    pub(crate) fn now() -> Result<Self> {
        let (idle, busy) = processors(&fs::read_to_string("/proc/stat")?).context("/proc/stat")?;
        let own = ticks(&fs::read_to_string("/proc/self/stat")?, None).context("/proc/self/stat")?;
        Ok(Self { idle, busy, own })
    }

    /// The part of the time since `earlier` that neither this program nor servers that used `servers` had.
    #[expect(clippy::cast_precision_loss, reason = "ticks are far from 2^53")]
    pub(crate) fn others_since(self, earlier: Self, servers: Duration) -> f64 {
        let (idle, busy) = ((self.idle - earlier.idle) as f64, (self.busy - earlier.busy) as f64);
        let ours = (self.own - earlier.own) as f64 + servers.as_secs_f64() * f64::from(ticks_per_second());
        // Ticks are rounded here and there.
        ((busy - ours) / (idle + busy).max(1.0)).max(0.0)
    }
}

/// Idle and busy ticks: user, nice, system, idle, iowait, irq, softirq and steal are in the first line.
fn processors(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u64> = line.split_whitespace().take(8).filter_map(|time| time.parse().ok()).collect();
    let idle = times.get(3)? + times.get(4)?;
    Some((idle, times.iter().sum::<u64>() - idle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_busy() {
        assert_eq!(processors("cpu  10 1 20 300 4 5 6 7 8 9\ncpu0 1\n"), Some((304, 49)));
        assert_eq!(processors("intr 1"), None);
    }

    #[test]
    fn others_have_what_is_left() {
        let clock = |idle, busy, own| Clock { idle, busy, own };
        let check = |later: Clock, servers, expected: f64| {
            let others = later.others_since(clock(1000, 1000, 1000), Duration::from_secs(servers));
            assert!((others - expected).abs() < 1e-9, "{others} {expected}");
        };
        let second = u64::from(ticks_per_second());
        check(clock(1000 + second, 1000 + 3 * second, 1000 + second), 1, 0.25);
        check(clock(1000 + second, 1000 + 3 * second, 1000 + second), 3, 0.0);
        check(clock(1000, 1000, 1000), 0, 0.0);
    }
}
