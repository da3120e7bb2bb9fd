//! What is asked of which scenario.

use std::fmt;

use kanaloa::lab::{Group, Outcome, Scenario};

use super::copies::{Percentile, attempts_per_request, failed, fall, p99_to_first, part_of_fall, success, worst_good};
use super::measures::{
    attempts_ratio, convergence, goodput, goodput_of, highest_limit, p99, p99_settled, refused, refused_or_late,
    slowest_convergence, stuck, unfairness, worst_second,
};

/// By how much the worst seed may miss a bar.
const SLACK: f64 = 0.05;

pub(crate) type Measure = Box<dyn Fn(&Scenario, &Outcome) -> f64 + Sync>;

/// A figure that a scenario must reach.
pub(crate) struct Bar {
    pub(crate) scenario: String,
    figure: &'static str,
    sense: Sense,
    bar: f64,
    /// What the worst seed must reach, if that is not the bar with 5 % of slack.
    worst: Option<f64>,
    pub(crate) measure: Measure,
    /// Why it is known to be missed, and documented to be.
    missed: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Sense {
    AtLeast,
    AtMost,
}

impl Bar {
    fn new(
        scenario: impl Into<String>,
        figure: &'static str,
        sense: Sense,
        bar: f64,
        measure: impl Fn(&Scenario, &Outcome) -> f64 + Sync + 'static,
    ) -> Self {
        Bar { scenario: scenario.into(), figure, sense, bar, worst: None, measure: Box::new(measure), missed: None }
    }

    fn worst(self, worst: f64) -> Self {
        Bar { worst: Some(worst), ..self }
    }

    /// Sorted figures, at least one. One alone has no median, and is judged as the worst of many.
    pub(crate) fn judge(&self, figures: &[f64]) -> Verdict<'_> {
        let median = f64::midpoint(figures[(figures.len() - 1) / 2], figures[figures.len() / 2]);
        let alone = figures.len() == 1;
        let (worst, is_met) = match self.sense {
            Sense::AtLeast => {
                let worst = figures[0];
                let least = self.worst.unwrap_or(self.bar * (1.0 - SLACK));
                (worst, worst >= least && (alone || median >= self.bar))
            }
            Sense::AtMost => {
                let worst = figures[figures.len() - 1];
                let most = self.worst.unwrap_or(self.bar / (1.0 - SLACK));
                (worst, worst <= most && (alone || median <= self.bar))
            }
        };
        Verdict { bar: self, median, worst, is_met }
    }
}

pub(crate) struct Verdict<'a> {
    bar: &'a Bar,
    median: f64,
    worst: f64,
    is_met: bool,
}

impl Verdict<'_> {
    pub(crate) fn is_a_known_miss(&self) -> bool {
        !self.is_met && self.bar.missed.is_some()
    }

    /// A bar that is missed and not known to be. One that is met although it is said to be missed is no failure: a
    /// single seed can be lucky.
    pub(crate) fn is_a_failure(&self) -> bool {
        !self.is_met && self.bar.missed.is_none()
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bar { scenario, figure, sense, bar, missed, .. } = self.bar;
        let sign = if *sense == Sense::AtLeast { "≥" } else { "≤" };
        write!(f, "{scenario:<46} {figure:<36} {sign} {bar:>7} {:>9.4} {:>9.4}", self.median, self.worst)?;
        match (self.is_met, missed) {
            (true, _) => Ok(()),
            (false, Some(reason)) => write!(f, "  missed: {reason}"),
            (false, None) => write!(f, "  MISSED"),
        }
    }
}

/// Bars that are missed over 20 seeds: the scenario, the begin of the figure's name, and what bounds it.
const MISSED: &[(&str, &str, &str)] = &[
    ("overload-2x-exponential-sharing", "p99", SHARING),
    ("overload-2x-exponential-sharing-1s-untold", "p99", SHARING),
    ("overload-5x-exponential-sharing", "", SHARING),
    ("overload-5x-exponential-sharing-1s-untold", "goodput", SHARING),
    ("overload-20x-exponential-sharing", "", SHARING),
    ("overload-20x-exponential-sharing-30s-told", "p99", SHARING),
    ("overload-20x-exponential-sharing-1s-untold", "p99", SHARING),
    ("contention-exponential", "goodput", CHECK),
    ("one-of-two-4x-slower-exponential", "goodput", CHECK),
    ("one-of-two-4x-slower", "good/s", "a limit that is tried below the slots costs a batch of 20, which takes 0.4 s"),
    ("slow-answers-fixed-3-calls", "p99.9", COPIES),
    ("slow-answers-exponential-3-calls", "p99.9", SLOW_CLUSTER),
    (
        "one-user-floods",
        "success",
        "20 slots end at once: until they do again, more may come than the flood leaves places for",
    ),
    ("service-time-steps-exponential", "after times ×3", CHECK),
    ("capacity-steps-exponential", "slowest", CHECK),
    ("capacity-steps-5000", "slowest", BUNCHES),
    ("service-time-steps-5000", "after", BUNCHES),
    ("three-kanaloas", "", PROXIES),
    ("three-kanaloas-fixed", "", PROXIES),
    ("one-slow-slot", "goodput", "a start with a limit of 4 learns its base inside its own queue"),
];

