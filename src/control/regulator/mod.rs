//! Regulators: they decide which work is let in.
//!
//! A [`Regulator`] turns samples of the queue into an [`Admission`]: a snapshot from which each caller decides by
//! itself, at once and without asking anybody.

use std::fmt::Debug;
use std::time::Duration;

mod admission;
mod burst;
mod drops;
mod expected_wait;
mod explanation;
mod kanaloa;
mod pie;
#[cfg(test)]
mod samples;

pub use admission::{Admission, Applicant, Refusal};
pub use expected_wait::ExpectedWait;
pub use explanation::Explanation;
pub use kanaloa::{Kanaloa, KanaloaRules};
pub use pie::{Pie, PieRules};

/// Laws that hold a reference delay take so many samples while it passes.
const SAMPLES_PER_REFERENCE_DELAY: u32 = 10;

/// Reference delays count as a millisecond at least, the resolution of the timers: nothing is divided by zero.
const SHORTEST_REFERENCE_DELAY: Duration = Duration::from_millis(1);

/// What happened at a queue since the sample before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueueSample {
    /// The time since the sample before. May be zero.
    pub elapsed: Duration,
    /// The part of `elapsed` in which work was waiting.
    pub waiting: Duration,
    /// Works waiting now.
    pub queued: usize,
    /// Works that arrived, refused ones included.
    pub arrived: u64,
    /// Works that were refused on arrival or shed from the queue.
    pub refused: u64,
    /// Works that left the queue, whatever became of them.
    pub dequeued: u64,
    /// Works that arrived with a deadline of their own.
    pub with_deadline: u64,
    /// The sum, over the works that arrived with a deadline of their own, of
    /// [`Admission::standing_delay`] of their time left.
    pub standing_delays: Duration,
    /// The handlers that work can go to now, together.
    pub service: ServiceSample,
}

/// What is known of the handlers behind a queue, together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ServiceSample {
    /// Sum of the concurrency limits.
    pub limit: usize,
    /// Sum over the handlers of concurrency limit / mean process time, in works per second; 0 if no process time is
    /// known.
    pub leaving_rate: f64,
    /// Mean process time of successes; `None` before the first.
    pub process_time: Option<Duration>,
    /// In which time the leaving rate doubles, while the concurrency limits are still being found; `None` afterwards.
    pub doubling_time: Option<Duration>,
    /// How long until any of the handlers takes work again: more than zero only when all are held.
    pub pause: Duration,
}

/// Decides which work is let in.
pub trait Regulator: Debug + Send {
    /// Takes in a sample; returns the snapshot that decides until the next.
    fn sample(&mut self, sample: &QueueSample) -> Admission;

    /// How often it wants a sample, where `update_interval` is how often control is to act.
    fn interval(&self, update_interval: Duration) -> Duration;

    /// The share of the arriving works that is refused: 0 to 1. What it was lately, or what the law has set.
    fn drop_rate(&self) -> f64;

    /// Whether more samples in which nothing arrives and nothing waits would change nothing.
    fn is_at_rest(&self) -> bool;
}
