//! What throughput proves about the knee, in whatever order the service works off its calls.

use super::window::Reading;

/// Windows that the averages reach back: at twenty slots and exponential times the standard error of the knee is then
/// 6 %. Half or twice as many make little difference.
const MEMORY: f64 = 16.0;
/// Standard errors that may be chance. What they leave is the height of the limit above the knee before a shared
/// processor; half as many would now and then hold back growth before slots.
const NOISE: f64 = 1.5;
/// Standard errors that are not: enough to decide from once.
const CERTAIN: f64 = 3.0;
/// Squared coefficient of variation that process times count as having at least. When all are equal, completions come
/// in bunches, and rates vary although times do not.
const LEAST_VARIATION: f64 = 0.25;
/// Successes that a variation of 1 is taken for granted for: a few times show too little of it.
const PRIOR: f64 = 16.0;
/// Growth of the calls in flight by which older windows tell of another part of the throughput's curve.
const GREW: f64 = 1.1;

/// Sums over the successes of the last windows.
#[derive(Debug, Clone, Copy, Default)]
struct Pool {
    /// Successes. The other sums are over them, but for the time that has passed.
    count: f64,
    in_flight: f64,
    slot_times: f64,
    variation: f64,
    elapsed: f64,
}

impl Pool {
    fn add(&mut self, reading: &Reading) {
        let others = (MEMORY - 1.0) * reading.count;
        let kept = if self.count > others { others / self.count } else { 1.0 };
        self.count = kept * self.count + reading.count;
        self.in_flight = kept * self.in_flight + reading.count * reading.in_flight;
        self.slot_times = kept * self.slot_times + reading.count * reading.slot_time;
        self.elapsed = kept * self.elapsed + reading.elapsed;
        self.variation = kept * self.variation + reading.count * reading.variation;
    }

    fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    fn in_flight(&self) -> f64 {
        self.in_flight / self.count
    }

    fn slot_time(&self) -> f64 {
        self.slot_times / self.count
    }

    fn throughput(&self) -> f64 {
        self.count / self.elapsed
    }

    /// Relative standard error of the quotient of its mean and one over so many successes.
    fn error_to(&self, count: f64, variation: f64) -> f64 {
        let unsure = PRIOR / (PRIOR + self.count);
        let variation = variation.max(LEAST_VARIATION) + unsure * (1.0 - variation).max(0.0);
        (variation * (1.0 / count + 1.0 / self.count)).sqrt()
    }

    fn variation(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.variation / self.count }
    }
}

/// The knee by Little's law: n* = X̂·S, with X̂ the throughput at the full limit and S the slot time without a queue.
///
/// It holds before slots and before a processor that all share alike, but needs 20 times the samples of the soft
/// minimum. So it only bounds the knee, by what is beyond its noise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Proof {
    /// Windows without a queue, as far as is known.
    unqueued: Pool,
    /// Windows at the full limit, about as high as now.
    full: Pool,
    /// Dips that `unqueued` was learnt from.
    dips: u32,
}

impl Proof {
    /// Takes in a window at the full limit, outside dips and checks.
    pub(super) fn learn_from_full(&mut self, reading: &Reading) {
        if !self.full.is_empty() {
            let grew = reading.in_flight > GREW * self.full.in_flight();
            let throughput = reading.count / reading.elapsed;
            let off = throughput / self.full.throughput() - 1.0;
            if off.abs() > CERTAIN * self.full.error_to(reading.count, self.variation()) {
                // an extreme window is no good beginning either
                return self.forget_full();
            }
            if grew {
                self.forget_full();
            }
        }
        self.full.add(reading);
        let highest = self.full.slot_time() * (1.0 + CERTAIN * self.error(self.full.count));
        if !self.unqueued.is_empty() && highest < self.unqueued.slot_time() {
            // nothing is served faster than without a queue
            self.unqueued = self.full;
        }
    }

    /// Takes in a window that the demand did not fill.
    pub(super) fn learn_from_starved(&mut self, reading: &Reading) {
        if self.unqueued.is_empty() || !self.is_refuted_by(reading) {
            self.unqueued.add(reading);
        }
    }

    /// Takes in a window at the smallest limit: what waits there, no limit of ours could take away.
    pub(super) fn learn_at_minimum(&mut self, reading: &Reading) {
        if self.is_refuted_by(reading) {
            self.reset(reading);
        } else {
            self.unqueued.add(reading);
        }
    }

    /// Takes in a window of fast growth: before the first dip, and unless it shows a queue.
    pub(super) fn learn_from_growth(&mut self, reading: &Reading) {
        if self.dips == 0 && (self.unqueued.is_empty() || self.deviation(reading) < NOISE) {
            self.unqueued.add(reading);
        }
    }

    /// Takes in a dip. The first replaces what growth has shown, and so does one that refutes the others.
    pub(super) fn learn_from_dip(&mut self, reading: &Reading) {
        if self.dips == 0 || self.deviation(reading) < -CERTAIN {
            self.unqueued = Pool::default();
        }
        self.dips = self.dips.saturating_add(1);
        self.unqueued.add(reading);
    }

