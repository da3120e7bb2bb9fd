//! The typed settings of one dispatcher, as `reference.conf` explains them key by key.

use std::time::Duration;

/// Everything one dispatcher can be told. [`Default`] gives the values of `reference.conf`.
///
/// [`Settings`](super::Settings) reads it from files. In code, start from the default, change what differs, and let
/// [`validate`](Self::validate) check the whole.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use kanaloa::config::DispatcherSettings;
///
/// let mut settings = DispatcherSettings::default();
/// settings.work.service_timeout = Duration::from_secs(2);
/// settings.back_pressure = None;
/// settings.validate()?;
/// # Ok::<(), kanaloa::config::SettingsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DispatcherSettings {
    /// How often samples are taken and reported. At least 1 ms.
    pub update_interval: Duration,
    /// How long after the start work is queued although no handler is there yet. May be zero.
    pub initial_grace_period: Duration,
    /// What holds for each work.
    pub work: WorkSettings,
    /// The queue between callers and workers.
    pub queue: QueueSettings,
    /// The pool of workers in front of each handler.
    pub worker_pool: WorkerPoolSettings,
    /// Keeping work from a handler that does not answer; `None` when it is off.
    pub circuit_breaker: Option<CircuitBreakerSettings>,
    /// Refusing what cannot be served in time; `None` when it is off.
    pub back_pressure: Option<BackPressureSettings>,
    /// Finding the concurrency limit; `None` when it is off.
    pub autothrottle: Option<AutothrottleSettings>,
    /// Reporting what happens to StatsD; `None` when it is off.
    pub metrics: Option<MetricsSettings>,
    /// How many handlers are reported each by itself, wherever it is; the others are reported together. At least 1.
    pub most_reported_handlers: usize,
}

/// What holds for each work.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkSettings {
    /// Longest wait for the handler's answer, from the moment it was handed the request. At least 1 ms.
    pub service_timeout: Duration,
    /// Longest time from receipt to answer, longer than `service_timeout`; `None` for no such limit.
    pub request_timeout: Option<Duration>,
    /// Whether work that timed out at the handler is delivered again until `request_timeout`.
    pub at_least_once: bool,
    /// How often a work that failed is tried again. 0 for never.
    pub work_retry: u32,
    /// How many characters of a request logs show. 0 shows nothing.
    pub length_of_display_for_message: usize,
    /// How many copies of a request are sent, of which the first success counts. From 1 to 100.
    pub concurrent_calls: usize,
    /// Time between one copy and the next.
    pub concurrent_delay: ConcurrentDelay,
    /// What copies that go out later than the first may add to the load; `None` for no such limit.
    pub concurrent_budget: Option<ConcurrentBudgetSettings>,
    /// What retries and redeliveries may add to the load; `None` for no such limit.
    pub retry_budget: Option<RetryBudgetSettings>,
}

/// Time between one copy of a request and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConcurrentDelay {
    /// This long; zero sends all at once. Less than `service_timeout` where there are copies.
    After(Duration),
    /// As long as 95 of 100 answers take, as measured: see
    /// [`ResponseTimes`](crate::control::response_times::ResponseTimes).
    Percentile95,
}

/// What copies that go out later than the first may add to the load.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConcurrentBudgetSettings {
    /// Copies for each request. Not negative, finite.
    pub ratio: f64,
    /// Copies on top of these in each second, for dispatchers with few requests. Not negative, finite; not 0 if `ratio` is.
    pub per_second: f64,
    /// How far back requests and copies count. At least 1 ms.
    pub window: Duration,
    /// After a refusal no such copy goes out for so long. May be zero.
    pub calm_after_refusal: Duration,
}

/// What retries and redeliveries may add to the load.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RetryBudgetSettings {
    /// Retries for each request. Not negative, finite.
    pub ratio: f64,
    /// Retries on top of these in each second, for dispatchers with few requests. Not negative, finite; not 0 if `ratio` is.
    pub per_second: f64,
    /// How far back requests and retries count. At least 1 ms.
    pub window: Duration,
}

/// The queue between callers and workers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueSettings {
    /// Most works that may wait at once, whatever back-pressure says. At least 1.
    pub capacity: usize,
    /// Which of the works that wait is served next.
    pub order: QueueOrder,
}

/// Which of the works that wait is served next. Those that have been at a handler go first in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueOrder {
    /// The one that came first, whatever its class.
    Fifo,
    /// The one that came last, whatever its class.
    Lifo,
    /// The one that came first of a class that is chosen in proportion to 2^−class among those that wait.
    ByClass,
}

/// The pool of workers in front of each handler.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkerPoolSettings {
    /// First concurrency limit. At least 1; outside the two bounds, the nearer of them holds. Algorithms that grow by
    /// themselves may start lower.
    pub starting_pool_size: usize,
    /// Smallest concurrency limit. At least 1.
    pub min_pool_size: usize,
    /// Largest concurrency limit. At least `min_pool_size`.
    pub max_pool_size: usize,
    /// How soon a lost worker is replaced. At least 1 ms.
    pub replenish_speed: Duration,
    /// Whether failures to create a handler are logged.
    pub log_routee_retrieval_error: bool,
    /// How long a pool that must go, because its handler was removed or the dispatcher shuts down, waits for what is
    /// in flight before it cuts it off. Zero cuts it off at once.
    pub default_shutdown_timeout: Duration,
    /// Whether the dispatcher ends when its last pool has ended.
    pub shutdown_on_all_worker_death: bool,
}

