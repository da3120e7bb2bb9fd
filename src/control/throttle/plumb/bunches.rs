//! Whether a success belongs to the bunch of the one before.

use std::time::Duration;

/// Share of the mean gap between successes that parts a bunch from the next. Where they come by chance, three of five
/// gaps are longer.
const PAUSE: f64 = 0.5;

/// When service times are alike, slots that began together end together, and successes come in bunches of up to the
/// limit. A window that began or ended within one would be off by a part of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Bunches {
    last: Duration,
}

impl Bunches {
    /// Takes in a success with its process time in seconds; returns when the one before it came, if there was a pause
    /// in between.
    pub(super) fn pause_before(&mut self, now: Duration, process_time: f64, in_flight: usize) -> Option<Duration> {
        let last = std::mem::replace(&mut self.last, now);
        let mean_gap = process_time / in_flight.max(1) as f64;
        (now.saturating_sub(last).as_secs_f64() > PAUSE * mean_gap).then_some(last)
    }
}
