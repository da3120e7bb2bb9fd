//! From the merged settings to those of one dispatcher.

use std::time::Duration;

use super::hocon::{self, Scalar, Value};
use super::keys::{self, DEFAULT_DISPATCHER, ROOT};
use super::known::{Known, spells};
use super::path;
use super::problem::{Problem, ProblemKind};
use super::settings::{
    AutothrottleAlgorithm, AutothrottleSettings, BackPressureAlgorithm, BackPressureSettings, CircuitBreakerSettings,
    ConcurrentBudgetSettings, ConcurrentDelay, DispatcherSettings, MetricsSettings, QueueOrder, QueueSettings,
    RetryBudgetSettings, StatsDSettings, WorkSettings, WorkerPoolSettings,
};

const QUEUE_ORDERS: &[(&str, QueueOrder)] =
    &[("fifo", QueueOrder::Fifo), ("lifo", QueueOrder::Lifo), ("by-class", QueueOrder::ByClass)];
const BACK_PRESSURE_ALGORITHMS: &[(&str, BackPressureAlgorithm)] = &[
    ("expected-wait", BackPressureAlgorithm::ExpectedWait),
    ("pie", BackPressureAlgorithm::Pie),
    ("kanaloa", BackPressureAlgorithm::Kanaloa),
];
const AUTOTHROTTLE_ALGORITHMS: &[(&str, AutothrottleAlgorithm)] = &[
    ("plumb", AutothrottleAlgorithm::Plumb),
    ("fixed", AutothrottleAlgorithm::Fixed),
    ("kanaloa", AutothrottleAlgorithm::Kanaloa),
    ("gradient2", AutothrottleAlgorithm::Gradient2),
    ("vegas", AutothrottleAlgorithm::Vegas),
    ("aimd", AutothrottleAlgorithm::Aimd),
];

/// Something wrong in the merged settings.
#[derive(Debug)]
pub(super) struct Fault {
    /// The whole path in the spelling of `reference.conf`.
    pub(super) path: Vec<String>,
    /// The value there, if there is one.
    pub(super) value: Option<Value>,
    pub(super) kind: ProblemKind,
}

/// Finds what only shows once references are looked up: unknown keys, and values where an object should be.
pub(super) fn check_shape(value: &Value, path: &[String], known: &Known, faults: &mut Vec<Fault>) {
    if !matches!(known, Known::Section(_) | Known::Named(_)) {
        return;
    }
    let Some(keys) = value.object() else {
        let found = value.in_words().map(|found| Problem::bad_value("an object", found));
        return faults.extend(found.map(|kind| Fault { path: path.to_vec(), value: Some(value.clone()), kind }));
    };
    for key in keys.keys() {
        let Some(below) = value.key(key) else { continue };
        let path = [path, std::slice::from_ref(key)].concat();
        let suggestion = match known.step(key) {
            // The merged settings are in the spelling of reference.conf; another came in by reference, unread.
            Some(step) if step.canonical == [key.as_str()] => {
                check_shape(&below, &path, step.known, faults);
                continue;
            }
            Some(step) => Some(step.canonical.join(".")),
            None => known.suggestion(key),
        };
        faults.push(Fault { path, value: Some(below), kind: ProblemKind::UnknownKey { suggestion } });
    }
}

/// An object with a dispatcher's settings.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) path: Vec<String>,
    /// `None` if there is nothing at the path.
    pub(super) object: Option<Value>,
}

impl Level {
    /// What `root` has at the path.
    pub(super) fn of(root: &Value, path: &[&str]) -> Self {
        let object = path.iter().try_fold(root.clone(), |value, key| value.key(key));
        Self { path: path.iter().map(|key| (*key).to_owned()).collect(), object }
    }

    /// The value of the setting `key`, which may be one that holds for all dispatchers, and its path.
    pub(super) fn get(&self, root: &Value, key: &str) -> Option<Value> {
        match path::below(key, ROOT) {
            Some(_) => root.at(key),
            None => self.object.as_ref()?.at(key),
        }
    }

    pub(super) fn path_of(&self, key: &str) -> Vec<String> {
        let above: &[String] = if path::below(key, ROOT).is_some() { &[] } else { &self.path };
        above.iter().cloned().chain(key.split('.').map(str::to_owned)).collect()
    }
}

