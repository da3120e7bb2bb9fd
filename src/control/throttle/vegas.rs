//! Vegas: estimates the queue from the shortest process time.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::bounds::Bounds;
use super::{Reason, Throttle};
use crate::control::{Attempt, Outcome};

/// The first limit, if it is not told a lower one.
const START: usize = 20;
/// The highest limit, where the pool's is higher.
const HIGHEST: usize = 1_000;
/// A queue below so many steps is small: the limit grows by a step.
const ALPHA: usize = 3;
/// A queue above so many steps is large: the limit falls by a step. Without a queue it grows by as many.
const BETA: usize = 6;
/// The shortest time is measured anew after so many attempts for each of the limit, times a share of chance.
const PROBE_AFTER: f64 = 30.0;
/// That share, so that proxies of one service do not probe together.
const PROBE_SHARE: std::ops::Range<f64> = 0.5..1.0;

/// Holds the queue that the shortest process time lets it estimate between three and six steps.
///
/// Choose it to compare; [`Plumb`](super::Plumb) is better in all that we know.
///
/// # The rule
///
/// With each success and each timeout, L being the limit, R the process time, R₀ the shortest known, and one step
/// ℓ = max(1, ⌊log₁₀ L⌋),
///
/// ```text
/// q = ⌈L·(1 − R₀/R)⌉
/// L <- L − ℓ       after a timeout
/// L <- L           else if in flight < L/2
/// L <- L + 6·ℓ     else if q ≤ ℓ
/// L <- L + ℓ       else if q < 3·ℓ
/// L <- L − ℓ       else if q > 6·ℓ
/// ```
///
/// within 1 to 1000 and the bounds it is given. An R below R₀ becomes R₀ and changes nothing else. So does any R after
/// 30·L·u attempts, u being evenly from 0.5..1: a probe, since the shortest time of a service may grow for good.
/// Failures and cancelled attempts are ignored.
///
/// # The regimes
///
/// - *Growing*: no queue. From 20 by 6 with each sample.
/// - *Steady*: the queue is from 3·ℓ to 6·ℓ.
/// - *Falling*: it is larger, or calls are lost. By one a sample below a limit of 100, by 2 from there on.
/// - *Idle*: less than half of the limit is in use: it rests, if nothing is lost.
///
/// # Where it is weak
///
/// - A probe believes one attempt. What it met is taken for the time without a queue, though there may be one: then the
///   limit grows until a shorter time is met, and under sustained overload from probe to probe.
/// - With times that vary, R₀ is that of the cheapest call, and all others look like a queue. Where R₀ is much the
///   shortest, q is all of L, and the limit falls to 6.
/// - Each attempt moves it, and those in flight still show the queue that the limit before had made: it overshoots.
///
/// # Source
///
/// `VegasLimit` of Netflix's concurrency-limits, at its defaults, and like there without `WindowedLimit`: each attempt is
/// a sample. What is in flight is counted there when the call starts, and here when it ends. After TCP Vegas
/// (Brakmo et al., 1994).
#[derive(Debug, Clone)]
pub struct Vegas {
    bounds: Bounds,
    limit: usize,
    reason: Reason,
    /// R₀, in nanoseconds.
    shortest: Option<f64>,
    /// Attempts since the last probe.
    attempts: f64,
    /// u.
    share: f64,
    random: Xoshiro256PlusPlus,
}

impl Vegas {
    /// Starts at `start`, but not above 20, and keeps the limit within `min..=max` and 1 to 1000. A `min` of 0 counts as
    /// 1, and a `max` below `min` as `min`. Throttles with the same seed probe after as many attempts.
    pub fn new(start: usize, min: usize, max: usize, seed: u64) -> Self {
        let bounds = Bounds::new(min, max).within(1, HIGHEST);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let share = random.random_range(PROBE_SHARE);
        let limit = bounds.clamp(start.min(START));
        Vegas { bounds, limit, reason: Reason::Starting, shortest: None, attempts: 0.0, share, random }
    }

