//! Which values cannot work, whether they come from a file or from code.

use std::time::Duration;

use super::keys;
use super::settings::{
    AutothrottleSettings, BackPressureSettings, CircuitBreakerSettings, ConcurrentDelay, DispatcherSettings,
    StatsDSettings, WorkSettings,
};

/// The tick of the timers: nothing that is timed can be shorter, and a repeating timer of less would never rest.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);
/// Beyond any use, and far from where adding a duration to a point in time overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// More copies of one request than this are a mistake, and a service that gets them is done for.
pub(crate) const MOST_COPIES: usize = 100;
/// Room for one metric with a name of usual length.
const SMALLEST_PACKET: usize = 64;
/// The most that a UDP datagram carries over IPv4.
const LARGEST_PACKET: usize = 65_507;

/// Each takes some kilobytes: more would not fit.
const MOST_WORKERS: usize = 1_000_000;

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

    rules.at_least_one(keys::CONCURRENT_CALLS, work.concurrent_calls);
    if work.concurrent_calls > MOST_COPIES {
        rules.add(&[keys::CONCURRENT_CALLS], &format!("at most {MOST_COPIES}"), work.concurrent_calls.to_string());
    }
    rules.copies(work);

    rules.at_least_one(keys::QUEUE_CAPACITY, settings.queue.capacity);

    let pool = &settings.worker_pool;
    let (min, max) = (pool.min_pool_size, pool.max_pool_size);
    rules.at_least_one(keys::STARTING_POOL_SIZE, pool.starting_pool_size);
    rules.at_least_one(keys::MIN_POOL_SIZE, min);
    for (key, size) in [(keys::STARTING_POOL_SIZE, pool.starting_pool_size), (keys::MAX_POOL_SIZE, max)] {
        if size > MOST_WORKERS {
            rules.add(&[key], &format!("at most {MOST_WORKERS}"), size.to_string());
        }
    }
    if min > max {
        let found = format!("{min} > {max}");
        rules.add(&[keys::MIN_POOL_SIZE, keys::MAX_POOL_SIZE], "min-pool-size <= max-pool-size", found);
    }
    rules.timer(keys::REPLENISH_SPEED, pool.replenish_speed);

    rules.not_too_long(keys::DEFAULT_SHUTDOWN_TIMEOUT, pool.default_shutdown_timeout);

    if let Some(circuit_breaker) = &settings.circuit_breaker {
        rules.circuit_breaker(circuit_breaker, work.service_timeout);
    }
    if let Some(back_pressure) = &settings.back_pressure {
        rules.back_pressure(back_pressure);
    }
    if let Some(autothrottle) = &settings.autothrottle {
        rules.autothrottle(autothrottle);
    }
    rules.at_least_one(keys::MOST_REPORTED_HANDLERS, settings.most_reported_handlers);
    if let Some(metrics) = &settings.metrics {
        rules.statsd(&metrics.statsd);
    }
    rules.0
}

struct Rules(Vec<Broken>);