const SHARING: &str = "worst seeds: before a shared processor the limit is as uncertain as a mean";
const CHECK: &str = "worst seeds: a check by slot time is sometimes wrong, and the limit low until a dip";
const BUNCHES: &str = "fixed times come in bunches, in which limits up to twice the knee look alike";
const SLOW_CLUSTER: &str = "worst seeds: slow answers that come together at a small limit are taken for a queue";
const COPIES: &str = "the limit follows what is in flight, and copies of several requests at once wait for it";
const PROXIES: &str = "throttles that know nothing of each other agree on the sum at best, and their shares drift";

/// All bars; those of one scenario follow each other.
pub(crate) fn bars() -> Vec<Bar> {
    let mut bars = all();
    for bar in &mut bars {
        let known =
            MISSED.iter().find(|(scenario, figure, _)| bar.scenario == *scenario && bar.figure.starts_with(figure));
        bar.missed = known.map(|(.., reason)| *reason);
    }
    bars
}

fn all() -> Vec<Bar> {
    let mut bars = overloads();
    bars.extend(contention());
    bars.extend(oversaturation());
    bars.extend(steps());
    bars.extend(below_capacity());
    bars.extend(services());
    bars.extend(copies());
    bars.extend(floods());
    bars.extend(sharing_a_service());
    bars.extend(odd_ones());
    bars
}

use Sense::{AtLeast, AtMost};

fn overloads() -> Vec<Bar> {
    let mut bars = Vec::new();
    for load in ["2x", "5x", "20x"] {
        for times in ["fixed", "exponential"] {
            for discipline in ["fifo", "sharing"] {
                for deadline in ["", "-30s-told", "-1s-untold"] {
                    let name = format!("overload-{load}-{times}-{discipline}{deadline}");
                    let longest = match (times, deadline) {
                        (_, "-30s-told") => 800.0,
                        ("fixed", _) => 320.0,
                        _ => 650.0,
                    };
                    bars.push(Bar::new(&name, "goodput ratio", AtLeast, 0.97, goodput));
                    bars.push(Bar::new(&name, "p99, ms", AtMost, longest, p99));
                }
            }
        }
    }
    bars
}

fn contention() -> Vec<Bar> {
    vec![
        Bar::new("contention-fixed", "goodput ratio", AtLeast, 0.98, goodput),
        Bar::new("contention-exponential", "goodput ratio", AtLeast, 0.94, goodput),
    ]
}

fn oversaturation() -> Vec<Bar> {
    let of = |name: &'static str| {
        [
            Bar::new(name, "p99 from 5 s after each step, ms", AtMost, 350.0, p99_settled),
            Bar::new(name, "p99 of the worst second, ms", AtMost, 800.0, worst_second),
            Bar::new(name, "goodput ratio", AtLeast, 0.97, goodput),
        ]
    };
    ["positive-oversaturation", "negative-oversaturation"].into_iter().flat_map(of).collect()
}

fn steps() -> Vec<Bar> {
    let slowest = |name: &'static str, bar| {
        Bar::new(name, "slowest convergence, s", AtMost, bar, slowest_convergence).worst(15.0)
    };
    let service_times = |name: &'static str, bars: [(&'static str, f64); 3]| {
        bars.into_iter().enumerate().map(move |(phase, (figure, bar))| {
            Bar::new(name, figure, AtMost, bar, move |_, outcome| convergence(outcome, phase)).worst(15.0)
        })
    };
    let at_200 = [("convergence at first, s", 5.0), ("after times ×3, s", 8.0), ("after times ÷3, s", 5.0)];
    let at_5000 = [("convergence at first, s", 1.5), ("after times ×3, s", 8.0), ("after times ÷3, s", 1.5)];
    let mut bars = vec![
        slowest("capacity-steps", 5.0),
        slowest("capacity-steps-exponential", 5.0),
        slowest("capacity-steps-5000", 1.5),
        slowest("capacity-steps-5000-exponential", 1.5),
    ];
    bars.extend(service_times("service-time-steps", at_200));
    bars.extend(service_times("service-time-steps-exponential", at_200));
    bars.extend(service_times("service-time-steps-5000", at_5000));
    bars
}

fn below_capacity() -> Vec<Bar> {
    let mut bars = Vec::new();
    for name in ["load-30", "load-30-exponential", "load-70", "load-70-exponential", "sub-millisecond"] {
        bars.push(Bar::new(name, "share refused", AtMost, 0.001, refused));
        bars.push(Bar::new(name, "share refused or late", AtMost, 0.001, refused_or_late));
    }
    for name in ["bursts", "cold-start-70"] {
        bars.push(Bar::new(name, "share refused", AtMost, 0.005, refused));
    }
    for name in ["load-95", "load-95-exponential"] {
        bars.push(Bar::new(name, "share refused or late", AtMost, 0.03, refused_or_late));
    }
    bars
}

