//! What is measured of copies and of groups of requests.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use kanaloa::config::ConcurrentDelay;
use kanaloa::lab::{self, Group, GroupOutcome, Latency, Outcome, STEP, Scenario};

/// A percentile of the latency.
pub(crate) type Percentile = fn(&Latency) -> Option<f64>;

/// The latency of the same requests with so many copies of each at once, instead of what the scenario says. Several bars
/// ask for it, and each scenario is run once.
fn with_calls(scenario: &Scenario, calls: usize) -> Option<Latency> {
    static KNOWN: Mutex<BTreeMap<String, Option<Latency>>> = Mutex::new(BTreeMap::new());
    let mut scenario = Scenario { name: "compared".to_owned(), ..scenario.clone() };
    let work = &mut scenario.dispatcher.work;
    (work.concurrent_calls, work.concurrent_delay) = (calls, ConcurrentDelay::After(Duration::ZERO));
    let key = format!("{scenario:?}");
    if let Some(known) = KNOWN.lock().expect("nobody panicked").get(&key) {
        return *known;
    }
    let latency = of_last(&lab::run(&scenario).expect("it runs"));
    KNOWN.lock().expect("nobody panicked").insert(key, latency);
    latency
}

fn of_last(outcome: &Outcome) -> Option<Latency> {
    outcome.phases.last().map(|phase| phase.latency_ms)
}

fn of(latency: Option<Latency>, percentile: Percentile) -> f64 {
    latency.as_ref().and_then(percentile).unwrap_or(f64::INFINITY)
}

/// The part by which a percentile is lower than with one call.
pub(crate) fn fall(scenario: &Scenario, outcome: &Outcome, percentile: Percentile) -> f64 {
    1.0 - of(of_last(outcome), percentile) / of(with_calls(scenario, 1), percentile)
}

/// The same as a part of what so many calls at once gain.
pub(crate) fn part_of_fall(scenario: &Scenario, outcome: &Outcome, calls: usize, percentile: Percentile) -> f64 {
    let alone = of(with_calls(scenario, 1), percentile);
    (alone - of(of_last(outcome), percentile)) / (alone - of(with_calls(scenario, calls), percentile))
}

/// Calls to the services, as a multiple of the requests that arrived.
pub(crate) fn attempts_per_request(_: &Scenario, outcome: &Outcome) -> f64 {
    outcome.totals.attempts as f64 / outcome.totals.received as f64
}

/// The share of all requests that failed.
pub(crate) fn failed(_: &Scenario, outcome: &Outcome) -> f64 {
    outcome.totals.failed as f64 / outcome.totals.received as f64
}

fn figures(outcome: &Outcome, phase: usize, group: Group) -> Option<&GroupOutcome> {
    outcome.phases[phase].groups.iter().find(|figures| figures.group == group)
}

/// The share of the requests of a group in the last phase that were answered in time.
pub(crate) fn success(outcome: &Outcome, group: Group) -> f64 {
    figures(outcome, outcome.phases.len() - 1, group).and_then(|figures| figures.success).unwrap_or(0.0)
}

/// The 99th percentile of the latency of a group in the last phase, as a multiple of that in the first.
pub(crate) fn p99_to_first(outcome: &Outcome, group: Group) -> f64 {
    let p99 = |phase| figures(outcome, phase, group).and_then(|figures| figures.latency_ms.p99);
    match (p99(outcome.phases.len() - 1), p99(0)) {
        (Some(last), Some(first)) => last / first,
        _ => f64::INFINITY,
    }
}

/// Good answers per second in the worst so many seconds on end of a phase.
pub(crate) fn worst_good(scenario: &Scenario, outcome: &Outcome, phase: usize, seconds: f64) -> f64 {
    let until = |phase: usize| {
        let durations = scenario.phases[..phase].iter().map(|phase| phase.duration.as_secs_f64());
        (durations.sum::<f64>() / STEP).round() as usize
    };
    let steps = &outcome.record.steps[until(phase)..until(phase + 1)];
    let good = |window: &[lab::Step]| window.iter().map(|step| f64::from(step.good)).sum::<f64>() / seconds;
    steps.windows((seconds / STEP).round() as usize).map(good).fold(f64::INFINITY, f64::min)
}
