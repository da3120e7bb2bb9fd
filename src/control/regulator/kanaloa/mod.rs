//! The original Kanaloa's regulator.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::burst::{Burst, BurstRules};
use super::drops::{Drops, Spread};
use super::{Admission, QueueSample, Regulator, SHORTEST_REFERENCE_DELAY};

/// While the drop rate is below these, its steps are this much smaller: near 0 a full step would be too coarse.
const SMALL_STEPS: [(f64, f64); 2] = [(0.01, 1.0 / 8.0), (0.1, 1.0 / 2.0)];

/// Work must have waited for this share of a sample for it to tell how fast works leave: else it tells how fast they
/// come.
const LEAST_WAITING: f64 = 0.3;

/// Delays count as 30 years at most: what is calculated from them stays finite.
const LONGEST_DELAY: f64 = 1e9;

/// The parameters of [`Kanaloa`], with the original's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KanaloaRules {
    /// The delay it steers towards. Default: 30 s.
    pub reference_delay: Duration,
    /// What a delay of twice the reference delay adds to the drop rate with each sample: above 0, or a rate might
    /// never fall. Default: 0.2.
    pub delay_factor_base: f64,
    /// What a delay that has grown by the reference delay adds. Default: 0.1.
    pub delay_trend_factor_base: f64,
    /// How long a burst is let through. Default: 30 s.
    pub duration_of_burst_allowed: Duration,
    /// How long it must be calm before the next. Default: 30 s.
    pub min_duration_before_burst_reset: Duration,
    /// Weight of the latest sample in the speed: 0 to 1. Default: 0.2.
    pub weight_of_latest_metric: f64,
}

impl Default for KanaloaRules {
    fn default() -> Self {
        KanaloaRules {
            reference_delay: Duration::from_secs(30),
            delay_factor_base: 0.2,
            delay_trend_factor_base: 0.1,
            duration_of_burst_allowed: Duration::from_secs(30),
            min_duration_before_burst_reset: Duration::from_secs(30),
            weight_of_latest_metric: 0.2,
        }
    }
}

/// Drops a share of the works, steered by the delay that the queue stands for: the law of the original Kanaloa.
///
/// Choose it to compare, or to keep what was tuned for it.
///
/// # The rule
///
/// With each sample, X being an exponentially weighted mean of the speed at which works leave the queue,
///
/// ```text
/// delay = length/X                       without a speed: length · the time without a work leaving
/// p += f·a·(delay − D)/D + f·b·(delay − last delay)/D       within 0 to 1
/// f = 1 if p ≥ 0.1, 1/2 if p ≥ 0.01, else 1/8               D = reference delay
/// ```
///
/// and each work is dropped with probability p, as by chance. X is not updated by samples with an empty queue.
///
/// # The regimes
///
/// - *Unknown*, until work has waited: nothing is dropped.
/// - *Out of burst*: p is 0 and delay and last delay are below D/2.
/// - *In burst*, as soon as that is not so: p moves, but nothing is dropped.
/// - *Expired*, after `duration_of_burst_allowed`: p is what was reached meanwhile.
/// - *Going out*: it is calm again, and after `min_duration_before_burst_reset` without a break out of burst.
///
/// # Where it is weak
///
/// With the default gains and the default interval of 500 ms it is hardly damped: at twice the capacity the damping ratio
/// is 0.02, and the drop rate swings between none and all. Bursts of 30 s fill the queue with 30 s of excess before the
/// first work is refused. It knows neither deadlines nor classes, and as every drop law cannot tell a burst that could be
/// served from an overload.
///
/// # Source
///
/// Regulator and QueueSampler of iheartradio/kanaloa, after PIE (Pan et al., 2013). The original takes no samples while
/// the queue is empty, so that it goes on dropping at the last rate; here the empty queue counts as a delay of 0, so
/// that the rate falls, whatever the speed.
#[derive(Debug, Clone)]
pub struct Kanaloa {
    rules: KanaloaRules,
    spread: Spread,
    status: Option<Status>,
    /// For how long no work has left the queue while some waited.
    unserved: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Status {
    /// In seconds.
    delay: f64,
    /// p.
    rate: f64,
    /// X: works per second.
    speed: f64,
    burst: Burst,
}

impl Status {
    /// The rate in force.
    fn drop_rate(&self) -> f64 {
        if self.burst.is_in() { 0.0 } else { self.rate }
    }
}

impl Kanaloa {
    /// Regulators with the same seed drop the same works.
    pub fn new(rules: KanaloaRules, seed: u64) -> Self {
        Kanaloa { rules, spread: Spread::Random { seed }, status: None, unserved: Duration::ZERO }
    }

