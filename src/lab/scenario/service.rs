//! The services of a scenario.

use std::time::Duration;

/// One service, which is one handler of each dispatcher.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Requests that it works on at once without slowing down. At least 1.
    pub slots: usize,
    /// What becomes of requests beyond the slots.
    pub discipline: Discipline,
    /// With n in flight above the slots, a service time is multiplied by 1 + 3·penalty·(n − slots)/n. Not negative.
    pub penalty: f64,
    /// Time that each answer takes outside the slots.
    pub network: Duration,
    /// Requests that may wait inside it; one more fails at once.
    pub queue: usize,
    /// The share of requests that fail: 0 to 1.
    pub error_rate: f64,
    /// How long those take instead of their service time.
    pub error_time: Duration,
    /// What it does with a request whose caller has left.
    pub on_cancel: OnCancel,
    /// How long requests take in a slot.
    pub service_time: ServiceTime,
    /// The share of requests that take `straggler_factor` times as long: 0 to 1.
    pub straggler_share: f64,
    /// By how much longer those take. More than 0.
    pub straggler_factor: f64,
    /// What service times are multiplied by. More than 0.
    pub slow: f64,
    /// Whether it answers nothing. What it has done then is never answered.
    pub unresponsive: bool,
    /// Whether it is there: if not, it is no handler of the dispatchers.
    pub present: bool,
}

/// What becomes of requests beyond the slots of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// They wait for a slot, first come, first served.
    Fifo,
    /// All are served at once, each at slots/n of full speed when there are n.
    Sharing,
}

/// What a service does with a request whose caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCancel {
    /// It stops: the slot is free.
    Stop,
    /// It works on, for nobody.
    RunOn,
}

/// How long requests take in a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceTime {
    /// Mean of all but bimodal times, where it is that of the fast ones. More than zero.
    pub mean: Duration,
    /// How times are spread.
    pub distribution: Distribution,
}

/// How service times are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// All are the mean.
    Fixed,
    /// Exponentially.
    Exponential,
    /// Their logarithm is normal.
    Lognormal {
        /// Its standard deviation. Not negative.
        sigma: f64,
    },
    /// Exactly one of two.
    Bimodal {
        /// The other. More than zero.
        slow_mean: Duration,
        /// The share of the other: 0 to 1.
        slow_share: f64,
    },
    /// By a power law.
    Pareto {
        /// The share that takes longer than t falls with t to the power of −alpha. More than 1, so that there is a mean.
        alpha: f64,
    },
}

impl ServiceTime {
    /// The mean over all requests.
    pub fn overall_mean(&self) -> Duration {
        match self.distribution {
            Distribution::Bimodal { slow_mean, slow_share } => {
                self.mean.mul_f64(1.0 - slow_share) + slow_mean.mul_f64(slow_share)
            }
            _ => self.mean,
        }
    }
}

impl Service {
    /// The mean service time as it is now, in seconds.
    pub fn mean_time(&self) -> f64 {
        let stragglers = 1.0 + self.straggler_share * (self.straggler_factor - 1.0);
        self.service_time.overall_mean().as_secs_f64() * stragglers * self.slow
    }

    /// Requests that it can answer per second: slots / mean service time; 0 if it is away or does not answer.
    pub fn capacity(&self) -> f64 {
        if self.present && !self.unresponsive { self.slots as f64 / self.mean_time() } else { 0.0 }
    }

    /// The concurrency limit at which it is just busy: slots·(mean + network)/mean.
    pub fn knee(&self) -> f64 {
        let mean = self.mean_time();
        self.slots as f64 * (mean + self.network.as_secs_f64()) / mean
    }
}
