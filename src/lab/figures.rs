//! The figures of a run.

use super::convergence::converged_after;
use super::ledger::Ledger;
use super::outcome::{Ending, Group, GroupOutcome, Latency, Limit, Outcome, PhaseOutcome, Record, STEP, Step, Wait};
use super::scenario::{CLASSES, Phase, Scenario};

/// What a run shows.
pub(super) fn outcome(scenario: &Scenario, ledger: Ledger) -> Outcome {
    let Ledger { record, totals, .. } = ledger;
    let (mut began, groups) = (0.0, groups(scenario));
    let phases = scenario.phases.iter().map(|phase| {
        let ends = began + phase.duration.as_secs_f64();
        let span = Span { began, from: f64::min(ends, f64::max(began, scenario.warm_up.as_secs_f64())), ends };
        began = ends;
        phase_outcome(scenario, phase, &record, span, &groups)
    });
    let phases = phases.collect();
    Outcome { scenario: scenario.name.clone(), seed: scenario.seed, phases, totals, record }
}

/// A phase in time, in seconds from the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) began: f64,
    /// Where the figures begin: after the warm-up.
    pub(super) from: f64,
    pub(super) ends: f64,
}

impl Span {
    pub(super) fn steps<'r>(&self, record: &'r Record) -> &'r [Step] {
        let index = |at: f64| ((at / STEP).round() as usize).min(record.steps.len());
        &record.steps[index(self.from)..index(self.ends)]
    }

    /// What happened in it, of events in the order of time.
    fn of<'r, T>(&self, events: &'r [T], at: impl Fn(&T) -> f64) -> &'r [T] {
        let first = |instant| events.partition_point(|event| at(event) < instant);
        &events[first(self.from)..first(self.ends)]
    }
}

/// The groups that requests of a scenario belong to: none if there is only one.
fn groups(scenario: &Scenario) -> Vec<Group> {
    let has = |class: u8| scenario.phases.iter().any(|phase| phase.classes[usize::from(class)] > 0.0);
    let mut groups: Vec<_> = (0..CLASSES as u8).filter(|class| has(*class)).map(Group::Class).collect();
    if groups.len() == 1 {
        groups.clear();
    }
    if scenario.arrivals.heavy_user.is_some() {
        groups.extend([Group::HeavyUser, Group::OtherUsers]);
    }
    groups
}

fn group_outcome(scenario: &Scenario, record: &Record, span: Span, group: Group) -> GroupOutcome {
    let deadline = scenario.arrivals.deadline.as_secs_f64();
    let of_it = || span.of(&record.received, |request| request.at).iter().filter(|request| group.has(request));
    let completed = || of_it().filter(|request| request.ending == Ending::Completed).map(|request| request.took);
    let (count, seconds) = (of_it().count(), span.steps(record).len() as f64 * STEP);
    let good = completed().filter(|took| *took <= deadline).count();
    GroupOutcome {
        group,
        offered_per_s: if seconds > 0.0 { rounded(count as f64 / seconds) } else { 0.0 },
        success: (count > 0).then(|| rounded(good as f64 / count as f64)),
        latency_ms: latency(completed()),
    }
}

fn latency(seconds: impl Iterator<Item = f64>) -> Latency {
    let sorted = sorted(seconds);
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|share| milliseconds(&sorted, share));
    Latency { p50, p90, p99, p999 }
}

fn phase_outcome(scenario: &Scenario, phase: &Phase, record: &Record, span: Span, groups: &[Group]) -> PhaseOutcome {
    let steps = span.steps(record);
    let seconds = steps.len() as f64 * STEP;
    let per_second = |count: &dyn Fn(&Step) -> u32| {
        let count: u64 = steps.iter().map(|step| u64::from(count(step))).sum();
        if steps.is_empty() { 0.0 } else { count as f64 / seconds }
    };
    let (offered, good) = (per_second(&|step| step.offered), per_second(&|step| step.good));
    let attempts = per_second(&|step| step.attempts_by_service.iter().sum());
    let possible = offered.min(phase.capacity());
    let waits = sorted(span.of(&record.starts, |start| start.at).iter().map(|start| start.wait));
    PhaseOutcome {
        offered_per_s: rounded(offered),
        capacity_per_s: rounded(phase.capacity()),
        good_per_s: rounded(good),
        goodput_ratio: (possible > 0.0).then(|| rounded(good / possible)),
        rejected_per_s: rounded(per_second(&|step| step.rejected)),
        failed_per_s: rounded(per_second(&|step| step.failed)),
        timed_out_per_s: rounded(per_second(&|step| step.timed_out)),
        attempts_per_s: rounded(attempts),
        attempts_per_request: (offered > 0.0).then(|| rounded(attempts / offered)),
        latency_ms: latency(span.of(&record.answers, |answer| answer.at).iter().map(|answer| answer.latency)),
        wait_ms: Wait { p50: milliseconds(&waits, 0.5), p99: milliseconds(&waits, 0.99) },
        limit: limit(steps),
        converged_after_s: converged_after(scenario, phase, record, span),
        groups: groups.iter().map(|group| group_outcome(scenario, record, span, *group)).collect(),
    }
}

fn limit(steps: &[Step]) -> Limit {
    let limits: Vec<usize> = steps.iter().map(|step| step.limit_by_service.iter().sum()).collect();
    let mean = limits.iter().sum::<usize>() as f64 / limits.len().max(1) as f64;
    let (min, max) = (limits.iter().min(), limits.iter().max());
    Limit { mean: rounded(mean), min: min.copied().unwrap_or(0), max: max.copied().unwrap_or(0) }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn milliseconds(sorted: &[f64], share: f64) -> Option<f64> {
    percentile(sorted, share).map(|seconds| rounded(seconds * 1e3))
}

/// The nearest rank: the smallest value that at least this share of all does not exceed.
pub(super) fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// To four decimals: what is beyond is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.5), Some(50.0));
        assert_eq!(percentile(&hundred, 0.99), Some(99.0));
        assert_eq!(percentile(&[7.0], 0.01), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
