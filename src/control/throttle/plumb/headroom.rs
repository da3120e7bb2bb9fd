//! Slots beyond the knee for bursts, where they do no harm.

/// Most headroom, as a share of the limit. Bursts of Poisson arrivals just below capacity need about this much.
const MOST: f64 = 0.4;
/// Full windows since the demand last fell short that make an overload: a burst is over by then.
const TIGHT_AFTER: u32 = 4;
/// The throughput in bursts, as a share of the one at the tight limit, above which headroom grows. A service that
/// loses by contention stays below.
const EARNED_ABOVE: f64 = 0.87;
/// How much of what throughput is above or below that the headroom takes over per window.
const EARNING: f64 = 0.3;
/// Weight of the newest window in the throughputs.
const WEIGHT: f64 = 0.2;

/// Makes the limit loose while the demand is below it, and until an overload has lasted a few windows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Headroom {
    share: f64,
    /// Throughput in full windows while loose; `None` before the first.
    loose_throughput: Option<f64>,
    /// Throughput at the tight limit, and the best one seen while the demand fell short; 0 before the first.
    tight_throughput: f64,
    /// Full windows since the demand fell short.
    full_windows: u32,
}

impl Headroom {
    /// A start counts as an overload: headroom would only blur what growth must see.
    pub(super) fn new() -> Self {
        Headroom { share: MOST, loose_throughput: None, tight_throughput: 0.0, full_windows: TIGHT_AFTER }
    }

    /// Whether the limit has headroom now.
    pub(super) fn is_loose(&self) -> bool {
        self.full_windows < TIGHT_AFTER
    }

    /// The limit with the headroom of the moment. One slot of its own lets a limit of 1 or 2 have any.
    pub(super) fn widen(&self, target: f64) -> f64 {
        if self.is_loose() { (1.0 + self.share) * target + self.share / MOST } else { target }
    }

    /// The demand fell short of the limit.
    pub(super) fn starved(&mut self, throughput: f64) {
        if throughput > self.tight_throughput {
            self.tight_throughput += WEIGHT * (throughput - self.tight_throughput);
        }
        self.full_windows = 0;
    }

    /// The demand filled the limit.
    pub(super) fn filled(&mut self, throughput: f64) {
        if !self.is_loose() {
            self.tight_throughput += WEIGHT * (throughput - self.tight_throughput);
            return;
        }
        // The first full window is part starved: it shows nothing yet.
        if self.full_windows > 0 {
            let loose = self.loose_throughput.map_or(throughput, |before| before + WEIGHT * (throughput - before));
            self.loose_throughput = Some(loose);
            if self.tight_throughput > 0.0 {
                let gain = loose / self.tight_throughput - EARNED_ABOVE;
                self.share = (self.share + EARNING * gain).clamp(0.0, MOST);
            }
        }
        self.full_windows += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst(headroom: &mut Headroom, throughput: f64) {
        headroom.starved(0.0);
        (0..4).for_each(|_| headroom.filled(throughput));
    }

    #[test]
    fn none_at_the_start() {
        assert_eq!(Headroom::new().widen(20.0), 20.0);
    }

    #[test]
    fn comes_with_spare_capacity_and_goes_after_four_full_windows() {
        let mut headroom = Headroom::new();
        headroom.starved(100.0);
        for _ in 0..4 {
            assert_eq!(headroom.widen(20.0), 29.0);
            headroom.filled(100.0);
        }
        assert_eq!(headroom.widen(20.0), 20.0);
    }

    #[test]
    fn is_lost_where_throughput_falls_in_bursts_and_earned_back_where_not() {
        let mut headroom = Headroom::new();
        (0..100).for_each(|_| headroom.filled(100.0));
        // three windows count, each takes 0.3·(0.77 − 0.87)
        burst(&mut headroom, 77.0);
        assert!((headroom.share - (0.4 - 3.0 * 0.03)).abs() < 1e-9, "{headroom:?}");
        (0..20).for_each(|_| burst(&mut headroom, 77.0));
        assert_eq!(headroom.share, 0.0);
        (0..20).for_each(|_| burst(&mut headroom, 100.0));
        assert_eq!(headroom.share, MOST);
    }
}
