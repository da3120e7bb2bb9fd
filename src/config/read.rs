//! From the merged settings to those of one dispatcher.

use std::time::Duration;

use super::hocon::{self, Found, Resolved};
use super::keys::{self, DEFAULT_DISPATCHER, ROOT};
use super::known::Known;
use super::path;
use super::problem::{Problem, ProblemKind};
use super::settings::{
    AutothrottleAlgorithm, AutothrottleSettings, BackPressureAlgorithm, BackPressureSettings, CircuitBreakerSettings,
    DispatcherSettings, MetricsSettings, QueueSettings, StatsDSettings, WorkSettings, WorkerPoolSettings,
};

const BACK_PRESSURE_ALGORITHMS: &[(&str, BackPressureAlgorithm)] = &[
    ("expected-wait", BackPressureAlgorithm::ExpectedWait),
    ("pie", BackPressureAlgorithm::Pie),
    ("kanaloa", BackPressureAlgorithm::Kanaloa),
];
const AUTOTHROTTLE_ALGORITHMS: &[(&str, AutothrottleAlgorithm)] = &[
    ("plumb", AutothrottleAlgorithm::Plumb),
    ("fixed", AutothrottleAlgorithm::Fixed),
    ("kanaloa", AutothrottleAlgorithm::Kanaloa),
];

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
                request_timeout: self.optional_duration(keys::REQUEST_TIMEOUT)?,
                at_least_once: self.switch(keys::AT_LEAST_ONCE)?,
                work_retry: self.count(keys::WORK_RETRY)?,
                length_of_display_for_message: self.count(keys::LENGTH_OF_DISPLAY)?,
                concurrent_calls: self.positive(keys::CONCURRENT_CALLS)?,
                concurrent_delay: self.duration(keys::CONCURRENT_DELAY)?,
            },
            queue: QueueSettings { capacity: self.positive(keys::QUEUE_CAPACITY)? },
            worker_pool: WorkerPoolSettings {
                starting_pool_size: self.positive(keys::STARTING_POOL_SIZE)?,
                min_pool_size: self.positive(keys::MIN_POOL_SIZE)?,
                max_pool_size: self.positive(keys::MAX_POOL_SIZE)?,
                replenish_speed: self.duration(keys::REPLENISH_SPEED)?,
                log_routee_retrieval_error: self.switch(keys::LOG_ROUTEE_RETRIEVAL_ERROR)?,
                default_shutdown_timeout: self.duration(keys::DEFAULT_SHUTDOWN_TIMEOUT)?,
                shutdown_on_all_worker_death: self.switch(keys::SHUTDOWN_ON_ALL_WORKER_DEATH)?,
            },
            circuit_breaker: self.circuit_breaker()?,
            back_pressure: self.back_pressure()?,
            autothrottle: self.autothrottle()?,
            metrics: self.metrics()?,
        })
    }

    fn circuit_breaker(&mut self) -> Option<Option<CircuitBreakerSettings>> {
        let settings = CircuitBreakerSettings {
            open_duration_base: self.duration(keys::OPEN_DURATION_BASE)?,
            timeout_count_threshold: self.count(keys::TIMEOUT_COUNT_THRESHOLD)?,
            max_open_factor: self.positive(keys::MAX_OPEN_FACTOR)?,
            error_rate_threshold: self.number(keys::ERROR_RATE_THRESHOLD)?,
            window: self.duration(keys::WINDOW)?,
            minimum_calls: self.positive(keys::MINIMUM_CALLS)?,
            slow_call_duration: self.optional_duration(keys::SLOW_CALL_DURATION)?,
            slow_call_rate_threshold: self.number(keys::SLOW_CALL_RATE_THRESHOLD)?,
        };
        Some(self.switch(keys::CIRCUIT_BREAKER_ENABLED)?.then_some(settings))
    }

    fn back_pressure(&mut self) -> Option<Option<BackPressureSettings>> {
        // Read even when it is off: a mistake in it would otherwise show on the day it is turned on.
        let settings = BackPressureSettings {
            algorithm: self.one_of(keys::BACK_PRESSURE_ALGORITHM, BACK_PRESSURE_ALGORITHMS)?,
            reference_delay: self.duration(keys::REFERENCE_DELAY)?,
            delay_factor_base: self.number(keys::DELAY_FACTOR_BASE)?,
            delay_trend_factor_base: self.number(keys::DELAY_TREND_FACTOR_BASE)?,
            duration_of_burst_allowed: self.duration(keys::DURATION_OF_BURST_ALLOWED)?,
            min_duration_before_burst_reset: self.duration(keys::MIN_DURATION_BEFORE_BURST_RESET)?,
            weight_of_latest_metric: self.number(keys::WEIGHT_OF_LATEST_SPEED)?,
        };
        Some(self.switch(keys::BACK_PRESSURE_ENABLED)?.then_some(settings))
    }

    fn autothrottle(&mut self) -> Option<Option<AutothrottleSettings>> {
        let settings = AutothrottleSettings {
            algorithm: self.one_of(keys::AUTOTHROTTLE_ALGORITHM, AUTOTHROTTLE_ALGORITHMS)?,
            resize_interval: self.duration(keys::RESIZE_INTERVAL)?,
            chance_of_scaling_down_when_full: self.number(keys::CHANCE_OF_SCALING_DOWN)?,
            optimization_min_range: self.positive(keys::OPTIMIZATION_MIN_RANGE)?,
            optimization_range_ratio: self.number(keys::OPTIMIZATION_RANGE_RATIO)?,
            max_explore_step_size: self.positive(keys::MAX_EXPLORE_STEP_SIZE)?,
            exploration_ratio: self.number(keys::EXPLORATION_RATIO)?,
            weight_of_latest_metric: self.number(keys::WEIGHT_OF_LATEST_PERFORMANCE)?,
            weight_of_latency: self.number(keys::WEIGHT_OF_LATENCY)?,
            downsize_after_under_utilization: self.optional_duration(keys::DOWNSIZE_AFTER)?,
            downsize_ratio: self.number(keys::DOWNSIZE_RATIO)?,
        };
        Some(self.switch(keys::AUTOTHROTTLE_ENABLED)?.then_some(settings))
    }

    fn metrics(&mut self) -> Option<Option<MetricsSettings>> {
        let statsd = self.statsd()?;
        Some(self.switch(keys::METRICS_ENABLED)?.then_some(MetricsSettings { statsd }))
    }

    /// Where there is no host its name is empty, which a rule refuses if metrics are on.
    pub(super) fn statsd(&mut self) -> Option<StatsDSettings> {
        Some(StatsDSettings {
            host: self.host()?,
            port: self.port()?,
            namespace: self.word(keys::NAMESPACE)?,
            event_sample_rate: self.number(keys::EVENT_SAMPLE_RATE)?,
            status_sample_rate: self.number(keys::STATUS_SAMPLE_RATE)?,
            default_sample_rate: self.number(keys::DEFAULT_SAMPLE_RATE)?,
            multi_metrics: self.switch(keys::MULTI_METRICS)?,
            packet_buffer_size: self.positive(keys::PACKET_BUFFER_SIZE)?,
        })
    }

    fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.value(key, "a duration such as 500ms", Resolved::duration)
    }

    fn optional_duration(&mut self, key: &'static str) -> Option<Option<Duration>> {
        self.value(key, "a duration such as 90s, or none", |resolved, path| match resolved.at(path)? {
            found if found.is_none() => Some(None),
            _ => resolved.duration(path).map(Some),
        })
    }

    fn positive<T: TryFrom<u64>>(&mut self, key: &'static str) -> Option<T> {
        self.whole(key, 1)
    }

    fn count<T: TryFrom<u64>>(&mut self, key: &'static str) -> Option<T> {
        self.whole(key, 0)
    }

    /// A whole number. That it is at least `least` is left to the rules; it is only said.
    fn whole<T: TryFrom<u64>>(&mut self, key: &'static str, least: u8) -> Option<T> {
        let expected = match u64::MAX.checked_shr(u64::BITS - 8 * size_of::<T>() as u32) {
            Some(most) if most < u64::MAX => format!("a whole number from {least} to {most}"),
            _ => format!("a whole number of at least {least}"),
        };
        self.value(key, &expected, |resolved, path| resolved.whole(path)?.try_into().ok())
    }

    fn number(&mut self, key: &'static str) -> Option<f64> {
        self.value(key, "a number", |resolved, path| resolved.number(path).filter(|number| number.is_finite()))
    }

    fn host(&mut self) -> Option<String> {
        self.value(keys::STATSD_HOST, "the name or the address of a host, or none", |resolved, path| {
            match resolved.at(path)? {
                found if found.is_none() => Some(String::new()),
                found => found.word(),
            }
        })
    }

    fn port(&mut self) -> Option<u16> {
        self.value(keys::STATSD_PORT, "a port from 1 to 65535", |resolved, path| resolved.whole(path)?.try_into().ok())
    }

    fn word(&mut self, key: &'static str) -> Option<String> {
        self.value(key, "a text that is not empty", |resolved, path| resolved.at(path)?.word())
    }

    fn switch(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, "on or off", Resolved::switch)
    }

    fn one_of<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.value(key, &any_of(choices), |resolved, path| match resolved.at(path)? {
            Found::Value { text: Some(text), .. } => {
                choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice)
            }
            _ => None,
        })
    }

    fn value<T>(&mut self, key: &'static str, expected: &str, get: impl Fn(&Resolved, &str) -> Option<T>) -> Option<T> {
        let set = paths(self.levels, key);
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

/// Where StatsD is and what it gets, as `reference.conf` says; it names no host.
pub(super) fn reference_statsd() -> Option<StatsDSettings> {
    let levels = [format!("{ROOT}.{DEFAULT_DISPATCHER}")];
    let (resolved, levels, faults, unread) = (hocon::reference(), levels.as_slice(), Vec::new(), Vec::new());
    Reader { resolved, levels, complete: true, faults, unread }.statsd()
}

/// Every place where `key` may be set, the one that wins first. What holds for all dispatchers has only one.
pub(super) fn paths<'a>(levels: &'a [String], key: &'a str) -> impl Iterator<Item = String> + 'a {
    let whole = path::below(key, ROOT).map(|_| key.to_owned());
    let inside = whole.is_none().then(|| levels.iter().map(move |level| format!("{level}.{key}")));
    whole.into_iter().chain(inside.into_iter().flatten())
}

fn in_default(key: &str) -> String {
    match path::below(key, ROOT) {
        Some(_) => key.to_owned(),
        None => format!("{ROOT}.{DEFAULT_DISPATCHER}.{key}"),
    }
}

/// The words of `choices`, as a sentence has them.
fn any_of<T>(choices: &[(&str, T)]) -> String {
    let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
