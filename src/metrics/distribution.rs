//! How times are distributed: counted in buckets on the hot path, read as a [`Distribution`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets in each doubling of time: a time is known to a sixteenth, so the middle of its bucket is at most 3.2 % off.
const PARTS: usize = 16;
const PART_BITS: u32 = PARTS.trailing_zeros();

/// The first bucket takes what is no longer than this many milliseconds: some 0.98 µs.
const SHORTEST_MS: f64 = 1.0 / 1024.0;

/// From [`SHORTEST_MS`] to 2²² ms, some 70 minutes. The last bucket takes what is longer, too.
const DOUBLINGS: usize = 32;

const BUCKETS: usize = DOUBLINGS * PARTS + 1;

/// The bits of a float from its exponent down to the parts of a doubling, which are in order as the floats are.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - PART_BITS;

/// In which bucket a time is counted. Each takes what is longer than its lower bound, up to its upper one.
fn bucket(nanos: u64) -> usize {
    let ms = nanos as f64 / 1e6;
    if ms <= SHORTEST_MS {
        return 0;
    }
    let above_first = ((ms.to_bits() - 1) >> SHIFT) - (SHORTEST_MS.to_bits() >> SHIFT);
    (above_first as usize + 1).min(BUCKETS - 1)
}

/// The longest time that a bucket takes, in seconds.
fn upper_bound(bucket: usize) -> f64 {
    f64::from_bits(((SHORTEST_MS.to_bits() >> SHIFT) + bucket as u64) << SHIFT) / 1e3
}

/// What stands for the times in a bucket, in seconds: its middle.
fn middle(bucket: usize) -> f64 {
    let lower = if bucket == 0 { 0.0 } else { upper_bound(bucket - 1) };
    (lower + upper_bound(bucket)) / 2.0
}

/// Counts times. Only one thread at a time adds to it; any may read.
pub(crate) struct Histogram {
    counts: Box<[AtomicU64]>,
    /// In nanoseconds.
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.read().fmt(f)
    }
}

impl Histogram {
    pub(crate) fn add(&self, time: Duration) {
        // Of the 584 years that fit, none is missed.
        let nanos = time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()));
        // Two plain accesses: an addition that others may interrupt costs many times as much.
        let add = |counter: &AtomicU64, more| {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        };
        add(&self.counts[bucket(nanos)], 1);
        add(&self.sum, nanos);
    }

    pub(crate) fn read(&self) -> Distribution {
        let mut counts: Vec<_> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        counts.truncate(used);
        Distribution { counts, sum: u128::from(self.sum.load(Ordering::Relaxed)) }
    }
}

/// How times are distributed: how many there were, their sum, and how many of about each length.
///
/// Times are counted in buckets, 16 to a doubling from 1 µs to 70 minutes, so each is known to within 3.2 %; number and sum
/// are exact.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Distribution {
    /// By bucket, as far as any is used.
    counts: Vec<u64>,
    /// In nanoseconds.
    sum: u128,
}

impl std::fmt::Debug for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Distribution").field("count", &self.count()).field("sum", &self.sum()).finish_non_exhaustive()
    }
}

impl Distribution {
    /// How many times there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Their sum.
    pub fn sum(&self) -> Duration {
        nanos(self.sum)
    }