/// Keeping work from a handler that does not answer. The breaker opens for timeouts in a row, for the share of attempts
/// that failed, or for the share of slow ones.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CircuitBreakerSettings {
    /// How long it stays open the first time; the n-th opening in a row lasts min(n, `max_open_factor`) times as long.
    /// At least 1 ms.
    pub open_duration_base: Duration,
    /// It opens at more than so many timeouts in a row.
    pub timeout_count_threshold: u32,
    /// Longest time open, in `open_duration_base`. At least 1.
    pub max_open_factor: u32,
    /// Share of the attempts in the `window` that failed or timed out above which it opens. More than 0, at most 1;
    /// 1 for never, since no share is above it.
    pub error_rate_threshold: f64,
    /// How far back attempts count for the two rates. At least 1 ms.
    pub window: Duration,
    /// With fewer attempts in the `window`, neither rate opens it. At least 1.
    pub minimum_calls: u32,
    /// An attempt that takes longer counts as slow; `None` if none does. More than zero, less than the service timeout.
    pub slow_call_duration: Option<Duration>,
    /// Share of the attempts in the `window` that were slow above which it opens. As `error_rate_threshold`.
    pub slow_call_rate_threshold: f64,
}

/// Refusing what cannot be served in time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BackPressureSettings {
    /// Which law decides.
    pub algorithm: BackPressureAlgorithm,
    /// Wait time at which refusing begins while an overload lasts. More than zero.
    pub reference_delay: Duration,
    /// Gain of how far the wait lies from `reference_delay`. More than 0; `None` for what the algorithm calls for. For
    /// `Pie` and `Kanaloa`.
    pub delay_factor_base: Option<f64>,
    /// Gain of how much the wait has changed since the last sample. Not negative; `None` for what the algorithm calls for.
    /// For `Pie` and `Kanaloa`.
    pub delay_trend_factor_base: Option<f64>,
    /// How long traffic above the capacity is let through unrefused; zero for not at all, `None` for what the algorithm
    /// calls for. For `ExpectedWait`, the longest wait that a burst may cause.
    pub duration_of_burst_allowed: Option<Duration>,
    /// How long it must be calm before the next burst is let through; zero asks for none. For `Pie` and `Kanaloa`.
    pub min_duration_before_burst_reset: Duration,
    /// Weight of the newest sample in the average of the speed at which work leaves the queue. More than 0, at most 1.
    /// For `Kanaloa`.
    pub weight_of_latest_metric: f64,
}

/// The laws that decide which work is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackPressureAlgorithm {
    /// [`ExpectedWait`](crate::control::regulator::ExpectedWait).
    ExpectedWait,
    /// A drop probability that follows the wait and its trend, as PIE (RFC 8033) does.
    Pie,
    /// The law of the original Kanaloa: as `Pie`, on an average of the speed at which work leaves the queue.
    Kanaloa,
}

/// Finding the concurrency limit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AutothrottleSettings {
    /// Which law decides.
    pub algorithm: AutothrottleAlgorithm,
    /// How often laws that work on samples of a pool decide. At least 1 ms.
    pub resize_interval: Duration,
    /// Share of the explorations that try a smaller limit. From 0 to 1. This and all below are for `Kanaloa`.
    pub chance_of_scaling_down_when_full: f64,
    /// How many logged limits on each side are compared, at least. At least 1.
    pub optimization_min_range: usize,
    /// The same as a share of the limit. From 0 to 1.
    pub optimization_range_ratio: f64,
    /// Largest step of an exploration. At least 1.
    pub max_explore_step_size: usize,
    /// Share of the decisions that explore; the others go towards the best limit known. From 0 to 1.
    pub exploration_ratio: f64,
    /// Weight of the newest sample in the log of a limit. More than 0, at most 1.
    pub weight_of_latest_metric: f64,
    /// Weight of the latency in the score of a limit; the throughput has the rest. From 0 to 1.
    pub weight_of_latency: f64,
    /// A pool that was not full for so long is made smaller; `None` for never. At least 1 ms.
    pub downsize_after_under_utilization: Option<Duration>,
    /// The limit after that, as a share of the largest number of workers that were busy. More than 0, at most 1.
    pub downsize_ratio: f64,
}

/// The laws that find the concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutothrottleAlgorithm {
    /// [`Plumb`](crate::control::throttle::Plumb).
    Plumb,
    /// [`Fixed`](crate::control::throttle::Fixed): stays at `starting-pool-size`.
    Fixed,
    /// The law of the original Kanaloa: a log of how each limit did, and a random walk around the best.
    Kanaloa,
    /// [`Gradient2`](crate::control::throttle::Gradient2).
    Gradient2,
    /// [`Vegas`](crate::control::throttle::Vegas).
    Vegas,
    /// [`Aimd`](crate::control::throttle::Aimd).
    Aimd,
}

/// Reporting what happens.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricsSettings {
    /// Where StatsD is, and what it gets.
    pub statsd: StatsDSettings,
}

/// Where StatsD is, and what it gets.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StatsDSettings {
    /// Name or address of the host. Not empty. A name is looked up again now and then.
    pub host: String,
    /// UDP port. Not 0.
    pub port: u16,
    /// First part of every name, or several with dots between them. Not empty.
    pub namespace: String,
    /// Share of the timers that are reported. More than 0, at most 1.
    pub event_sample_rate: f64,
    /// Share of the update intervals in which gauges are reported. More than 0, at most 1.
    pub status_sample_rate: f64,
    /// Share of the update intervals in which counters are reported; none of what they count is lost. More than 0, at most
    /// 1.
    pub default_sample_rate: f64,
    /// Whether one packet carries several metrics.
    pub multi_metrics: bool,
    /// Largest packet, in bytes; a metric that is longer goes alone. From 64 to 65,507, the most that UDP carries.
    pub packet_buffer_size: usize,
}