    /// Takes in a window without a queue after which nothing known before holds.
    pub(super) fn reset(&mut self, reading: &Reading) {
        *self = Proof { dips: 1, ..Proof::default() };
        self.unqueued.add(reading);
    }

    /// The throughput at the full limit is no longer what it was.
    pub(super) fn forget_full(&mut self) {
        self.full = Pool::default();
    }

    /// Whether the mean of the dips is as precise as that of exponential times gets, or nearly: the less they vary, the
    /// fewer dips that takes.
    pub(super) fn is_precise(&self) -> bool {
        f64::from(self.dips) >= MEMORY / 2.0 * self.variation().clamp(LEAST_VARIATION, 1.0)
    }

    /// The mean squared coefficient of variation of the process times.
    pub(super) fn variation(&self) -> f64 {
        self.unqueued.variation().max(self.full.variation())
    }

    /// The knee, as far as anything is known of it.
    pub(super) fn knee(&self) -> Option<f64> {
        let known = !self.full.is_empty() && !self.unqueued.is_empty();
        known.then(|| self.full.throughput() * self.unqueued.slot_time())
    }

    /// The lowest knee that may be.
    pub(super) fn lowest_knee(&self) -> Option<f64> {
        self.knee().map(|knee| knee * (1.0 - NOISE * self.error(self.full.count)).max(0.0))
    }

    /// The highest knee that may be, if the calls in flight were `beyond` more than that. Not before the first dip: the
    /// completions seen while growing are biased short.
    pub(super) fn highest_knee(&self, beyond: f64) -> Option<f64> {
        if self.dips == 0 {
            return None;
        }
        let highest = self.knee()? * (1.0 + NOISE * self.error(self.full.count));
        (self.full.in_flight() - highest > beyond).then_some(highest)
    }

    /// The highest knee that a single window leaves, by what is known of the slot time.
    pub(super) fn highest_knee_in(&self, reading: &Reading) -> Option<f64> {
        let knee = reading.in_flight / reading.slot_time * self.unqueued.slot_time();
        (!self.unqueued.is_empty()).then(|| knee * (1.0 + CERTAIN * self.error(reading.count)))
    }

    /// Whether the slot time of a dip is longer than it can be by chance: there are fewer slots, or slower ones.
    pub(super) fn is_refuted_by(&self, reading: &Reading) -> bool {
        self.dips > 0 && self.deviation(reading) > CERTAIN
    }

    /// How far the slot time of a window is from the others without a queue, in standard errors.
    fn deviation(&self, reading: &Reading) -> f64 {
        (reading.slot_time / self.unqueued.slot_time() - 1.0) / self.error(reading.count)
    }

