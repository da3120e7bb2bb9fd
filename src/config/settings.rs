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
    /// Refusing what cannot be served in time; `None` when it is off.
    pub back_pressure: Option<BackPressureSettings>,
    /// Finding the concurrency limit; `None` when it is off.
    pub autothrottle: Option<AutothrottleSettings>,
}

/// What holds for each work.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkSettings {
    /// Longest wait for the handler's answer, from the moment it was handed the request. At least 1 ms.
    pub service_timeout: Duration,
    /// Longest time from receipt to answer, longer than `service_timeout`; `None` for no such limit.
    pub request_timeout: Option<Duration>,
}

/// The queue between callers and workers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueSettings {
    /// Most works that may wait at once, whatever back-pressure says. At least 1.
    pub capacity: usize,
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
}

/// Refusing what cannot be served in time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BackPressureSettings {
    /// Which law decides.
    pub algorithm: BackPressureAlgorithm,
    /// Wait time at which refusing begins while an overload lasts. More than zero.
    pub reference_delay: Duration,
}

/// The laws that decide which work is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackPressureAlgorithm {
    /// [`ExpectedWait`](crate::control::regulator::ExpectedWait).
    ExpectedWait,
}

/// Finding the concurrency limit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AutothrottleSettings {
    /// Which law decides.
    pub algorithm: AutothrottleAlgorithm,
    /// How often laws that work on samples of a pool decide. At least 1 ms.
    pub resize_interval: Duration,
}

/// The laws that find the concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutothrottleAlgorithm {
    /// [`Plumb`](crate::control::throttle::Plumb).
    Plumb,
    /// [`Fixed`](crate::control::throttle::Fixed): stays at `starting-pool-size`.
    Fixed,
}
