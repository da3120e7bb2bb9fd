//! What the tests of throttles share, and the promise that all throttles keep.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::control::Outcome;

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// An attempt that ended at a moment that does not matter.
pub(super) fn ended(outcome: Outcome, process_time: Duration, in_flight: usize) -> Attempt {
    Attempt { now: Duration::ZERO, process_time, outcome, in_flight }
}

/// Every throttle there is, told of these bounds.
fn all(start: usize, min: usize, max: usize, seed: u64) -> Vec<Box<dyn Throttle>> {
    let rules =
        KanaloaRules { starting_pool_size: start, min_pool_size: min, max_pool_size: max, ..Default::default() };
    vec![
        Box::new(Plumb::new(start, min, max)),
        Box::new(Kanaloa::new(rules, seed)),
        Box::new(Gradient2::new(start, min, max)),
        Box::new(Vegas::new(start, min, max, seed)),
        Box::new(Aimd::new(start, min, max)),
        // It knows no bounds: whoever makes it keeps them.
        Box::new(Fixed::new(start.clamp(min.max(1), max.max(min.max(1))))),
    ]
}

/// Whether it is one phrase that a person can read.
fn is_phrase(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || " ,:;.%-".contains(c);
    let starts_small = text.starts_with(|c: char| c.is_lowercase());
    starts_small && !text.ends_with('.') && !text.contains("  ") && !text.contains("NaN") && text.chars().all(is_plain)
}

/// A stretch of attempts that are alike, and whether work waited meanwhile.
#[derive(Debug, Clone)]
struct Stretch {
    count: u32,
    outcome: Outcome,
    process_time: Duration,
    in_flight: usize,
    gap: Duration,
    overflown: bool,
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Success),
        2 => Just(Outcome::Timeout),
        1 => Just(Outcome::Failure),
        1 => Just(Outcome::Cancelled),
    ];
    // From nothing to centuries, evenly in magnitude.
    let time = prop_oneof![
        9 => (0..64_u32, 0..1_000_u64).prop_map(|(bits, part)| Duration::from_nanos((1 << bits) / 1_000 * part)),
        1 => Just(Duration::MAX),
    ];
    let in_flight = prop_oneof![0..30_usize, 0..2_000_usize, Just(usize::MAX)];
    (1..200_u32, outcome, time, in_flight, 0..10_000_000_u64, any::<bool>()).prop_map(
        |(count, outcome, process_time, in_flight, gap, overflown)| {
            let gap = Duration::from_micros(gap);
            Stretch { count, outcome, process_time, in_flight, gap, overflown }
        },
    )
}

proptest! {
    /// Whatever happens, the limit is at least 1 and within the bounds, whoever is told of changes knows it, and it can
    /// be told why.
    #[test]
    fn the_limit_stays_within_the_bounds_and_changes_are_told(
        start in 0..500_usize,
        (min, max) in (0..300_usize, prop_oneof![0..300_usize, 300..20_000_usize]),
        seed in any::<u64>(),
        stretches in proptest::collection::vec(stretch(), 0..20),
    ) {
        let (lowest, highest) = (min.max(1), max.max(min).max(1));
        for mut throttle in all(start, min, max, seed) {
            let (mut known, mut now) = (throttle.limit(), Duration::ZERO);
            prop_assert!((lowest..=highest).contains(&known), "starts: {throttle:?}");
            for stretch in &stretches {
                let Stretch { outcome, process_time, in_flight, gap, .. } = *stretch;
                for _ in 0..stretch.count {
                    now = now.saturating_add(gap);
                    let told = throttle.record(&Attempt { now, process_time, outcome, in_flight });
                    prop_assert!(told != Some(known), "told of no change: {throttle:?}");
                    known = told.unwrap_or(known);
                    prop_assert_eq!(throttle.limit(), known);
                    prop_assert!((lowest..=highest).contains(&known), "{throttle:?}");
                }
                let told = throttle.sample(&PoolSample {
                    now,
                    elapsed: gap,
                    done: u64::from(stretch.count),
                    process_time: (outcome == Outcome::Success).then_some(process_time),
                    limit: known,
                    most_busy: in_flight.min(known),
                    overflown: stretch.overflown,
                });
                prop_assert!(told != Some(known), "told of no change: {throttle:?}");
                known = told.unwrap_or(known);
                prop_assert_eq!(throttle.limit(), known);
                prop_assert!((lowest..=highest).contains(&known), "{throttle:?}");
                prop_assert!(is_phrase(&throttle.reason().to_string()), "{:?}", throttle.reason());
            }
        }
    }
}
