//! AIMD: up by one, down by a tenth.

use std::time::Duration;

use super::bounds::Bounds;
use super::{Reason, Throttle};
use crate::control::{Attempt, Outcome};

/// The first limit, if it is not told a lower one.
const START: usize = 20;
/// The lowest and the highest limit, where the pool's bounds are wider.
const OWN_BOUNDS: (usize, usize) = (20, 200);
/// What is left of the limit after a drop.
const BACKOFF: f64 = 0.9;
/// An answer that takes longer counts as a drop.
const LONGEST_TIME: Duration = Duration::from_secs(5);

/// Adds one to the limit while all is well and takes a tenth off when a call is lost, as TCP does.
///
/// Choose it to compare; [`Plumb`](super::Plumb) is better in all that we know.
///
/// # The rule
///
/// With each success and each timeout, L being the limit and R the process time,
///
/// ```text
/// L <- ⌊0.9·L⌋      after a timeout, or if R > 5 s
/// L <- L + 1        else, if in flight ≥ L/2
/// ```
///
/// within 20 to 200 and the bounds it is given; where these exclude each other, the bound nearest to the others holds.
/// Failures and cancelled attempts are ignored.
///
/// # The regimes
///
/// - *Growing*: half of the limit or more is in use. A limit of 20 is 40 after 20 answers.
/// - *Backing off*: calls are lost. From 200 it takes 21 of them to get to 20.
/// - *Idle*: less than half is in use, and nothing is lost: it rests.
///
/// # Where it is weak
///
/// - It sees an overload only once calls time out or take 5 s. Before 20 slots of 100 ms it never does: the limit stands
///   at 200, where each call waits 900 ms inside the service.
/// - Calls that started under one limit and are lost together each take off a tenth.
/// - 20 at least: a service of fewer slots always has a queue inside.
///
/// # Source
///
/// `AIMDLimit` of Netflix's concurrency-limits, at its defaults, and like there without `WindowedLimit`: each attempt is
/// a sample. What is in flight is counted there when the call starts, and here when it ends.
#[derive(Debug, Clone)]
pub struct Aimd {
    bounds: Bounds,
    limit: usize,
    reason: Reason,
}

impl Aimd {
    /// Starts at `start`, but not above 20, and keeps the limit within `min..=max` and 20 to 200. A `min` of 0 counts as
    /// 1, and a `max` below `min` as `min`.
    pub fn new(start: usize, min: usize, max: usize) -> Self {
        let bounds = Bounds::new(min, max).within(OWN_BOUNDS.0, OWN_BOUNDS.1);
        Aimd { bounds, limit: bounds.clamp(start.min(START)), reason: Reason::Starting }
    }
}

