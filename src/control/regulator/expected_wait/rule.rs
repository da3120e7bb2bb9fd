//! The rule of [`ExpectedWait`](super::ExpectedWait) at one moment.

use std::f64::consts::LN_2;
use std::time::Duration;

use super::super::ServiceSample;

/// A work without a deadline of its own is taken to have this many mean process times, and at least
/// [`SHORTEST_PATIENCE`], until its caller has no use for the answer.
const PATIENCE: f64 = 5.0;
const SHORTEST_PATIENCE: f64 = 1.0;

/// Fewest works that may wait unless that takes longer than a burst may: by time alone a slow service would have hardly
/// any queue, and idle between arrivals.
const PLACES: usize = 16;

/// How many may wait beyond the concurrency limit while nothing is known of the service. A fast one is known within
/// milliseconds, and has long since served by then what a new start meets at once, such as a client's pool of
/// connections. What is too much for a slow one is shed when it has waited, so this is no more than a usual pool.
const PLACES_UNKNOWN: usize = 64;

/// A burst may fill half of the time there is to wait: what comes behind it must still have a chance.
const BURST_SHARE: f64 = 0.5;
/// A standing queue may take a quarter, if that is less than the reference delay: the impatient would starve otherwise.
const STANDING_SHARE: f64 = 0.25;
/// From class to class, what a work is allowed to wait sinks by this much of the best class's, so that the lowest gives
/// way first.
const CLASS_STEP: f64 = 0.16;
/// The class that may wait as long as all this says. Others may wait longer or less long: a service whose traffic is
/// all of this class has no use for room that is kept for a better one.
const ORDINARY_CLASS: f64 = 3.0;
/// A work is shed once it has waited for this share of its time: most that still wait then would be late, and others
/// behind them would become so.
const SHED_SHARE: f64 = 0.6;
/// Overload, in W, up to which a burst is a burst; after one more W it is a standing queue. `over` is kept
/// below this.
pub(super) const LONGEST_OVERLOAD: f64 = 2.0;

/// How many doublings of a limit that is still being found are counted on. From 4, three lead to 32; every one may be the
/// last, and for a fast service many would fit into the time that works have.
const DOUBLINGS: f64 = 3.0;

/// A hair's breadth, lest 16 places come out as 15 by rounding.
const ROUNDING: f64 = 1.0 + 1e-12;

/// Times in seconds, none of them negative or not a number.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::control::regulator) struct Rule {
    reference_delay: f64,
    /// What is known of the service, if anything.
    service: Option<Service>,
    /// Sum of the concurrency limits.
    limit: usize,
    /// The standing delay learnt from the works that arrive.
    standing: f64,
    /// How long work has been waiting, less what was made up for since.
    over: f64,
    /// The longest wait that a burst may cause.
    longest_burst: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Service {
    /// Works per second: above zero.
    leaving_rate: f64,
    process_time: f64,
    /// In which time the leaving rate doubles, while it does.
    doubling_time: Option<f64>,
    pause: f64,
}

impl Service {
    /// How long it takes until so many have left: n/mu, or the t of n = mu·G/ln 2·(2^(t/G) − 1) with the doubling time G
    /// and, after the last doubling to count on, of a steady rate.
    fn time(&self, works: f64) -> f64 {
        let steady = works / self.leaving_rate;
        let Some(doubling) = self.doubling_time else { return steady };
        let grown = DOUBLINGS.exp2();
        let rest = steady - doubling / LN_2 * (grown - 1.0);
        if rest > 0.0 {
            DOUBLINGS * doubling + rest / grown
        } else {
            doubling * (steady * LN_2 / doubling).ln_1p() / LN_2
        }
    }

    /// How many leave in this time: the inverse.
    fn works(&self, time: f64) -> f64 {
        let steady = match self.doubling_time {
            Some(doubling) => {
                let growing = time.min(DOUBLINGS * doubling);
                doubling / LN_2 * (growing / doubling * LN_2).exp_m1() + (time - growing) * DOUBLINGS.exp2()
            }
            None => time,
        };
        steady * self.leaving_rate
    }
}

impl Rule {
    pub(in crate::control::regulator) fn starting(reference_delay: Duration, limit: usize) -> Self {
        let mut rule = Rule::new(reference_delay, &ServiceSample { limit, ..ServiceSample::default() });
        rule.standing = rule.default_standing_delay();
        rule
    }