    /// Works per second that leave the queue, if the sample tells.
    fn speed(&mut self, sample: &QueueSample) -> Option<f64> {
        let tells = sample.queued > 0
            && !sample.elapsed.is_zero()
            && sample.waiting.as_secs_f64() >= LEAST_WAITING * sample.elapsed.as_secs_f64();
        if !tells {
            self.unserved = sample.waiting;
            return None;
        }
        self.unserved = self.unserved.saturating_add(sample.elapsed);
        Some(sample.dequeued as f64 / self.unserved.as_secs_f64())
    }

    fn reference_delay(&self) -> Duration {
        self.rules.reference_delay.max(SHORTEST_REFERENCE_DELAY)
    }

    fn delay(&self, queued: usize, speed: f64) -> f64 {
        let length = queued as f64;
        let delay = if speed > 0.0 { length / speed } else { length * self.unserved.as_secs_f64() };
        delay.min(LONGEST_DELAY)
    }

    fn update(&self, last: &Status, speed: f64, sample: &QueueSample) -> Status {
        let rules = &self.rules;
        let reference = self.reference_delay().as_secs_f64();
        let delay = self.delay(sample.queued, speed);
        let step = rules.delay_factor_base * (delay - reference) / reference
            + rules.delay_trend_factor_base * (delay - last.delay) / reference;
        let factor = SMALL_STEPS.iter().find(|(below, _)| last.rate < *below).map_or(1.0, |(_, factor)| *factor);
        let rate = (last.rate + factor * step).clamp(0.0, 1.0);
        let caught_up = rate == 0.0 && delay.max(last.delay) < reference / 2.0;
        let bursts =
            BurstRules { allowed: rules.duration_of_burst_allowed, reset: rules.min_duration_before_burst_reset };
        Status { delay, rate, speed, burst: last.burst.next(caught_up, sample.elapsed, bursts) }
    }
}

impl Regulator for Kanaloa {
    fn sample(&mut self, sample: &QueueSample) -> Admission {
        let latest = self.speed(sample);
        self.status = match (self.status, latest) {
            (None, None) => None,
            // ## Unknown => Out of burst
            (None, Some(speed)) => {
                Some(Status { delay: self.delay(sample.queued, speed), rate: 0.0, speed, burst: Burst::Out })
            }
            (Some(last), latest) => {
                let weight = self.rules.weight_of_latest_metric;
                let speed = latest.map_or(last.speed, |latest| latest * weight + last.speed * (1.0 - weight));
                Some(self.update(&last, speed, sample))
            }
        };
        if sample.dequeued > 0 {
            self.unserved = Duration::ZERO;
        }
        let delay = self.status.map_or(0.0, |status| status.delay);
        let is_burst = self.status.is_some_and(|status| status.burst.is_in());
        let drops = Drops::new(self.drop_rate(), delay, self.spread);
        Admission::by_drops(drops.because(self.reference_delay(), is_burst))
    }

    fn interval(&self, update_interval: Duration) -> Duration {
        update_interval
    }

    fn drop_rate(&self) -> f64 {
        self.status.map_or(0.0, |status| status.drop_rate())
    }

    fn is_at_rest(&self) -> bool {
        self.status.is_none_or(|status| status.rate == 0.0 && status.delay == 0.0 && status.burst == Burst::Out)
    }
}
