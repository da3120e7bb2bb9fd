//! What is left to chance.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution as _, Exp1, LogNormal, Pareto};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::lab::scenario::{Distribution, ServiceTime};

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(in crate::lab) struct Chance(Xoshiro256PlusPlus);

/// Streams that never meet, all from one seed: what one part draws does not change what another does.
pub(in crate::lab) fn streams(seed: u64) -> impl Iterator<Item = Chance> {
    let mut next = Xoshiro256PlusPlus::seed_from_u64(seed);
    std::iter::from_fn(move || {
        let stream = Chance(next.clone());
        next.jump();
        Some(stream)
    })
}

impl Chance {
    /// From 0 to 1, without 1.
    pub(in crate::lab) fn share(&mut self) -> f64 {
        self.0.random()
    }

    /// Below `bound`, which is not 0.
    pub(in crate::lab) fn below(&mut self, bound: u64) -> u64 {
        self.0.random_range(..bound)
    }

    /// Exponential of mean 1.
    pub(in crate::lab) fn exponential(&mut self) -> f64 {
        Exp1.sample(&mut self.0)
    }

    /// A seed for a generator elsewhere.
    pub(in crate::lab) fn seed(&mut self) -> u64 {
        self.0.random()
    }

    /// A service time in seconds, at full speed.
    pub(in crate::lab) fn service_time(&mut self, time: &ServiceTime) -> f64 {
        let mean = time.mean.as_secs_f64();
        match time.distribution {
            Distribution::Fixed => mean,
            Distribution::Exponential => mean * self.exponential(),
            // The mean of a log-normal variable is e^(mu + sigma²/2).
            Distribution::Lognormal { sigma } => match LogNormal::new(-sigma * sigma / 2.0, sigma) {
                Ok(unit) => mean * unit.sample(&mut self.0),
                Err(_) => mean,
            },
            Distribution::Bimodal { slow_mean, slow_share } => {
                if self.share() < slow_share {
                    slow_mean.as_secs_f64()
                } else {
                    mean
                }
            }
            // The mean of a Pareto variable is alpha/(alpha − 1) times its smallest value.
            Distribution::Pareto { alpha } => match Pareto::new((alpha - 1.0) / alpha, alpha) {
                Ok(unit) => mean * unit.sample(&mut self.0),
                Err(_) => mean,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn times(distribution: Distribution) -> Vec<f64> {
        let time = ServiceTime { mean: Duration::from_millis(100), distribution };
        let mut chance = streams(7).next().unwrap();
        (0..200_000).map(|_| chance.service_time(&time)).collect()
    }

    fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
        let values: Vec<f64> = values.into_iter().collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// Six standard errors: a seed in a thousand million would fail, and this one is fixed.
    fn assert_mean(times: &[f64], expected: f64) {
        let found = mean(times.iter().copied());
        let variance = mean(times.iter().map(|time| (time - found).powi(2)));
        assert!((found - expected).abs() <= 6.0 * (variance / times.len() as f64).sqrt(), "{found} for {expected}");
    }

    #[test]
    fn distributions_have_the_mean_they_are_given() {
        assert!(times(Distribution::Fixed).iter().all(|time| *time == 0.1));
        assert_mean(&times(Distribution::Exponential), 0.1);
        assert_mean(&times(Distribution::Lognormal { sigma: 0.5 }), 0.1);
        assert_mean(&times(Distribution::Pareto { alpha: 2.5 }), 0.1);
        let slow_mean = Duration::from_secs(1);
        assert_mean(&times(Distribution::Bimodal { slow_mean, slow_share: 0.05 }), 0.95 * 0.1 + 0.05 * 1.0);
    }

    #[test]
    fn distributions_have_their_shape() {
        let share = |times: &[f64], of: &dyn Fn(f64) -> bool| mean(times.iter().map(|time| f64::from(of(*time) as u8)));
        // P(exponential > mean) = 1/e
        let exponential = share(&times(Distribution::Exponential), &|time| time > 0.1);
        assert!((exponential - (-1.0_f64).exp()).abs() < 0.01);
        // sigma is of the logarithm
        let logs: Vec<f64> = times(Distribution::Lognormal { sigma: 0.5 }).iter().map(|time| time.ln()).collect();
        let middle = mean(logs.iter().copied());
        assert!((mean(logs.iter().map(|log| (log - middle).powi(2))).sqrt() - 0.5).abs() < 0.01);
        // the smallest of a Pareto variable is mean·(alpha − 1)/alpha, and half of them exceed 2^(1/alpha) times that
        let pareto = times(Distribution::Pareto { alpha: 1.5 });
        let smallest = 0.1 * 0.5 / 1.5;
        assert!(pareto.iter().all(|time| *time >= smallest));
        assert!((share(&pareto, &|time| time > smallest * 2.0_f64.powf(1.0 / 1.5)) - 0.5).abs() < 0.01);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let shares = |seed| streams(seed).take(2).map(|mut chance| chance.share()).collect::<Vec<_>>();
        assert_eq!(shares(1), shares(1));
        assert_ne!(shares(1)[0], shares(1)[1]);
        assert_ne!(shares(1), shares(2));
    }
}
