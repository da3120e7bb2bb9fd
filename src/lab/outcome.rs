//! What a run shows.

use std::fmt;

use serde::{Serialize, Serializer};

/// What one run of a scenario shows. As JSON it has the scenario's name, the seed, the phases and the totals; the
/// record, from which plots and further figures are made, stays out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// What chance started from.
    pub seed: u64,
    /// What each phase shows.
    pub phases: Vec<PhaseOutcome>,
    /// What became of all requests, warm-up included.
    pub totals: Totals,
    /// What happened when.
    #[serde(skip)]
    pub record: Record,
}

/// What one phase of a run shows. Rates, latencies and waits leave out the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseOutcome {
    /// Requests that arrived per second.
    pub offered_per_s: f64,
    /// Requests that the services could answer per second: the sum of slots / mean service time.
    pub capacity_per_s: f64,
    /// Requests completed within the deadline per second.
    pub good_per_s: f64,
    /// good / min(offered, capacity); `None` if that is nothing.
    pub goodput_ratio: Option<f64>,
    /// Requests refused or shed from the queue per second.
    pub rejected_per_s: f64,
    /// Requests that failed per second.
    pub failed_per_s: f64,
    /// Requests that were told that time was up per second.
    pub timed_out_per_s: f64,
    /// Calls to the services per second, copies and retries included.
    pub attempts_per_s: f64,
    /// The same per request that arrived; `None` if none did.
    pub attempts_per_request: Option<f64>,
    /// Time from arrival to answer, of what was completed.
    pub latency_ms: Latency,
    /// Time from arrival to a service, of what got there.
    pub wait_ms: Wait,
    /// Sum of the concurrency limits over all dispatchers and services, ten times a second.
    pub limit: Limit,
    /// First instant of the phase, in steps of 0.1 s, from which it was converged for 3 s; `None` if never.
    pub converged_after_s: Option<f64>,
    /// What each group of requests got, classes first. Empty if all requests of the scenario are of one group.
    pub groups: Vec<GroupOutcome>,
}

/// What those requests of a group got that arrived in a phase, whenever they ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupOutcome {
    /// Whose requests.
    pub group: Group,
    /// How many arrived per second.
    pub offered_per_s: f64,
    /// The share of them that was completed within the deadline; `None` if none arrived.
    pub success: Option<f64>,
    /// Time from arrival to answer, of those that were completed.
    pub latency_ms: Latency,
}

/// Whose requests. Displays, and serializes, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Those of a class.
    Class(u8),
    /// Those of the [heavy user](super::Arrivals::heavy_user).
    HeavyUser,
    /// Those of all users but that one.
    OtherUsers,
}

impl Group {
    /// Whether a request belongs to it.
    pub fn has(self, request: &Received) -> bool {
        match self {
            Group::Class(class) => request.class == class,
            Group::HeavyUser => request.user == 0,
            Group::OtherUsers => request.user != 0,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Class(class) => write!(f, "class {class}"),
            Group::HeavyUser => f.write_str("heavy user"),
            Group::OtherUsers => f.write_str("other users"),
        }
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Percentiles in milliseconds; `None` if nothing was completed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
}

/// Percentiles in milliseconds; `None` if nothing got to a service.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Wait {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

/// A concurrency limit over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Limit {
    pub mean: f64,
    pub min: usize,
    pub max: usize,
}

/// What became of all requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Totals {
    pub received: u64,
    pub completed: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub rejected: u64,
    /// Their callers left without an answer.
    pub abandoned: u64,
    /// Calls to the services, copies and retries included.
    pub attempts: u64,
}

/// What happened when. Times are seconds from the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// One for each tenth of a second, in order: `steps[i]` is the time from i/10 s to (i + 1)/10 s.
    pub steps: Vec<Step>,
    /// Every request that was completed, in the order of the answers.
    pub answers: Vec<Answer>,
    /// Every request that got to a service, in that order, with its wait in seconds.
    pub starts: Vec<Start>,
    /// Every request, in the order of arrival.
    pub received: Vec<Received>,
}

/// A request and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Received {
    /// When it arrived.
    pub at: f64,
    /// How long after that it ended.
    pub took: f64,
    /// Whose it is.
    pub user: u64,
    /// Its class of importance.
    pub class: u8,
    /// How it ended.
    pub ending: Ending,
}

/// What became of a request, from where its caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ending {
    Completed,
    Failed,
    TimedOut,
    Rejected,
    /// The caller left without an answer.
    Abandoned,
}

/// A tenth of a second. Counts are of events within it; the rest is as at its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// Requests that arrived.
    pub offered: u32,
    /// Requests completed within the deadline.
    pub good: u32,
    /// Requests refused or shed.
    pub rejected: u32,
    /// Requests that failed.
    pub failed: u32,
    /// Requests that were told that time was up.
    pub timed_out: u32,
    /// Requests whose callers left without an answer.
    pub abandoned: u32,
    /// Good answers by dispatcher.
    pub good_by_kanaloa: Vec<u32>,
    /// Calls begun, by service.
    pub attempts_by_service: Vec<u32>,
    /// Sum over the dispatchers of the concurrency limits, by service.
    pub limit_by_service: Vec<usize>,
    /// Sum over the services of the concurrency limits, by dispatcher.
    pub limit_by_kanaloa: Vec<usize>,
    /// Calls in flight, by service.
    pub in_flight_by_service: Vec<usize>,
    /// Requests waiting in all dispatchers.
    pub queued: usize,
    /// The share of requests refused lately: mean over the dispatchers.
    pub drop_rate: f64,
}

/// A request that was completed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// When.
    pub at: f64,
    /// How long after its arrival.
    pub latency: f64,
}

/// A request that got to a service for the first time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// When.
    pub at: f64,
    /// How long after its arrival.
    pub wait: f64,
}

/// Length of a [`Step`], in seconds.
pub const STEP: f64 = 0.1;