    /// The limit that follows from an attempt, and why.
    fn next(&mut self, attempt: &Attempt, is_drop: bool) -> (usize, Reason) {
        let Attempt { process_time, in_flight, .. } = *attempt;
        // A nanosecond at least, the resolution of the clock: nothing is divided by zero.
        let time = process_time.as_nanos().max(1) as f64;
        let limit = self.limit;
        self.attempts += 1.0;
        if self.share * PROBE_AFTER * limit as f64 <= self.attempts {
            self.share = self.random.random_range(PROBE_SHARE);
            self.attempts = 0.0;
            self.shortest = Some(time);
            return (limit, Reason::Measured { process_time });
        }
        let Some(shortest) = self.shortest.filter(|shortest| *shortest <= time) else {
            self.shortest = Some(time);
            return (limit, Reason::Measured { process_time });
        };
        let queue = (limit as f64 * (1.0 - shortest / time)).ceil() as usize;
        let step = limit.checked_ilog10().map_or(1, |log| log.max(1) as usize);
        let calls = queue as f64;
        let growing = Reason::Growing { queue: calls, in_flight: limit as f64 };
        if is_drop {
            (limit.saturating_sub(step), Reason::TimedOut { process_time })
        } else if in_flight.saturating_mul(2) < limit {
            (limit, Reason::Resting { in_flight })
        } else if queue <= step {
            (limit.saturating_add(BETA * step), growing)
        } else if queue < ALPHA * step {
            (limit.saturating_add(step), growing)
        } else if queue > BETA * step {
            (limit.saturating_sub(step), Reason::QueueTooLarge { queue: calls })
        } else {
            (limit, Reason::QueueHeld { queue: calls })
        }
    }
}

