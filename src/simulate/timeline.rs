//! A run over time, in spans long enough to count in.

use std::ops::Range;
use std::time::Duration;

use kanaloa::lab::{Phase, Record, STEP, Scenario, Step};

use super::words::edges;
use crate::report::percentile;

/// A run that is shorter than this many seconds, or that has a phase shorter than one, is shown in finer spans.
const SHORT: f64 = 30.0;
/// More spans a plot cannot show.
const SPANS: usize = 3000;
/// Steps in a second, and in a span of a short run.
const SECOND: usize = 10;
const FIFTH: usize = 2;

/// What happened in a span of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bucket {
    /// In seconds from the start of the run.
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) steps: Range<usize>,
    /// Requests per second.
    pub(super) offered: f64,
    pub(super) good: f64,
    pub(super) rejected: f64,
    /// Failed, told that time was up, or left without an answer.
    pub(super) lost: f64,
    /// What could be served, the mean over the span.
    pub(super) capacity: f64,
    /// Milliseconds.
    pub(super) latency: Percentiles,
    pub(super) wait: Percentiles,
}

/// Of what there was in a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Percentiles {
    pub(super) p50: Option<f64>,
    pub(super) p90: Option<f64>,
    pub(super) p99: Option<f64>,
}

/// What happened after the end of the scenario is left out.
pub(super) fn buckets(scenario: &Scenario, record: &Record) -> Vec<Bucket> {
    let duration = scenario.duration().as_secs_f64();
    let steps = record.steps.len().min((duration / STEP).ceil() as usize);
    let hasty = scenario.phases.iter().any(|phase| phase.duration < Duration::from_secs(1));
    let size = if duration < SHORT || hasty { FIFTH } else { SECOND };
    let size = size.max(steps.div_ceil(SPANS));
    let bucket = |first: usize| {
        let range = first..(first + size).min(steps);
        let (start, end) = (range.start as f64 * STEP, (range.end as f64 * STEP).min(duration));
        let rate = |of: fn(&Step) -> u32| {
            let count: u64 = record.steps[range.clone()].iter().map(|step| u64::from(of(step))).sum();
            count as f64 / (end - start)
        };
        Bucket {
            start,
            end,
            offered: rate(|step| step.offered),
            good: rate(|step| step.good),
            rejected: rate(|step| step.rejected),
            lost: rate(|step| step.failed + step.timed_out + step.abandoned),
            capacity: mean(scenario, start, end, Phase::capacity),
            latency: percentiles(within(&record.answers, start, end, |answer| answer.at), |answer| answer.latency),
            wait: percentiles(within(&record.starts, start, end, |call| call.at), |call| call.wait),
            steps: range,
        }
    };
    (0..steps).step_by(size).map(bucket).collect()
}

/// The mean between two instants of what depends on the phase.
pub(super) fn mean(scenario: &Scenario, start: f64, end: f64, of: impl Fn(&Phase) -> f64) -> f64 {
    let share = |(phase, (from, to)): (&Phase, (f64, f64))| of(phase) * (to.min(end) - from.max(start)).max(0.0);
    scenario.phases.iter().zip(edges(scenario)).map(share).sum::<f64>() / (end - start)
}

fn within<T>(events: &[T], start: f64, end: f64, at: impl Fn(&T) -> f64) -> &[T] {
    let first = |instant| events.partition_point(|event| at(event) < instant);
    &events[first(start)..first(end)]
}

fn percentiles<T>(events: &[T], seconds: impl Fn(&T) -> f64) -> Percentiles {
    let mut values: Vec<_> = events.iter().map(|event| seconds(event) * 1e3).collect();
    values.sort_unstable_by(f64::total_cmp);
    let [p50, p90, p99] = [50, 90, 99].map(|percent| percentile(&values, percent));
    Percentiles { p50, p90, p99 }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{outcome, scenario};
    use super::*;

    #[test]
    fn a_short_run_is_shown_in_fifths_of_a_second() {
        let buckets = buckets(&scenario(), &outcome().record);
        assert_eq!(buckets.len(), 8);
        // Steps 2 and 3: a request and an answer each, which took 0.3 and 0.4 s.
        let second = &buckets[1];
        assert_eq!(second.steps, 2..4);
        assert_eq!(second.offered, 2.0 / (second.end - second.start));
        assert_eq!((second.latency.p50.unwrap().round(), second.latency.p99.unwrap().round()), (300.0, 400.0));
        assert_eq!(second.wait.p50, Some(10.0));
        assert_eq!((second.rejected, second.lost), (0.0, 0.0));
    }

    #[test]
    fn the_last_span_is_no_longer_than_the_run() {
        let last = buckets(&scenario(), &outcome().record).pop().unwrap();
        assert_eq!((last.steps, last.end), (14..15, 1.5));
        assert!((last.offered - 10.0).abs() < 1e-9);
    }

    #[test]
    fn capacity_is_weighted_by_time() {
        let scenario = scenario();
        // 20 a second until 1 s, 40 from then on.
        assert_eq!(mean(&scenario, 0.0, 1.0, Phase::capacity), 20.0);
        assert!((mean(&scenario, 0.75, 1.25, Phase::capacity) - 30.0).abs() < 1e-9);
        assert!((mean(&scenario, 0.5, 1.5, |phase| phase.rate) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn what_comes_after_the_end_is_left_out() {
        let mut record = outcome().record;
        record.steps.push(Step { offered: 100, ..Step::default() });
        assert_eq!(buckets(&scenario(), &record).last().unwrap().steps, 14..15);
    }

    #[test]
    fn a_long_run_is_shown_in_seconds() {
        let mut scenario = scenario();
        scenario.phases[0].duration = Duration::from_secs(30);
        let mut record = Record { steps: vec![Step::default(); 305], ..Record::default() };
        assert_eq!(buckets(&scenario, &record)[0].steps, 0..2, "the second phase is half a second");
        scenario.phases[1].duration = Duration::from_secs(1);
        record.steps.extend(vec![Step::default(); 5]);
        let buckets = buckets(&scenario, &record);
        assert_eq!((buckets.len(), buckets[0].steps.clone(), buckets[30].steps.clone()), (31, 0..10, 300..310));
        assert_eq!(buckets[0].latency.p50, None);
    }
}