impl Rules {
    fn add(&mut self, keys: &[&'static str], expected: &str, found: String) {
        self.0.push(Broken { keys: keys.to_vec(), expected: expected.to_owned(), found });
    }

    fn copies(&mut self, work: &WorkSettings) {
        if let ConcurrentDelay::After(delay) = work.concurrent_delay {
            self.not_too_long(keys::CONCURRENT_DELAY, delay);
            // The first copy has been given up by then, so the second would never be sent.
            if work.concurrent_calls > 1 && delay >= work.service_timeout {
                let found = format!("{delay:?} >= {:?}", work.service_timeout);
                self.add(&[keys::CONCURRENT_DELAY, keys::SERVICE_TIMEOUT], "concurrent-delay < service-timeout", found);
            }
        }
        if let Some(budget) = &work.concurrent_budget {
            let keys = [keys::CONCURRENT_BUDGET_RATIO, keys::CONCURRENT_BUDGET_PER_SECOND];
            self.budget(keys, (budget.ratio, budget.per_second), "for no copies, concurrent-calls = 1");
            self.timer(keys::CONCURRENT_BUDGET_WINDOW, budget.window);
            self.not_too_long(keys::CALM_AFTER_REFUSAL, budget.calm_after_refusal);
        }
        if let Some(budget) = &work.retry_budget {
            // Work that is to be delivered at least once would wait for ever.
            let keys = [keys::RETRY_BUDGET_RATIO, keys::RETRY_BUDGET_PER_SECOND];
            self.budget(keys, (budget.ratio, budget.per_second), "for no retries, work-retry = 0");
            self.timer(keys::RETRY_BUDGET_WINDOW, budget.window);
            // What is to be delivered at least once might wait for ever, since no request comes that would bring budget.
            let alone = budget.per_second * budget.window.as_secs_f64();
            if work.at_least_once && alone < 1.0 - 1e-9 {
                let keys = [keys::RETRY_BUDGET_PER_SECOND, keys::RETRY_BUDGET_WINDOW, keys::AT_LEAST_ONCE];
                self.add(&keys, "per-second * window of at least 1 with at-least-once", alone.to_string());
            }
        }
    }

    fn budget(&mut self, keys: [&'static str; 2], (ratio, per_second): (f64, f64), instead: &str) {
        self.gain(keys[0], ratio);
        self.gain(keys[1], per_second);
        if ratio == 0.0 && per_second == 0.0 {
            self.add(&keys, &format!("more than 0 of one of the two ({instead})"), "0 and 0".into());
        }
    }

    fn circuit_breaker(&mut self, settings: &CircuitBreakerSettings, service_timeout: Duration) {
        self.timer(keys::OPEN_DURATION_BASE, settings.open_duration_base);
        self.at_least_one(keys::MAX_OPEN_FACTOR, settings.max_open_factor);
        self.part(keys::ERROR_RATE_THRESHOLD, settings.error_rate_threshold);
        self.timer(keys::WINDOW, settings.window);
        self.at_least_one(keys::MINIMUM_CALLS, settings.minimum_calls);
        if let Some(slow) = settings.slow_call_duration {
            self.more_than_zero(keys::SLOW_CALL_DURATION, slow);
            // No attempt takes longer than the service timeout, so none would ever count as slow.
            if slow >= service_timeout {
                let found = format!("{slow:?} >= {service_timeout:?}");
                let keys = [keys::SLOW_CALL_DURATION, keys::SERVICE_TIMEOUT];
                self.add(&keys, "slow-call-duration < service-timeout", found);
            }
        }
        self.part(keys::SLOW_CALL_RATE_THRESHOLD, settings.slow_call_rate_threshold);
    }

    fn back_pressure(&mut self, settings: &BackPressureSettings) {
        self.more_than_zero(keys::REFERENCE_DELAY, settings.reference_delay);
        // With 0 a drop rate might never fall.
        if let Some(gain) = settings.delay_factor_base
            && !(gain > 0.0 && gain.is_finite())
        {
            self.add(&[keys::DELAY_FACTOR_BASE], "a finite number above 0", gain.to_string());
        }
        if let Some(gain) = settings.delay_trend_factor_base {
            self.gain(keys::DELAY_TREND_FACTOR_BASE, gain);
        }
        if let Some(duration) = settings.duration_of_burst_allowed {
            self.not_too_long(keys::DURATION_OF_BURST_ALLOWED, duration);
        }
        self.not_too_long(keys::MIN_DURATION_BEFORE_BURST_RESET, settings.min_duration_before_burst_reset);
        self.part(keys::WEIGHT_OF_LATEST_SPEED, settings.weight_of_latest_metric);
    }

    fn autothrottle(&mut self, settings: &AutothrottleSettings) {
        self.timer(keys::RESIZE_INTERVAL, settings.resize_interval);
        self.share(keys::CHANCE_OF_SCALING_DOWN, settings.chance_of_scaling_down_when_full);
        self.at_least_one(keys::OPTIMIZATION_MIN_RANGE, settings.optimization_min_range);
        self.share(keys::OPTIMIZATION_RANGE_RATIO, settings.optimization_range_ratio);
        self.at_least_one(keys::MAX_EXPLORE_STEP_SIZE, settings.max_explore_step_size);
        self.share(keys::EXPLORATION_RATIO, settings.exploration_ratio);
        self.part(keys::WEIGHT_OF_LATEST_PERFORMANCE, settings.weight_of_latest_metric);
        self.share(keys::WEIGHT_OF_LATENCY, settings.weight_of_latency);
        if let Some(after) = settings.downsize_after_under_utilization {
            self.timer(keys::DOWNSIZE_AFTER, after);
        }
        self.part(keys::DOWNSIZE_RATIO, settings.downsize_ratio);
    }

    fn statsd(&mut self, settings: &StatsDSettings) {
        if settings.host.is_empty() {
            let expected = "a host in metrics.statsD.host or kanaloa.statsD.host when metrics are on";
            self.add(&[keys::STATSD_HOST, keys::METRICS_ENABLED], expected, "none".into());
        }
        self.at_least_one(keys::STATSD_PORT, settings.port);
        if settings.namespace.is_empty() {
            self.add(&[keys::NAMESPACE], "a text that is not empty", "\"\"".into());
        }
        self.part(keys::EVENT_SAMPLE_RATE, settings.event_sample_rate);
        self.part(keys::STATUS_SAMPLE_RATE, settings.status_sample_rate);
        self.part(keys::DEFAULT_SAMPLE_RATE, settings.default_sample_rate);
        let size = settings.packet_buffer_size;
        if !(SMALLEST_PACKET..=LARGEST_PACKET).contains(&size) {
            let expected = format!("from {SMALLEST_PACKET} to {LARGEST_PACKET}");
            self.add(&[keys::PACKET_BUFFER_SIZE], &expected, size.to_string());
        }
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

    fn more_than_zero(&mut self, key: &'static str, value: Duration) {
        if value.is_zero() {
            self.add(&[key], "more than 0", "0".into());
        }
        self.not_too_long(key, value);
    }

    fn at_least_one(&mut self, key: &'static str, value: impl PartialEq + From<u8>) {
        if value == 0.into() {
            self.add(&[key], "at least 1", "0".into());
        }
    }

    /// A share of something that may be nothing of it. Not a number is no share.
    fn share(&mut self, key: &'static str, value: f64) {
        if !(0.0..=1.0).contains(&value) {
            self.add(&[key], "from 0 to 1", value.to_string());
        }
    }

    /// A share that cannot be nothing, since nothing would ever happen or count.
    fn part(&mut self, key: &'static str, value: f64) {
        if !(value > 0.0 && value <= 1.0) {
            self.add(&[key], "more than 0 and at most 1", value.to_string());
        }
    }

    fn gain(&mut self, key: &'static str, value: f64) {
        if !(value >= 0.0 && value.is_finite()) {
            self.add(&[key], "a finite number of at least 0", value.to_string());
        }
    }
}
