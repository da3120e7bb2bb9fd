//! What a scenario says: services, traffic, and how both change.

use std::time::Duration;

use crate::config::DispatcherSettings;

/// Classes of importance that traffic can have.
pub const CLASSES: usize = crate::dispatcher::Priority::CLASSES;

/// A service, its traffic, and the settings of what stands between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, in kebab-case.
    pub name: String,
    /// What all that is random in it starts from.
    pub seed: u64,
    /// Answers in this time from the start count in no figure but convergence and the totals.
    pub warm_up: Duration,
    /// How many dispatchers, which know nothing of each other, share the services and the traffic. At least 1.
    pub kanaloas: usize,
    /// The traffic.
    pub arrivals: Arrivals,
    /// What holds one after the other, repetitions written out: at least one.
    pub phases: Vec<Phase>,
    /// The settings of each dispatcher.
    pub dispatcher: DispatcherSettings,
}

/// The traffic, but for its rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// How requests are spread over time.
    pub process: Process,
    /// How long after its arrival a request's answer is of use. More than zero.
    pub deadline: Duration,
    /// Whether the dispatcher is told the deadline. If not, callers leave then without having said so.
    pub told: bool,
    /// The share of each class in the traffic; together 1.
    pub classes: [f64; CLASSES],
    /// How many users the requests come from, all equally often. At least 1.
    pub users: u64,
}

/// How requests are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Equally.
    Uniform,
    /// By chance, each independent of all others.
    Poisson,
}

/// A span of time in which nothing changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// How long it lasts. More than zero.
    pub duration: Duration,
    /// Requests per second. Not negative.
    pub rate: f64,
    /// All services of the scenario, in the same order in every phase, as they are in this one.
    pub services: Vec<Service>,
}

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
        self.service_time.overall_mean().as_secs_f64() * self.slow
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

impl Phase {
    /// Requests that all services together can answer per second.
    pub fn capacity(&self) -> f64 {
        self.services.iter().map(Service::capacity).sum()
    }
}

impl Scenario {
    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(|phase| phase.duration).sum()
    }
}