fn services() -> Vec<Bar> {
    vec![
        Bar::new("one-of-two-4x-slower", "goodput ratio while slow", AtLeast, 0.98, |_, outcome| {
            goodput_of(outcome, 1)
        }),
        Bar::new("one-of-two-4x-slower", WORST_5_S, AtLeast, 245.0, |scenario, outcome| {
            worst_good(scenario, outcome, 1, 5.0)
        }),
        Bar::new("one-of-two-4x-slower", "full speed after recovery, s", AtMost, 5.0, |_, outcome| {
            convergence(outcome, 2)
        }),
        Bar::new("one-of-two-4x-slower-exponential", "goodput ratio while slow", AtLeast, 0.98, |_, outcome| {
            goodput_of(outcome, 1)
        }),
        Bar::new("one-of-two-4x-slower-exponential", "full speed after recovery, s", AtMost, 5.0, |_, outcome| {
            convergence(outcome, 2)
        }),
        Bar::new("unresponsive-and-back", "full goodput after it is back, s", AtMost, 5.0, |_, outcome| {
            convergence(outcome, 2)
        }),
        Bar::new("unresponsive-and-back", "stuck at the end", AtMost, 0.0, stuck),
        Bar::new("errors-that-answer-fast", "calls to it, × before", AtMost, 1.1, |scenario, outcome| {
            attempts_ratio(scenario, outcome, 0, 1)
        }),
    ]
}

/// Throughout is in every 5 s, from when it gets slow. Not less: the slow service answers 20 at once every 0.4 s, so that
/// a second has 40 or 60 of its 50. Of exponential times, 5 s differ by 7 answers a second by chance alone.
const WORST_5_S: &str = "good/s, worst 5 s while slow";

fn copies() -> Vec<Bar> {
    let p99: Percentile = |latency| latency.p99;
    let p999: Percentile = |latency| latency.p999;
    let of = |name: &str, figure, bar, percentile: Percentile| {
        Bar::new(name, figure, AtLeast, bar, move |scenario: &Scenario, outcome: &Outcome| {
            fall(scenario, outcome, percentile)
        })
    };
    let mut bars = Vec::new();
    for times in ["", "-fixed", "-exponential"] {
        bars.push(Bar::new(format!("slow-answers{times}"), "share refused", AtMost, 0.001, refused));
        let name = format!("slow-answers{times}-3-calls");
        bars.push(of(&name, "p99 lower by", 0.75, p99));
        // Of fixed times no answer can be more than ten times faster, and the lab's clock ticks in microseconds.
        bars.push(of(&name, "p99.9 lower by", if times == "-fixed" { 0.8999 } else { 0.9 }, p999));
    }
    for times in ["", "-exponential"] {
        let name = format!("slow-answers{times}-hedged");
        for (figure, percentile) in
            [("p99: part of what 3 calls gain", p99), ("p99.9: part of what 3 calls gain", p999)]
        {
            bars.push(Bar::new(&name, figure, AtLeast, 0.6, move |scenario, outcome| {
                part_of_fall(scenario, outcome, 3, percentile)
            }));
        }
        bars.push(Bar::new(&name, "calls per request", AtMost, 1.1, attempts_per_request));
    }
    bars.push(Bar::new("errors-10-percent-3-calls", "share failed", AtMost, 0.0015, failed));
    bars
}

fn floods() -> Vec<Bar> {
    let mut bars = Vec::new();
    for rate in ["200", "5000"] {
        for times in ["", "-exponential"] {
            let name = format!("flood-{rate}{times}");
            bars.push(Bar::new(&name, "success of the highest class", AtLeast, 0.994, |_, outcome| {
                success(outcome, Group::Class(0))
            }));
            bars.push(Bar::new(&name, "its p99, × that before the flood", AtMost, 2.0, |_, outcome| {
                p99_to_first(outcome, Group::Class(0))
            }));
        }
    }
    bars.push(Bar::new("one-user-floods", "success of the other users", AtLeast, 0.99, |_, outcome| {
        success(outcome, Group::OtherUsers)
    }));
    bars
}

fn sharing_a_service() -> Vec<Bar> {
    let of = |name: &'static str| {
        [
            Bar::new(name, "goodput ratio", AtLeast, 0.97, goodput),
            Bar::new(name, "highest total of limits / slots", AtMost, 1.6, highest_limit),
            Bar::new(name, "unfairness in the worst minute", AtMost, 0.25, unfairness),
        ]
    };
    ["three-kanaloas", "three-kanaloas-fixed"].into_iter().flat_map(of).collect()
}

fn odd_ones() -> Vec<Bar> {
    vec![
        Bar::new("demo", "good answers per second", AtLeast, 193.0, |_, outcome| outcome.phases[0].good_per_s),
        Bar::new("demo", "p99 from 5 s on, ms", AtMost, 300.0, p99_settled),
        Bar::new("one-slow-slot", "goodput ratio", AtLeast, 0.85, goodput),
        Bar::new("flapping", "goodput ratio", AtLeast, 0.95, goodput),
    ]
}
