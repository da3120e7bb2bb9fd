//! What is decided at the end of a window.

use super::intake::Intake;
use super::mode::{Check, Mode};
use super::reasons::{fewer_slots, slower};
use super::window::Reading;
use super::{Plumb, Reason, STARVED_BELOW};

/// Queue beyond the goal, in √limit, that is no longer noise or drift.
const ALARM: f64 = 1.5;
/// Share of those in flight that must be a hidden queue, if that is less. Steering alone would follow a service that
/// became slower down to a limit of one: fewer in flight then mean less throughput, and that a lower knee.
const HIDDEN_ALARM: f64 = 0.3;
/// The same in dips and checks, where hardly any queue is expected.
const LOW_ALARM: f64 = 0.75;

/// Growth is fast when it would add more than this share of the target in a window. Then all that matters is to notice
/// when a queue appears.
const FAST_SHARE: f64 = 0.25;
/// Share of those in flight that must be queue to end fast growth: plain to see even in a short window.
const FAST_QUEUE_SHARE: f64 = 0.25;
/// How far beyond what was in flight a target that growth left behind may stay.
const UNFILLED_MARGIN: f64 = 1.25;

/// Share of the error that is corrected at once: it grows with the error, since small ones are mostly noise.
const NOISE_OF_ERROR: f64 = 2.0;
const LEAST_CORRECTION: f64 = 0.15;
/// Down it is larger: a queue harms, a little less of a limit hardly does.
const LEAST_CORRECTION_DOWN: f64 = 0.25;

/// A soft minimum this much below the base (in √limit of queue) refutes it.
const BASE_TOLERANCE: f64 = 0.5;
/// Weight of the newest High window in their average soft minimum.
const HIGH_WEIGHT: f64 = 0.3;

/// Dips and cuts halve the limit at most, for they cost throughput.
const DEEPEST: f64 = 0.5;

/// Share of the cut by which the queue must have fallen for it to have been one. In a slower service none of it falls.
const FELL: f64 = 0.3;
/// The same in the verdict by slot time: as likely to be wrong either way.
const SLOT_TIME_FELL: f64 = 0.5;
/// The share of a cut whose fall leaves open whether more would: all of it, give or take the noise of the verdict.
const ALL_FELL: f64 = 0.75;
/// Successes for that verdict, in squared coefficients of variation: the standard error of what falls when half the
/// limit is cut is then a quarter of the cut, that of the reference aside.
const CERTAIN_VERDICT: f64 = 64.0;
/// But not more than so many limits: a cut limit serves less the longer it lasts.
const LONGEST_VERDICT: f64 = 8.0;

/// How much longer the time between dips is while the largest limit holds the target below the knee: there they only
/// guard against a base that was learnt inside a queue.
const DIP_RARELY: f64 = 8.0;
/// The same while a hidden queue is all but measured: until then the limit may be far too high.
const DIP_OFTEN: f64 = 0.25;

/// Changes of the limit within this (in √limit, plus one slot) leave what is measured valid.
const SMALL_CHANGE: f64 = 0.25;

impl Plumb {
    pub(super) fn decide(&mut self) {
        let reading = self.window.read(self.scale.tau());
        if !reading.scale_fits {
            return self.start_over();
        }
        if self.limit == self.min && reading.full {
            self.base.follow(reading.soft_minimum);
            self.proof.learn_at_minimum(&reading);
        }
        if self.mode == Mode::High && !self.drive.hurries() {
            self.base.lower_to(reading.soft_minimum + BASE_TOLERANCE * self.noise() / reading.throughput);
        }
        if reading.full && self.mode == Mode::High {
            self.proof.learn_from_full(&reading);
        }
        let shown = self.queue(&reading);
        let queue = if self.mode == Mode::High { self.proven_queue(&reading, shown) } else { shown };
        if !reading.full && queue < STARVED_BELOW * self.noise() {
            return self.starved(&reading);
        }
        match self.mode {
            Mode::High => self.end_high(&reading, queue, shown),
            Mode::Low { rescaled } => self.end_low(&reading, queue, rescaled),
            Mode::Check(check) => self.end_check(&reading, queue, check),
        }
    }

