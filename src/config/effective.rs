//! What holds for a dispatcher, key by key, and where it comes from.

use std::time::Duration;

use super::hocon::{self, Content, Value};
use super::keys::{self, DEFAULT_DISPATCHER, DEFAULT_PULLING_DISPATCHER, DISPATCHERS, ENDPOINTS, ROOT, STATSD};
use super::known::Known;
use super::merged::Merged;
use super::read::Level;
use super::settings::{
    AutothrottleAlgorithm, BackPressureAlgorithm, ConcurrentDelay, DispatcherSettings, WorkSettings,
};

/// A setting that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effective {
    /// The path inside the dispatcher, as `reference.conf` spells it.
    pub key: String,
    /// The value as it is written.
    pub value: String,
    /// Where the value is written: `FILE:LINE`, the name of a variable of the environment, or `reference.conf:LINE`. If a
    /// `${...}` brought it from there, `via` and where that stands follow.
    pub origin: String,
    /// Whether it is what `reference.conf` says.
    pub is_default: bool,
    /// Why the value changes nothing, if somebody set it and it does not.
    pub idle: Option<&'static str>,
}

impl Merged {
    /// What holds for the dispatcher `name`, or for one that has no settings of its own, in the order of
    /// `reference.conf`.
    pub fn effective(&self, name: Option<&str>) -> Vec<Effective> {
        let settings = self.settings().dispatcher_or_default(name);
        self.of(&self.levels(name, &[DEFAULT_DISPATCHER]), &settings.pushing)
    }

    /// The same for a dispatcher that pulls its work.
    pub fn effective_if_pulling(&self, name: Option<&str>) -> Vec<Effective> {
        let settings = self.settings().dispatcher_or_default(name);
        self.of(&self.levels(name, &[DEFAULT_PULLING_DISPATCHER, DEFAULT_DISPATCHER]), &settings.pulling)
    }

    /// What holds for all dispatchers: where StatsD is.
    pub fn effective_for_all(&self) -> Vec<Effective> {
        let settings = self.settings();
        let names = settings.names().map(Some).chain([None]);
        let reports = |both: &super::all::Both| both.pushing.metrics.is_some() || both.pulling.metrics.is_some();
        let used = names.into_iter().any(|name| reports(settings.dispatcher_or_default(name)));
        let level = Level::of(&self.root, &[ROOT, STATSD]);
        self.list(&[level], STATSD, |_| (!used).then_some("metrics are off"))
    }

    /// The files that, with all that they include, say nothing of Kanaloa.
    pub fn silent_files(&self) -> Vec<&str> {
        let mut silent = self.layers.silent_sources(ROOT);
        // A file of KrakenD speaks of the proxy, in other words.
        if cfg!(feature = "proxy") {
            let of_others = self.layers.silent_sources(ENDPOINTS);
            silent.retain(|file| of_others.contains(file));
        }
        silent
    }

    fn levels(&self, name: Option<&str>, defaults: &[&str]) -> Vec<Level> {
        let named = name.map(|name| Level::of(&self.root, &[ROOT, DISPATCHERS, name]));
        named.into_iter().chain(defaults.iter().map(|default| Level::of(&self.root, &[ROOT, default]))).collect()
    }

    fn of(&self, levels: &[Level], settings: &DispatcherSettings) -> Vec<Effective> {
        self.list(levels, DEFAULT_DISPATCHER, |key| idle(settings, key))
    }

    /// The keys that `section` has in the reference, with what the first of `levels` that has them says.
    fn list(&self, levels: &[Level], section: &str, idle: impl Fn(&str) -> Option<&'static str>) -> Vec<Effective> {
        let mut keys = Vec::new();
        if let Some(step) = hocon::known().step(ROOT).and_then(|root| root.known.step(section)) {
            leaves(step.known, "", &mut keys);
        }
        let reference = Level::of(hocon::reference(), &[ROOT, section]);
        // The reference is laid first, so its places are in the order of its lines.
        keys.sort_by_key(|key| {
            let value = reference.get(hocon::reference(), key);
            value.map(|value| value.brought.unwrap_or(value.written))
        });
        let effective = keys.into_iter().filter_map(|key| {
            let value = levels.iter().find_map(|level| level.get(&self.root, &key))?;
            let is_default = self.layers.origin(&value).is_none();
            // What the reference brings from a value that somebody set is not what they set.
            let is_set = self.layers.is_set(value.brought.unwrap_or(value.written));
            let idle = if is_set { idle(&key) } else { None };
            Some(Effective { value: words(&value)?, origin: self.origin(&value), is_default, idle, key })
        });
        effective.collect()
    }

