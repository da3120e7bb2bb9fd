//! Which values cannot work, whether they come from a file or from code.

use std::time::Duration;

use super::keys;
use super::settings::DispatcherSettings;

/// The tick of the timers: nothing that is timed can be shorter, and a repeating timer of less would never rest.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);
/// Beyond any use, and far from where adding a duration to a point in time overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A rule that settings break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// The settings that the rule speaks of.
    pub(super) keys: Vec<&'static str>,
    /// What the rule asks for.
    pub(super) expected: String,
    /// What there is instead.
    pub(super) found: String,
}

/// Every rule that `settings` break.
pub(super) fn broken(settings: &DispatcherSettings) -> Vec<Broken> {
    let mut rules = Rules(Vec::new());
    rules.timer(keys::UPDATE_INTERVAL, settings.update_interval);
    rules.not_too_long(keys::INITIAL_GRACE_PERIOD, settings.initial_grace_period);

    let work = &settings.work;
    rules.timer(keys::SERVICE_TIMEOUT, work.service_timeout);
    if let Some(request_timeout) = work.request_timeout {
        rules.timer(keys::REQUEST_TIMEOUT, request_timeout);
        if request_timeout <= work.service_timeout {
            let found = format!("{request_timeout:?} <= {:?}", work.service_timeout);
            rules.add(&[keys::REQUEST_TIMEOUT, keys::SERVICE_TIMEOUT], "request-timeout > service-timeout", found);
        }
    }

    rules.at_least_one(keys::QUEUE_CAPACITY, settings.queue.capacity);

    let pool = &settings.worker_pool;
    let (min, max) = (pool.min_pool_size, pool.max_pool_size);
    rules.at_least_one(keys::STARTING_POOL_SIZE, pool.starting_pool_size);
    rules.at_least_one(keys::MIN_POOL_SIZE, min);
    if min > max {
        let found = format!("{min} > {max}");
        rules.add(&[keys::MIN_POOL_SIZE, keys::MAX_POOL_SIZE], "min-pool-size <= max-pool-size", found);
    }
    rules.timer(keys::REPLENISH_SPEED, pool.replenish_speed);

    if let Some(back_pressure) = &settings.back_pressure {
        if back_pressure.reference_delay.is_zero() {
            rules.add(&[keys::REFERENCE_DELAY], "more than 0", "0".into());
        }
        rules.not_too_long(keys::REFERENCE_DELAY, back_pressure.reference_delay);
    }
    if let Some(autothrottle) = &settings.autothrottle {
        rules.timer(keys::RESIZE_INTERVAL, autothrottle.resize_interval);
    }
    rules.0
}

struct Rules(Vec<Broken>);

impl Rules {
    fn add(&mut self, keys: &[&'static str], expected: &str, found: String) {
        self.0.push(Broken { keys: keys.to_vec(), expected: expected.to_owned(), found });
    }

    fn timer(&mut self, key: &'static str, value: Duration) {
        if value < SHORTEST_TIMER {
            let found = if value.is_zero() { "0".to_owned() } else { format!("{value:?}") };
            self.add(&[key], "at least 1ms", found);
        }
        self.not_too_long(key, value);
    }

    fn not_too_long(&mut self, key: &'static str, value: Duration) {
        if value > LONGEST {
            self.add(&[key], "at most 365d", format!("{value:?}"));
        }
    }

    fn at_least_one(&mut self, key: &'static str, value: usize) {
        if value == 0 {
            self.add(&[key], "at least 1", "0".into());
        }
    }
}
