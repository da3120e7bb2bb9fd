//! The services: what each is at first, and what a phase changes of it.

use std::collections::HashSet;
use std::time::Duration;

use super::{LONGEST, NAME, is_name};
use crate::config::document::{Document, Node};
use crate::config::section::{Bounds, Section, duration, items, whole};
use crate::lab::scenario::{Discipline, Distribution, OnCancel, Service, ServiceTime};

/// What both a service and its change in a phase may say.
const KEYS: &[&str] = &[
    "slots",
    "discipline",
    "penalty",
    "network",
    "queue",
    "error-rate",
    "error-time",
    "straggler-share",
    "straggler-factor",
    "on-cancel",
    "service-time",
];
const NAME_KEY: &str = "name";
/// What only a phase may say.
const PHASE_KEYS: &[&str] = &["slow", "unresponsive", "present"];
const TIME_KEYS: &[&str] = &["distribution", "mean", "sigma", "slow-mean", "slow-share", "alpha"];

const DISCIPLINES: &[(&str, Discipline)] = &[("fifo", Discipline::Fifo), ("sharing", Discipline::Sharing)];
const ON_CANCEL: &[(&str, OnCancel)] = &[("stop", OnCancel::Stop), ("run-on", OnCancel::RunOn)];
const DISTRIBUTIONS: &[(&str, Kind)] = &[
    ("fixed", Kind::Fixed),
    ("exponential", Kind::Exponential),
    ("lognormal", Kind::Lognormal),
    ("bimodal", Kind::Bimodal),
    ("pareto", Kind::Pareto),
];
/// The keys that only times of one distribution have.
const PARAMETERS: &[(&str, Kind)] =
    &[("sigma", Kind::Lognormal), ("slow-mean", Kind::Bimodal), ("slow-share", Kind::Bimodal), ("alpha", Kind::Pareto)];

/// Each is a handler with a pool of workers in every dispatcher.
const MOST_SERVICES: usize = 1_000;
/// More in flight do not fit into memory.
const SLOTS: Bounds<u64> = Bounds::from(1, 1_000_000);
/// A queue without a bound, in effect.
const QUEUE: Bounds<u64> = Bounds::from(0, 1_000_000_000);
/// A service a thousand times slower is none.
const PENALTY: Bounds<f64> = Bounds::from(0.0, 1_000.0);
const SLOW: Bounds<f64> = Bounds::from(1e-6, 1_000_000.0);
const SHARE: Bounds<f64> = Bounds::from(0.0, 1.0);
/// At 5, one request in a hundred takes most of the time.
const SIGMA: Bounds<f64> = Bounds::from(0.0, 5.0);
/// Without a mean at 1; as good as fixed at 1000.
const ALPHA: Bounds<f64> = Bounds::above(1.0, 1_000.0);
const ANY_TIME: Bounds<Duration> = Bounds::from(Duration::ZERO, LONGEST);
const SOME_TIME: Bounds<Duration> = Bounds::above(Duration::ZERO, LONGEST);

/// All services as they are at one time.
#[derive(Default)]
pub(super) struct Services {
    pub(super) all: Vec<State>,
    /// What their descriptions say of service times.
    said: Vec<(usize, TimesChange)>,
    /// Whether the names are all there are, none of them lost to a mistake.
    pub(super) are_all_named: bool,
}

/// A service as it is at one time.
#[derive(Clone)]
pub(super) struct State {
    service: Service,
    times: Times,
}

/// Service times, with what the distributions that they do not have now would need.
#[derive(Clone)]
struct Times {
    kind: Kind,
    mean: Duration,
    sigma: f64,
    slow_mean: Duration,
    slow_share: f64,
    alpha: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Fixed,
    Exponential,
    Lognormal,
    Bimodal,
    Pareto,
}

/// What a file says of a service. The rest stays.
#[derive(Clone, Default)]
pub(super) struct Change {
    slots: Option<usize>,
    discipline: Option<Discipline>,
    penalty: Option<f64>,
    network: Option<Duration>,
    queue: Option<usize>,
    error_rate: Option<f64>,
    error_time: Option<Duration>,
    straggler_share: Option<f64>,
    straggler_factor: Option<f64>,
    on_cancel: Option<OnCancel>,
    times: TimesChange,
    slow: Option<f64>,
    unresponsive: Option<bool>,
    present: Option<bool>,
}

