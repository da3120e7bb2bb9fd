//! Gradient2: follows the ratio of the usual process time to the latest.

use super::bounds::Bounds;
use super::{Reason, Throttle};
use crate::control::{Attempt, Outcome};

/// The first limit, if it is not told a lower one.
const START: usize = 20;
/// The lowest and the highest limit, where the pool's bounds are wider.
const OWN_BOUNDS: (usize, usize) = (20, 200);
/// What each step adds: room for the queue that shows whether there is more to be had.
const QUEUE: f64 = 4.0;
/// So much longer than usual may a process time be without any cut.
const TOLERANCE: f64 = 1.5;
/// No single time cuts more than this: it may be an outlier.
const LEAST_GRADIENT: f64 = 0.5;
/// The weight of the latest step.
const SMOOTHING: f64 = 0.2;
/// The latest time has a weight of 2/(n + 1) in the long-term mean, with n of this.
const LONG_WINDOW: f64 = 600.0;
/// So many first times have equal weights in it.
const WARM_UP: u32 = 10;
/// The long-term mean is led back if it is more than so many times the latest.
const LONGEST_DRIFT: f64 = 2.0;
/// What is then left of it.
const DRIFT_DECAY: f64 = 0.95;
/// Process times count as at least a nanosecond, the resolution of the clock: ratios stay finite.
const SHORTEST_TIME: f64 = 1e-9;

/// Follows the ratio of the usual process time to the latest one.
///
/// Choose it to compare; [`Plumb`](super::Plumb) is better in all that we know.
///
/// # The rule
///
/// With each success and each timeout, L being the limit, *short* its process time and *long* the exponentially weighted
/// mean of them all (weight 2/601; the first ten count alike),
///
/// ```text
/// g = clamp(1.5·long/short, 0.5, 1)
/// L <- 0.8·L + 0.2·(g·L + 4)              unless in flight < L/2
/// long <- 0.95·long                       if long/short > 2; counts from the next on
/// ```
///
/// within 20 to 200 and the bounds it is given; where these exclude each other, the bound nearest to the others holds.
/// The limit in force is the whole part of L. That a call timed out changes nothing: only the time that it took does.
/// Failures and cancelled attempts are ignored.
///
/// # The regimes
///
/// - *Steady*: times are within 1.5 of the usual. L grows by 0.8 a sample, whatever it is.
/// - *Load*: times have grown by more. L falls to 4/(1 − g), where cut and addition cancel, until *long* has followed,
///   which half of it does in 208 samples.
/// - *Relief*: times have halved at least. *long* is led back by a twentieth a sample instead of a six-hundredth.
/// - *Idle*: less than half of the limit is in use. L rests, *long* goes on.
///
/// # Where it is weak
///
/// - *long* follows any queue that lasts: under sustained overload each step of growth is soon the usual, and the limit
///   creeps to its highest.
/// - 20 at least: a service of fewer slots always has a queue inside.
/// - Timeouts teach it only by the time they took: with a long service timeout one of them moves *long* by a multiple.
/// - Calls of mixed cost look like a queue: one that is ten times as long as the usual cuts a tenth.
///
/// # Source
///
/// `Gradient2Limit` of Netflix's concurrency-limits, at its defaults, and like there without `WindowedLimit`: each
/// attempt is a sample. What is in flight is counted there when the call starts, and here when it ends.
#[derive(Debug, Clone)]
pub struct Gradient2 {
    bounds: Bounds,
    /// L.
    estimate: f64,
    reason: Reason,
    long: LongTerm,
}

/// The exponentially weighted mean of process times, in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct LongTerm {
    mean: f64,
    /// Of the first times.
    sum: f64,
    /// How many first times there were.
    count: u32,
}

impl LongTerm {
    fn add(&mut self, time: f64) {
        if self.count < WARM_UP {
            self.count += 1;
            self.sum += time;
            self.mean = self.sum / f64::from(self.count);
        } else {
            let weight = 2.0 / (LONG_WINDOW + 1.0);
            self.mean = self.mean * (1.0 - weight) + time * weight;
        }
    }
}

impl Gradient2 {
    /// Starts at `start`, but not above 20, and keeps the limit within `min..=max` and 20 to 200. A `min` of 0 counts as
    /// 1, and a `max` below `min` as `min`.
    pub fn new(start: usize, min: usize, max: usize) -> Self {
        let bounds = Bounds::new(min, max).within(OWN_BOUNDS.0, OWN_BOUNDS.1);
        let estimate = bounds.clamp(start.min(START)) as f64;
        Gradient2 { bounds, estimate, reason: Reason::Starting, long: LongTerm::default() }
    }

