//! How boldly the limit grows.

/// The drive of a start: growth doubles the limit.
const FULL: f64 = 3.0;
/// An increase of the drive by this much doubles the growth.
const DOUBLING: f64 = 0.35;
/// What is left when fast growth has met a queue: growth × 13, enough to finish soon and too little to be fast.
const AFTER_FAST_GROWTH: f64 = 1.3;
/// Above this the limit is far from the knee, so that speed is worth more than precision.
const HURRY: f64 = 1.5;
/// Above this a dip would only interrupt: the limit is still far below the knee.
const NO_DIPS: f64 = 2.0;
/// Each full window feeds the drive with this share of the queue goal, so it rises while the queue stays below half the
/// goal and sinks above.
const FEED: f64 = 0.5;
/// Bounds of the queue that the drive takes into account, in units of √limit: one window that shows no queue at all is
/// weak evidence, one that shows a queue brakes at once.
const LEAST_QUEUE: f64 = -0.25;
const MOST_QUEUE: f64 = 1.0;
/// Growth per window at no drive, as a share of the queue goal.
const SLOWEST: f64 = 0.15;

/// Rises as long as growth finds no queue: an integral with memory, which makes steps of capacity quick to follow
/// and leaves the limit calm at the knee.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drive(f64);

impl Drive {
    /// The drive of a start, when nothing is known.
    pub(super) fn full() -> Self {
        Drive(FULL)
    }

    /// No reason to grow quickly.
    pub(super) fn stop(&mut self) {
        self.0 = 0.0;
    }

    /// Fast growth has met a queue. The first time may be noise, and small limits grow fast even now; the next time is
    /// the end of it.
    pub(super) fn end_fast_growth(&mut self) {
        self.0 = if self.0 > AFTER_FAST_GROWTH { AFTER_FAST_GROWTH } else { 0.0 };
    }

    /// Takes in what a full window shows: the queue and the goal, both in units of √limit.
    pub(super) fn learn(&mut self, queue: f64, goal: f64) {
        self.0 = (self.0 + FEED * goal - queue.clamp(LEAST_QUEUE, MOST_QUEUE)).clamp(0.0, FULL);
    }

    /// By how much it multiplies growth.
    pub(super) fn factor(&self) -> f64 {
        (self.0 / DOUBLING).exp2()
    }

    /// Growth per window towards a queue goal that is still far.
    pub(super) fn ramp(&self, goal: f64) -> f64 {
        SLOWEST * self.factor() * goal
    }

    /// Whether windows should be short: half as long, and without alarms, as a queue is welcome news.
    pub(super) fn hurries(&self) -> bool {
        self.0 > HURRY
    }

    /// Whether dips are of use.
    pub(super) fn allows_dips(&self) -> bool {
        self.0 < NO_DIPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_fast_and_is_calm_when_stopped() {
        let mut drive = Drive::full();
        assert!(drive.hurries() && !drive.allows_dips());
        assert!((drive.factor() - (3.0_f64 / 0.35).exp2()).abs() < 1e-9);
        drive.end_fast_growth();
        assert!(!drive.hurries() && drive.allows_dips());
        drive.stop();
        assert_eq!(drive.factor(), 1.0);
        assert_eq!(drive.ramp(2.0), 0.3);
    }

    #[test]
    fn rises_without_a_queue_and_sinks_with_one() {
        let mut drive = Drive::full();
        drive.stop();
        drive.learn(0.0, 0.3);
        assert!((drive.0 - 0.15).abs() < 1e-12);
        drive.learn(-9.0, 0.3);
        assert!((drive.0 - 0.55).abs() < 1e-12, "a queue below nothing counts at most 0.25");
        drive.learn(0.3, 0.3);
        assert!((drive.0 - 0.4).abs() < 1e-12);
        drive.learn(9.0, 0.3);
        assert_eq!(drive.0, 0.0);
    }

    #[test]
    fn never_exceeds_that_of_a_start() {
        let mut drive = Drive::full();
        (0..99).for_each(|_| drive.learn(0.0, 0.3));
        assert_eq!(drive.0, FULL);
    }
}