    /// Without a standing delay and without overload.
    pub(super) fn new(reference_delay: Duration, sample: &ServiceSample) -> Self {
        let service = match sample.process_time {
            // not true of NaN
            Some(process_time) if sample.leaving_rate > 0.0 => Some(Service {
                leaving_rate: sample.leaving_rate.min(f64::MAX),
                process_time: process_time.as_secs_f64(),
                doubling_time: sample.doubling_time.map(|time| time.as_secs_f64()).filter(|time| *time > 0.0),
                pause: sample.pause.as_secs_f64(),
            }),
            _ => None,
        };
        Rule {
            reference_delay: reference_delay.as_secs_f64(),
            service,
            limit: sample.limit,
            standing: 0.0,
            over: 0.0,
            longest_burst: f64::INFINITY,
        }
    }

    pub(super) fn with(self, standing: f64, over: f64, longest_burst: Option<Duration>) -> Self {
        let longest_burst = longest_burst.map_or(f64::INFINITY, |longest| longest.as_secs_f64());
        Rule { standing, over, longest_burst, ..self }
    }

    /// How long a work waits behind this many; `None` while nothing is known of the service.
    pub(in crate::control::regulator) fn wait(&self, queued: usize) -> Option<f64> {
        self.service.map(|service| service.pause + service.time(queued as f64))
    }

    /// Mean process time; 0 while unknown.
    pub(in crate::control::regulator) fn process_time(&self) -> f64 {
        self.service.map_or(0.0, |service| service.process_time)
    }

    /// Works that leave per second now; 0 while unknown.
    pub(in crate::control::regulator) fn leaving_rate(&self) -> f64 {
        self.service.map_or(0.0, |service| service.leaving_rate)
    }

    /// Whether they become more, while the concurrency limits are still being found.
    pub(in crate::control::regulator) fn doubles(&self) -> bool {
        self.service.is_some_and(|service| service.doubling_time.is_some())
    }

    /// How long until any handler takes work.
    pub(in crate::control::regulator) fn pause(&self) -> f64 {
        self.service.map_or(0.0, |service| service.pause)
    }

    /// Whether work waits, and more may than in an overload.
    pub(in crate::control::regulator) fn is_burst(&self) -> bool {
        self.service.is_some() && self.over > 0.0 && self.over < LONGEST_OVERLOAD * self.patience()
    }

    /// The longest wait at which a work of this class is let in, with so much time left if it has a deadline of its
    /// own.
    pub(in crate::control::regulator) fn allowed_wait(&self, left: Option<f64>, class: f64) -> f64 {
        let left = left.unwrap_or(self.patience());
        let longest_burst = self.patience().min(left.max(SHORTEST_PATIENCE));
        let grade = (1.0 - CLASS_STEP * class) / (1.0 - CLASS_STEP * ORDINARY_CLASS);
        let longest_wait = SHED_SHARE * left.min(longest_burst);
        let burst = (grade * BURST_SHARE * self.room(left).min(longest_burst)).min(longest_wait);
        let places = self.service.map_or(0.0, |service| service.time(PLACES as f64));
        let standing = (grade * self.standing.max(places)).min(burst);
        let beyond_standing = (burst.min(self.longest_burst) - standing).max(0.0);
        let burst_left = (LONGEST_OVERLOAD - self.over / longest_burst).clamp(0.0, 1.0);
        (standing + beyond_standing * burst_left) * ROUNDING
    }

    /// How many may be ahead of a work of this class that has no deadline of its own.
    pub(in crate::control::regulator) fn places(&self, class: f64) -> usize {
        match self.service {
            None => self.limit.saturating_add(PLACES_UNKNOWN - 1),
            // a conversion to an integer saturates: negative is 0
            Some(service) => {
                let wait = self.allowed_wait(None, class) - service.pause;
                service.works(wait) as usize
            }
        }
    }

    /// What a work with so much time left calls for as a standing delay.
    pub(in crate::control::regulator) fn standing_delay(&self, left: f64) -> f64 {
        self.reference_delay.min(STANDING_SHARE * self.room(left))
    }

    /// What one without a deadline of its own calls for.
    pub(super) fn default_standing_delay(&self) -> f64 {
        self.standing_delay(self.patience())
    }

    /// After how long in the queue a work is shed.
    pub(in crate::control::regulator) fn longest_wait(&self, left: Option<f64>) -> f64 {
        SHED_SHARE * left.unwrap_or(self.patience())
    }

    /// How long a work without a deadline of its own is taken to have, and a burst may last.
    pub(super) fn patience(&self) -> f64 {
        (PATIENCE * self.process_time()).max(SHORTEST_PATIENCE)
    }

    /// The time to wait that the process time leaves.
    fn room(&self, left: f64) -> f64 {
        (left - self.process_time()).max(0.0)
    }
}
