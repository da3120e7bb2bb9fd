//! A scenario in words.

use std::time::Duration;

use kanaloa::lab::{Arrivals, Discipline, Distribution, OnCancel, Phase, Process, Scenario, Service, ServiceTime};

use crate::report::text::time;

/// More phases than these are not told one by one.
const PHASES_TOLD: usize = 12;
/// What a service's own queue holds if its scenario does not say.
const LONG_QUEUE: usize = 100_000;

/// When each phase begins and ends, in seconds.
pub(super) fn edges(scenario: &Scenario) -> impl Iterator<Item = (f64, f64)> {
    let mut start = Duration::ZERO;
    scenario.phases.iter().map(move |phase| {
        let edges = (start.as_secs_f64(), (start + phase.duration).as_secs_f64());
        start += phase.duration;
        edges
    })
}

/// The same as people read it.
pub(super) fn spans(scenario: &Scenario) -> impl Iterator<Item = String> {
    edges(scenario).map(|(start, end)| format!("{}–{} s", plain(start), plain(end)))
}

/// What is simulated, a paragraph each: services, traffic, and what changes.
pub(super) fn describe(scenario: &Scenario) -> Vec<String> {
    let Some(first) = scenario.phases.first() else { return Vec::new() };
    let between = match scenario.kanaloas {
        1 => String::new(),
        many => format!(" {many} dispatchers that know nothing of each other stand in front."),
    };
    let mut text = vec![format!("{}{between}", services(&first.services)), traffic(&scenario.arrivals, first)];
    if scenario.phases.len() > 1 {
        text.push(phases(scenario));
    }
    text
}

fn services(services: &[Service]) -> String {
    match services {
        [] => String::new(),
        [one] => format!("The service: {}.", service(one)),
        [first, .., last]
            if services.iter().all(|other| Service { name: first.name.clone(), ..other.clone() } == *first) =>
        {
            format!("{} services, {} to {}, each: {}.", services.len(), first.name, last.name, service(first))
        }
        _ => {
            let each: Vec<_> = services.iter().map(|one| format!("{}: {}", one.name, service(one))).collect();
            format!("{} services. {}.", services.len(), each.join(". "))
        }
    }
}

fn service(service: &Service) -> String {
    let slots = match service.slots {
        1 => "1 slot".to_owned(),
        many => format!("{many} slots"),
    };
    let discipline = match service.discipline {
        Discipline::Fifo => "first come first served",
        Discipline::Sharing => "shared by all that are in flight",
    };
    let mut words = vec![format!("{slots}, {discipline}"), service_time(&service.service_time)];
    words.extend(states(service).into_iter().filter(|(_, usual, _)| !usual).map(|(_, _, words)| words));
    words.join("; ")
}