/// Reads one dispatcher's settings from the levels that hold for it.
///
/// A value that cannot be read is reported, and the reference's is taken in its place, so that the rules can still be
/// tried on all the others.
pub(super) struct Reader<'a> {
    pub(super) root: &'a Value,
    /// The one that wins first.
    pub(super) levels: &'a [Level],
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
            work: self.work()?,
            queue: QueueSettings {
                capacity: self.positive(keys::QUEUE_CAPACITY)?,
                order: self.one_of(keys::QUEUE_ORDER, QUEUE_ORDERS)?,
            },
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
            most_reported_handlers: self.positive(keys::MOST_REPORTED_HANDLERS)?,
        })
    }

    fn work(&mut self) -> Option<WorkSettings> {
        Some(WorkSettings {
            service_timeout: self.duration(keys::SERVICE_TIMEOUT)?,
            request_timeout: self.optional_duration(keys::REQUEST_TIMEOUT)?,
            at_least_once: self.switch(keys::AT_LEAST_ONCE)?,
            work_retry: self.count(keys::WORK_RETRY)?,
            length_of_display_for_message: self.count(keys::LENGTH_OF_DISPLAY)?,
            concurrent_calls: self.positive(keys::CONCURRENT_CALLS)?,
            concurrent_delay: self.concurrent_delay()?,
            concurrent_budget: self.concurrent_budget()?,
            retry_budget: self.retry_budget()?,
        })
    }

    fn concurrent_delay(&mut self) -> Option<ConcurrentDelay> {
        self.value(keys::CONCURRENT_DELAY, "a duration such as 50ms, or p95", |scalar| match &*scalar.text {
            "p95" => Some(ConcurrentDelay::Percentile95),
            _ => scalar.duration().map(ConcurrentDelay::After),
        })
    }

    fn concurrent_budget(&mut self) -> Option<Option<ConcurrentBudgetSettings>> {
        let settings = ConcurrentBudgetSettings {
            ratio: self.number(keys::CONCURRENT_BUDGET_RATIO)?,
            per_second: self.number(keys::CONCURRENT_BUDGET_PER_SECOND)?,
            window: self.duration(keys::CONCURRENT_BUDGET_WINDOW)?,
            calm_after_refusal: self.duration(keys::CALM_AFTER_REFUSAL)?,
        };
        Some(self.switch(keys::CONCURRENT_BUDGET_ENABLED)?.then_some(settings))
    }

    fn retry_budget(&mut self) -> Option<Option<RetryBudgetSettings>> {
        let settings = RetryBudgetSettings {
            ratio: self.number(keys::RETRY_BUDGET_RATIO)?,
            per_second: self.number(keys::RETRY_BUDGET_PER_SECOND)?,
            window: self.duration(keys::RETRY_BUDGET_WINDOW)?,
        };
        Some(self.switch(keys::RETRY_BUDGET_ENABLED)?.then_some(settings))
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
            delay_factor_base: self.number_or_auto(keys::DELAY_FACTOR_BASE)?,
            delay_trend_factor_base: self.number_or_auto(keys::DELAY_TREND_FACTOR_BASE)?,
            duration_of_burst_allowed: self.duration_or_auto(keys::DURATION_OF_BURST_ALLOWED)?,
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
        self.value(key, "a duration such as 500ms", Scalar::duration)
    }

    fn optional_duration(&mut self, key: &'static str) -> Option<Option<Duration>> {
        self.value(key, "a duration such as 90s, or none", |scalar| match scalar.is_none() {
            true => Some(None),
            false => scalar.duration().map(Some),
        })
    }

    fn duration_or_auto(&mut self, key: &'static str) -> Option<Option<Duration>> {
        self.value(key, "a duration such as 150ms, or auto", |scalar| match is_auto(scalar) {
            true => Some(None),
            false => scalar.duration().map(Some),
        })
    }

    fn number_or_auto(&mut self, key: &'static str) -> Option<Option<f64>> {
        self.value(key, "a number, or auto", |scalar| match is_auto(scalar) {
            true => Some(None),
            false => scalar.number().map(Some),
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
        self.value(key, &expected, |scalar| scalar.whole()?.try_into().ok())
    }

    fn number(&mut self, key: &'static str) -> Option<f64> {
        self.value(key, "a number", Scalar::number)
    }

    fn host(&mut self) -> Option<String> {
        self.value(keys::STATSD_HOST, "the name or the address of a host, or none", |scalar| match scalar.is_none() {
            true => Some(String::new()),
            false => scalar.word().map(str::to_owned),
        })
    }

    fn port(&mut self) -> Option<u16> {
        self.value(keys::STATSD_PORT, "a port from 1 to 65535", |scalar| scalar.whole()?.try_into().ok())
    }

    fn word(&mut self, key: &'static str) -> Option<String> {
        self.value(key, "a text that is not empty", |scalar| scalar.word().map(str::to_owned))
    }

    fn switch(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, "on or off", Scalar::switch)
    }

    fn one_of<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.value(key, &any_of(choices), |scalar| {
            choices.iter().find(|(word, _)| spells(&scalar.text, word)).map(|(_, choice)| *choice)
        })
    }

    fn value<T>(&mut self, key: &'static str, expected: &str, get: impl Fn(&Scalar) -> Option<T>) -> Option<T> {
        let set = self.levels.iter().find_map(|level| Some((level, level.get(self.root, key)?)));
        let fault = match set {
            Some((level, value)) => {
                if let Some(value) = value.scalar().and_then(&get) {
                    return Some(value);
                }
                let kind = value.in_words().map(|found| Problem::bad_value(expected, found));
                kind.map(|kind| Fault { path: level.path_of(key), value: Some(value), kind })
            }
            // The reference has every key, so only something in the place of a whole object can hide one.
            None => self.complete.then(|| {
                let path = Level::of(self.root, &[ROOT, DEFAULT_DISPATCHER]).path_of(key);
                Fault { path, value: None, kind: Problem::bad_value(expected, "nothing") }
            }),
        };
        self.faults.extend(fault);
        self.unread.push(key);
        let reference = hocon::reference();
        get(Level::of(reference, &[ROOT, DEFAULT_DISPATCHER]).get(reference, key)?.scalar()?)
    }
}

/// Whether an algorithm is to have what it calls for.
fn is_auto(scalar: &Scalar) -> bool {
    spells(&scalar.text, "auto")
}

/// Where StatsD is and what it gets, as `reference.conf` says; it names no host.
pub(super) fn reference_statsd() -> Option<StatsDSettings> {
    let root = hocon::reference();
    let levels = [Level::of(root, &[ROOT, DEFAULT_DISPATCHER])];
    Reader { root, levels: &levels, complete: true, faults: Vec::new(), unread: Vec::new() }.statsd()
}

/// The words of `choices`, as a sentence has them.
pub(super) fn any_of<T>(choices: &[(&str, T)]) -> String {
    let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