    fn update(&mut self, attempt: &Attempt) {
        let Attempt { process_time, in_flight, .. } = *attempt;
        let short = process_time.as_secs_f64().max(SHORTEST_TIME);
        self.long.add(short);
        let ratio = self.long.mean / short;
        if ratio > LONGEST_DRIFT {
            self.long.mean *= DRIFT_DECAY;
        }
        if (in_flight as f64) < self.estimate / 2.0 {
            self.reason = Reason::Resting { in_flight };
            return;
        }
        let gradient = (TOLERANCE * ratio).clamp(LEAST_GRADIENT, 1.0);
        let next = self.estimate * gradient + QUEUE;
        let wanted = self.estimate * (1.0 - SMOOTHING) + next * SMOOTHING;
        self.estimate = self.bounds.clamp_fraction(wanted);
        self.reason = self.bounds.hold_fraction(wanted).unwrap_or(if gradient < 1.0 {
            Reason::LongerThanUsual { process_time, ratio: 1.0 / ratio }
        } else {
            Reason::AsUsual { process_time, ratio: 1.0 / ratio }
        });
    }
}

impl Throttle for Gradient2 {
    fn record(&mut self, attempt: &Attempt) -> Option<usize> {
        if matches!(attempt.outcome, Outcome::Failure | Outcome::Cancelled) {
            return None;
        }
        let before = self.limit();
        self.update(attempt);
        let limit = self.limit();
        (limit != before).then_some(limit)
    }

    fn limit(&self) -> usize {
        self.estimate as usize
    }

