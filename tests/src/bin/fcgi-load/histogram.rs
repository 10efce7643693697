//! Latencies in buckets whose width grows with the value: small, and right to 1 %.

use std::time::Duration;

/// Buckets per doubling, as a power of two.
const PRECISION: u32 = 7;

/// Values below this have a bucket each.
const EXACT: u64 = 1 << PRECISION;

/// Up to 2^37 µs, which is more than a day.
const BUCKETS: usize = (37 - PRECISION as usize + 1) << PRECISION;

/// Counts durations, in microseconds.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros)] += 1;
        self.total += 1;
        self.max = self.max.max(micros);
    }

    /// The value that `percent` of all do not exceed, in microseconds; 0 if there are none.
    pub(crate) fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank && seen > 0 {
                return highest(bucket).min(self.max);
            }
        }
        0
    }

    /// The largest value, in microseconds.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }
}

fn bucket(micros: u64) -> usize {
    // What is too long for the last bucket is counted in it.
    let micros = micros.min((1 << 37) - 1);
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(PRECISION + 1);
    let index = (u64::from(shift) << PRECISION) + (micros >> shift);
    usize::try_from(index).unwrap_or(BUCKETS - 1)
}

/// The largest value of a bucket.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * EXACT {
        return bucket;
    }
    let shift = (bucket >> PRECISION) - 1;
    let mantissa = bucket - (shift << PRECISION);
    ((mantissa + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_that_ends_at_most_a_hundredth_above_it() {
        for micros in (0..5000).chain((0..37).map(|power| (1 << power) + 1)).chain([(1 << 37) - 1]) {
            let end = highest(bucket(micros));
            assert!(end >= micros && end - micros <= micros / 100, "{micros} {end}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    fn check(values: &[u64], percent: u64, expected: u64) {
        let mut histogram = Histogram::new();
        for &micros in values {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.percentile(percent), expected, "{values:?} {percent}");
    }

    #[test]
    fn percentiles() {
        check(&[], 50, 0);
        check(&[7], 50, 7);
        check(&[1, 2, 3, 4], 50, 2);
        check(&[1, 2, 3, 4], 99, 4);
        check(&[0, 0, 9], 50, 0);
        check(&[1_000_000], 99, 1_000_000);
    }
}