    /// The queue that the soft minimum shows, or that throughput proves if that is more. Where demand did not fill the
    /// limit there is no throughput to prove anything: a few slow answers that end together would.
    fn proven_queue(&mut self, reading: &Reading, shown: f64) -> f64 {
        let goal = self.goal();
        let knee = if !reading.full {
            None
        } else if self.drive.hurries() {
            self.proof.highest_knee_in(reading)
        } else {
            self.proof.highest_knee(goal)
        };
        let proven = knee.map_or(0.0, |knee| reading.in_flight - knee);
        self.queue_is_hidden = proven > goal.max(shown);
        if self.queue_is_hidden { proven } else { shown }
    }

    // ## any => High, because demand is lacking
    fn starved(&mut self, reading: &Reading) {
        if self.mode.is_check() {
            // nothing of ours waits, so the service is slower
            self.proof.reset(reading);
        } else {
            self.proof.learn_from_starved(reading);
        }
        if self.drive.hurries() {
            // growth that was never filled is taken back
            let filled = self.last_good.max(UNFILLED_MARGIN * reading.in_flight);
            self.set_target(self.target.min(filled));
        }
        self.headroom.starved(reading.throughput);
        self.drive.stop();
        self.enter_high(Reason::Starved { in_flight: reading.in_flight, target: self.target });
    }

    // ## High => High | Check
    fn end_high(&mut self, reading: &Reading, queue: f64, shown: f64) {
        self.base.begin(reading.soft_minimum);
        self.headroom.filled(reading.throughput);
        let goal = self.goal();
        let wanted = reading.in_flight - queue + goal;
        let fast = self.drive.ramp(goal) > FAST_SHARE * self.target;
        let shown_wanted = reading.in_flight - shown + goal;
        if !fast && shown_wanted - self.target < -ALARM * self.noise() {
            return self.enter_check(reading, shown, None, self.target);
        }
        let alarm = (ALARM * self.noise()).min(HIDDEN_ALARM * self.target);
        if !fast && self.queue_is_hidden && wanted - self.target < -alarm {
            return self.enter_check(reading, shown, Some(reading.in_flight - queue), self.target);
        }
        let average = self.high_soft_minimum.unwrap_or(reading.soft_minimum);
        self.high_soft_minimum = Some(average + HIGH_WEIGHT * (reading.soft_minimum - average));
        let reason = if !fast {
            self.steer(queue, wanted, reading.variation);
            self.at_target()
        } else if queue < FAST_QUEUE_SHARE * reading.in_flight {
            self.base.learn_from_growth(reading.soft_minimum);
            self.proof.learn_from_growth(reading);
            self.last_good = self.target;
            self.grow(self.drive.ramp(goal));
            self.unless_at_bounds(Reason::Growing { queue, in_flight: reading.in_flight })
        } else {
            self.end_fast_growth(reading, wanted);
            if self.queue_is_hidden && self.can_dip() {
                // all that is known of the slot time is from growth
                return self.enter_low();
            }
            self.unless_at_bounds(Reason::GrowthEnded { queue, knee: self.target - goal })
        };
        self.dips.arm(self.now, self.rarity() * reading.mean_time);
        self.enter_high(reason);
    }

    fn end_fast_growth(&mut self, reading: &Reading, wanted: f64) {
        self.drive.end_fast_growth();
        // a short window may show too large a queue: what was good a moment ago still is, unless throughput refutes it
        let good = self.last_good.min(self.target);
        let good = self.proof.highest_knee_in(reading).map_or(good, |knee| knee.min(good));
        self.set_target(wanted.max(good));
    }

    /// By how much the time between dips is stretched.
    fn rarity(&self) -> f64 {
        if self.target >= self.max as f64 {
            DIP_RARELY
        } else if self.queue_is_hidden && !self.proof.is_precise() {
            DIP_OFTEN
        } else {
            1.0
        }
    }

