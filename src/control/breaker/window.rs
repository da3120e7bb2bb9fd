//! Counts calls in a sliding window.

use std::time::Duration;

/// The window slides by this part of its length.
const BUCKETS: usize = 10;

/// Calls, and those of them that went wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u32,
    /// Failures and timeouts.
    pub(super) errors: u32,
    pub(super) slow: u32,
}

/// Calls of the last [`BUCKETS`] buckets, the one that is being filled included: between nine tenths and all of the
/// window.
#[derive(Debug, Clone)]
pub(super) struct Window {
    width: Duration,
    buckets: [Counts; BUCKETS],
    newest: usize,
    /// When the newest bucket is full.
    ends: Duration,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let width = (length / BUCKETS as u32).max(Duration::from_nanos(1));
        Window { width, buckets: [Counts::default(); BUCKETS], newest: 0, ends: Duration::ZERO }
    }

    /// Counts a call that ended at `now`.
    pub(super) fn add(&mut self, now: Duration, is_error: bool, is_slow: bool) {
        // A clock that goes back fills the newest bucket.
        if now >= self.ends {
            self.slide(now);
        }
        let counts = &mut self.buckets[self.newest];
        counts.calls = counts.calls.saturating_add(1);
        counts.errors = counts.errors.saturating_add(u32::from(is_error));
        counts.slow = counts.slow.saturating_add(u32::from(is_slow));
    }

    /// What the window holds.
    pub(super) fn total(&self) -> Counts {
        self.buckets.iter().fold(Counts::default(), |sum, counts| Counts {
            calls: sum.calls.saturating_add(counts.calls),
            errors: sum.errors.saturating_add(counts.errors),
            slow: sum.slow.saturating_add(counts.slow),
        })
    }

    pub(super) fn clear(&mut self) {
        self.buckets = [Counts::default(); BUCKETS];
    }

    fn slide(&mut self, now: Duration) {
        let width = self.width.as_nanos();
        let passed = (now - self.ends).as_nanos() / width + 1;
        if passed >= BUCKETS as u128 {
            self.clear();
            self.ends = now.saturating_add(self.width);
            return;
        }
        for _ in 0..passed {
            self.newest = (self.newest + 1) % BUCKETS;
            self.buckets[self.newest] = Counts::default();
            self.ends = self.ends.saturating_add(self.width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_secs(1_700_000_000) + Duration::from_millis(milliseconds)
    }

    /// What the window holds with one more.
    fn added(window: &mut Window, now: Duration, is_error: bool, is_slow: bool) -> Counts {
        window.add(now, is_error, is_slow);
        window.total()
    }

    #[test]
    fn counts_what_went_wrong() {
        let mut window = Window::new(Duration::from_secs(10));
        window.add(at(0), false, false);
        window.add(at(0), true, false);
        assert_eq!(added(&mut window, at(0), true, true), Counts { calls: 3, errors: 2, slow: 1 });
    }

    #[test]
    fn forgets_bucket_by_bucket() {
        let mut window = Window::new(Duration::from_secs(10));
        // Two calls a bucket of 1 s, the first of them in 0..1 s.
        for bucket in 0..10 {
            window.add(at(1000 * bucket), true, true);
            window.add(at(1000 * bucket + 999), false, false);
        }
        // At 10 s the first bucket goes: 20 − 2 and the one that comes.
        assert_eq!(added(&mut window, at(10_000), false, false), Counts { calls: 19, errors: 9, slow: 9 });
        // At 15 s five more go: 19 − 10 and one.
        assert_eq!(added(&mut window, at(15_500), false, false), Counts { calls: 10, errors: 4, slow: 4 });
    }

    #[test]
    fn forgets_everything_within_its_length() {
        for gap in [10_000, 10_001, 3_600_000] {
            let mut window = Window::new(Duration::from_secs(10));
            (0..50).for_each(|_| window.add(at(999), true, true));
            assert_eq!(
                added(&mut window, at(999 + gap), false, false),
                Counts { calls: 1, errors: 0, slow: 0 },
                "{gap}"
            );
        }
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let mut window = Window::new(Duration::from_secs(10));
        window.add(at(5000), true, false);
        assert_eq!(added(&mut window, at(0), true, false).calls, 2);
        assert_eq!(added(&mut window, at(5001), true, false).calls, 3);
    }

    #[test]
    fn takes_any_length() {
        for length in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let mut window = Window::new(length);
            window.add(at(0), true, true);
            assert!(added(&mut window, at(1), true, true).calls >= 1);
            assert!(added(&mut window, Duration::MAX, true, true).calls >= 1);
        }
    }
}