#[derive(Clone, Default)]
struct TimesChange {
    kind: Option<Kind>,
    mean: Option<Duration>,
    sigma: Option<f64>,
    slow_mean: Option<Duration>,
    slow_share: Option<f64>,
    alpha: Option<f64>,
    /// Where the keys stand that only one distribution has.
    parameters: Vec<(Kind, Node)>,
}

/// The services as they are described.
pub(super) fn all(document: &mut Document, at: &Node) -> Services {
    let items = items(document, at, "a list of services");
    if items.len() > MOST_SERVICES {
        document.refuse_found(at, format!("at most {MOST_SERVICES} services"), items.len().to_string());
    }
    let mut services = Services { are_all_named: !items.is_empty(), ..Services::default() };
    for item in items.iter().take(MOST_SERVICES) {
        services.describe(document, item);
    }
    services
}

impl Services {
    fn describe(&mut self, document: &mut Document, at: &Node) {
        let known = [&[NAME_KEY], KEYS, PHASE_KEYS].concat();
        let Some(mut section) = Section::open(document, at, &known) else {
            self.are_all_named = false;
            return;
        };
        let name = section.value(NAME_KEY, NAME, |node| node.word().filter(|name| is_name(name)).map(str::to_owned));
        section.require(NAME_KEY, NAME);
        section.require("slots", &whole(SLOTS));
        section.require("service-time", "an object with the mean");
        let change = Change::read(&mut section);
        for node in PHASE_KEYS.iter().filter_map(|key| section.node(key)).collect::<Vec<_>>() {
            section.document.refuse(&node, "this key in the services of a phase only");
        }
        if let Some(times) = section.node("service-time")
            && let Some(mut times) = Section::open(section.document, &times, TIME_KEYS)
        {
            times.require("mean", &duration(SOME_TIME));
        }
        if let (Some(name), Some(node)) = (&name, section.node(NAME_KEY))
            && self.index(name).is_some()
        {
            section.document.refuse(&node, "a name that no other service has");
        }
        self.are_all_named &= name.is_some();
        let mut state = State::named(name.unwrap_or_default());
        change.apply(&mut state);
        self.said.push((self.all.len(), change.times));
        self.all.push(state);
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|state| state.service.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|state| state.service.name.as_str())
    }

    /// Refuses what is said of times that a service has at no time: it would change nothing.
    pub(super) fn refuse_idle<'a>(
        &'a self,
        document: &mut Document,
        changes: impl Iterator<Item = (usize, &'a Change)>,
    ) {
        let changes = changes.map(|(index, change)| (index, &change.times));
        let said: Vec<_> = self.said.iter().map(|(index, times)| (*index, times)).chain(changes).collect();
        let had: HashSet<_> = said
            .iter()
            .filter_map(|(index, times)| Some((*index, times.kind?)))
            .chain(self.all.iter().enumerate().map(|(index, state)| (index, state.times.kind)))
            .collect();
        for (index, times) in said {
            for (kind, node) in times.parameters.iter().filter(|(kind, _)| !had.contains(&(index, *kind))) {
                let word = DISTRIBUTIONS.iter().find(|(_, choice)| choice == kind).map_or("", |(word, _)| *word);
                document.refuse(node, format!("no {}, which only {word} times have", node.key()));
            }
        }
    }
}

impl State {
    /// A service of which nothing is said but its name.
    fn named(name: String) -> Self {
        let times = Times {
            kind: Kind::Fixed,
            mean: Duration::from_secs(1),
            sigma: 0.5,
            slow_mean: Duration::from_secs(1),
            slow_share: 0.05,
            alpha: 1.5,
        };
        let service = Service {
            name,
            slots: 1,
            discipline: Discipline::Fifo,
            penalty: 0.0,
            network: Duration::ZERO,
            queue: 100_000,
            error_rate: 0.0,
            error_time: Duration::from_millis(1),
            straggler_share: 0.0,
            straggler_factor: 10.0,
            on_cancel: OnCancel::Stop,
            service_time: times.service_time(),
            slow: 1.0,
            unresponsive: false,
            present: true,
        };
        Self { service, times }
    }

