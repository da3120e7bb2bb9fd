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
/// Squared coefficients of variation of the process times between which a window says the more of there being no queue
/// the less they vary. Above, it may be chance; below, there is hardly a doubt.
const VARIATIONS: (f64, f64) = (1.0 / 64.0, 1.0 / 8.0);
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

    /// Takes in what a full window shows: the queue and the goal, both in units of √limit, and the squared coefficient
    /// of variation of its process times.
    ///
    /// Equal times without a queue leave little doubt that the service has become larger, and raise it eight times as
    /// much. But not beyond what fast growth leaves, or it would meet the same queue again and again; and not if there
    /// is less than no queue, for then the base is wrong.
    pub(super) fn learn(&mut self, queue: f64, goal: f64, variation: f64) {
        let fed = (self.0 + FEED * goal - queue.clamp(LEAST_QUEUE, MOST_QUEUE)).clamp(0.0, FULL);
        let (least, most) = VARIATIONS;
        let certainty = if queue > LEAST_QUEUE { most / variation.clamp(least, most) } else { 1.0 };
        let certain = self.0 + certainty * (FEED * goal - queue.max(0.0));
        self.0 = fed.max(certain.min(AFTER_FAST_GROWTH));
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
        drive.learn(0.0, 0.3, 1.0);
        assert!((drive.0 - 0.15).abs() < 1e-12);
        drive.learn(-9.0, 0.3, 1.0);
        assert!((drive.0 - 0.55).abs() < 1e-12, "a queue below nothing counts at most 0.25");
        drive.learn(0.3, 0.3, 1.0);
        assert!((drive.0 - 0.4).abs() < 1e-12);
        drive.learn(9.0, 0.3, 1.0);
        assert_eq!(drive.0, 0.0);
    }

    #[test]
    fn equal_times_without_a_queue_raise_it_as_far_as_fast_growth_leaves_it() {
        let learnt = |drive: f64, queue: f64, variation: f64| {
            let mut drive = Drive(drive);
            drive.learn(queue, 0.3, variation);
            drive.0
        };
        // 0.15 eight times, and four times
        assert!((learnt(0.0, 0.0, 0.0) - 1.2).abs() < 1e-12);
        assert!((learnt(0.0, 0.0, 1.0 / 32.0) - 0.6).abs() < 1e-12);
        assert!((learnt(0.0, 0.05, 0.0) - 0.8).abs() < 1e-12);
        assert_eq!(learnt(0.5, 0.0, 0.0), AFTER_FAST_GROWTH);
        assert!((learnt(1.3, 0.0, 0.0) - 1.45).abs() < 1e-12, "beyond, as if they varied");
        assert!((learnt(1.0, 0.3, 0.0) - 0.85).abs() < 1e-12, "a queue brakes as if they varied");
        assert!((learnt(0.0, -0.25, 0.0) - 0.4).abs() < 1e-12, "less than no queue is no certainty");
    }

    #[test]
    fn never_exceeds_that_of_a_start() {
        let mut drive = Drive::full();
        (0..99).for_each(|_| drive.learn(0.0, 0.3, 1.0));
        assert_eq!(drive.0, FULL);
    }
}
