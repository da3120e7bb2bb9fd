//! The path of every setting inside a dispatcher, written once for those who read them and those who judge them.

pub(super) const UPDATE_INTERVAL: &str = "update-interval";
pub(super) const INITIAL_GRACE_PERIOD: &str = "initial-grace-period";
pub(super) const SERVICE_TIMEOUT: &str = "work-settings.service-timeout";
pub(super) const REQUEST_TIMEOUT: &str = "work-settings.request-timeout";
pub(super) const QUEUE_CAPACITY: &str = "queue.capacity";
pub(super) const STARTING_POOL_SIZE: &str = "worker-pool.starting-pool-size";
pub(super) const MIN_POOL_SIZE: &str = "worker-pool.min-pool-size";
pub(super) const MAX_POOL_SIZE: &str = "worker-pool.max-pool-size";
pub(super) const REPLENISH_SPEED: &str = "worker-pool.replenish-speed";
pub(super) const LOG_ROUTEE_RETRIEVAL_ERROR: &str = "worker-pool.log-routee-retrieval-error";
pub(super) const BACK_PRESSURE_ENABLED: &str = "back-pressure.enabled";
pub(super) const BACK_PRESSURE_ALGORITHM: &str = "back-pressure.algorithm";
pub(super) const REFERENCE_DELAY: &str = "back-pressure.reference-delay";
pub(super) const AUTOTHROTTLE_ENABLED: &str = "autothrottle.enabled";
pub(super) const AUTOTHROTTLE_ALGORITHM: &str = "autothrottle.algorithm";
pub(super) const RESIZE_INTERVAL: &str = "autothrottle.resize-interval";

pub(super) const ROOT: &str = "kanaloa";
pub(super) const DEFAULT_DISPATCHER: &str = "default-dispatcher";
pub(super) const DEFAULT_PULLING_DISPATCHER: &str = "default-pulling-dispatcher";
pub(super) const DISPATCHERS: &str = "dispatchers";

/// Names of version 0.4 that differ by more than case, and the settings they mean.
pub(super) const OLDER_NAMES: &[(&str, &str)] = &[("work-timeout", SERVICE_TIMEOUT)];
