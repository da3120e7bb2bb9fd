//! Dropping a share of the works that arrive.

use std::time::Duration;

/// 2^64 divided by the golden ratio: multiples of it, modulo 2^64, fill the range more evenly than those of any other
/// number, however many there are.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A share of works to drop, and which ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drops {
    rate: f64,
    /// Seconds that works wait for the service, as the law estimates.
    delay: f64,
    spread: Spread,
    /// How long they are to wait.
    goal: Duration,
    is_burst: bool,
}

/// How the works that are dropped lie among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// As evenly as can be: neither many in a row nor many apart.
    Even,
    /// As by chance.
    Random {
        /// Dispatchers with different seeds drop different works.
        seed: u64,
    },
}

impl Drops {
    /// `rate` is within 0 to 1.
    pub(super) fn new(rate: f64, delay: f64, spread: Spread) -> Self {
        Drops { rate, delay, spread, goal: Duration::ZERO, is_burst: false }
    }

    /// The same, with what the law steers towards and whether it lets a burst through: it changes nothing, but can be
    /// told.
    pub(super) fn because(self, goal: Duration, is_burst: bool) -> Self {
        Drops { goal, is_burst, ..self }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn delay(&self) -> f64 {
        self.delay
    }

    pub(super) fn goal(&self) -> Duration {
        self.goal
    }

    pub(super) fn is_burst(&self) -> bool {
        self.is_burst
    }

    pub(super) fn are_by_chance(&self) -> bool {
        matches!(self.spread, Spread::Random { .. })
    }

    /// Whether the next work is dropped; `draw` tells how many draws there were before.
    pub(super) fn drops(&self, draw: impl FnOnce() -> u64) -> bool {
        self.rate > 0.0 && fraction(self.spread.number(draw())) < self.rate
    }
}

impl Spread {
    fn number(self, draw: u64) -> u64 {
        let step = draw.wrapping_add(1).wrapping_mul(GOLDEN);
        match self {
            Spread::Even => step,
            Spread::Random { seed } => mix(seed.wrapping_add(step)),
        }
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The upper 53 bits, which a float holds, as a number of 0 or more and less than 1.
fn fraction(number: u64) -> f64 {
    const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
    (number >> 11) as f64 * SCALE
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: Spread = Spread::Random { seed: 23 };

    fn course(rate: f64, spread: Spread, draws: std::ops::Range<u64>) -> Vec<bool> {
        let drops = Drops::new(rate, 0.0, spread);
        draws.map(|draw| drops.drops(|| draw)).collect()
    }

    fn dropped(course: &[bool]) -> usize {
        course.iter().filter(|&&is_dropped| is_dropped).count()
    }

    #[test]
    fn evenly_spread_by_multiples_of_the_golden_ratio() {
        // .618 .236 .854 .472 .090 .708 .326 .944 .562 .180
        let (x, o) = (true, false);
        assert_eq!(course(0.5, Spread::Even, 0..10), [o, x, o, x, x, o, x, o, o, x]);
        assert_eq!(course(0.1, Spread::Even, 0..10), [o, o, o, o, x, o, o, o, o, o]);
    }

    #[test]
    fn of_any_works_in_a_row_the_even_share_is_dropped() {
        for rate in [0.01, 0.1, 0.5, 0.9, 0.99] {
            for (start, count) in [(0, 100), (12_345, 1000), (u64::MAX - 1000, 1000)] {
                let dropped = dropped(&course(rate, Spread::Even, start..start + count));
                assert!((dropped as f64 - rate * count as f64).abs() < 3.0, "{rate} of {count}: {dropped}");
            }
        }
    }

    #[test]
    fn random_ones_are_those_of_splitmix64() {
        // The published first outputs for this seed.
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([0, 1, 2].map(|draw| Spread::Random { seed: 1_234_567 }.number(draw)), expected);
    }

    #[test]
    fn a_random_share_is_dropped_but_not_evenly() {
        for rate in [0.1, 0.5, 0.9] {
            let course = course(rate, RANDOM, 0..10_000);
            // Four standard deviations of a half are 0.02.
            assert!((dropped(&course) as f64 / 1e4 - rate).abs() < 0.02);
        }
        let longest_run =
            |spread| course(0.5, spread, 0..10_000).chunk_by(|a, b| a == b).map(<[bool]>::len).max().unwrap_or(0);
        assert_eq!(longest_run(Spread::Even), 2);
        assert!(longest_run(RANDOM) > 8);
    }

    #[test]
    fn all_and_none() {
        for spread in [Spread::Even, RANDOM] {
            assert_eq!(dropped(&course(1.0, spread, 0..10_000)), 10_000);
            let nothing_is_drawn = Drops::new(0.0, 0.0, spread).drops(|| unreachable!());
            assert!(!nothing_is_drawn);
        }
        assert!(fraction(u64::MAX) < 1.0);
    }
}

#[cfg(test)]
mod admission {
    use std::time::Duration;

    use super::super::{Admission, Applicant, Refusal};
    use super::*;

    /// Drops the second, fourth, fifth of the draws, see above, and estimates 3 s.
    fn half() -> Admission {
        Admission::by_drops(Drops::new(0.5, 3.0, Spread::Even))
    }

    fn applicant(queued: usize, left: Option<Duration>) -> Applicant {
        Applicant { queued, class: 0, lean: 0.0, left }
    }

    #[test]
    fn drops_whatever_the_queue_and_the_time_left() {
        for queued in [0, 1, usize::MAX] {
            for left in [None, Some(Duration::from_millis(1))] {
                let decide = |draw| half().decide(applicant(queued, left), || draw);
                let dropped = Refusal::OverCapacity { expected_wait: Duration::from_secs(3), drop_rate: 0.5 };
                assert_eq!([0, 1, 2, 3].map(decide), [Ok(()), Err(dropped), Ok(()), Err(dropped)]);
            }
        }
    }

    #[test]
    fn refuses_what_is_past_its_deadline_without_a_draw() {
        for admission in [half(), Admission::by_drops(Drops::new(0.0, 3.0, Spread::Even))] {
            let refusal = admission.decide(applicant(0, Some(Duration::ZERO)), || unreachable!());
            let too_late = Refusal::DeadlineCannotBeMet { left: Duration::ZERO, expected: Duration::from_secs(3) };
            assert_eq!(refusal, Err(too_late));
        }
    }

    #[test]
    fn leaves_all_to_decide_while_it_drops_and_nothing_while_it_does_not() {
        assert_eq!([0, 3, 5, 255].map(|class| half().room(class)), [0; 4]);
        let none = Admission::by_drops(Drops::new(0.0, 3.0, Spread::Even));
        assert_eq!([0, 3, 5, 255].map(|class| none.room(class)), [usize::MAX; 4]);
        assert_eq!(none.decide(applicant(usize::MAX, None), || unreachable!()), Ok(()));
    }

    #[test]
    fn tells_rate_and_delay_and_sheds_nothing() {
        assert_eq!(half().drop_rate(), 0.5);
        assert_eq!(half().expected_wait(7), Some(Duration::from_secs(3)));
        assert_eq!(half().longest_wait(Some(Duration::from_secs(1))), None);
        assert_eq!(half().standing_delay(Duration::from_secs(1)), Duration::ZERO);
    }
}
