//! A histogram of durations that one thread writes and any thread reads, without lock or allocation:
//! log-linear, 32 buckets an octave, so a quantile is at most 3.2 % above the true value.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Buckets of an octave as a power of two.
const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;
/// Longest duration told apart: 2^40 ns, 18 minutes. Longer ones count there.
const OCTAVE_MAX: u32 = 40;
const BUCKETS: usize = (((OCTAVE_MAX - SUB_BITS) as usize) + 1) << SUB_BITS;

/// See the module. About 9 KB.
pub struct Histogram {
    buckets: Box<[AtomicU64; BUCKETS]>,
    count: AtomicU64,
    max: AtomicU64,
}

/// Quantiles in ns; zero while nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Quantiles {
    pub count: u64,
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]),
            count: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }
}

fn bucket(ns: u64) -> usize {
    if ns < SUB {
        return ns as usize;
    }
    let ns = ns.min((1 << OCTAVE_MAX) - 1);
    let shift = 63 - ns.leading_zeros() - SUB_BITS;
    ((shift as usize + 1) << SUB_BITS) + ((ns >> shift) - SUB) as usize
}

/// Highest duration that falls into a bucket.
fn upper(bucket: usize) -> u64 {
    if bucket < SUB as usize {
        return bucket as u64;
    }
    let shift = (bucket >> SUB_BITS) as u32 - 1;
    let sub = bucket as u64 & (SUB - 1) | SUB;
    ((sub + 1) << shift) - 1
}

impl Histogram {
    /// Counts one duration. One thread only; others may read meanwhile.
    pub fn record(&self, ns: u64) {
        let add = |a: &AtomicU64| a.store(a.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        add(&self.buckets[bucket(ns)]);
        add(&self.count);
        if ns > self.max.load(Ordering::Relaxed) {
            self.max.store(ns, Ordering::Relaxed);
        }
    }

    /// Forgets everything (after warm-up). By the recording thread, or while it records nothing.
    pub fn reset(&self) {
        self.buckets.iter().chain([&self.count, &self.max]).for_each(|a| a.store(0, Ordering::Relaxed));
    }

    /// What was recorded, as (lowest and highest duration of a bucket in ns, count), without empty buckets.
    pub fn buckets(&self) -> Vec<(u64, u64, u64)> {
        let counts = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).enumerate();
        let lowest = |b: usize| b.checked_sub(1).map_or(0, |before| upper(before) + 1);
        counts.filter(|&(_, n)| n > 0).map(|(b, n)| (lowest(b), upper(b), n)).collect()
    }

    /// The quantiles so far. Read while another thread records, they may miss its last few.
    pub fn quantiles(&self) -> Quantiles {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let max = self.max.load(Ordering::Relaxed);
        let at = |per_mille: u64| {
            let rank = (count * per_mille).div_ceil(1000).max(1);
            let mut seen = 0;
            let found = counts.iter().position(|c| {
                seen += c;
                seen >= rank
            });
            found.map_or(0, |b| upper(b).min(max))
        };
        Quantiles { count, p50: at(500), p99: at(990), p999: at(999), max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_narrow() {
        let mut last = 0;
        for ns in 0..100_000u64 {
            let b = bucket(ns);
            assert!(b == last || b == last + 1, "{ns}");
            last = b;
            assert!(
                upper(b) >= ns && upper(b) as f64 <= ns as f64 * 1.032 + 1.0,
                "{ns} in up to {}",
                upper(b)
            );
        }
        assert!(bucket(u64::MAX) < BUCKETS);
        assert_eq!(bucket((1 << OCTAVE_MAX) - 1), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_a_known_series() {
        let h = Histogram::default();
        assert_eq!(h.quantiles(), Quantiles::default());
        (1..=1000).for_each(|ns| h.record(ns * 1000));
        let q = h.quantiles();
        assert_eq!((q.count, q.max), (1000, 1_000_000));
        for (got, want) in [(q.p50, 500_000), (q.p99, 990_000), (q.p999, 999_000)] {
            assert!(got >= want && got as f64 <= want as f64 * 1.032, "{got} for {want}");
        }
        let buckets = h.buckets();
        assert_eq!(buckets.iter().map(|(_, _, n)| n).sum::<u64>(), 1000);
        assert!(buckets.windows(2).all(|w| w[0].1 < w[1].0) && buckets[0].0 <= 1000 && buckets[0].1 >= 1000);
        h.reset();
        assert_eq!(h.quantiles(), Quantiles::default());
    }
}
