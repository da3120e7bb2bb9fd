//! A regulator that lets in what will be served soon enough.

mod drop_rate;
mod rule;

#[cfg(test)]
mod tests;

use std::time::Duration;

use self::drop_rate::DropRate;
use self::rule::LONGEST_OVERLOAD;
pub(super) use self::rule::Rule;
use super::{Admission, QueueSample, Regulator, SAMPLES_PER_REFERENCE_DELAY, ServiceSample};

/// Weight of one arrival in the common standing delay.
const ARRIVAL_WEIGHT: f64 = 1.0 / 200.0;

/// How much faster calm makes up for overload than overload builds up: a burst is allowed again soon after a real
/// calm, and not after a moment's.
const RECOVERY: f64 = 4.0;

/// Lets in the works that will be served soon enough, by the time that each would wait.
///
/// # The rule
///
/// Let R be the mean process time and *mu* the rate at which works leave the queue, Σ limit/R over the handlers that
/// take work. A work that finds *length* works ahead waits length/mu; while the limits are still being found, mu doubles
/// every 2·R = G, three times at most, and the wait is G·log₂(1 + length·ln 2/(mu·G)) until then. It is let in if the queue
/// is empty, or
///
/// ```text
/// T = its time left, or max(1 s, 5·R)        room = max(0, T − R)
/// W = min(max(1 s, 5·R), max(T, 1 s))        grade = (1 − 0.16·class)/(1 − 0.16·3)
/// burst = min(grade·min(room, W)/2, 0.6·min(T, W))
/// standing = min(grade·max(m, 16/mu), burst)
/// allowed = standing + max(0, min(burst, longest burst) − standing)·clamp(2 − over/W, 0, 1)
/// wait ≤ allowed
/// ```
///
/// - A burst may fill half of the room, a queue that does not go away only the standing delay, and what is allowed
///   sinks from one to the other within W rather than at once, which would refuse even the best class while the
///   queue drains.
/// - `over` tells them apart: it grows with the time in which work waits and shrinks four times as fast while none
///   does, within 0..2W. The time since the queue was last empty would not do: a moment without a queue, as each
///   step of a concurrency limit makes, would allow a new burst.
/// - m, the mean of min(reference delay, room/4) over the works that arrive, is common to all: with a standing delay
///   of its own each, the patient would starve the impatient.
/// - The grade is 1 for the ordinary class, 3: what is kept for better classes must not cost a service that has none.
/// - At least 16 places: by time alone, a slow service would have hardly any queue and idle between arrivals.
///
/// What has waited for 0.6·T is shed, see [`Admission::longest_wait`].
///
/// # The regimes
///
/// Nothing known of the service: as many as the concurrency limit and 64 more may wait. Calm: bursts up to T/2.
/// Overload, after 2W: standing delay, one refusal for each work too many, at once. All handlers held: what
/// remains of the pause counts as wait.
///
/// # Where it is weak
///
/// A wrong concurrency limit is an error in mu. After a step of the load, waits reach T/2 for up to 2W, by design. Just
/// below capacity (99 %) it refuses about 2 % without need.
///
/// # Sources
///
/// Found in simulation. Deciding by the expected wait is Little's law, as in the original Kanaloa's delay; telling
/// bursts from standing queues is the idea of CoDel (Nichols and Jacobson, 2012).
#[derive(Debug, Clone)]
pub struct ExpectedWait {
    reference_delay: Duration,
    longest_burst: Option<Duration>,
    /// m: the common standing delay, in seconds.
    standing: f64,
    /// In seconds.
    over: f64,
    drop_rate: DropRate,
}

impl ExpectedWait {
    /// `reference_delay` is the wait time that an overload settles at, for works that have four times as much to wait
    /// or more. With 100 ms and 200 works per second, about 20 works wait while more arrive than can be served.
    ///
    /// `longest_burst` is the longest wait that a burst may cause beyond that; `None` leaves it to the rule. Zero treats
    /// a burst as an overload from its first work on.
    pub fn new(reference_delay: Duration, longest_burst: Option<Duration>) -> Self {
        let standing = Rule::new(reference_delay, &ServiceSample::default()).default_standing_delay();
        ExpectedWait { reference_delay, longest_burst, standing, over: 0.0, drop_rate: DropRate::default() }
    }

    /// m after the arrivals of a sample: they move it as they would one by one.
    fn learn_standing(&mut self, rule: &Rule, sample: &QueueSample) {
        let arrived = sample.arrived.max(sample.with_deadline);
        if arrived == 0 {
            return;
        }
        let without_deadline = (arrived - sample.with_deadline) as f64;
        let sum = without_deadline * rule.default_standing_delay() + sample.standing_delays.as_secs_f64();
        let weight = 1.0 - (1.0 - ARRIVAL_WEIGHT).powf(arrived as f64);
        self.standing += weight * (sum / arrived as f64 - self.standing);
    }

    fn learn_over(&mut self, rule: &Rule, sample: &QueueSample) {
        let waiting = sample.waiting.as_secs_f64();
        let calm = sample.elapsed.saturating_sub(sample.waiting).as_secs_f64();
        let grown = (self.over + waiting).min(LONGEST_OVERLOAD * rule.patience());
        self.over = (grown - RECOVERY * calm).max(0.0);
    }
}

impl Regulator for ExpectedWait {
    fn sample(&mut self, sample: &QueueSample) -> Admission {
        let rule = Rule::new(self.reference_delay, &sample.service);
        self.learn_standing(&rule, sample);
        self.learn_over(&rule, sample);
        self.drop_rate.record(sample.elapsed.as_secs_f64(), sample.arrived, sample.refused);
        Admission::by_expected_wait(rule.with(self.standing, self.over, self.longest_burst), self.drop_rate())
    }

    fn interval(&self, update_interval: Duration) -> Duration {
        update_interval.min(self.reference_delay / SAMPLES_PER_REFERENCE_DELAY)
    }

    fn drop_rate(&self) -> f64 {
        self.drop_rate.get()
    }

    fn is_at_rest(&self) -> bool {
        self.over == 0.0 && self.drop_rate() == 0.0
    }
}
