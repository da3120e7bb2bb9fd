//! The phases, written out: each as what it changes, over what was before.

use std::time::Duration;

use super::arrivals::{Classes, by_class};
use super::service::{Change, Services};
use super::{LONGEST, MOST_REQUESTS};
use crate::config::document::{Document, Node, nearest};
use crate::config::section::{Bounds, Section, duration, in_hours, items};
use crate::lab::outcome::STEP;
use crate::lab::scenario::{CLASSES, Phase};

const KEYS: &[&str] = &["duration", "rate", "rates", "services"];

const DURATION: Bounds<Duration> = Bounds::above(Duration::ZERO, LONGEST);
/// One each microsecond, the tick of the lab.
const RATE: Bounds<f64> = Bounds::from(0.0, 1_000_000.0);
/// Phases written out times services. What holds for each service is kept for each phase.
const MOST_STATES: u64 = 200_000;
/// Figures of services and dispatchers are kept ten times a second until the end, in some hundred bytes each.
const MOST_KEPT: f64 = 4e6;

/// What a phase says.
struct PhaseChange {
    duration: Duration,
    rate: Option<f64>,
    /// The shares of the classes in it.
    classes: Option<[f64; CLASSES]>,
    services: Vec<(usize, Change)>,
}

/// The phases with `repeat` repetitions in all. None if they are too many, which is reported.
pub(super) fn all(
    document: &mut Document,
    at: &Node,
    services: Services,
    classes: &Classes,
    repeat: u64,
    kanaloas: usize,
) -> Vec<Phase> {
    let items = items(document, at, "a list of phases");
    let changes: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| PhaseChange::read(document, item, index == 0, &services))
        .collect();
    services
        .refuse_idle(document, changes.iter().flat_map(|phase| &phase.services).map(|(index, said)| (*index, said)));
    if let (Some(at), Some(PhaseChange { classes: Some(_), .. })) = (&classes.at, changes.first()) {
        document.refuse(at, "no classes where the first phase has rates of its own for them");
    }
    if !is_bearable(document, at, &changes, &services, repeat, kanaloas) || !document.is_sound() {
        return Vec::new();
    }
    let mut states = services.all;
    let (mut rate, mut classes) = (0.0, classes.shares);
    let mut phases = Vec::new();
    for phase in (0..repeat).flat_map(|_| &changes) {
        rate = phase.rate.unwrap_or(rate);
        classes = phase.classes.unwrap_or(classes);
        for (index, change) in &phase.services {
            change.apply(&mut states[*index]);
        }
        let services = states.iter().map(|state| state.service()).collect();
        phases.push(Phase { duration: phase.duration, rate, classes, services });
    }
    phases
}

impl PhaseChange {
    fn read(document: &mut Document, at: &Node, is_first: bool, services: &Services) -> Self {
        let mut phase = Self { duration: Duration::ZERO, rate: None, classes: None, services: Vec::new() };
        let Some(mut section) = Section::open(document, at, KEYS) else { return phase };
        phase.duration = section.duration("duration", DURATION).unwrap_or_default();
        section.require("duration", &duration(DURATION));
        phase.rate = section.number("rate", RATE);
        match (section.node("rates"), phase.rate) {
            (Some(at), None) => (phase.rate, phase.classes) = rates(section.document, &at),
            (Some(at), Some(_)) => section.document.refuse(&at, "either rate or rates, which are rates by class"),
            (None, _) if is_first => section.require("rate", "the requests per second, which later phases keep"),
            (None, _) => {}
        }
        let Some(named) = section.node("services") else { return phase };
        let Some(keys) = named.keys() else {
            document.refuse(&named, "an object with services by their names");
            return phase;
        };
        for node in keys {
            let change = Change::in_phase(document, &node);
            match services.index(node.key()) {
                Some(index) => phase.services.push((index, change)),
                None if services.are_all_named => {
                    let suggestion = nearest(node.key(), services.names()).map(str::to_owned);
                    document.unknown(&node, suggestion);
                }
                None => {}
            }
        }
        phase
    }
}

/// The sum of the rates of all classes, and the share of each in it. A sum of 0 leaves the shares as they were.
fn rates(document: &mut Document, at: &Node) -> (Option<f64>, Option<[f64; CLASSES]>) {
    let object = "an object with requests per second by class";
    let Some((rates, all_read)) = by_class(document, at, object, RATE, &RATE.number()) else { return (None, None) };
    let sum: f64 = rates.iter().sum();
    if all_read && !RATE.hold(sum) {
        document.refuse_found(at, format!("rates with a sum that is {}", RATE.number()), format!("a sum of {sum}"));
    }
    (Some(sum), (sum > 0.0).then(|| rates.map(|rate| rate / sum)))
}

/// Whether it is a multiple of the time in which figures are taken.
pub(super) fn is_whole(duration: Duration) -> bool {
    duration.as_nanos().is_multiple_of(100_000_000)
}

/// Whether the phases neither last nor cost beyond all use, which mistyped numbers can.
fn is_bearable(
    document: &mut Document,
    at: &Node,
    changes: &[PhaseChange],
    services: &Services,
    repeat: u64,
    kanaloas: usize,
) -> bool {
    let once: f64 = changes.iter().map(|phase| phase.duration.as_secs_f64()).sum();
    let total = once * repeat as f64;
    if total > LONGEST.as_secs_f64() {
        let expected = format!("phases that last at most {} in all, with their repetitions", in_hours(LONGEST));
        document.refuse_found(at, expected, format!("{total}s"));
        return false;
    }
    if let Some(off) = changes.iter().map(|phase| phase.duration).find(|duration| !is_whole(*duration)) {
        document.refuse_found(
            at,
            "durations that are multiples of 100ms, in which figures are taken",
            format!("{off:?}"),
        );
        return false;
    }
    let kept = total / STEP * (services.all.len() + kanaloas) as f64;
    if kept > MOST_KEPT {
        let expected = format!("at most {MOST_KEPT} for tenths of seconds times services and kanaloas");
        document.refuse_found(at, expected, format!("{kept:.0}"));
        return false;
    }
    let states = (changes.len() * services.all.len()) as u64 * repeat;
    if states > MOST_STATES {
        let expected = format!("at most {MOST_STATES} for phases times services, with their repetitions");
        document.refuse_found(at, expected, states.to_string());
        return false;
    }
    let of_phase = |rate: &mut f64, phase: &PhaseChange| {
        *rate = phase.rate.unwrap_or(*rate);
        Some(*rate * phase.duration.as_secs_f64())
    };
    let requests = changes.iter().scan(0.0, of_phase).sum::<f64>() * repeat as f64;
    if requests > MOST_REQUESTS {
        document.refuse_found(at, format!("at most {MOST_REQUESTS} requests in all"), format!("{requests:.0}"));
        return false;
    }
    true
}
