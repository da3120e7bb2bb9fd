//! The path of every setting inside a dispatcher, written once for those who read them and those who judge them.

pub(super) const UPDATE_INTERVAL: &str = "update-interval";
pub(super) const INITIAL_GRACE_PERIOD: &str = "initial-grace-period";
pub(super) const SERVICE_TIMEOUT: &str = "work-settings.service-timeout";
pub(super) const REQUEST_TIMEOUT: &str = "work-settings.request-timeout";
pub(super) const AT_LEAST_ONCE: &str = "work-settings.at-least-once";
pub(super) const WORK_RETRY: &str = "work-settings.work-retry";
pub(super) const LENGTH_OF_DISPLAY: &str = "work-settings.length-of-display-for-message";
pub(super) const CONCURRENT_CALLS: &str = "work-settings.concurrent-calls";
pub(super) const CONCURRENT_DELAY: &str = "work-settings.concurrent-delay";
pub(super) const CONCURRENT_BUDGET_ENABLED: &str = "work-settings.concurrent-budget.enabled";
pub(super) const CONCURRENT_BUDGET_RATIO: &str = "work-settings.concurrent-budget.ratio";
pub(super) const CONCURRENT_BUDGET_PER_SECOND: &str = "work-settings.concurrent-budget.per-second";
pub(super) const CONCURRENT_BUDGET_WINDOW: &str = "work-settings.concurrent-budget.window";
pub(super) const CALM_AFTER_REFUSAL: &str = "work-settings.concurrent-budget.calm-after-refusal";
pub(super) const RETRY_BUDGET_ENABLED: &str = "work-settings.retry-budget.enabled";
pub(super) const RETRY_BUDGET_RATIO: &str = "work-settings.retry-budget.ratio";
pub(super) const RETRY_BUDGET_PER_SECOND: &str = "work-settings.retry-budget.per-second";
pub(super) const RETRY_BUDGET_WINDOW: &str = "work-settings.retry-budget.window";
pub(super) const QUEUE_CAPACITY: &str = "queue.capacity";
pub(super) const QUEUE_ORDER: &str = "queue.order";
pub(super) const STARTING_POOL_SIZE: &str = "worker-pool.starting-pool-size";
pub(super) const MIN_POOL_SIZE: &str = "worker-pool.min-pool-size";
pub(super) const MAX_POOL_SIZE: &str = "worker-pool.max-pool-size";
pub(super) const REPLENISH_SPEED: &str = "worker-pool.replenish-speed";
pub(super) const LOG_ROUTEE_RETRIEVAL_ERROR: &str = "worker-pool.log-routee-retrieval-error";
pub(super) const DEFAULT_SHUTDOWN_TIMEOUT: &str = "worker-pool.default-shutdown-timeout";
pub(super) const SHUTDOWN_ON_ALL_WORKER_DEATH: &str = "worker-pool.shutdown-on-all-worker-death";
pub(super) const CIRCUIT_BREAKER_ENABLED: &str = "circuit-breaker.enabled";
pub(super) const OPEN_DURATION_BASE: &str = "circuit-breaker.open-duration-base";
pub(super) const TIMEOUT_COUNT_THRESHOLD: &str = "circuit-breaker.timeout-count-threshold";
pub(super) const MAX_OPEN_FACTOR: &str = "circuit-breaker.max-open-factor";
pub(super) const ERROR_RATE_THRESHOLD: &str = "circuit-breaker.error-rate-threshold";
pub(super) const WINDOW: &str = "circuit-breaker.window";
pub(super) const MINIMUM_CALLS: &str = "circuit-breaker.minimum-calls";
pub(super) const SLOW_CALL_DURATION: &str = "circuit-breaker.slow-call-duration";
pub(super) const SLOW_CALL_RATE_THRESHOLD: &str = "circuit-breaker.slow-call-rate-threshold";
pub(super) const BACK_PRESSURE_ENABLED: &str = "back-pressure.enabled";
pub(super) const BACK_PRESSURE_ALGORITHM: &str = "back-pressure.algorithm";
pub(super) const REFERENCE_DELAY: &str = "back-pressure.reference-delay";
pub(super) const DELAY_FACTOR_BASE: &str = "back-pressure.delay-factor-base";
pub(super) const DELAY_TREND_FACTOR_BASE: &str = "back-pressure.delay-trend-factor-base";
pub(super) const DURATION_OF_BURST_ALLOWED: &str = "back-pressure.duration-of-burst-allowed";
pub(super) const MIN_DURATION_BEFORE_BURST_RESET: &str = "back-pressure.min-duration-before-burst-reset";
pub(super) const WEIGHT_OF_LATEST_SPEED: &str = "back-pressure.weight-of-latest-metric";
pub(super) const AUTOTHROTTLE_ENABLED: &str = "autothrottle.enabled";
pub(super) const AUTOTHROTTLE_ALGORITHM: &str = "autothrottle.algorithm";
pub(super) const RESIZE_INTERVAL: &str = "autothrottle.resize-interval";
pub(super) const CHANCE_OF_SCALING_DOWN: &str = "autothrottle.chance-of-scaling-down-when-full";
pub(super) const OPTIMIZATION_MIN_RANGE: &str = "autothrottle.optimization-min-range";
pub(super) const OPTIMIZATION_RANGE_RATIO: &str = "autothrottle.optimization-range-ratio";
pub(super) const MAX_EXPLORE_STEP_SIZE: &str = "autothrottle.max-explore-step-size";
pub(super) const EXPLORATION_RATIO: &str = "autothrottle.exploration-ratio";
pub(super) const WEIGHT_OF_LATEST_PERFORMANCE: &str = "autothrottle.weight-of-latest-metric";
pub(super) const WEIGHT_OF_LATENCY: &str = "autothrottle.weight-of-latency";
pub(super) const DOWNSIZE_AFTER: &str = "autothrottle.downsize-after-under-utilization";
pub(super) const DOWNSIZE_RATIO: &str = "autothrottle.downsize-ratio";
pub(super) const METRICS_ENABLED: &str = "metrics.enabled";
pub(super) const MOST_REPORTED_HANDLERS: &str = "metrics.max-handlers";
pub(super) const STATSD_HOST: &str = "metrics.statsD.host";
pub(super) const STATSD_PORT: &str = "metrics.statsD.port";
pub(super) const NAMESPACE: &str = "metrics.statsD.namespace";
pub(super) const EVENT_SAMPLE_RATE: &str = "metrics.statsD.event-sample-rate";
pub(super) const STATUS_SAMPLE_RATE: &str = "metrics.statsD.status-sample-rate";