    fn origin(&self, value: &Value) -> String {
        let written = self.layers.place(value.written);
        match value.brought.map(|place| self.layers.place(place)) {
            Some(brought) if brought != written => format!("{written} via {brought}"),
            _ => written,
        }
    }
}

fn words(value: &Value) -> Option<String> {
    match &*value.content {
        Content::Scalar(scalar) => Some(scalar.text.clone()),
        _ => value.in_words(),
    }
}

fn leaves(known: &Known, path: &str, leaves_found: &mut Vec<String>) {
    match known {
        Known::Section(keys) => {
            for (key, known) in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(known, &path, leaves_found);
            }
        }
        _ => leaves_found.push(path.to_owned()),
    }
}

/// The same for those of each work. Works may ask for copies of their own.
fn idle_of_work(work: &WorkSettings, key: &str) -> Option<&'static str> {
    let goes_again = work.work_retry > 0 || work.at_least_once;
    match key {
        keys::RETRY_BUDGET_RATIO | keys::RETRY_BUDGET_PER_SECOND | keys::RETRY_BUDGET_WINDOW => match work.retry_budget
        {
            None => Some("the retry budget is off"),
            Some(_) => (!goes_again).then_some("work-retry is 0 and at-least-once off"),
        },
        keys::CONCURRENT_BUDGET_RATIO
        | keys::CONCURRENT_BUDGET_PER_SECOND
        | keys::CONCURRENT_BUDGET_WINDOW
        | keys::CALM_AFTER_REFUSAL => match work.concurrent_budget {
            None => Some("the concurrent budget is off"),
            Some(_) if work.concurrent_delay == ConcurrentDelay::After(Duration::ZERO) => {
                Some("all copies go out at once")
            }
            Some(_) => None,
        },
        keys::CONCURRENT_DELAY if work.concurrent_calls == 1 => {
            Some("concurrent-calls is 1, unless a work asks for more")
        }
        _ => None,
    }
}

/// Why a key has no effect under these settings.
fn idle(settings: &DispatcherSettings, key: &str) -> Option<&'static str> {
    let section = key.split('.').next().unwrap_or_default();
    let is_switch = key.ends_with(".enabled");
    match section {
        "circuit-breaker" if !is_switch => match &settings.circuit_breaker {
            None => Some("the circuit breaker is off"),
            Some(breaker) if key == keys::SLOW_CALL_RATE_THRESHOLD && breaker.slow_call_duration.is_none() => {
                Some("no slow-call-duration is set")
            }
            Some(_) => None,
        },
        "back-pressure" if !is_switch => match settings.back_pressure.as_ref().map(|part| part.algorithm) {
            None => Some("back-pressure is off"),
            Some(BackPressureAlgorithm::ExpectedWait)
                if ![keys::BACK_PRESSURE_ALGORITHM, keys::REFERENCE_DELAY, keys::DURATION_OF_BURST_ALLOWED]
                    .contains(&key) =>
            {
                Some("expected-wait does not use it")
            }
            Some(BackPressureAlgorithm::Pie) if key == keys::WEIGHT_OF_LATEST_SPEED => Some("pie does not use it"),
            Some(_) => None,
        },
        "autothrottle" if !is_switch => match settings.autothrottle.as_ref() {
            None => Some("autothrottle is off"),
            Some(_) if key == keys::AUTOTHROTTLE_ALGORITHM => None,
            Some(part) => match part.algorithm {
                AutothrottleAlgorithm::Plumb => Some("plumb does not use it"),
                AutothrottleAlgorithm::Fixed => Some("fixed does not use it"),
                AutothrottleAlgorithm::Gradient2 => Some("gradient2 does not use it"),
                AutothrottleAlgorithm::Vegas => Some("vegas does not use it"),
                AutothrottleAlgorithm::Aimd => Some("aimd does not use it"),
                AutothrottleAlgorithm::Kanaloa => {
                    let never = key == keys::DOWNSIZE_RATIO && part.downsize_after_under_utilization.is_none();
                    never.then_some("no downsize-after-under-utilization is set")
                }
            },
        },
        "metrics" if !is_switch && key != keys::MOST_REPORTED_HANDLERS && settings.metrics.is_none() => {
            Some("metrics are off")
        }
        "work-settings" => idle_of_work(&settings.work, key),
        _ => None,
    }
}
