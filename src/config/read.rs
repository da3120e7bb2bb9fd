//! From the merged settings to those of one dispatcher.

use std::time::Duration;

use super::hocon::{self, Found, Resolved};
use super::keys::{self, DEFAULT_DISPATCHER, ROOT};
use super::known::Known;
use super::path;
use super::problem::{Problem, ProblemKind};
use super::settings::{
    AutothrottleAlgorithm, AutothrottleSettings, BackPressureAlgorithm, BackPressureSettings, DispatcherSettings,
    QueueSettings, WorkSettings, WorkerPoolSettings,
};

const BACK_PRESSURE_ALGORITHMS: &[(&str, BackPressureAlgorithm)] =
    &[("expected-wait", BackPressureAlgorithm::ExpectedWait)];
const AUTOTHROTTLE_ALGORITHMS: &[(&str, AutothrottleAlgorithm)] =
    &[("plumb", AutothrottleAlgorithm::Plumb), ("fixed", AutothrottleAlgorithm::Fixed)];

/// Words for "no such limit" beside `null`.
const NONE: &[&str] = &["none", "off"];

/// Something wrong in the merged settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The whole path in the spelling of `reference.conf`.
    pub(super) path: String,
    pub(super) kind: ProblemKind,
}

/// Finds what only shows once references are looked up: unknown keys, and values where an object should be.
pub(super) fn check_shape(resolved: &Resolved, path: &str, known: &Known, faults: &mut Vec<Fault>) {
    let fault = |path: String, kind| Fault { path, kind };
    let keys = match (known, resolved.at(path)) {
        (Known::Section(_) | Known::Named(_), Some(Found::Object(keys))) => keys,
        (Known::Section(_) | Known::Named(_), Some(found)) => {
            let found = found.in_words();
            return faults.extend(found.map(|found| fault(path.to_owned(), Problem::bad_value("an object", found))));
        }
        _ => return,
    };
    for key in keys {
        let below = path::join(path, &key);
        match known.step(&key) {
            // The merged settings are in the spelling of reference.conf; another came in by reference, unread.
            Some(step) if step.canonical == [key.as_str()] => check_shape(resolved, &below, step.known, faults),
            Some(step) => {
                faults.push(fault(below, ProblemKind::UnknownKey { suggestion: Some(step.canonical.join(".")) }));
            }
            None => faults.push(fault(below, ProblemKind::UnknownKey { suggestion: known.suggestion(&key) })),
        }
    }
}

/// Reads one dispatcher's settings from the levels that hold for it.
///
/// A value that cannot be read is reported, and the reference's is taken in its place, so that the rules can still be
/// tried on all the others.
pub(super) struct Reader<'a> {
    pub(super) resolved: &'a Resolved,
    /// Paths of objects with a dispatcher's settings, the one that wins first.
    pub(super) levels: &'a [String],
    /// Whether a key that is missing is a fault, and not the consequence of one that has been reported.
    pub(super) complete: bool,
    pub(super) faults: Vec<Fault>,
    /// The keys whose values are not those that hold.
    pub(super) unread: Vec<&'static str>,
}

impl Reader<'_> {
    /// The settings. `None` only if the reference lacks a key, which tests exclude.
    pub(super) fn dispatcher(&mut self) -> Option<DispatcherSettings> {
        Some(DispatcherSettings {
            update_interval: self.duration(keys::UPDATE_INTERVAL)?,
            initial_grace_period: self.duration(keys::INITIAL_GRACE_PERIOD)?,
            work: WorkSettings {
                service_timeout: self.duration(keys::SERVICE_TIMEOUT)?,
                request_timeout: self.request_timeout()?,
            },
            queue: QueueSettings { capacity: self.whole(keys::QUEUE_CAPACITY)? },
            worker_pool: WorkerPoolSettings {
                starting_pool_size: self.whole(keys::STARTING_POOL_SIZE)?,
                min_pool_size: self.whole(keys::MIN_POOL_SIZE)?,
                max_pool_size: self.whole(keys::MAX_POOL_SIZE)?,
                replenish_speed: self.duration(keys::REPLENISH_SPEED)?,
                log_routee_retrieval_error: self.switch(keys::LOG_ROUTEE_RETRIEVAL_ERROR)?,
            },
            back_pressure: self.back_pressure()?,
            autothrottle: self.autothrottle()?,
        })
    }

    fn back_pressure(&mut self) -> Option<Option<BackPressureSettings>> {
        // Read even when it is off: a mistake in it would otherwise show on the day it is turned on.
        let settings = BackPressureSettings {
            algorithm: self.one_of(keys::BACK_PRESSURE_ALGORITHM, BACK_PRESSURE_ALGORITHMS)?,
            reference_delay: self.duration(keys::REFERENCE_DELAY)?,
        };
        Some(self.switch(keys::BACK_PRESSURE_ENABLED)?.then_some(settings))
    }

    fn autothrottle(&mut self) -> Option<Option<AutothrottleSettings>> {
        let settings = AutothrottleSettings {
            algorithm: self.one_of(keys::AUTOTHROTTLE_ALGORITHM, AUTOTHROTTLE_ALGORITHMS)?,
            resize_interval: self.duration(keys::RESIZE_INTERVAL)?,
        };
        Some(self.switch(keys::AUTOTHROTTLE_ENABLED)?.then_some(settings))
    }

    fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.value(key, "a duration such as 500ms", Resolved::duration)
    }

    fn request_timeout(&mut self) -> Option<Option<Duration>> {
        self.value(keys::REQUEST_TIMEOUT, "a duration such as 90s, or none", |resolved, path| match resolved.at(path) {
            Some(Found::Value { text: None, .. }) => Some(None),
            Some(Found::Value { text: Some(text), .. }) if NONE.contains(&text.as_str()) => Some(None),
            _ => resolved.duration(path).map(Some),
        })
    }

    fn whole(&mut self, key: &'static str) -> Option<usize> {
        self.value(key, "a whole number of at least 1", Resolved::whole)
    }

    fn switch(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, "on or off", Resolved::switch)
    }

    fn one_of<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        self.value(key, &words.join(" or "), |resolved, path| match resolved.at(path)? {
            Found::Value { text: Some(text), .. } => {
                choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice)
            }
            _ => None,
        })
    }

    fn value<T>(&mut self, key: &'static str, expected: &str, get: impl Fn(&Resolved, &str) -> Option<T>) -> Option<T> {
        let set = self.levels.iter().map(|level| format!("{level}.{key}"));
        let set = set.filter_map(|path| self.resolved.at(&path).map(|found| (path, found))).next();
        let fault = match set {
            Some((path, found)) => {
                if let Some(value) = get(self.resolved, &path) {
                    return Some(value);
                }
                found.in_words().map(|found| Fault { path, kind: Problem::bad_value(expected, found) })
            }
            // The reference has every key, so only something in the place of a whole object can hide one.
            None => {
                self.complete.then(|| Fault { path: in_default(key), kind: Problem::bad_value(expected, "nothing") })
            }
        };
        self.faults.extend(fault);
        self.unread.push(key);
        get(hocon::reference(), &in_default(key))
    }
}

fn in_default(key: &str) -> String {
    format!("{ROOT}.{DEFAULT_DISPATCHER}.{key}")
}