/// The settings that hold for all dispatchers, by their whole paths.
pub(super) const STATSD: &str = "statsD";
pub(super) const DEFAULT_SAMPLE_RATE: &str = "kanaloa.statsD.default-sample-rate";
pub(super) const MULTI_METRICS: &str = "kanaloa.statsD.multi-metrics";
pub(super) const PACKET_BUFFER_SIZE: &str = "kanaloa.statsD.packet-buffer-size";

pub(super) const ROOT: &str = "kanaloa";
pub(super) const DEFAULT_DISPATCHER: &str = "default-dispatcher";
pub(super) const DEFAULT_PULLING_DISPATCHER: &str = "default-pulling-dispatcher";
pub(super) const DISPATCHERS: &str = "dispatchers";
/// What is told to a reverse proxy. Who runs one reads it.
pub(super) const PROXY: &str = "proxy";
/// What a file that was written for KrakenD has at its top.
pub(crate) const ENDPOINTS: &str = "endpoints";
/// Names that differ by more than case, mostly of version 0.4, and the settings they mean, from where the name stands.
pub(super) const OLDER_NAMES: &[(&str, &str)] = &[
    ("work-timeout", SERVICE_TIMEOUT),
    ("work-retry", WORK_RETRY),
    ("length-of-display-for-message", LENGTH_OF_DISPLAY),
    ("health-check-interval", "replenish-speed"),
    ("concurrent_calls", "concurrent-calls"),
    ("concurrent_calls", CONCURRENT_CALLS),
];
