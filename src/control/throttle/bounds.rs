//! The concurrency limits that a throttle may choose.

use super::Reason;

/// From `min`, which is at least 1, to `max`, which is not below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    min: usize,
    max: usize,
}

impl Bounds {
    /// A `min` of 0 counts as 1, and a `max` below `min` as `min`.
    pub(super) fn new(min: usize, max: usize) -> Self {
        let min = min.max(1);
        Bounds { min, max: max.max(min) }
    }

    /// The part that lies within `lowest..=highest` too; where none does, the limit that is nearest to it.
    pub(super) fn within(self, lowest: usize, highest: usize) -> Self {
        Bounds { min: self.clamp(lowest), max: self.clamp(highest) }
    }

    pub(super) fn clamp(self, limit: usize) -> usize {
        limit.clamp(self.min, self.max)
    }

    /// Why a limit is not the wanted one, if that is beyond the bounds.
    pub(super) fn hold(self, wanted: usize) -> Option<Reason> {
        self.hold_fraction(wanted as f64)
    }

    /// The same for one that is not a whole number.
    pub(super) fn hold_fraction(self, wanted: f64) -> Option<Reason> {
        if wanted > self.max as f64 {
            Some(Reason::AtLargest { largest: self.max })
        } else if wanted < self.min as f64 {
            Some(Reason::AtSmallest { smallest: self.min })
        } else {
            None
        }
    }

    /// See [`clamp`](Self::clamp).
    pub(super) fn clamp_fraction(self, limit: f64) -> f64 {
        limit.clamp(self.min as f64, self.max as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_mended() {
        assert_eq!(Bounds::new(0, 0), Bounds { min: 1, max: 1 });
        assert_eq!(Bounds::new(7, 3), Bounds { min: 7, max: 7 });
    }

    #[test]
    fn an_algorithm_s_own_bounds_narrow_those_of_the_pool_and_never_widen_them() {
        let cases = [
            // pool, what 20..=200 makes of it
            ((1, 10_000), (20, 200)),
            ((1, 100), (20, 100)),
            ((50, 10_000), (50, 200)),
            ((12, 14), (14, 14)),
            ((300, 400), (300, 300)),
        ];
        for ((min, max), (lowest, highest)) in cases {
            assert_eq!(Bounds::new(min, max).within(20, 200), Bounds { min: lowest, max: highest });
        }
    }
}
