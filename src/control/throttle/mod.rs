//! Throttles: they find the concurrency limit of one handler.

use std::fmt::Debug;
use std::time::Duration;

use super::Attempt;

mod aimd;
#[cfg(test)]
mod attempts;
mod bounds;
mod fixed;
mod gradient2;
mod kanaloa;
mod plumb;
mod reason;
mod vegas;

pub use aimd::Aimd;
pub use fixed::Fixed;
pub use gradient2::Gradient2;
pub use kanaloa::{Kanaloa, KanaloaRules};
pub use plumb::Plumb;
pub use reason::Reason;
pub use vegas::Vegas;

/// What happened at one handler since the sample before, or since the concurrency limit changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolSample {
    /// When it is taken, on the clock of [`Attempt::now`].
    pub now: Duration,
    /// The time it covers.
    pub elapsed: Duration,
    /// Attempts that ended in success or failure.
    pub done: u64,
    /// Mean process time of those that ended in success; `None` if none did.
    pub process_time: Option<Duration>,
    /// The concurrency limit that was in force.
    pub limit: usize,
    /// The most slots that were taken at once.
    pub most_busy: usize,
    /// Whether work waited while every slot was taken.
    pub overflown: bool,
}

/// Finds the concurrency limit of one handler from the attempts it sees end, or from samples of the pool.
pub trait Throttle: Debug {
    /// Takes in an attempt that has ended; returns the new concurrency limit (at least 1) if it changes.
    fn record(&mut self, attempt: &Attempt) -> Option<usize>;

    /// How often it wants [`Throttle::sample`] to be called; `None` if it sees enough in the attempts.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// Takes in a sample of the pool; returns the new concurrency limit (at least 1) if it changes.
    fn sample(&mut self, _sample: &PoolSample) -> Option<usize> {
        None
    }

    /// Whether the limit is still so far from found that it doubles about every two process times.
    fn is_doubling(&self) -> bool {
        false
    }

    /// The concurrency limit in force: at least 1.
    fn limit(&self) -> usize;

    /// Why it is what it is: what was decided last.
    fn reason(&self) -> Reason;
}