    pub(super) fn service(&self) -> Service {
        Service { service_time: self.times.service_time(), ..self.service.clone() }
    }
}

impl Times {
    fn service_time(&self) -> ServiceTime {
        let Self { kind, mean, sigma, slow_mean, slow_share, alpha } = *self;
        let distribution = match kind {
            Kind::Fixed => Distribution::Fixed,
            Kind::Exponential => Distribution::Exponential,
            Kind::Lognormal => Distribution::Lognormal { sigma },
            Kind::Bimodal => Distribution::Bimodal { slow_mean, slow_share },
            Kind::Pareto => Distribution::Pareto { alpha },
        };
        ServiceTime { mean, distribution }
    }
}

impl Change {
    /// What a phase says of a service.
    pub(super) fn in_phase(document: &mut Document, at: &Node) -> Self {
        let known = [KEYS, PHASE_KEYS].concat();
        Section::open(document, at, &known).map(|mut section| Self::read(&mut section)).unwrap_or_default()
    }

    fn read(section: &mut Section<'_>) -> Self {
        Self {
            slots: section.whole("slots", SLOTS),
            discipline: section.word("discipline", DISCIPLINES),
            penalty: section.number("penalty", PENALTY),
            network: section.duration("network", ANY_TIME),
            queue: section.whole("queue", QUEUE),
            error_rate: section.number("error-rate", SHARE),
            error_time: section.duration("error-time", ANY_TIME),
            straggler_share: section.number("straggler-share", SHARE),
            straggler_factor: section.number("straggler-factor", SLOW),
            on_cancel: section.word("on-cancel", ON_CANCEL),
            times: section.node("service-time").map(|at| TimesChange::read(section.document, &at)).unwrap_or_default(),
            slow: section.number("slow", SLOW),
            unresponsive: section.switch("unresponsive"),
            present: section.switch("present"),
        }
    }

    pub(super) fn apply(&self, State { service, times }: &mut State) {
        set(&mut service.slots, self.slots);
        set(&mut service.discipline, self.discipline);
        set(&mut service.penalty, self.penalty);
        set(&mut service.network, self.network);
        set(&mut service.queue, self.queue);
        set(&mut service.error_rate, self.error_rate);
        set(&mut service.error_time, self.error_time);
        set(&mut service.straggler_share, self.straggler_share);
        set(&mut service.straggler_factor, self.straggler_factor);
        set(&mut service.on_cancel, self.on_cancel);
        set(&mut service.slow, self.slow);
        set(&mut service.unresponsive, self.unresponsive);
        set(&mut service.present, self.present);
        set(&mut times.kind, self.times.kind);
        set(&mut times.mean, self.times.mean);
        set(&mut times.sigma, self.times.sigma);
        set(&mut times.slow_mean, self.times.slow_mean);
        set(&mut times.slow_share, self.times.slow_share);
        set(&mut times.alpha, self.times.alpha);
    }
}

impl TimesChange {
    fn read(document: &mut Document, at: &Node) -> Self {
        let Some(mut section) = Section::open(document, at, TIME_KEYS) else { return Self::default() };
        Self {
            kind: section.word("distribution", DISTRIBUTIONS),
            mean: section.duration("mean", SOME_TIME),
            sigma: section.number("sigma", SIGMA),
            slow_mean: section.duration("slow-mean", SOME_TIME),
            slow_share: section.number("slow-share", SHARE),
            alpha: section.number("alpha", ALPHA),
            parameters: PARAMETERS.iter().filter_map(|(key, kind)| Some((*kind, section.node(key)?))).collect(),
        }
    }
}

fn set<T: Copy>(value: &mut T, change: Option<T>) {
    if let Some(changed) = change {
        *value = changed;
    }
}