    /// Relative standard error of a quotient of the mean over so many successes and that without a queue.
    fn error(&self, count: f64) -> f64 {
        self.unqueued.error_to(count, self.variation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 64 exponential times at this rate.
    fn window(in_flight: f64, throughput: f64, slot_time: f64) -> Reading {
        Reading {
            count: 64.0,
            elapsed: 64.0 / throughput,
            throughput,
            in_flight,
            mean_time: slot_time,
            slot_time,
            variation: 1.0,
            soft_minimum: slot_time,
            scale_fits: true,
            full: true,
        }
    }

    fn dip(slot_time: f64) -> Reading {
        window(20.0, 20.0 / slot_time, slot_time)
    }

    /// Sixteen dips that show a slot time of 0.1 s: the relative error of a window against them is
    /// √(1/64 + 1/1024) = 0.1288.
    fn after_dips() -> Proof {
        let mut proof = Proof::default();
        (0..16).for_each(|_| proof.learn_from_dip(&dip(0.1)));
        proof
    }

    #[track_caller]
    fn assert_close(is: Option<f64>, expected: f64) {
        assert!(is.is_some_and(|is| (is - expected).abs() < 1e-3), "{is:?} is not {expected}");
    }

    #[test]
    fn knee_is_throughput_times_slot_time_give_or_take_its_error() {
        let mut proof = Proof::default();
        assert_eq!(proof.knee(), None);
        proof.learn_from_dip(&dip(0.1));
        proof.learn_from_full(&window(30.0, 200.0, 0.15));
        assert_close(proof.knee(), 20.0);
        // 1.5·√(1/64 + 1/64) = 0.2652
        assert_close(proof.lowest_knee(), 14.697);
        assert_close(proof.highest_knee(4.0), 25.303);
        assert_eq!(proof.highest_knee(5.0), None, "30 are not 5 more than 25.3");
    }

    #[test]
    fn equal_times_count_as_varying() {
        let mut proof = Proof::default();
        proof.learn_from_dip(&Reading { variation: 0.0, ..dip(0.1) });
        proof.learn_from_full(&Reading { variation: 0.0, ..window(30.0, 200.0, 0.15) });
        // ¼, and 16/(16 + 64) of the 1 that is taken for granted: 20·(1 + 1.5·√(0.45/32))
        assert_close(proof.highest_knee(4.0), 23.558);
    }

    #[test]
    fn a_single_window_must_differ_by_more() {
        // 20·(1 + 3·0.1288)
        assert_close(after_dips().highest_knee_in(&window(40.0, 200.0, 0.2)), 27.731);
        assert_eq!(Proof::default().highest_knee_in(&window(40.0, 200.0, 0.2)), None);
    }

    #[test]
    fn growth_bounds_nothing_and_gives_way_to_the_first_dip() {
        let mut proof = Proof::default();
        proof.learn_from_growth(&dip(0.08));
        proof.learn_from_full(&window(30.0, 200.0, 0.15));
        assert_close(proof.knee(), 16.0);
        assert_eq!(proof.highest_knee(0.0), None);
        proof.learn_from_dip(&dip(0.1));
        assert_close(proof.knee(), 20.0);
        proof.learn_from_growth(&dip(0.01));
        assert_close(proof.knee(), 20.0);
    }

    #[test]
    fn growth_that_shows_a_queue_is_left_out() {
        let mut proof = Proof::default();
        proof.learn_from_growth(&dip(0.1));
        // 1.5·√(1/64 + 1/64) = 0.27, then 1.5·√(1/64 + 1/128) = 0.23
        proof.learn_from_growth(&dip(0.12));
        assert!((proof.unqueued.slot_time() - 0.11).abs() < 1e-9);
        proof.learn_from_growth(&dip(0.14));
        assert!((proof.unqueued.slot_time() - 0.11).abs() < 1e-9);
    }

    #[test]
    fn averages_forget_after_sixteen_windows() {
        let mut proof = after_dips();
        proof.learn_from_dip(&dip(0.116));
        assert!((proof.unqueued.slot_time() - 0.101).abs() < 1e-9, "a sixteenth of 0.016 more");
        assert_eq!(proof.unqueued.count, 1024.0);
    }

    #[test]
    fn a_dip_that_is_certainly_faster_replaces_the_others() {
        let mut proof = after_dips();
        // −0.6/0.1288 is less than −3
        proof.learn_from_dip(&dip(0.04));
        assert!((proof.unqueued.slot_time() - 0.04).abs() < 1e-9);
    }

    #[test]
    fn a_window_that_is_certainly_slower_refutes_them() {
        let mut proof = after_dips();
        assert!(!proof.is_refuted_by(&dip(0.138)), "0.38/0.1288 = 2.95");
        assert!(proof.is_refuted_by(&dip(0.139)));
        proof.learn_from_starved(&dip(0.2));
        assert!((proof.unqueued.slot_time() - 0.1).abs() < 1e-9, "demand is low, and yet something waits");
        proof.reset(&dip(0.2));
        assert!(!proof.is_refuted_by(&dip(0.2)));
    }

    #[test]
    fn at_the_smallest_limit_whatever_shows_is_believed() {
        let mut proof = after_dips();
        proof.learn_at_minimum(&dip(0.116));
        assert!((proof.unqueued.slot_time() - 0.101).abs() < 1e-9);
        proof.learn_at_minimum(&dip(0.2));
        assert!((proof.unqueued.slot_time() - 0.2).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_served_faster_than_without_a_queue() {
        let mut proof = after_dips();
        // 0.08·(1 + 3·0.1288) is more than 0.1, 0.07·1.3865 less
        proof.learn_from_full(&window(20.0, 250.0, 0.08));
        assert!((proof.unqueued.slot_time() - 0.1).abs() < 1e-9);
        proof.forget_full();
        proof.learn_from_full(&window(20.0, 286.0, 0.07));
        assert!((proof.unqueued.slot_time() - 0.07).abs() < 1e-9);
    }

    #[test]
    fn throughput_is_averaged_while_the_limit_stays_and_the_windows_agree() {
        let mut proof = after_dips();
        proof.learn_from_full(&window(22.0, 180.0, 0.122));
        proof.learn_from_full(&window(22.0, 220.0, 0.1));
        // 128 in 64/180 + 64/220 s
        assert_close(proof.knee(), 19.8);
        // a tenth more in flight
        proof.learn_from_full(&window(25.0, 220.0, 0.114));
        assert_close(proof.knee(), 22.0);
        // (70/220 − 1)/√(1/64 + 1/64) is less than −3
        proof.learn_from_full(&window(25.0, 70.0, 0.357));
        assert_eq!(proof.knee(), None, "an extreme window is no good beginning either");
    }

    #[test]
    fn is_precise_after_eight_dips() {
        let mut proof = Proof::default();
        (0..7).for_each(|_| proof.learn_from_dip(&dip(0.1)));
        assert!(!proof.is_precise());
        proof.learn_from_dip(&dip(0.1));
        assert!(proof.is_precise());
    }

    #[test]
    fn is_precise_after_two_dips_with_equal_times() {
        let mut proof = Proof::default();
        for is_precise in [false, true] {
            proof.learn_from_dip(&Reading { variation: 0.0, ..dip(0.1) });
            assert_eq!(proof.is_precise(), is_precise);
        }
    }
}
