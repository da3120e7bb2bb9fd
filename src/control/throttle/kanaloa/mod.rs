//! The original Kanaloa's search for the pool size that does best.

mod log;
mod rules;

#[cfg(test)]
mod tests;

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use self::log::{Performance, PerformanceLog};
pub use self::rules::KanaloaRules;
use super::{PoolSample, Reason, Throttle};
use crate::control::Attempt;

/// Samples shorter than this share of the interval between them are too noisy, and left to the next.
const SHORTEST_SAMPLE: f64 = 0.3;

/// Tries sizes near the current one and goes towards the one that did best: the law of the original Kanaloa.
///
/// Choose it to compare, or to keep what was tuned for it; [`Plumb`](super::Plumb) is better in all that we know.
///
/// # The rule
///
/// A sample in which the pool was overflown logs the speed X (successes and failures per second) and the mean process
/// time R of the successes under the pool size s, as exponentially weighted means. Then, with probability
/// `exploration_ratio`, or as long as fewer than two sizes are known,
///
/// ```text
/// explore    s ± max(1, k)         k evenly from 0..max_explore_step_size, down with chance_of_scaling_down_when_full
/// optimise   s + ⌈(best − s)/2⌉    best = argmax over the nearest max(min_range, ratio·s) sizes on each side of
///                                  w·(R(s) − R)/R(s) + (1 − w)·(X − X(s))/X(s)
/// ```
///
/// # The regimes
///
/// - *Unknown*: there was no sample yet.
/// - *Full*: the pool was overflown in the last sample, which is logged, and it explores or optimises.
/// - *Under-utilised*: it was not. Nothing is logged or changed, until that has lasted for longer than
///   `downsize_after_under_utilization`; then the size becomes the most slots taken meanwhile · `downsize_ratio`.
///
/// # Where it is weak
///
/// - The log never ages. A size is judged by how it did when it was last tried, perhaps before the service changed.
/// - Failures count as work done: a service that fails fast looks fast.
/// - Half-way is rounded up, so that a best size one below the current is never gone to.
/// - It always explores, however good the current size is, and takes minutes to walk a long way.
///
/// # Source
///
/// Autothrottler and WorkerPoolSampler of iheartradio/kanaloa. Where that leaves the choice among equally good sizes to
/// the order of a hash map, here it is the current one, or else the nearest.
#[derive(Debug, Clone)]
pub struct Kanaloa {
    rules: KanaloaRules,
    limit: usize,
    reason: Reason,
    utilization: Utilization,
    log: PerformanceLog,
    tally: Tally,
    random: Xoshiro256PlusPlus,
}

/// How much of the pool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Utilization {
    Unknown,
    Full,
    Under {
        since: Duration,
        /// The most slots that were taken at once.
        highest: usize,
    },
}

/// What was seen at one size and is not logged yet.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    size: usize,
    elapsed: Duration,
    done: u64,
    /// In seconds.
    process_time: Option<f64>,
}

impl Tally {
    fn add(&mut self, sample: &PoolSample) {
        if self.size != sample.limit {
            *self = Tally { size: sample.limit, ..Tally::default() };
        }
        let latest = sample.process_time.map(|process_time| process_time.as_secs_f64());
        let (before, now) = (self.done as f64, sample.done as f64);
        self.process_time = match (self.process_time, latest) {
            (Some(mean), Some(latest)) => Some((mean * before + latest * now) / (before + now)),
            (mean, latest) => latest.or(mean),
        };
        self.elapsed = self.elapsed.saturating_add(sample.elapsed);
        self.done = self.done.saturating_add(sample.done);
    }

    fn performance(&self) -> Performance {
        Performance { speed: self.done as f64 / self.elapsed.as_secs_f64(), process_time: self.process_time }
    }
}

impl Kanaloa {
    /// Starts at `starting_pool_size`, within the bounds. Throttles with the same seed explore in the same way.
    pub fn new(rules: KanaloaRules, seed: u64) -> Self {
        Kanaloa {
            rules,
            limit: rules.bounds().clamp(rules.starting_pool_size),
            reason: Reason::Starting,
            utilization: Utilization::Unknown,
            log: PerformanceLog::default(),
            tally: Tally::default(),
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    // ## any => Full
    fn full(&mut self, sample: &PoolSample) -> (usize, Reason) {
        self.utilization = Utilization::Full;
        self.tally.add(sample);
        let elapsed = self.tally.elapsed;
        if elapsed.is_zero() || elapsed < self.rules.resize_interval.mul_f64(SHORTEST_SAMPLE) {
            return (self.limit, self.reason);
        }
        self.log.add(sample.limit, self.tally.performance(), self.rules.weight_of_latest_metric);
        if self.tally.done > 0 {
            // As long as nothing gets done, the time goes on: a slow work is not infinitely slow.
            self.tally = Tally::default();
        }
        if self.random.random::<f64>() < self.rules.exploration_ratio || self.log.len() < 2 {
            self.explore(sample.limit)
        } else {
            self.optimize(sample.limit)
        }
    }

    fn explore(&mut self, size: usize) -> (usize, Reason) {
        let step = self.random.random_range(0..self.rules.max_explore_step_size.max(1)).max(1);
        let down = self.random.random::<f64>() < self.rules.chance_of_scaling_down_when_full;
        let next = if down { size.saturating_sub(step) } else { size.saturating_add(step) };
        (next, Reason::Exploring { from: size, down })
    }

    fn optimize(&self, size: usize) -> (usize, Reason) {
        let best = self.log.best_near(size, &self.rules);
        let next = if best > size { size + (best - size).div_ceil(2) } else { size - (size - best) / 2 };
        (next, Reason::Optimizing { from: size, best })
    }

    // ## any => Under
    fn under(&mut self, sample: &PoolSample) -> (usize, Reason) {
        self.tally = Tally::default();
        let (since, highest) = match self.utilization {
            Utilization::Under { since, highest } => (since, highest.max(sample.most_busy)),
            Utilization::Unknown | Utilization::Full => (sample.now, sample.most_busy),
        };
        self.utilization = Utilization::Under { since, highest };
        let lasted = sample.now.saturating_sub(since);
        if self.rules.downsize_after_under_utilization.is_some_and(|longest| lasted > longest) {
            let size = (highest as f64 * self.rules.downsize_ratio) as usize;
            (size, Reason::Downsized { most_busy: highest, lasted })
        } else {
            (self.limit, Reason::UnderUtilized { most_busy: highest })
        }
    }
}

impl Throttle for Kanaloa {
    fn record(&mut self, _: &Attempt) -> Option<usize> {
        None
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.rules.resize_interval)
    }

    fn sample(&mut self, sample: &PoolSample) -> Option<usize> {
        let before = self.limit;
        let (wanted, reason) = if sample.overflown { self.full(sample) } else { self.under(sample) };
        let bounds = self.rules.bounds();
        self.limit = bounds.clamp(wanted);
        self.reason = bounds.hold(wanted).unwrap_or(reason);
        (self.limit != before).then_some(self.limit)
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn reason(&self) -> Reason {
        self.reason
    }
}
