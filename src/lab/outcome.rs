//! What a run shows.

use serde::Serialize;

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
    /// Time from arrival to answer, of what was completed.
    pub latency_ms: Latency,
    /// Time from arrival to a service, of what got there.
    pub wait_ms: Wait,
    /// Sum of the concurrency limits over all dispatchers and services, ten times a second.
    pub limit: Limit,
    /// First instant of the phase, in steps of 0.1 s, from which it was converged for 3 s; `None` if never.
    pub converged_after_s: Option<f64>,
}

/// Percentiles in milliseconds; `None` if nothing was completed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
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