    pub(super) fn steer(&mut self, queue: f64, wanted: f64, variation: f64) {
        let (noise, goal, error) = (self.noise(), self.goal(), wanted - self.target);
        // in bursts there is no hurry
        let variation = if self.headroom.is_loose() { 1.0 } else { variation };
        self.drive.learn(queue / noise, goal / noise, variation);
        let correction = (error.abs() / noise / NOISE_OF_ERROR).clamp(LEAST_CORRECTION, 1.0);
        if error <= 0.0 {
            self.set_target(self.target + correction.max(LEAST_CORRECTION_DOWN) * error);
        } else if !(self.headroom.is_loose() && queue > goal) {
            // with headroom the knee looks larger than it is, unless there is no queue at all
            self.grow(correction * error.min(noise) * self.drive.factor());
        }
    }

    /// At most doubles the target. Growth that the largest limit stops needs no drive, and must not keep dips away.
    fn grow(&mut self, step: f64) {
        let wanted = self.target + step.min(self.target);
        self.set_target(wanted);
        if wanted > self.target {
            self.drive.stop();
        }
    }

    // ## Low => High | Low (scale replaced) | Check
    pub(super) fn end_low(&mut self, reading: &Reading, queue: f64, rescaled: Option<f64>) {
        if rescaled.is_none() && queue > LOW_ALARM * self.noise() {
            return self.enter_check(reading, queue, None, self.target);
        }
        if self.proof.is_refuted_by(reading) {
            let knee = self.proof.highest_knee_in(reading).unwrap_or(reading.in_flight);
            return self.enter_check(reading, queue, Some(knee), self.target);
        }
        let cut = (self.target - reading.in_flight).max(1.0);
        let fall = self.high_soft_minimum.map_or(0.0, |high| high - reading.soft_minimum);
        self.proof.learn_from_dip(reading);
        self.dips.learn(reading.throughput * fall / cut, self.target);
        self.scale.learn(reading);
        if let Some(queue_time) = rescaled {
            self.base.rescale(reading.soft_minimum - queue_time);
        } else if self.scale.is_off() {
            // soft minima on two scales cannot be compared: measure again on the new one before the dip ends
            let queue_time = super::Base::left_after_dip(queue / reading.throughput);
            self.scale.retune();
            self.mode = Mode::Low { rescaled: Some(queue_time) };
            return self.clear();
        } else if queue < -ALARM * self.noise() {
            self.base.drop_to_dip(reading.soft_minimum);
        } else {
            self.base.learn_from_dip(reading.soft_minimum);
        }
        self.enter_high(self.at_target());
    }

    // ## Check => High | Check (still a queue, or a verdict by slot time)
    pub(super) fn end_check(&mut self, reading: &Reading, queue: f64, check: Check) {
        let cut = check.limit - reading.in_flight;
        let fell = if check.by_slot_time {
            check.limit * (1.0 - reading.slot_time / check.slot_time) / SLOT_TIME_FELL
        } else {
            check.throughput * (check.soft_minimum - reading.soft_minimum) / FELL
        };
        // one alone does not wait, and lower than the minimum there is nothing to compare with
        let alone = reading.in_flight <= 1.0;
        let at_minimum = reading.in_flight <= self.min as f64;
        let too_early = !check.settled && !at_minimum;
        let reason;
        if alone || too_early || fell >= cut {
            // it was a queue: there are fewer slots
            self.proof.forget_full();
            if check.by_slot_time {
                return self.end_check_by_slot_time(reading, queue, &check);
            }
            self.set_target(reading.in_flight);
            let target = if check.settled { self.target } else { check.target };
            if queue > LOW_ALARM * reading.in_flight.sqrt() && !at_minimum {
                return self.enter_check(reading, queue, None, target);
            }
            reason = fewer_slots(self.target, &check);
        } else if !check.by_slot_time && reading.count < self.certain_verdict() {
            self.mode = Mode::Check(Check { by_slot_time: true, ..check });
            self.reason = Reason::CheckingThroughput { from: check.limit as usize };
            return;
        } else {
            // the service is slower
            self.base.reset(reading.soft_minimum);
            self.proof.reset(reading);
            self.set_target(check.target);
            reason = slower(reading);
        }
        self.enter_high(reason);
    }

