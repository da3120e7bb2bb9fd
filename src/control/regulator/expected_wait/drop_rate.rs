//! The share of works refused lately.

/// Works count for this long, in seconds, on average: they lose weight exponentially with time.
const MEMORY: f64 = 1.0;

/// Less than this of a refused work is none: the last was refused 4.6 s ago or earlier.
const FORGOTTEN: f64 = 0.01;

/// Refused and arrived works, both losing weight with time, so that it is a true share at any rate of arrivals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DropRate {
    arrived: f64,
    refused: f64,
}

impl DropRate {
    /// Takes in what happened within the last `elapsed` seconds.
    pub(super) fn record(&mut self, elapsed: f64, arrived: u64, refused: u64) {
        let left = (-elapsed / MEMORY).exp();
        self.arrived = left * self.arrived + arrived as f64;
        self.refused = left * self.refused + refused as f64;
        if self.refused < FORGOTTEN {
            self.refused = 0.0;
        }
    }

    /// 0 to 1. Less than one arrival counts as one, so that a refusal is forgotten even if nothing arrives any more;
    /// works shed from the queue may have arrived earlier than what is remembered.
    pub(super) fn get(&self) -> f64 {
        (self.refused / self.arrived.max(1.0)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_share_refused() {
        let mut rate = DropRate::default();
        for _ in 0..1000 {
            rate.record(0.01, 8, 2);
        }
        assert!((rate.get() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn forgets_two_thirds_within_a_second() {
        let mut rate = DropRate::default();
        (0..3000).for_each(|_| rate.record(0.01, 4, 4));
        (0..100).for_each(|_| rate.record(0.01, 4, 0));
        assert!((rate.get() - (-1.0_f64).exp()).abs() < 1e-6, "{rate:?}");
    }

    #[test]
    fn becomes_zero_with_and_without_traffic() {
        for arrived in [0, 4] {
            let mut rate = DropRate::default();
            (0..1000).for_each(|_| rate.record(0.01, 4, 4));
            (0..1500).for_each(|_| rate.record(0.01, arrived, 0));
            assert_eq!(rate.get(), 0.0);
        }
        let mut rate = DropRate::default();
        rate.record(0.0, 4, 4);
        rate.record(60.0, 0, 0);
        assert_eq!(rate.get(), 0.0, "after one long idle spell");
    }

    #[test]
    fn one_refusal_counts_for_less_as_time_passes() {
        let mut rate = DropRate::default();
        assert_eq!(rate.get(), 0.0);
        rate.record(0.01, 1, 1);
        assert_eq!(rate.get(), 1.0);
        rate.record(1.0, 0, 0);
        assert!((rate.get() - (-1.0_f64).exp()).abs() < 1e-9);
    }

    #[test]
    fn never_exceeds_one() {
        let mut rate = DropRate::default();
        rate.record(0.01, 10, 0);
        rate.record(9.0, 0, 10);
        assert_eq!(rate.get(), 1.0);
    }
}
