//! When the answers come as fast as they can, and keep doing so.

use super::figures::Span;
use super::outcome::{Record, STEP, Step};
use super::scenario::{Phase, Scenario, Service};

/// For how long it must hold, in steps.
const HOLDS_FOR: usize = 30;
/// Least time over which answers are counted, in seconds.
const SHORTEST_WINDOW: f64 = 1.0;
/// Fewest answers that are to be expected in it.
const FEWEST_ANSWERS: f64 = 50.0;
/// The share of the possible that must be answered.
const ENOUGH: f64 = 0.95;
/// By how many standard deviations of a Poisson count fewer may be by chance.
const BY_CHANCE: f64 = 2.0;
/// How far above the knee a concurrency limit may be.
const ABOVE_KNEE: f64 = 1.6;

/// First instant of a phase, in steps, from which for three seconds the good answers of the last w are at least
/// 0.95·m·w − 2·√(m·w), and the concurrency limits at most 1.6·K + 1 while overloaded.
///
/// m is the smaller of offered and capacity, w = max(1 s, 50/m), K the service's [knee](Service::knee). The last w may
/// reach into the phase before.
pub(super) fn converged_after(scenario: &Scenario, phase: &Phase, record: &Record, span: Span) -> Option<f64> {
    let whole = Span { from: span.began, ..span };
    let steps = whole.steps(record);
    let offered = steps.iter().map(|step| f64::from(step.offered)).sum::<f64>() / (steps.len() as f64 * STEP);
    let possible = offered.min(phase.capacity());
    let window = SHORTEST_WINDOW.max(FEWEST_ANSWERS / possible);
    if !window.is_finite() {
        return None;
    }
    let expected = possible * window;
    let enough = ENOUGH * expected - BY_CHANCE * expected.sqrt();
    let deadline = scenario.arrivals.deadline.as_secs_f64();
    let answers = &record.answers[record.answers.partition_point(|answer| answer.at < span.began - window)..];
    let answers = &answers[..answers.partition_point(|answer| answer.at < span.ends)];
    let good: Vec<f64> = answers.iter().filter(|answer| answer.latency <= deadline).map(|answer| answer.at).collect();
    let good_until = |at: f64| good.partition_point(|answer| *answer < at);
    let first = (span.began / STEP).round() as usize;
    let mut held = 0;
    for number in 0..=steps.len() {
        let at = (first + number) as f64 * STEP;
        let good = good_until(at) - good_until(at - window);
        // What the step before ends with is what this instant begins with.
        let limits = (first + number).checked_sub(1).and_then(|step| record.steps.get(step));
        let overloaded = offered > phase.capacity();
        if good as f64 >= enough && !(overloaded && limits.is_some_and(|step| exceeds_knee(step, &phase.services))) {
            held += 1;
            if held > HOLDS_FOR {
                return Some(((number - HOLDS_FOR) as f64 * STEP * 10.0).round() / 10.0);
            }
        } else {
            held = 0;
        }
    }
    None
}

fn exceeds_knee(step: &Step, services: &[Service]) -> bool {
    step.limit_by_service.iter().zip(services).any(|(limit, service)| *limit as f64 > ABOVE_KNEE * service.knee() + 1.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::example;
    use crate::lab::outcome::Answer;

    /// 200/s on 20 slots of 100 ms for ten seconds, with this limit and so many good answers per second in each step.
    fn converged(limit: impl Fn(usize) -> usize, good_per_second: impl Fn(usize) -> usize) -> Option<f64> {
        let mut scenario = example::scenario();
        scenario.phases[0].duration = Duration::from_secs(10);
        scenario.phases[0].rate = 400.0;
        let mut record = Record::default();
        for step in 0..100 {
            record.steps.push(Step { offered: 40, limit_by_service: vec![limit(step)], ..Step::default() });
            let per_step = good_per_second(step) / 10;
            record.answers.extend((0..per_step).map(|number| {
                let at = (step as f64 + (number as f64 + 0.5) / per_step as f64) * STEP;
                Answer { at, latency: 0.1 }
            }));
        }
        converged_after(&scenario, &scenario.phases[0], &record, Span { began: 0.0, from: 5.0, ends: 10.0 })
    }

    #[test]
    fn the_window_must_fill_first() {
        // 0.95·200 − 2·√200 = 161.7 in the last second: reached after 0.9 s
        assert_eq!(converged(|_| 20, |_| 200), Some(0.9));
    }

    #[test]
    fn it_must_hold_for_three_seconds() {
        // nothing in the 31st step: the ten windows with it have 180 of 161.7; nothing in three: 140
        assert_eq!(converged(|_| 20, |step| if step == 30 { 0 } else { 200 }), Some(0.9));
        // nothing from 3.0 to 3.3 s: until 4.2 s two of these steps are in the window, which leaves 160
        assert_eq!(converged(|_| 20, |step| if (30..33).contains(&step) { 0 } else { 200 }), Some(4.2));
        assert_eq!(converged(|_| 20, |step| if step % 20 < 3 { 0 } else { 200 }), None);
        // three seconds must be left of the phase
        assert_eq!(converged(|_| 20, |step| if step < 60 { 0 } else { 200 }), Some(6.9));
        assert_eq!(converged(|_| 20, |step| if step < 62 { 0 } else { 200 }), None);
    }

    #[test]
    fn limits_far_above_the_knee_do_not_count_as_converged() {
        // 1.6·20 + 1
        assert_eq!(converged(|step| if step < 50 { 34 } else { 33 }, |_| 200), Some(5.1));
        assert_eq!(converged(|_| 34, |_| 200), None);
    }

    #[test]
    fn late_answers_are_none() {
        let mut scenario = example::scenario();
        scenario.phases[0].duration = Duration::from_secs(10);
        let mut record = Record { steps: vec![Step { offered: 20, ..Step::default() }; 100], ..Record::default() };
        record.answers = (0..2000).map(|number| Answer { at: f64::from(number) / 200.0, latency: 1.1 }).collect();
        let span = Span { began: 0.0, from: 0.0, ends: 10.0 };
        assert_eq!(converged_after(&scenario, &scenario.phases[0], &record, span), None);
    }
}
