//! Which successes belong to a window, and where one window ends and the next begins.

use std::time::Duration;

/// Share of the mean gap between successes that parts a bunch from the next. Where they come by chance, three of five
/// gaps are longer, so that windows end hardly later than they might.
const PAUSE: f64 = 0.5;

/// When service times are alike, slots that began together end together, and successes come in bunches of up to the
/// limit. A window that began or ended within one would count a part of it too much or too little by the clock, so
/// windows begin and end at pauses. A bunch is over after a limit of successes, whether there is a pause or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Intake {
    /// So many successes pass by: they started under another limit.
    Skipping(usize),
    /// The bunch they ended in passes by too, but so many at most.
    Settling(usize),
    /// Successes are measured.
    Measuring,
}

/// What becomes of a success.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// Part of no window.
    None,
    /// The first of one.
    First,
    /// Another one, or the first after the end of one.
    Next,
}

impl Intake {
    /// After a change of the limit: what the old one let in passes by.
    pub(super) fn after(old_limit: usize) -> Self {
        Intake::Skipping(old_limit)
    }

    pub(super) fn is_measuring(&self) -> bool {
        *self == Intake::Measuring
    }

    /// Takes in a success, and whether it came after a pause.
    pub(super) fn next(&mut self, after_pause: bool, limit: usize) -> Part {
        match *self {
            Intake::Skipping(left) => {
                *self = if left > 1 { Intake::Skipping(left - 1) } else { Intake::Settling(limit) };
                Part::None
            }
            Intake::Settling(left) if !after_pause && left > 1 => {
                *self = Intake::Settling(left - 1);
                Part::None
            }
            Intake::Settling(_) => {
                *self = Intake::Measuring;
                Part::First
            }
            Intake::Measuring => Part::Next,
        }
    }

    /// Whether a window of so many successes is over before the next one, which came after a pause or not.
    pub(super) fn ends(count: f64, length: f64, after_pause: bool, limit: usize) -> bool {
        count >= length && (after_pause || count >= length + limit as f64)
    }
}

/// Whether a success came so long after the one before that they belong to different bunches.
pub(super) fn is_pause(gap: Duration, process_time: f64, in_flight: usize) -> bool {
    let mean_gap = process_time / in_flight.max(1) as f64;
    gap.as_secs_f64() > PAUSE * mean_gap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_mean_gap_is_a_pause() {
        // 10 in flight for 0.1 s each: one every 10 ms
        let is_pause = |micros| is_pause(Duration::from_micros(micros), 0.1, 10);
        assert!(!is_pause(0));
        assert!(!is_pause(4_999));
        assert!(is_pause(5_001));
    }

    #[test]
    fn what_the_old_limit_let_in_passes_by_up_to_the_next_pause() {
        let mut intake = Intake::after(2);
        // pauses among them say nothing: they started under another limit
        let parts = [true, true, false, false, true, true].map(|after_pause| intake.next(after_pause, 5));
        assert_eq!(parts, [Part::None, Part::None, Part::None, Part::None, Part::First, Part::Next]);
    }

    #[test]
    fn a_bunch_is_over_after_a_limit() {
        let mut intake = Intake::after(1);
        let parts = [false; 4].map(|after_pause| intake.next(after_pause, 3));
        assert_eq!(parts, [Part::None, Part::None, Part::None, Part::First]);
    }

    #[test]
    fn a_window_ends_at_a_pause_or_a_limit_later() {
        assert!(!Intake::ends(39.0, 40.0, true, 20));
        assert!(Intake::ends(40.0, 40.0, true, 20));
        assert!(!Intake::ends(59.0, 40.0, false, 20));
        assert!(Intake::ends(60.0, 40.0, false, 20));
    }

    #[test]
    fn three_of_five_gaps_by_chance_are_pauses() {
        // the quantiles of exponential gaps of 10 ms on average: e^(−½) = 0.607 of them are longer than half of it
        let gaps = (0..1000).map(|rank| -0.01 * (1.0 - (f64::from(rank) + 0.5) / 1000.0).ln());
        let pauses = gaps.filter(|&gap| is_pause(Duration::from_secs_f64(gap), 0.1, 10)).count();
        assert_eq!(pauses, 607);
    }
}
