//! The scale τ of the soft minimum.

use super::window::{Reading, soft_minimum};

/// How many of the first process times set the scale: as many as the first limit lets run.
const FIRST_TIMES: usize = 4;
/// τ from the first few times, as a share of their mean: between what fixed and what exponential times call for.
const FIRST_SHARE: f64 = 0.25;
/// τ = mean / (8 cv²) within an eighth and a half of the mean: the more the times vary, the more the shortest must
/// count; a smaller τ than an eighth would follow single samples, and above a half the soft minimum becomes the mean.
const VARIATION_DIVISOR: f64 = 8.0;
const SMALLEST_SHARE: f64 = 1.0 / 8.0;
const LARGEST_SHARE: f64 = 0.5;
/// Keeps the division finite when all times are equal.
const SMALLEST_VARIATION: f64 = 1e-9;
/// Weight of the newest dip in the wanted scale.
const LEARNING_WEIGHT: f64 = 0.3;
/// The scale is replaced only when it is off by a factor of two (its logarithm): every change shifts the soft minimum,
/// and with it everything that was learnt from it. A little less than ln 2, so that fixed times, which call for exactly
/// twice the first scale, get theirs.
const TOLERANCE: f64 = 0.69;

/// The scale in force, and the one that the dips since call for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    tau: f64,
    ln_wanted: f64,
}

impl Scale {
    /// Holds until there are [`FirstTimes`].
    pub(super) fn unknown() -> Self {
        Scale { tau: 1.0, ln_wanted: 0.0 }
    }

    /// In seconds.
    pub(super) fn tau(&self) -> f64 {
        self.tau
    }

    /// Learns from a dip, where process times are the service's own.
    pub(super) fn learn(&mut self, dip: &Reading) {
        let share =
            (1.0 / (VARIATION_DIVISOR * dip.variation + SMALLEST_VARIATION)).clamp(SMALLEST_SHARE, LARGEST_SHARE);
        self.ln_wanted += LEARNING_WEIGHT * ((dip.mean_time * share).ln() - self.ln_wanted);
    }

    /// Whether it should be replaced.
    pub(super) fn is_off(&self) -> bool {
        (self.ln_wanted - self.tau.ln()).abs() > TOLERANCE
    }

    /// Takes over the wanted scale.
    pub(super) fn retune(&mut self) {
        self.tau = self.ln_wanted.exp();
    }
}

/// The first process times after a start: all that is known then.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct FirstTimes {
    times: [f64; FIRST_TIMES],
    count: usize,
}

impl FirstTimes {
    /// Keeps a process time in seconds if it is one of the first.
    pub(super) fn add(&mut self, process_time: f64) {
        if let Some(free) = self.times.get_mut(self.count) {
            *free = process_time;
            self.count += 1;
        }
    }

    /// The scale they call for, and their soft minimum. Only after the first time.
    pub(super) fn scale(&self) -> (Scale, f64) {
        let times = &self.times[..self.count];
        let tau = FIRST_SHARE * times.iter().sum::<f64>() / times.len() as f64;
        let decayed: f64 = times.iter().map(|time| (-time / tau).exp()).sum();
        (Scale { tau, ln_wanted: tau.ln() }, soft_minimum(decayed / times.len() as f64, tau))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dip(mean_time: f64, variation: f64) -> Reading {
        let (throughput, in_flight, soft_minimum) = (1.0, 1.0, mean_time);
        Reading {
            elapsed: 1.0,
            slot_time: 1.0,
            count: 1.0,
            throughput,
            in_flight,
            mean_time,
            variation,
            soft_minimum,
            scale_fits: true,
            full: true,
        }
    }

    fn first(times: &[f64]) -> (Scale, f64) {
        let mut first = FirstTimes::default();
        times.iter().for_each(|&time| first.add(time));
        first.scale()
    }

    #[test]
    fn starts_at_a_quarter_of_the_mean_of_the_first_four() {
        let (scale, soft_minimum) = first(&[0.1, 0.1, 0.1, 0.1, 99.0]);
        assert_eq!(scale.tau(), 0.025);
        assert!((soft_minimum - 0.1).abs() < 1e-12);
        assert!(!scale.is_off());
    }

    #[test]
    fn fixed_times_call_for_half_the_mean_and_exponential_ones_for_an_eighth() {
        for (variation, share) in [(0.0, 0.5), (0.5, 0.25), (1.0, 0.125), (9.0, 0.125)] {
            let (mut scale, _) = first(&[0.1]);
            (0..100).for_each(|_| scale.learn(&dip(0.1, variation)));
            scale.retune();
            assert!((scale.tau() - 0.1 * share).abs() < 1e-6, "{variation}: {scale:?}");
        }
    }

    #[test]
    fn is_replaced_only_when_off_by_more_than_two() {
        for (mean_time, off) in [(0.19, false), (0.21, true)] {
            let (mut scale, _) = first(&[0.1]);
            (0..100).for_each(|_| scale.learn(&dip(mean_time, 0.5)));
            assert_eq!(scale.is_off(), off, "{mean_time}");
            assert_eq!(scale.tau(), 0.025, "learning alone must not change it");
        }
    }
}