    /// It was a queue. By Little's law throughput has not changed if all that was cut was one: then a part of it may
    /// be left, and what was known of the slot time may be from inside it.
    fn end_check_by_slot_time(&mut self, reading: &Reading, queue: f64, check: &Check) {
        let knee = check.limit * reading.slot_time / check.slot_time;
        let all_fell = check.limit - knee > ALL_FELL * (check.limit - reading.in_flight);
        let may_be_lower = check.knee.is_none_or(|knee| knee < reading.in_flight);
        if all_fell && may_be_lower && self.limit > self.min {
            self.set_target(reading.in_flight);
            return self.enter_check(reading, queue, Some(0.0), self.target);
        }
        self.proof.learn_from_dip(reading);
        // an alarm picks out extreme windows: compared with one, whatever follows has fallen
        self.set_target(knee.max(check.least_knee).max(reading.in_flight));
        self.enter_high(fewer_slots(self.target, check));
    }

    /// Successes that a verdict by slot time takes.
    pub(super) fn certain_verdict(&self) -> f64 {
        (CERTAIN_VERDICT * self.proof.variation()).min(LONGEST_VERDICT * self.limit as f64)
    }

    pub(super) fn enter_high(&mut self, reason: Reason) {
        self.enter(Mode::High, self.headroom.widen(self.target), reason);
    }

    pub(super) fn enter_low(&mut self) {
        self.dips.begin();
        let shown = self.target - self.goal();
        let proven = if self.queue_is_hidden { self.proof.lowest_knee() } else { self.proof.knee() };
        let below_knee = proven.map_or(shown, |knee| knee.min(shown)) - self.dips.depth() * self.noise();
        let limit = below_knee.max(DEEPEST * self.target).min(self.target.round() - 1.0);
        self.enter(Mode::Low { rescaled: None }, limit, Reason::Dip { target: self.target });
    }

    /// `shown` is the queue that the soft minimum shows; `proven` is the knee that throughput leaves, if only that alarms.
    pub(super) fn enter_check(&mut self, reading: &Reading, shown: f64, proven: Option<f64>, target: f64) {
        self.drive.stop();
        if self.limit <= self.min {
            // nothing can be cut: what waits there is part of the service for us
            self.base.reset(reading.soft_minimum);
            self.proof.reset(reading);
            return self.enter_high(Reason::AtSmallest { smallest: self.min });
        }
        let limit = self.limit as f64;
        let check = Check {
            throughput: reading.throughput,
            soft_minimum: reading.soft_minimum,
            slot_time: reading.slot_time,
            limit,
            target,
            knee: self.proof.knee(),
            least_knee: proven.unwrap_or(0.0),
            settled: self.mode.is_check() || proven.is_some(),
            by_slot_time: proven.is_some(),
        };
        // what shows only beyond much noise takes a deep cut to show again
        let cut = if proven.is_some() { limit } else { shown };
        let from = self.limit;
        let reason = match proven {
            Some(_) => Reason::CheckingThroughput { from },
            None => Reason::Checking { queue: shown, from },
        };
        self.enter(Mode::Check(check), (limit - cut).max(DEEPEST * limit), reason);
    }

    fn enter(&mut self, mode: Mode, limit: f64, reason: Reason) {
        self.reason = reason;
        let limit = (limit.round() as usize).clamp(self.min, self.max);
        if limit != self.limit {
            let small = limit.abs_diff(self.limit) as f64 <= SMALL_CHANGE * self.noise() + 1.0;
            let both_high = mode == Mode::High && self.mode == Mode::High;
            if !(both_high && small) {
                self.intake = Intake::after(self.limit);
            }
        }
        self.limit = limit;
        self.mode = mode;
        self.clear();
    }
}