/// Which state it is, whether that is how a service usually is, and in words.
fn states(service: &Service) -> [(&'static str, bool, String); 9] {
    let times = if service.slow < 1.0 { 1.0 / service.slow } else { service.slow };
    let pace = if service.slow < 1.0 { "faster" } else { "slower" };
    [
        ("penalty", service.penalty == 0.0, format!("contention penalty {}", plain(service.penalty))),
        ("network", service.network.is_zero(), format!("{} of network", duration(service.network))),
        ("queue", service.queue == LONG_QUEUE, format!("at most {} waiting inside", service.queue)),
        (
            "error-rate",
            service.error_rate == 0.0,
            format!("{} % fail after {}", plain(service.error_rate * 100.0), duration(service.error_time)),
        ),
        (
            "straggler-share",
            service.straggler_share == 0.0,
            format!(
                "{} % take {} times as long",
                plain(service.straggler_share * 100.0),
                plain(service.straggler_factor)
            ),
        ),
        (
            "on-cancel",
            service.on_cancel == OnCancel::Stop,
            match service.on_cancel {
                OnCancel::Stop => "stops when its caller has left".to_owned(),
                OnCancel::RunOn => "works on when its caller has left".to_owned(),
            },
        ),
        (
            "slow",
            service.slow == 1.0,
            if service.slow == 1.0 { "at its usual pace".to_owned() } else { format!("{} times {pace}", plain(times)) },
        ),
        (
            "unresponsive",
            !service.unresponsive,
            if service.unresponsive { "answers nothing" } else { "answers again" }.to_owned(),
        ),
        ("present", service.present, if service.present { "is back" } else { "is away" }.to_owned()),
    ]
}

fn service_time(time: &ServiceTime) -> String {
    let mean = duration(time.mean);
    match time.distribution {
        Distribution::Fixed => format!("{mean} each"),
        Distribution::Exponential => format!("{mean} each, exponentially spread"),
        Distribution::Lognormal { sigma } => format!("{mean} each, lognormal with sigma {}", plain(sigma)),
        Distribution::Bimodal { slow_mean, slow_share } => {
            format!("{mean} each, but {} for {} %", duration(slow_mean), plain(slow_share * 100.0))
        }
        Distribution::Pareto { alpha } => format!("{mean} each, by a power law with alpha {}", plain(alpha)),
    }
}

fn traffic(arrivals: &Arrivals, first: &Phase) -> String {
    let process = match arrivals.process {
        Process::Uniform => "evenly spaced",
        Process::Poisson => "at random (Poisson)",
    };
    let told = if arrivals.told { "which the dispatcher is told" } else { "which nobody tells the dispatcher" };
    let mut text = format!(
        "The traffic: {} requests/s, {process}; an answer is of use for {}, {told}",
        plain(first.rate),
        duration(arrivals.deadline)
    );
    if first.classes.iter().filter(|share| **share > 0.0).count() > 1 {
        text.push_str(&format!("; {}", classes(first)));
    }
    if let Some(share) = arrivals.heavy_user {
        text.push_str(&format!("; {} % are of one of {} users", plain(share * 100.0), arrivals.users));
    }
    text.push('.');
    text
}

/// How much is of which class.
fn classes(phase: &Phase) -> String {
    let shares = phase.classes.iter().enumerate().filter(|(_, share)| **share > 0.0);
    shares.map(|(class, share)| format!("{} % of class {class}", plain(share * 100.0))).collect::<Vec<_>>().join(", ")
}

fn phases(scenario: &Scenario) -> String {
    let told = spans(scenario).zip(scenario.phases.windows(2)).zip(spans(scenario).skip(1));
    let mut told: Vec<_> =
        told.take(PHASES_TOLD).map(|((_, pair), span)| format!("{span}: {}", changes(&pair[0], &pair[1]))).collect();
    let left = (scenario.phases.len() - 1).saturating_sub(PHASES_TOLD);
    if left > 0 {
        told.push(format!("and {left} phases more"));
    }
    format!("What changes: {}.", told.join("; "))
}

fn changes(before: &Phase, after: &Phase) -> String {
    let mut changes = Vec::new();
    if before.rate != after.rate {
        changes.push(format!("{} requests/s", plain(after.rate)));
    }
    if before.classes != after.classes {
        changes.push(classes(after));
    }
    for (old, new) in before.services.iter().zip(&after.services) {
        let mut words = Vec::new();
        if old.slots != new.slots {
            words.push(format!("{} slots", new.slots));
        }
        if old.service_time != new.service_time {
            words.push(service_time(&new.service_time));
        }
        let states = states(old).into_iter().zip(states(new));
        words.extend(states.filter(|(old, new)| old.2 != new.2).map(|(_, (_, _, words))| words));
        if !words.is_empty() {
            changes.push(format!("{} ({})", new.name, words.join(", ")));
        }
    }
    if changes.is_empty() { "nothing".to_owned() } else { changes.join(", ") }
}

/// As short as it can be said exactly, or nearly so.
fn duration(duration: Duration) -> String {
    if duration < Duration::from_millis(1) && !duration.is_zero() {
        return format!("{} µs", plain(duration.as_secs_f64() * 1e6));
    }
    if duration >= Duration::from_secs(1) {
        return format!("{} s", plain(duration.as_secs_f64()));
    }
    if duration.subsec_micros().is_multiple_of(1000) {
        return format!("{} ms", duration.as_millis());
    }
    time(Some(duration))
}

/// A number without the digits that say nothing.
pub(super) fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{scenario, service};
    use super::*;

    #[test]
    fn a_scenario_is_told_in_words() {
        let mut scenario = scenario();
        scenario.phases[1].services[0].error_rate = 0.2;
        scenario.phases[1].services[0].slow = 0.25;
        assert_eq!(
            describe(&scenario),
            [
                "The service: 2 slots, first come first served; 100 ms each.",
                "The traffic: 10 requests/s, evenly spaced; an answer is of use for 1 s, which the dispatcher is told.",
                "What changes: 1–1.5 s: 40 requests/s, a (4 slots, 20 % fail after 1 ms, 4 times faster).",
            ]
        );
    }

    #[test]
    fn equal_services_are_told_once_and_others_one_by_one() {
        let equal: Vec<_> = ["a", "b", "c"].map(service).to_vec();
        assert_eq!(services(&equal), "3 services, a to c, each: 2 slots, first come first served; 100 ms each.");
        let other = Service { slots: 1, unresponsive: true, ..service("b") };
        assert_eq!(
            services(&[service("a"), other]),
            "2 services. a: 2 slots, first come first served; 100 ms each. b: 1 slot, first come first served; 100 ms \
             each; answers nothing."
        );
    }

    #[test]
    fn what_comes_back_is_said() {
        let (mut before, after) = (scenario().phases[0].clone(), scenario().phases[0].clone());
        before.services[0].present = false;
        before.services[0].slow = 4.0;
        assert_eq!(changes(&before, &after), "a (at its usual pace, is back)");
        assert_eq!(changes(&after, &before), "a (4 times slower, is away)");
        assert_eq!(changes(&after, &after), "nothing");
    }

    #[test]
    fn numbers_have_no_digits_that_say_nothing() {
        assert_eq!([plain(30.0), plain(0.25), plain(100.0), plain(0.0)], ["30", "0.25", "100", "0"]);
        assert_eq!(duration(Duration::from_micros(200)), "200 µs");
        assert_eq!(duration(Duration::from_millis(1500)), "1.5 s");
    }

    #[test]
    fn many_phases_are_not_told_one_by_one() {
        let mut scenario = scenario();
        scenario.phases = scenario.phases.iter().cloned().cycle().take(40).collect();
        assert!(phases(&scenario).ends_with("; and 27 phases more."));
    }
}