impl Throttle for Vegas {
    fn record(&mut self, attempt: &Attempt) -> Option<usize> {
        let is_drop = match attempt.outcome {
            Outcome::Success => false,
            Outcome::Timeout => true,
            Outcome::Failure | Outcome::Cancelled => return None,
        };
        let before = self.limit;
        let (wanted, reason) = self.next(attempt, is_drop);
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

    const SEED: u64 = 7;

    /// One that has seen a shortest time of 100 ms at this limit.
    fn at(limit: usize) -> Vegas {
        let mut throttle = Vegas::new(20, 1, 10_000, SEED);
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), limit)), None);
        throttle.limit = limit;
        throttle
    }

    /// What it goes to after one success that takes so long.
    fn after(limit: usize, time: u64) -> usize {
        let mut throttle = at(limit);
        throttle.record(&ended(Outcome::Success, ms(time), limit));
        throttle.limit()
    }

    #[test]
    fn starts_at_twenty_or_where_it_is_told_within_the_bounds() {
        let start = |start, min, max| Vegas::new(start, min, max, SEED).limit();
        assert_eq!(start(80, 1, 10_000), 20);
        assert_eq!(start(7, 1, 10_000), 7);
        assert_eq!(start(80, 50, 10_000), 50);
        assert_eq!(start(80, 2_000, 10_000), 2_000);
        assert_eq!(start(80, 0, 0), 1);
    }

    #[test]
    fn the_queue_decides_at_a_limit_of_twenty() {
        // ℓ = 1
        let cases = [
            (100, 26), // q = 0
            (105, 26), // ⌈0.95⌉ = 1
            (106, 21), // ⌈1.13⌉ = 2
            (111, 21), // ⌈1.98⌉ = 2
            (112, 20), // ⌈2.14⌉ = 3, not below 3
            (142, 20), // ⌈5.92⌉ = 6, not above 6
            (143, 19), // ⌈6.01⌉ = 7
            (900, 19),
        ];
        for (time, expected) in cases {
            assert_eq!(after(20, time), expected, "{time} ms");
        }
    }

    #[test]
    fn the_step_is_the_whole_logarithm_and_at_least_one() {
        // no queue, and a large one
        // At 1 no time can make a queue of 2.
        let cases = [(1, 7, 7), (9, 15, 8), (99, 105, 98), (100, 112, 98), (500, 512, 498), (999, 1_000, 997)];
        for (limit, up, down) in cases {
            assert_eq!((after(limit, 100), after(limit, 10_000)), (up, down), "{limit}");
        }
        // ℓ = 3
        assert_eq!(after(1_000, 10_000), 997);
    }

    #[test]
    fn two_digits_more_make_the_thresholds_twice_as_large() {
        // ℓ = 2: up by 12 to a queue of 2, by 2 below 6, down by 2 above 12
        let cases = [(101, 212), (102, 202), (103, 200), (106, 200), (107, 198)];
        for (time, expected) in cases {
            assert_eq!(after(200, time), expected, "{time} ms");
        }
    }

    #[test]
    fn a_timeout_takes_a_step_whatever_the_queue_and_however_little_is_in_flight() {
        let mut throttle = at(150);
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(100), 1)), Some(148));
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(5_000), 148)), Some(146));
        let mut throttle = at(2);
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(100), 1)), Some(1));
        assert_eq!(throttle.record(&ended(Outcome::Timeout, ms(100), 1)), None);
        // It recovers.
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 1)), Some(7));
    }

    #[test]
    fn it_rests_while_less_than_half_is_in_use() {
        for time in [100, 110, 1_000] {
            assert_eq!(at(20).record(&ended(Outcome::Success, ms(time), 9)), None);
        }
        assert_eq!(at(20).record(&ended(Outcome::Success, ms(100), 10)), Some(26));
        assert_eq!(at(21).record(&ended(Outcome::Success, ms(100), 10)), None);
    }

    #[test]
    fn a_shorter_time_becomes_the_shortest_and_changes_nothing_else() {
        let mut throttle = at(20);
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(50), 20)), None);
        // 20·(1 − 50/100) = 10
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(100), 20)), Some(19));
    }

    #[test]
    fn after_so_many_attempts_the_latest_time_is_the_shortest() {
        let mut throttle = at(20);
        // Idle, so that only the probe changes what is known. One attempt was made already.
        let share = throttle.share;
        let due = (share * 30.0 * 20.0).ceil() as u32;
        for _ in 2..due {
            throttle.record(&ended(Outcome::Success, ms(200), 1));
            assert_eq!(throttle.shortest, Some(1e8));
        }
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(200), 20)), None);
        assert_eq!(throttle.shortest, Some(2e8));
        // 200 ms is no queue any more.
        assert_eq!(throttle.record(&ended(Outcome::Success, ms(200), 20)), Some(26));
        // And the next comes after another share.
        assert!(throttle.share != share && (throttle.attempts - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn probes_come_after_fifteen_to_thirty_attempts_for_each_of_the_limit_as_the_seed_says() {
        let probes = |seed| {
            let mut throttle = Vegas::new(20, 1, 10_000, seed);
            let mut gaps = Vec::new();
            for n in 1_u32..100_000 {
                throttle.record(&ended(Outcome::Success, ms(100), 1));
                if throttle.attempts == 0.0 {
                    gaps.push(n - gaps.iter().sum::<u32>());
                }
            }
            gaps
        };
        let gaps = probes(1);
        assert!(gaps.iter().all(|gap| (300..=600).contains(gap)), "{gaps:?}");
        let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
        assert!(*least < 320 && *most > 580, "{gaps:?}");
        assert_eq!(gaps, probes(1));
        assert_ne!(gaps, probes(2));
    }

    #[test]
    fn goes_no_higher_than_a_thousand() {
        let mut throttle = at(20);
        for _ in 0..1_000 {
            throttle.record(&ended(Outcome::Success, ms(100), 10_000));
        }
        assert_eq!(throttle.limit(), 1_000);
    }

    #[test]
    fn failures_and_cancelled_attempts_are_ignored() {
        let mut throttle = at(20);
        for outcome in [Outcome::Failure, Outcome::Cancelled] {
            assert_eq!(throttle.record(&ended(outcome, ms(10), 20)), None);
        }
        assert_eq!(throttle.shortest, Some(1e8));
    }

    #[test]
    fn says_why() {
        let starting = Vegas::new(20, 1, 10_000, SEED).reason();
        assert_eq!(starting.to_string(), "starting: too few process times are known yet");
        let cases = [
            (Outcome::Success, 50, 20, "measuring: a process time of 50 ms is taken for one without a queue"),
            (Outcome::Success, 100, 20, "growing: no queue inside the service yet"),
            (Outcome::Success, 111, 20, "growing: only 2 of 20 in flight wait inside the service"),
            (Outcome::Success, 142, 20, "steady: a queue of 6 inside the service is neither small nor large"),
            (Outcome::Success, 143, 20, "falling: a queue of 7 inside the service is too large"),
            (Outcome::Success, 143, 9, "resting: less than half of the limit is in use, 9 in flight"),
            (Outcome::Timeout, 1_000, 9, "cut: a call timed out after 1 s"),
            (Outcome::Failure, 1_000, 20, "measuring: a process time of 100 ms is taken for one without a queue"),
        ];
        for (outcome, time, in_flight, expected) in cases {
            let mut throttle = at(20);
            throttle.record(&ended(outcome, ms(time), in_flight));
            assert_eq!(throttle.reason().to_string(), expected);
        }
        let mut throttle = at(998);
        throttle.record(&ended(Outcome::Success, ms(100), 998));
        assert_eq!(throttle.reason().to_string(), "held at the largest limit allowed, 1000");
        let mut throttle = at(1);
        throttle.record(&ended(Outcome::Timeout, ms(100), 1));
        assert_eq!(throttle.reason().to_string(), "held at the smallest limit allowed, 1");
    }
}
