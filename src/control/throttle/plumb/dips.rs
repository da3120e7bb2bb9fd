//! When the limit dips to learn what process times are without a queue, and how deep.

use std::ops::Range;
use std::time::Duration;

/// Residence times between dips: with windows of two, an eighteenth of the time is spent in dips. Twice as often, they cost
/// half a percent more of the throughput than what they teach is worth; half as often, changes go unnoticed for long.
const PERIOD: f64 = 36.0;
/// Bounds of the binary logarithm of the period in seconds: a microsecond, twelve days. They keep the arithmetic
/// in range, no more.
const EXPONENTS: Range<f64> = -20.0..20.0;
/// How far below the knee a dip goes, in units of √limit: as far as the queue above it, at twenty slots.
const DEPTH: f64 = 0.3;
/// If the process time fell by more than this share of what a queue would give, the dip ended inside a queue.
const FELL_LIKE_A_QUEUE: f64 = 0.6;

/// The schedule. Dips begin at multiples of a power of two seconds on a clock that machines share, so that several
/// proxies of one service dip together: the dip of one alone does not empty a queue that the others fill.
#[derive(Debug, Clone)]
pub(super) struct Dips {
    exponent: Option<i32>,
    /// The cell of the grid in which the next dip is not due, in nanoseconds.
    cell: Range<u128>,
    /// No dip is due before a window has passed at the full limit.
    armed: bool,
    depth: f64,
}

impl Dips {
    pub(super) fn new() -> Self {
        Dips { exponent: None, cell: 0..0, armed: false, depth: DEPTH }
    }

    /// Whether the clock has left the cell since [`arm`](Self::arm) or the last time that this was true.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let now = now.as_nanos();
        let due = self.armed && !self.cell.contains(&now);
        if due {
            self.cell = self.cell_of(now);
        }
        due
    }

    /// A dip begins.
    pub(super) fn begin(&mut self) {
        self.armed = false;
    }

    /// A window has passed at the full limit, with this mean process time in seconds.
    pub(super) fn arm(&mut self, now: Duration, residence_time: f64) {
        let exponent = (PERIOD * residence_time).log2().round().clamp(EXPONENTS.start, EXPONENTS.end) as i32;
        if self.exponent != Some(exponent) || !self.armed {
            self.exponent = Some(exponent);
            self.cell = self.cell_of(now.as_nanos());
            self.armed = true;
        }
    }

    /// How far below the knee the next dip goes, in units of √limit.
    pub(super) fn depth(&self) -> f64 {
        self.depth
    }

    /// Takes in how much the process time fell, as a share of what it would have fallen had all that was cut been a
    /// queue, and how deep a dip can be of use.
    pub(super) fn learn(&mut self, fall: f64, deepest: f64) {
        self.depth = if fall > FELL_LIKE_A_QUEUE { (2.0 * self.depth).min(deepest.max(DEPTH)) } else { DEPTH };
    }

    /// Whole nanoseconds: seconds since the epoch in floating point are too coarse for periods of microseconds.
    fn cell_of(&self, now: u128) -> Range<u128> {
        let period = (1e9 * f64::from(self.exponent.unwrap_or(0)).exp2()) as u128;
        let start = now - now % period;
        start..start + period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_once_in_each_cell_of_a_power_of_two_seconds() {
        // 36 · 0.1 s = 3.6 s, so 4 s
        let mut dips = Dips::new();
        let epoch = Duration::from_secs(1_700_000_000);
        let at = |seconds: f64| epoch + Duration::from_secs_f64(seconds);
        dips.arm(at(0.5), 0.1);
        assert!(!dips.is_due(at(3.999_999_999)));
        assert!(dips.is_due(at(4.0)));
        assert!(!dips.is_due(at(7.9)));
        assert!(dips.is_due(at(8.1)));
    }

    #[test]
    fn two_that_start_at_different_times_dip_together() {
        let [mut early, mut late] = [Dips::new(), Dips::new()];
        early.arm(Duration::from_millis(100), 0.1);
        late.arm(Duration::from_millis(1900), 0.12);
        assert!(early.is_due(Duration::from_secs(4)) && late.is_due(Duration::from_secs(4)));
    }

    #[test]
    fn none_before_a_window_at_the_full_limit() {
        let mut dips = Dips::new();
        assert!(!dips.is_due(Duration::from_secs(9)));
        dips.arm(Duration::from_secs(9), 0.1);
        dips.begin();
        assert!(!dips.is_due(Duration::from_secs(99)));
        dips.arm(Duration::from_secs(99), 0.1);
        assert!(dips.is_due(Duration::from_secs(100)));
    }

    #[test]
    fn a_clock_set_back_does_not_end_them() {
        let mut dips = Dips::new();
        dips.arm(Duration::from_secs(1_000_000), 0.1);
        assert!(dips.is_due(Duration::from_secs(10)));
        assert!(dips.is_due(Duration::from_secs(12)));
    }

    #[test]
    fn any_times_can_be_scheduled() {
        for residence in [1e-12, 1e-6, 1.0, 1e30] {
            let mut dips = Dips::new();
            dips.arm(Duration::MAX, residence);
            assert!(!dips.is_due(Duration::MAX));
            assert!(dips.is_due(Duration::ZERO));
        }
    }

    #[test]
    fn deeper_while_the_time_falls_like_a_queue() {
        let mut dips = Dips::new();
        dips.learn(0.7, 20.0);
        dips.learn(0.7, 20.0);
        assert!((dips.depth() - 1.2).abs() < 1e-12);
        (0..2000).for_each(|_| dips.learn(0.7, 20.0));
        assert_eq!(dips.depth(), 20.0);
        dips.learn(0.5, 20.0);
        assert_eq!(dips.depth(), DEPTH);
    }
}
