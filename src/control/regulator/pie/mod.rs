//! PIE, with gains for requests.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::burst::{Burst, BurstRules};
use super::drops::{Drops, Spread};
use super::{Admission, QueueSample, Regulator, SAMPLES_PER_REFERENCE_DELAY, SHORTEST_REFERENCE_DELAY};

/// The largest drop rate: what holds a hundred times the capacity. Above it the queue would be emptied at once, and
/// nothing that still arrives could show that the overload is over.
const LARGEST_RATE: f64 = 0.99;

/// What is left of the drop rate after a period without a queue.
const IDLE_DECAY: f64 = 0.98;

/// Delays count as 30 years at most: what is calculated from them stays finite.
const LONGEST_DELAY: f64 = 1e9;

/// The parameters of [`Pie`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PieRules {
    /// D: the delay it steers towards. Default: 80 ms.
    pub reference_delay: Duration,
    /// a: what a delay of twice the reference delay adds to the drop rate with each period D/10: above 0, or a rate
    /// might never fall. Default: 0.05.
    pub delay_factor_base: f64,
    /// b: what a delay that has grown by the reference delay adds. Default: 1.
    pub delay_trend_factor_base: f64,
    /// How long a burst is let through. Default: 150 ms.
    pub duration_of_burst_allowed: Duration,
    /// How long it must be calm before the next. Default: 1 s.
    pub min_duration_before_burst_reset: Duration,
}

impl Default for PieRules {
    fn default() -> Self {
        PieRules {
            reference_delay: Duration::from_millis(80),
            delay_factor_base: 0.05,
            delay_trend_factor_base: 1.0,
            duration_of_burst_allowed: Duration::from_millis(150),
            min_duration_before_burst_reset: Duration::from_secs(1),
        }
    }
}

/// Drops a share of the works, steered by the delay that the queue stands for.
///
/// # The rule
///
/// With each sample, which it wants every T = D/10,
///
/// ```text
/// delay = pause + length/mu             mu = Σ limit/R over the handlers that take work
/// p += a·(delay − D)/D + b·(delay − last delay)/D           within 0 to 0.99
/// p ·= 0.98                                                 while there is no delay
/// ```
///
/// and of the works that arrive the share p is dropped, evenly spread. A sample that comes early moves p by its part of
/// a; a late one counts as one.
///
/// # The gains
///
/// Requests do not slow down as TCP does, so that with arrivals ρ times the capacity the delay obeys ḋ = ρ(1−p) − 1, and
/// the loop is an oscillator with
///
/// ```text
/// ω = √(ρa/(T·D))        ζ = (b/2)·√(ρT/(a·D))
/// ```
///
/// The default gains damp it critically at twice the capacity: ζ = 1/2·√(2·0.1/0.05) = 1.
///
/// # The regimes
///
/// - *Out of burst*: p is 0 and delay and last delay are below D/2.
/// - *In burst*, as soon as that is not so: p moves, but nothing is dropped.
/// - *Expired*, after `duration_of_burst_allowed`: the share p is dropped.
/// - *Going out*: it is calm again, and after `min_duration_before_burst_reset` without a break out of burst.
/// - While no process time is known, the delay is the time for which work has been waiting without any leaving.
///
/// # Where it is weak
///
/// - No drop rate can tell a burst that could be served from an overload: in simulation laws of this kind refused 10 to
///   30 % of short bursts that would have made their deadline. With these gains one work more that waits is a rise.
/// - 100 ms starve a slow service: at 20 works per second it idles between arrivals (goodput .93, in simulation).
/// - A burst of ρ times the capacity leaves 150 ms·(ρ − 1) of work behind. Above 20 times (2·D/(b·T)) the sampled loop
///   no longer damps, and the rate jumps between the largest and less.
/// - It knows neither deadlines nor classes.
///
/// # Sources
///
/// PIE (Pan et al., 2013; RFC 8033), whose gains by drop rate are replaced by the above; evenly spread drops instead of
/// its derandomisation.
#[derive(Debug, Clone)]
pub struct Pie {
    rules: PieRules,
    /// p.
    rate: f64,
    /// In seconds.
    delay: f64,
    burst: Burst,
    /// For how long work has been waiting without any leaving, while no process time is known.
    unserved: Duration,
}

impl Pie {
    /// Nothing is dropped at first.
    pub fn new(rules: PieRules) -> Self {
        Pie { rules, rate: 0.0, delay: 0.0, burst: Burst::Out, unserved: Duration::ZERO }
    }

    fn reference_delay(&self) -> Duration {
        self.rules.reference_delay.max(SHORTEST_REFERENCE_DELAY)
    }

    fn period(&self) -> Duration {
        self.reference_delay() / SAMPLES_PER_REFERENCE_DELAY
    }

    fn estimate_delay(&mut self, sample: &QueueSample) -> f64 {
        let service = &sample.service;
        let length = sample.queued as f64;
        if sample.queued == 0 || sample.dequeued > 0 {
            self.unserved = Duration::ZERO;
        } else {
            self.unserved = self.unserved.saturating_add(sample.waiting);
        }
        let delay = if sample.queued == 0 {
            0.0
        } else if service.process_time.is_some() && service.leaving_rate > 0.0 {
            service.pause.as_secs_f64() + length / service.leaving_rate
        } else {
            service.pause.max(self.unserved).as_secs_f64()
        };
        delay.min(LONGEST_DELAY)
    }
}

impl Regulator for Pie {
    fn sample(&mut self, sample: &QueueSample) -> Admission {
        let (last, delay) = (self.delay, self.estimate_delay(sample));
        let reference = self.reference_delay().as_secs_f64();
        let periods = sample.elapsed.as_secs_f64() / self.period().as_secs_f64();
        let step = self.rules.delay_factor_base * periods.min(1.0) * (delay - reference) / reference
            + self.rules.delay_trend_factor_base * (delay - last) / reference;
        let idle = if delay == 0.0 && last == 0.0 { IDLE_DECAY.powf(periods) } else { 1.0 };
        self.rate = ((self.rate + step) * idle).clamp(0.0, LARGEST_RATE);
        self.delay = delay;

        let caught_up = self.rate == 0.0 && delay.max(last) < reference / 2.0;
        let bursts = BurstRules {
            allowed: self.rules.duration_of_burst_allowed,
            reset: self.rules.min_duration_before_burst_reset,
        };
        self.burst = self.burst.next(caught_up, sample.elapsed, bursts);
        let drops = Drops::new(self.drop_rate(), delay, Spread::Even);
        Admission::by_drops(drops.because(self.reference_delay(), self.burst.is_in()))
    }

    fn interval(&self, _: Duration) -> Duration {
        // A timer takes no less.
        self.period().max(Duration::from_millis(1))
    }

    fn drop_rate(&self) -> f64 {
        if self.burst.is_in() { 0.0 } else { self.rate }
    }

    fn is_at_rest(&self) -> bool {
        self.rate == 0.0 && self.delay == 0.0 && self.burst == Burst::Out
    }
}
