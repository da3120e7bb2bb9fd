//! What is measured of a run.

use kanaloa::lab::{Outcome, STEP, Scenario, Step};

/// Good answers of what could be answered, over all phases by their durations.
pub(crate) fn goodput(scenario: &Scenario, outcome: &Outcome) -> f64 {
    let (mut began, mut good, mut possible) = (0.0, 0.0, 0.0);
    for (phase, figures) in scenario.phases.iter().zip(&outcome.phases) {
        let ends = began + phase.duration.as_secs_f64();
        let counted = ends - began.max(scenario.warm_up.as_secs_f64());
        began = ends;
        if counted > 0.0 {
            good += counted * figures.good_per_s;
            possible += counted * figures.offered_per_s.min(figures.capacity_per_s);
        }
    }
    good / possible
}

/// The same in the phase of this number.
pub(crate) fn goodput_of(outcome: &Outcome, phase: usize) -> f64 {
    outcome.phases[phase].goodput_ratio.unwrap_or(0.0)
}

/// The 99th percentile of the latency in milliseconds, in the last phase.
pub(crate) fn p99(_: &Scenario, outcome: &Outcome) -> f64 {
    outcome.phases.last().and_then(|phase| phase.latency_ms.p99).unwrap_or(f64::INFINITY)
}

/// The slowest convergence of all phases, in seconds; infinite if one does not.
pub(crate) fn slowest_convergence(_: &Scenario, outcome: &Outcome) -> f64 {
    outcome.phases.iter().map(|phase| phase.converged_after_s.unwrap_or(f64::INFINITY)).fold(0.0, f64::max)
}

/// The same of one phase.
pub(crate) fn convergence(outcome: &Outcome, phase: usize) -> f64 {
    outcome.phases[phase].converged_after_s.unwrap_or(f64::INFINITY)
}

/// How many there were of something after the warm-up.
fn count(scenario: &Scenario, outcome: &Outcome, of: impl Fn(&Step) -> u32) -> f64 {
    measured(scenario, outcome).iter().map(|step| f64::from(of(step))).sum()
}

/// The share refused of what arrived.
pub(crate) fn refused(scenario: &Scenario, outcome: &Outcome) -> f64 {
    count(scenario, outcome, |step| step.rejected) / count(scenario, outcome, |step| step.offered)
}

/// The share of what arrived that was not answered in time.
pub(crate) fn refused_or_late(scenario: &Scenario, outcome: &Outcome) -> f64 {
    let (from, deadline) = (scenario.warm_up.as_secs_f64(), scenario.arrivals.deadline.as_secs_f64());
    let late = outcome.record.answers.iter().filter(|answer| answer.at >= from && answer.latency > deadline).count();
    let ended = |step: &Step| step.rejected + step.failed + step.timed_out + step.abandoned;
    (count(scenario, outcome, ended) + late as f64) / count(scenario, outcome, |step| step.offered)
}

fn p99_of(mut latencies: Vec<f64>) -> Option<f64> {
    latencies.sort_by(f64::total_cmp);
    let rank = (0.99 * latencies.len() as f64).ceil() as usize;
    latencies.get(rank.checked_sub(1)?).map(|latency| latency * 1e3)
}

/// The 99th percentile in milliseconds of what is answered from 5 s after the begin of each phase on: the highest of
/// all phases.
pub(crate) fn p99_settled(scenario: &Scenario, outcome: &Outcome) -> f64 {
    let mut began = 0.0;
    let phases = scenario.phases.iter().map(|phase| {
        let (from, ends) = (began + 5.0, began + phase.duration.as_secs_f64());
        began = ends;
        let answers = outcome.record.answers.iter().filter(|answer| from <= answer.at && answer.at < ends);
        p99_of(answers.map(|answer| answer.latency).collect()).unwrap_or(f64::INFINITY)
    });
    phases.fold(0.0, f64::max)
}

/// The highest 99th percentile of any second, in milliseconds.
pub(crate) fn worst_second(_: &Scenario, outcome: &Outcome) -> f64 {
    let seconds = (outcome.record.steps.len() as f64 * STEP) as usize;
    let mut latencies = vec![Vec::new(); seconds + 1];
    for answer in &outcome.record.answers {
        latencies[(answer.at as usize).min(seconds)].push(answer.latency);
    }
    latencies.into_iter().filter_map(p99_of).fold(0.0, f64::max)
}

/// Calls per second to the service of this number in the phase of this number, as a multiple of the phase before.
pub(crate) fn attempts_ratio(scenario: &Scenario, outcome: &Outcome, service: usize, phase: usize) -> f64 {
    let steps = |phase: usize| {
        let duration =
            |range: &[kanaloa::lab::Phase]| range.iter().map(|phase| phase.duration.as_secs_f64()).sum::<f64>();
        let (from, ends) = (duration(&scenario.phases[..phase]), duration(&scenario.phases[..=phase]));
        let steps = &outcome.record.steps[(from / STEP).round() as usize..(ends / STEP).round() as usize];
        steps.iter().map(|step| f64::from(step.attempts_by_service[service])).sum::<f64>() / steps.len() as f64
    };
    steps(phase) / steps(phase - 1)
}

/// Calls in flight at the end that no concurrency limit accounts for, and requests that never ended.
pub(crate) fn stuck(_: &Scenario, outcome: &Outcome) -> f64 {
    let totals = outcome.totals;
    let ended = totals.completed + totals.failed + totals.timed_out + totals.rejected + totals.abandoned;
    let beyond = outcome.record.steps.last().map_or(0, |step| {
        let calls = step.in_flight_by_service.iter().zip(&step.limit_by_service);
        calls.map(|(calls, limit)| calls.saturating_sub(*limit)).sum()
    });
    (totals.received - ended) as f64 + beyond as f64
}

/// The steps after the warm-up.
fn measured<'o>(scenario: &Scenario, outcome: &'o Outcome) -> &'o [Step] {
    &outcome.record.steps[(scenario.warm_up.as_secs_f64() / STEP).round() as usize..]
}

/// The highest total of the concurrency limits after the warm-up, as a multiple of the slots.
pub(crate) fn highest_limit(scenario: &Scenario, outcome: &Outcome) -> f64 {
    let slots: usize = scenario.phases[0].services.iter().map(|service| service.slots).sum();
    let steps = measured(scenario, outcome).iter();
    let highest = steps.map(|step| step.limit_by_service.iter().sum::<usize>()).max().unwrap_or(0);
    highest as f64 / slots as f64
}

/// How far the good answers of a dispatcher are from an equal share in the worst minute, as a part of the share.
pub(crate) fn unfairness(scenario: &Scenario, outcome: &Outcome) -> f64 {
    let steps = measured(scenario, outcome);
    let minute = (60.0 / STEP) as usize;
    let mut worst = 0.0_f64;
    for window in steps.windows(minute).step_by(10) {
        let good: Vec<f64> = (0..scenario.kanaloas)
            .map(|kanaloa| window.iter().map(|step| f64::from(step.good_by_kanaloa[kanaloa])).sum())
            .collect();
        let share = good.iter().sum::<f64>() / good.len() as f64;
        worst = good.iter().map(|good| (good / share - 1.0).abs()).fold(worst, f64::max);
    }
    worst
}