impl Throttle for Aimd {
    fn record(&mut self, attempt: &Attempt) -> Option<usize> {
        let is_drop = match attempt.outcome {
            Outcome::Success => attempt.process_time > LONGEST_TIME,
            Outcome::Timeout => true,
            Outcome::Failure | Outcome::Cancelled => return None,
        };
        let (before, process_time) = (self.limit, attempt.process_time);
        let (wanted, reason) = if is_drop {
            let is_late = attempt.outcome == Outcome::Success;
            let reason =
                if is_late { Reason::AnsweredLate { process_time } } else { Reason::TimedOut { process_time } };
            ((before as f64 * BACKOFF) as usize, reason)
        } else if attempt.in_flight.saturating_mul(2) >= before {
            (before.saturating_add(1), Reason::Answered { process_time })
        } else {
            (before, Reason::Resting { in_flight: attempt.in_flight })
        };
        self.limit = self.bounds.clamp(wanted);
        self.reason = self.bounds.hold(wanted).unwrap_or(reason);
        (self.limit != before).then_some(self.limit)
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn reason(&self) -> Reason {
        self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempts::{ended, ms};
    use super::*;

    #[test]
    fn starts_at_twenty_or_where_it_is_told_within_the_bounds() {
        let start = |start, min, max| Aimd::new(start, min, max).limit();
        assert_eq!(start(80, 1, 10_000), 20);
        assert_eq!(start(7, 1, 10_000), 20);
        assert_eq!(start(7, 1, 10), 10);
        assert_eq!(start(80, 50, 10_000), 50);
    }

    #[test]
    fn an_answer_adds_one_if_half_of_the_limit_is_in_use() {
        let mut throttle = Aimd::new(20, 1, 10_000);
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 9)), None);
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 10)), Some(21));
        // 10·2 < 21
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 10)), None);
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 11)), Some(22));
    }

    #[test]
    fn a_timeout_takes_a_tenth_however_little_is_in_flight() {
        let mut throttle = Aimd::new(20, 1, 10_000);
        for expected in 21..=50 {
            assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 50)), Some(expected));
        }
        // 45, 40.5, 36
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(1), 1)), Some(45));
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(1), 45)), Some(40));
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(60_000), 40)), Some(36));
    }

    #[test]
    fn an_answer_after_more_than_five_seconds_is_as_bad() {
        let mut throttle = Aimd::new(20, 10, 10_000);
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(5_000), 20)), Some(21));
        // 18.9, but 20 is the lowest
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(5_001), 21)), Some(20));
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(5_001), 20)), None);
    }

    #[test]
    fn goes_no_higher_than_two_hundred() {
        let mut throttle = Aimd::new(20, 1, 10_000);
        for _ in 0..1_000 {
            throttle.record(&ended(Outcome::Success, ms(100), 1_000));
        }
        assert_eq!(throttle.limit(), 200);
        let to_the_bottom = (0..).take_while(|_| throttle.record(&ended(Outcome::Timeout, ms(1), 1)).is_some()).count();
        assert_eq!((throttle.limit(), to_the_bottom), (20, 21));
    }

    #[test]
    fn small_pools_have_their_own_way() {
        let mut throttle = Aimd::new(20, 1, 3);
        assert_eq!(throttle.limit(), 3);
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(1), 3)), None);
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(1), 3)), None);
    }

    #[test]
    fn failures_and_cancelled_attempts_are_ignored() {
        let mut throttle = Aimd::new(20, 1, 10_000);
        for outcome in [Outcome::Failure, Outcome::Cancelled] {
            assert_eq!(throttle.record(&ended(outcome, ms(10_000), 20)), None);
        }
    }

    #[test]
    fn says_why() {
        let mut throttle = Aimd::new(20, 1, 22);
        assert_eq!(throttle.reason().to_string(), "starting: too few process times are known yet");
        let cases = [
            (Outcome::Success, 100, 9, "resting: less than half of the limit is in use, 9 in flight"),
            (Outcome::Success, 100, 20, "growing: the last answer came in time, after 100 ms"),
            (Outcome::Success, 250, 20, "growing: the last answer came in time, after 250 ms"),
            (Outcome::Success, 100, 20, "held at the largest limit allowed, 22"),
            // what says nothing changes nothing
            (Outcome::Failure, 100, 20, "held at the largest limit allowed, 22"),
            (Outcome::Timeout, 1_000, 20, "held at the smallest limit allowed, 20"),
        ];
        for (outcome, time, in_flight, expected) in cases {
            throttle.record(&ended(outcome, ms(time), in_flight));
            assert_eq!(throttle.reason().to_string(), expected);
        }
        let mut throttle = Aimd::new(20, 10, 200);
        for in_flight in 20..60 {
            throttle.record(&ended(Outcome::Success, ms(100), in_flight));
        }
        throttle.record(&ended(Outcome::Timeout, ms(3_000), 60));
        assert_eq!(throttle.reason().to_string(), "cut: a call timed out after 3 s");
        throttle.record(&ended(Outcome::Success, ms(5_100), 50));
        assert_eq!(throttle.reason().to_string(), "cut: an answer took 5.1 s, which counts as lost");
    }
}
