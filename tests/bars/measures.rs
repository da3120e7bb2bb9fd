//! What is measured of a run.

use kanaloa::lab::{Outcome, STEP, Scenario, Step};

/// Good answers of what could be answered, over all phases.
pub fn goodput(_: &Scenario, outcome: &Outcome) -> f64 {
    let measured = outcome.phases.iter().filter(|phase| phase.goodput_ratio.is_some());
    let (good, possible) = measured.fold((0.0, 0.0), |(good, possible), phase| {
        (good + phase.good_per_s, possible + phase.offered_per_s.min(phase.capacity_per_s))
    });
    good / possible
}

/// The 99th percentile of the latency in milliseconds, in the last phase.
pub fn p99(_: &Scenario, outcome: &Outcome) -> f64 {
    outcome.phases.last().and_then(|phase| phase.latency_ms.p99).unwrap_or(f64::INFINITY)
}

/// The slowest convergence of all phases, in seconds; infinite if one does not.
pub fn slowest_convergence(_: &Scenario, outcome: &Outcome) -> f64 {
    outcome.phases.iter().map(|phase| phase.converged_after_s.unwrap_or(f64::INFINITY)).fold(0.0, f64::max)
}

/// The same of one phase.
pub fn convergence(outcome: &Outcome, phase: usize) -> f64 {
    outcome.phases[phase].converged_after_s.unwrap_or(f64::INFINITY)
}

fn totals(outcome: &Outcome, count: impl Fn(&Step) -> u32) -> f64 {
    outcome.record.steps.iter().map(|step| f64::from(count(step))).sum()
}

/// The share refused of all that arrived, warm-up included.
pub fn refused(_: &Scenario, outcome: &Outcome) -> f64 {
    totals(outcome, |step| step.rejected) / totals(outcome, |step| step.offered)
}

/// The share that was not answered in time, of all that arrived.
pub fn refused_or_late(_: &Scenario, outcome: &Outcome) -> f64 {
    let totals = outcome.totals;
    let good: u64 = outcome.record.steps.iter().map(|step| u64::from(step.good)).sum();
    // What arrives just before the end is answered after it.
    let last = outcome.record.answers.iter().filter(|answer| answer.at >= outcome.record.steps.len() as f64 * STEP);
    1.0 - (good + last.count() as u64) as f64 / totals.received as f64
}

fn p99_of(mut latencies: Vec<f64>) -> Option<f64> {
    latencies.sort_by(f64::total_cmp);
    let rank = (0.99 * latencies.len() as f64).ceil() as usize;
    latencies.get(rank.checked_sub(1)?).map(|latency| latency * 1e3)
}

/// The 99th percentile in milliseconds of what is answered from 5 s after the begin of each phase on: the highest of
/// all phases.
pub fn p99_settled(scenario: &Scenario, outcome: &Outcome) -> f64 {
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
pub fn worst_second(_: &Scenario, outcome: &Outcome) -> f64 {
    let seconds = (outcome.record.steps.len() as f64 * STEP) as usize;
    let mut latencies = vec![Vec::new(); seconds + 1];
    for answer in &outcome.record.answers {
        latencies[(answer.at as usize).min(seconds)].push(answer.latency);
    }
    latencies.into_iter().filter_map(p99_of).fold(0.0, f64::max)
}

/// Calls per second to the service of this number in the phase of this number, as a multiple of the phase before.
pub fn attempts_ratio(scenario: &Scenario, outcome: &Outcome, service: usize, phase: usize) -> f64 {
    let steps = |phase: usize| {
        let duration =
            |range: &[kanaloa::lab::Phase]| range.iter().map(|phase| phase.duration.as_secs_f64()).sum::<f64>();
        let (from, ends) = (duration(&scenario.phases[..phase]), duration(&scenario.phases[..=phase]));
        let steps = &outcome.record.steps[(from / STEP).round() as usize..(ends / STEP).round() as usize];
        steps.iter().map(|step| f64::from(step.attempts_by_service[service])).sum::<f64>() / steps.len() as f64
    };
    steps(phase) / steps(phase - 1)
}

/// The steps after the warm-up.
fn measured<'o>(scenario: &Scenario, outcome: &'o Outcome) -> &'o [Step] {
    &outcome.record.steps[(scenario.warm_up.as_secs_f64() / STEP).round() as usize..]
}

/// The highest total of the concurrency limits after the warm-up, as a multiple of the slots.
pub fn highest_limit(scenario: &Scenario, outcome: &Outcome) -> f64 {
    let slots: usize = scenario.phases[0].services.iter().map(|service| service.slots).sum();
    let steps = measured(scenario, outcome).iter();
    let highest = steps.map(|step| step.limit_by_service.iter().sum::<usize>()).max().unwrap_or(0);
    highest as f64 / slots as f64
}

/// How far the good answers of a dispatcher are from an equal share in the worst minute, as a part of the share.
pub fn unfairness(scenario: &Scenario, outcome: &Outcome) -> f64 {
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