    /// Their mean; `None` if there were none.
    pub fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(u128::from(self.count())).map(nanos)
    }

    /// The time that this share of them does not exceed, to within 3.2 %; `None` if there were none. `share` is from 0 to 1:
    /// 0.5 is the median, 0.99 the 99th percentile. It is the middle of the bucket that holds the time of that rank.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((share.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut passed = 0;
        let bucket = self.counts.iter().position(|count| {
            passed += count;
            passed >= rank
        })?;
        // What is counted together may be all alike, so no further off than their mean if they are all there is.
        let only = self.counts[bucket] == count;
        let time = if only { self.sum as f64 / 1e9 / count as f64 } else { middle(bucket) };
        Duration::try_from_secs_f64(time).ok()
    }

    /// How many were no longer than each of [`Distribution::BOUNDS`].
    pub fn cumulative(&self) -> [u64; Distribution::BOUNDS.len()] {
        let mut upto = [0; Distribution::BOUNDS.len()];
        for (bucket, count) in self.counts.iter().enumerate() {
            if let Some(bound) = Self::BOUNDS.iter().position(|bound| upper_bound(bucket) <= *bound) {
                upto[bound] += count;
            }
        }
        let mut passed = 0;
        upto.map(|more| {
            passed += more;
            passed
        })
    }

    /// Bounds in seconds for those who count in fewer buckets: from 0.25 ms, each twice the one before, to 131 s.
    pub const BOUNDS: [f64; 20] = {
        let (mut bounds, mut bound, mut at) = ([0.0; 20], 0.25, 0);
        while at < bounds.len() {
            bounds[at] = bound / 1e3;
            bound *= 2.0;
            at += 1;
        }
        bounds
    };

    /// What has come since an earlier reading of the same times.
    pub fn since(&self, earlier: &Distribution) -> Distribution {
        let before = |bucket: usize| earlier.counts.get(bucket).copied().unwrap_or(0);
        let more = |(bucket, count): (usize, &u64)| count.saturating_sub(before(bucket));
        let counts = self.counts.iter().enumerate().map(more).collect();
        Distribution { counts, sum: self.sum.saturating_sub(earlier.sum) }
    }

    /// Adds others to them.
    pub fn merge(&mut self, others: &Distribution) {
        if self.counts.len() < others.counts.len() {
            self.counts.resize(others.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&others.counts) {
            *count += more;
        }
        self.sum += others.sum;
    }

    /// So many times, in order, that are distributed as all of them are and have the same mean; all of them if there are no
    /// more.
    ///
    /// They are evenly spread over the ranks, so that fewer do for the same percentiles than if chance chose them.
    pub fn representatives(&self, most: usize) -> Vec<Duration> {
        let count = self.count();
        let chosen = count.min(most as u64);
        // By how much the middles miss the mean of all.
        let middles: f64 = self.counts.iter().enumerate().map(|(at, count)| middle(at) * *count as f64).sum();
        let scale = if middles > 0.0 { self.sum as f64 / 1e9 / middles } else { 0.0 };
        let (mut bucket, mut passed) = (0, self.counts.first().copied().unwrap_or(0));
        (0..chosen)
            .map(|n| {
                let rank = (u128::from(2 * n + 1) * u128::from(count) / u128::from(2 * chosen)) as u64;
                while passed <= rank && bucket + 1 < self.counts.len() {
                    bucket += 1;
                    passed += self.counts[bucket];
                }
                Duration::try_from_secs_f64(middle(bucket) * scale).unwrap_or_default()
            })
            .collect()
    }

    /// Calls with what stands for each group of times that are about alike, in seconds, and how many they are. The sum over
    /// all is theirs.
    #[cfg(feature = "metrics")]
    pub(crate) fn groups(&self, mut each: impl FnMut(f64, u64)) {
        let middles: f64 = self.counts.iter().enumerate().map(|(at, count)| middle(at) * *count as f64).sum();
        let scale = if middles > 0.0 { self.sum as f64 / 1e9 / middles } else { 0.0 };
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            each(middle(at) * scale, *count);
        }
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Distribution {
        let histogram = Histogram::default();
        micros.into_iter().for_each(|n| histogram.add(Duration::from_micros(n)));
        histogram.read()
    }

    #[test]
    fn a_time_is_in_the_bucket_whose_bounds_it_lies_between() {
        for nanos in (0..200).chain((0..63).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1])) {
            let (bucket, seconds) = (bucket(nanos), nanos as f64 / 1e9);
            assert!(bucket == BUCKETS - 1 || seconds <= upper_bound(bucket), "{nanos}");
            assert!(bucket == 0 || seconds > upper_bound(bucket - 1), "{nanos}");
        }
        // On a bound, it is still below.
        for (ms, bound) in [(1, 0.001), (4, 0.004), (5, 0.005), (20, 0.02), (64, 0.064), (1024, 1.024)] {
            assert_eq!(upper_bound(bucket(ms * 1_000_000)), bound);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn number_and_sum_are_exact_and_percentiles_within_a_bucket() {
        let all = of((1..=1000).map(|n| n * 1000));
        assert_eq!(
            (all.count(), all.sum(), all.mean()),
            (1000, Duration::from_millis(500_500), Some(Duration::from_micros(500_500)))
        );
        for (share, ms) in [(0.0, 1.0), (0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = all.percentile(share).unwrap().as_secs_f64() * 1e3;
            assert!((found / ms - 1.0).abs() <= 1.0 / 31.0, "{share}: {found}");
        }
        assert_eq!((of([]).percentile(0.5), of([]).mean()), (None, None));
        assert_eq!(of([100_000, 100_000]).percentile(0.99), Some(Duration::from_millis(100)));
    }

    #[test]
    fn what_is_no_longer_than_a_bound_is_counted_up_to_it() {
        let all = of([0, 250, 251, 1000, 1001, 200_000_000]);
        assert_eq!(Distribution::BOUNDS[..4], [0.00025, 0.0005, 0.001, 0.002]);
        assert_eq!(all.cumulative()[..4], [2, 3, 4, 5]);
        // The longest is beyond the last.
        assert_eq!(all.cumulative()[19], 5);
    }

    #[test]
    fn differences_and_sums_are_of_the_same_times() {
        let (first, more) = (of([100, 2000]), of([2000, 30_000]));
        let mut both = first.clone();
        both.merge(&more);
        assert_eq!(both, of([100, 2000, 2000, 30_000]));
        assert_eq!(both.since(&first), more);
        let mut other = more.clone();
        other.merge(&first);
        assert_eq!(other, both);
    }

    #[test]
    fn representatives_have_the_mean_of_all_and_their_order() {
        assert_eq!(of([12_345]).representatives(10), [Duration::from_micros(12_345)]);
        assert_eq!(of([0; 3]).representatives(2), [Duration::ZERO; 2]);
        assert_eq!(of([]).representatives(3).len(), 0);
        let few = of((1..=10_000).map(|n| n * 100)).representatives(100);
        assert_eq!(few.len(), 100);
        assert!(few.is_sorted());
        for (n, time) in few.iter().enumerate() {
            let expected = (n as f64 + 0.5) * 0.01;
            assert!((time.as_secs_f64() / expected - 1.0).abs() < 1.0 / 31.0 + 0.01, "{n}: {time:?}");
        }
    }
}
