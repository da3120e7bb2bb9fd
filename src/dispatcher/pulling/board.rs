//! Where a run shows how far it is.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use super::summary::{FailureCounts, RunEnd, Summary};
use crate::time::Instant;

/// The rate is that of so much time.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// Of how many items had been done with, one moment in so much time is kept.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Items taken from the source.
    pub taken: u64,
    /// Items that a handler succeeded with.
    pub succeeded: u64,
    /// Items that came to nothing.
    pub failed: u64,
    /// Items that wait or are at a handler.
    pub in_flight: u64,
    /// How many items the source has in all, if it said so or it was told with `expected_items`.
    pub total: Option<u64>,
    /// Items done with per second over the last 5 seconds, or since the start if that is less.
    pub rate: f64,
    /// Since the start, until the end.
    pub elapsed: Duration,
    /// How long the rest takes at this rate; `None` where the total is not known or nothing moves.
    pub eta: Option<Duration>,
}

/// How many items there were of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) taken: u64,
    pub(super) succeeded: u64,
    pub(super) failed: FailureCounts,
    pub(super) acked: u64,
    pub(super) handed_back: u64,
    pub(super) delivered: u64,
    pub(super) undelivered: u64,
}

impl Counts {
    fn ended(&self) -> u64 {
        self.succeeded + self.failed.total()
    }
}

/// Where a run shows how far it is, for any thread to see.
#[derive(Debug)]
pub(super) struct Board {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    counts: Counts,
    total: Option<u64>,
    started: Instant,
    ended: Option<Instant>,
    /// When the last item was done with, and how many had been then.
    last: (Instant, u64),
    /// The same of moments before, from the last before the window on.
    samples: VecDeque<(Instant, u64)>,
}

impl Board {
    pub(super) fn new(total: Option<u64>) -> Self {
        let started = Instant::now();
        let last = (started, 0);
        let samples = VecDeque::from([last]);
        Board { state: Mutex::new(State { counts: Counts::default(), total, started, ended: None, last, samples }) }
    }

    /// Takes note of the total, unless it was told.
    pub(super) fn expect(&self, total: Option<u64>) {
        let mut state = self.state.lock();
        state.total = state.total.or(total);
    }

    pub(super) fn show(&self, counts: Counts, now: Instant) {
        let state = &mut *self.state.lock();
        if counts.ended() != state.counts.ended() {
            state.sample(counts.ended(), now);
        }
        state.counts = counts;
    }

    pub(super) fn progress(&self) -> Progress {
        let state = &mut *self.state.lock();
        let now = state.ended.unwrap_or_else(Instant::now);
        let Counts { taken, succeeded, failed, .. } = state.counts;
        let ended = state.counts.ended();
        let rate = state.rate(ended, now);
        let left = state.total.map(|total| total.saturating_sub(ended));
        let eta = left.and_then(|left| match left {
            0 => Some(Duration::ZERO),
            left => Duration::try_from_secs_f64(left as f64 / rate).ok(),
        });
        Progress {
            taken,
            succeeded,
            failed: failed.total(),
            in_flight: taken - ended,
            total: state.total,
            rate,
            elapsed: now.saturating_duration_since(state.started),
            eta,
        }
    }

    /// The end; asked again, what it was.
    pub(super) fn end(&self, end: RunEnd, left_behind: bool) -> Summary {
        let state = &mut *self.state.lock();
        let at = *state.ended.get_or_insert_with(Instant::now);
        let Counts { taken, succeeded, failed, acked, handed_back, delivered, undelivered } = state.counts;
        let elapsed = at.saturating_duration_since(state.started);
        Summary { taken, succeeded, failed, acked, handed_back, delivered, undelivered, elapsed, end, left_behind }
    }
}

impl State {
    /// Takes note of how many items had been done with at `now`.
    fn sample(&mut self, ended: u64, now: Instant) {
        let newest = self.samples.back().map_or(self.started, |(at, _)| *at);
        if self.last.0.saturating_duration_since(newest) >= SAMPLE_INTERVAL {
            self.samples.push_back(self.last);
        }
        self.last = (now, ended);
        self.forget_before_window(now);
    }

    /// Keeps the last sample that is older than the window, to know how many there were at its start.
    fn forget_before_window(&mut self, now: Instant) {
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= RATE_WINDOW) {
            self.samples.pop_front();
        }
    }

    fn rate(&mut self, ended: u64, now: Instant) -> f64 {
        self.forget_before_window(now);
        let before = self.samples.front().copied().into_iter().chain([self.last]);
        let mut before =
            before.filter(|(at, _)| *at == self.started || now.saturating_duration_since(*at) >= RATE_WINDOW);
        let Some((at, before)) = before.next_back() else { return 0.0 };
        // Longer ago only if nothing has happened since.
        let time = now.saturating_duration_since(at).min(RATE_WINDOW + SAMPLE_INTERVAL);
        if time.is_zero() { 0.0 } else { (ended - before) as f64 / time.as_secs_f64() }
    }
}
