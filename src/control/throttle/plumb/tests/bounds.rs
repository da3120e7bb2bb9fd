use proptest::prelude::*;

use super::*;

#[test]
fn starts_at_four_at_most_within_the_bounds() {
    for ((start, min, max), limit) in
        [((20, 1, 100), 4), ((2, 1, 100), 2), ((0, 0, 0), 1), ((20, 10, 100), 10), ((20, 1, 3), 3), ((5, 8, 2), 8)]
    {
        assert_eq!(Plumb::new(start, min, max).limit(), limit);
    }
}

#[test]
fn stays_at_a_maximum_below_the_knee_but_for_rare_dips() {
    let (mut plumb, mut service) = (Plumb::new(4, 1, 10), Service::new(20, 0.1));
    service.run(&mut plumb, 1000);
    let at_max = (0..100_000).filter(|_| service.answer(&mut plumb).is_some() || plumb.limit() == 10).count();
    assert!((97_000..100_000).contains(&at_max), "{at_max}");
}

#[test]
fn leaves_the_maximum_when_slots_fall_away() {
    let (mut plumb, mut service) = (Plumb::new(4, 1, 10), Service::new(20, 0.1));
    service.run(&mut plumb, 1000);
    service.slots = 4.0;
    service.run(&mut plumb, 300);
    assert!((4.0..6.0).contains(&plumb.target), "{}", plumb.target);
}

#[test]
fn what_waits_at_the_minimum_becomes_part_of_the_base() {
    let mut plumb = Plumb::new(1, 1, 9);
    let mut service = Service::new(1, 0.1);
    // one sets the scale, the next begins a window
    service.run(&mut plumb, 1);
    service.time = 0.2;
    service.run(&mut plumb, 1);
    plumb.base.reset(0.1);
    plumb.drive.stop();
    // seven more fill it, and the one after them ends it
    service.run(&mut plumb, 8);
    assert_close(plumb.base.get().unwrap(), 0.15);
}

#[test]
fn stays_near_a_minimum_above_the_knee_and_leaves_it_with_more_slots() {
    let (mut plumb, mut service) = (Plumb::new(4, 10, 100), Service::new(4, 0.1));
    service.run(&mut plumb, 10_000);
    assert!((10..=12).contains(&plumb.limit()), "{}", plumb.limit());
    service.slots = 30.0;
    service.run(&mut plumb, 10_000);
    assert!((28..=34).contains(&plumb.limit()), "{}", plumb.limit());
}

/// Attempts that end alike.
#[derive(Debug, Clone)]
struct Spell {
    attempts: usize,
    outcome: Outcome,
    process_time: Duration,
    in_flight: InFlight,
    step: Duration,
}

#[derive(Debug, Clone, Copy)]
enum InFlight {
    AtLimit,
    Exactly(usize),
}

fn spell() -> impl Strategy<Value = Spell> {
    let time = || {
        prop_oneof![
            Just(Duration::ZERO),
            Just(Duration::from_nanos(1)),
            (1..2_000_000_000_u64).prop_map(Duration::from_nanos),
            Just(Duration::MAX),
        ]
    };
    let outcome = prop_oneof![
        8 => Just(Outcome::Success),
        1 => Just(Outcome::Timeout),
        1 => Just(Outcome::Failure),
        1 => Just(Outcome::Cancelled),
    ];
    let in_flight = prop_oneof![
        3 => Just(InFlight::AtLimit),
        1 => prop_oneof![Just(0), 1..100_usize, Just(usize::MAX)].prop_map(InFlight::Exactly),
    ];
    (1..300_usize, outcome, time(), in_flight, time()).prop_map(|(attempts, outcome, process_time, in_flight, step)| {
        Spell { attempts, outcome, process_time, in_flight, step }
    })
}

proptest! {
    #[test]
    fn always_within_and_every_change_is_told(
        start in 0..40_usize,
        min in 0..20_usize,
        max in prop_oneof![0..60_usize, Just(usize::MAX)],
        spells in prop::collection::vec(spell(), 1..40),
    ) {
        let mut plumb = Plumb::new(start, min, max);
        let bounds = min.max(1)..=max.max(min).max(1);
        let mut now = Duration::ZERO;
        let mut limit = plumb.limit();
        for Spell { attempts, outcome, process_time, in_flight, step } in spells {
            for _ in 0..attempts {
                let in_flight = match in_flight {
                    InFlight::AtLimit => limit,
                    InFlight::Exactly(in_flight) => in_flight,
                };
                now = now.checked_add(step).unwrap_or_default();
                let change = plumb.record(&Attempt { now, process_time, outcome, in_flight });
                prop_assert_ne!(change, Some(limit));
                limit = change.unwrap_or(limit);
                prop_assert_eq!(plumb.limit(), limit);
                prop_assert!(bounds.contains(&limit), "{limit} is not within {bounds:?}");
                prop_assert!(plumb.target.is_finite() && plumb.base.get().is_none_or(f64::is_finite), "{plumb:?}");
            }
        }
    }

    #[test]
    fn recovers_from_whatever_it_saw(spells in prop::collection::vec(spell(), 1..20)) {
        let (mut plumb, mut service) = (Plumb::new(4, 1, 50), Service::new(8, 0.01));
        for Spell { attempts, outcome, process_time, in_flight, .. } in spells {
            for _ in 0..attempts {
                let in_flight = match in_flight {
                    InFlight::AtLimit => plumb.limit(),
                    InFlight::Exactly(in_flight) => in_flight.min(100),
                };
                let process_time = process_time.min(Duration::from_secs(10));
                plumb.record(&Attempt { now: service.now, process_time, outcome, in_flight });
            }
        }
        service.run(&mut plumb, 50_000);
        prop_assert!((7.0..12.0).contains(&plumb.target), "{plumb:?}");
    }
}