    fn reason(&self) -> Reason {
        self.reason
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::attempts::{ended, ms};
    use super::*;

    /// Within the noise of floating point.
    fn assert_is(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
    }

    /// One that has seen ten times of 100 ms while idle, so that they moved only the long-term mean.
    fn warm() -> Gradient2 {
        let mut throttle = Gradient2::new(20, 1, 10_000);
        for _ in 0..10 {
            assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 1)), None);
        }
        assert_is(throttle.long.mean, 0.1);
        throttle
    }

    /// One that has grown to 100 at 100 ms.
    fn grown() -> Gradient2 {
        let mut throttle = warm();
        // (100 − 20)/0.8
        for _ in 0..100 {
            throttle.record(&ended(Outcome::Success, ms(100), 100));
        }
        assert_is(throttle.estimate, 100.0);
        throttle
    }

    #[test]
    fn starts_at_twenty_within_the_bounds() {
        let start = |start, min, max| Gradient2::new(start, min, max).limit();
        assert_eq!(start(80, 1, 10_000), 20);
        assert_eq!(start(7, 1, 10_000), 20);
        assert_eq!(start(7, 1, 10), 10);
        assert_eq!(start(80, 50, 10_000), 50);
    }

    #[test]
    fn at_the_usual_time_it_grows_by_four_fifths_a_sample() {
        let mut throttle = warm();
        // 20.8, 21.6, 22.4, 23.2, 24.0: only whole numbers are in force.
        let limits: Vec<_> = (0..4).map(|_| throttle.record(&ended(Outcome::Success, ms(100), 20))).collect();
        assert_eq!(limits, [None, Some(21), Some(22), Some(23)]);
        assert_is(throttle.estimate, 23.2);
    }

    #[test]
    fn the_first_ten_times_count_alike_and_the_others_two_601sts() {
        let mut throttle = Gradient2::new(20, 1, 10_000);
        for n in 1..=10 {
            throttle.record(&ended(Outcome::Success, ms(100 + n), 1));
        }
        assert_is(throttle.long.mean, 0.1055);
        throttle.record(&ended(Outcome::Success, ms(707), 1));
        // (599·105.5 + 2·707)/601
        assert_is(throttle.long.mean, (599.0 * 0.1055 + 2.0 * 0.707) / 601.0);
    }

    #[test]
    fn times_within_one_and_a_half_of_the_usual_cut_nothing() {
        let mut throttle = grown();
        throttle.record(&ended(Outcome::Success, ms(150), 100));
        assert_is(throttle.estimate, 100.8);
    }

    #[test]
    fn longer_times_cut_by_the_gradient() {
        let mut throttle = grown();
        // long = (599·100 + 2·200)/601 = 60300/601 ms; g = 1.5·long/200 = 904.5/1202 = 0.752496; 80 + 0.2·(75.2496 + 4)
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(200), 100)), Some(95));
        assert_is(throttle.estimate, 80.0 + 0.2 * (100.0 * 904.5 / 1_202.0 + 4.0));
    }

    #[test]
    fn no_time_cuts_more_than_a_tenth() {
        let mut throttle = grown();
        // g = 0.5: 80 + 0.2·(50 + 4)
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100_000), 100)), Some(90));
        assert_is(throttle.estimate, 90.8);
    }

    #[test]
    fn a_timeout_counts_by_its_time_alone() {
        let (mut one, mut other) = (grown(), grown());
        for time in [100, 200, 1_000] {
            let of_success = one.record(&ended(Outcome::Success, ms(time), 100));
            assert_eq!(other.record(&ended(Outcome::Timeout, ms(time), 100)), of_success);
        }
        assert_eq!(one.estimate, other.estimate);
    }

    #[test]
    fn it_rests_while_less_than_half_is_in_use() {
        let mut throttle = warm();
        throttle.record(&ended(Outcome::Success, ms(100), 9));
        assert_is(throttle.estimate, 20.0);
        throttle.record(&ended(Outcome::Success, ms(100), 10));
        assert_is(throttle.estimate, 20.8);
        // 10 < 10.4
        throttle.record(&ended(Outcome::Success, ms(100), 10));
        assert_is(throttle.estimate, 20.8);
    }

    #[test]
    fn a_usual_time_of_more_than_twice_the_latest_is_led_back() {
        let mut throttle = warm();
        // (599·100 + 2·50)/601 is less than 100, and so less than twice 50
        throttle.record(&ended(Outcome::Success, ms(50), 1));
        assert_is(throttle.long.mean, (599.0 * 0.1 + 2.0 * 0.05) / 601.0);
        let before = throttle.long.mean;
        throttle.record(&ended(Outcome::Success, ms(40), 1));
        assert_is(throttle.long.mean, 0.95 * (before * 599.0 + 2.0 * 0.04) / 601.0);
    }

    #[test]
    fn goes_from_twenty_to_two_hundred_at_most() {
        let mut throttle = warm();
        for _ in 0..1_000 {
            throttle.record(&ended(Outcome::Success, ms(100), 1_000));
        }
        assert_eq!(throttle.limit(), 200);
        for seconds in 1..40 {
            throttle.record(&ended(Outcome::Success, Duration::from_secs(1 << seconds), 1_000));
        }
        assert_eq!(throttle.limit(), 20);
    }

    #[test]
    fn failures_and_cancelled_attempts_are_ignored() {
        let mut throttle = grown();
        for outcome in [Outcome::Failure, Outcome::Cancelled] {
            assert_eq!(throttle.record(&ended(outcome, ms(10_000), 100)), None);
        }
        assert_is(throttle.long.mean, 0.1);
    }

    #[test]
    fn says_why() {
        let starting = Gradient2::new(20, 1, 10_000).reason();
        assert_eq!(starting.to_string(), "starting: too few process times are known yet");
        let cases = [
            (100, 100, "growing: the last process time, 100 ms, is no longer than usual"),
            (90, 100, "growing: the last process time, 90 ms, is no longer than usual"),
            // long = (599·100 + 2·140)/601
            (140, 100, "growing: the last process time, 140 ms, is 1.4 times the usual"),
            (200, 100, "held back: the last process time, 200 ms, is 2 times the usual"),
            (200, 49, "resting: less than half of the limit is in use, 49 in flight"),
        ];
        for (time, in_flight, expected) in cases {
            let mut throttle = grown();
            throttle.record(&ended(Outcome::Success, ms(time), in_flight));
            assert_eq!(throttle.reason().to_string(), expected);
        }
        let mut throttle = warm();
        throttle.record(&ended(Outcome::Timeout, ms(1_000), 20));
        assert_eq!(throttle.reason().to_string(), "held at the smallest limit allowed, 20");
        for _ in 0..1_000 {
            throttle.record(&ended(Outcome::Success, ms(100), 1_000));
        }
        assert_eq!(throttle.reason().to_string(), "held at the largest limit allowed, 200");
    }
}
