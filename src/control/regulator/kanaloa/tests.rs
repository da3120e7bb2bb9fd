use proptest::prelude::*;

use super::super::samples::{any_sample, quiet};
use super::super::{Applicant, ServiceSample};
use super::*;

const TICK: Duration = Duration::from_millis(500);

/// D = 1 s, a = 0.2, b = 0.1.
fn rules() -> KanaloaRules {
    KanaloaRules {
        reference_delay: Duration::from_secs(1),
        duration_of_burst_allowed: Duration::from_secs(1),
        min_duration_before_burst_reset: Duration::from_secs(1),
        ..KanaloaRules::default()
    }
}

fn sample(queued: usize, dequeued: u64) -> QueueSample {
    QueueSample { queued, dequeued, waiting: TICK, ..idle() }
}

fn idle() -> QueueSample {
    quiet(TICK, ServiceSample::default())
}

/// One that has seen a delay, and works leaving at 200/s.
fn knowing(delay: f64, rate: f64, burst: Burst) -> Kanaloa {
    let status = Some(Status { delay, rate, speed: 200.0, burst });
    Kanaloa { status, ..Kanaloa::new(rules(), 1) }
}

#[track_caller]
fn assert_status(regulator: &Kanaloa, delay: f64, rate: f64, speed: f64) {
    let status = regulator.status.unwrap();
    for (is, expected) in [(status.delay, delay), (status.rate, rate), (status.speed, speed)] {
        assert!((is - expected).abs() < 1e-9, "{status:?}");
    }
}

mod rate {
    use super::*;

    #[test]
    fn follows_the_delay_and_its_trend() {
        let mut regulator = Kanaloa::new(rules(), 1);
        regulator.sample(&sample(100, 100));
        assert_status(&regulator, 0.5, 0.0, 200.0);
        // X = 0.2·100 + 0.8·200; 300/180 s; ⅛·(0.2·⅔ + 0.1·(1⅔ − ½))
        regulator.sample(&sample(300, 50));
        assert_status(&regulator, 5.0 / 3.0, 0.25 / 8.0, 180.0);
        // 360/180 s; 0.03125 + ½·(0.2·1 + 0.1·⅓)
        regulator.sample(&sample(360, 90));
        assert_status(&regulator, 2.0, 0.03125 + 0.7 / 6.0, 180.0);
        // 270/180 s; 0.1479 + 0.2·½ − 0.1·½
        regulator.sample(&sample(270, 90));
        assert_status(&regulator, 1.5, 0.03125 + 0.7 / 6.0 + 0.05, 180.0);
    }

    #[test]
    fn takes_smaller_steps_near_zero() {
        for (rate, factor) in [(0.0, 0.125), (0.0099, 0.125), (0.01, 0.5), (0.099, 0.5), (0.1, 1.0), (0.5, 1.0)] {
            let mut regulator = knowing(2.0, rate, Burst::Expired);
            // A delay of 2 s that stays: 0.2·1
            regulator.sample(&sample(400, 100));
            assert_status(&regulator, 2.0, rate + 0.2 * factor, 200.0);
        }
    }

    #[test]
    fn stays_within_nothing_and_all() {
        let mut regulator = knowing(2.0, 0.9, Burst::Expired);
        regulator.sample(&sample(400, 100));
        assert_status(&regulator, 2.0, 1.0, 200.0);
        let mut regulator = knowing(0.5, 0.1, Burst::Expired);
        // 0.1 − 0.2·½ − 0.1·¼
        regulator.sample(&sample(50, 100));
        assert_status(&regulator, 0.25, 0.0, 200.0);
    }

    #[test]
    fn falls_while_the_queue_is_empty() {
        let mut regulator = knowing(0.0, 1.0, Burst::Expired);
        // 1 − 4·0.2 and then 0.2 − 0.2 and rounding
        (0..4).for_each(|_| _ = regulator.sample(&idle()));
        assert_status(&regulator, 0.0, 0.2, 200.0);
        (0..2).for_each(|_| _ = regulator.sample(&idle()));
        assert_status(&regulator, 0.0, 0.0, 200.0);
    }
}

mod speed {
    use super::*;

    #[test]
    fn is_not_updated_while_the_queue_is_empty() {
        let mut regulator = knowing(0.5, 0.0, Burst::Out);
        regulator.sample(&sample(0, 1000));
        assert_status(&regulator, 0.0, 0.0, 200.0);
    }

    #[test]
    fn is_not_that_of_arrivals() {
        let mut regulator = knowing(0.5, 0.0, Burst::Out);
        let waiting = |milliseconds| QueueSample { waiting: Duration::from_millis(milliseconds), ..sample(20, 10) };
        regulator.sample(&waiting(149));
        assert_status(&regulator, 0.1, 0.0, 200.0);
        // 0.3 of the time: 0.2·20 + 0.8·200
        regulator.sample(&waiting(150));
        assert_status(&regulator, 20.0 / 164.0, 0.0, 164.0);
    }

    #[test]
    fn of_none_makes_the_delay_grow_with_time_and_queue() {
        let mut regulator = Kanaloa::new(rules(), 1);
        regulator.sample(&sample(10, 0));
        assert_eq!(regulator.status.unwrap().delay, 5.0, "10 works, 0.5 s");
        regulator.sample(&sample(11, 0));
        assert_eq!(regulator.status.unwrap().delay, 11.0, "11 works, 1 s");
        // 30 in 1.5 s: 0.2·20
        regulator.sample(&sample(15, 30));
        let status = regulator.status.unwrap();
        assert_eq!((status.delay, status.speed), (3.75, 4.0));
        // 10 in 0.5 s: 0.2·20 + 0.8·4
        regulator.sample(&sample(36, 10));
        assert_status(&regulator, 5.0, regulator.status.unwrap().rate, 7.2);
    }

    #[test]
    fn may_vanish() {
        let mut regulator = knowing(0.5, 0.0, Burst::Out);
        // 200·0.8^5000 is so little that 10 divided by it is infinite.
        (0..5000).for_each(|_| _ = regulator.sample(&sample(10, 0)));
        let status = regulator.status.unwrap();
        assert_eq!((status.delay, status.rate), (LONGEST_DELAY, 1.0));
    }

    #[test]
    fn is_unknown_until_work_has_waited() {
        let mut regulator = Kanaloa::new(rules(), 1);
        let woken_after_an_hour = QueueSample { elapsed: Duration::from_secs(3600), ..sample(1, 0) };
        for nothing_known in [idle(), woken_after_an_hour, QueueSample { elapsed: Duration::ZERO, ..sample(5, 5) }] {
            regulator.sample(&nothing_known);
            assert!(regulator.status.is_none(), "{nothing_known:?}");
            assert_eq!(regulator.drop_rate(), 0.0);
        }
        regulator.sample(&sample(1, 100));
        assert_status(&regulator, 1.0 / 200.0, 0.0, 200.0);
    }
}

mod burst {
    use super::*;

    #[test]
    fn is_let_through_while_the_rate_moves() {
        let mut regulator = knowing(0.0, 0.0, Burst::Out);
        // Allowed for 1 s: at 0, 0.5 and 1 s it is in burst, at 1.5 s it has expired.
        for _ in 0..3 {
            let admission = regulator.sample(&sample(400, 100));
            assert_eq!((regulator.drop_rate(), admission.drop_rate(), admission.room(0)), (0.0, 0.0, usize::MAX));
            assert!(regulator.status.unwrap().rate > 0.0);
        }
        let admission = regulator.sample(&sample(400, 100));
        // ⅛·(0.2 + 0.1·2), then ½·0.2, then 0.2 each
        let rate = 0.05 + 0.1 + 0.2 + 0.2;
        assert!((regulator.drop_rate() - rate).abs() < 1e-9);
        assert_eq!(admission.drop_rate(), regulator.drop_rate());
        assert_eq!(admission.expected_wait(0), Some(Duration::from_secs(2)));
    }

    #[test]
    fn begins_with_half_the_reference_delay() {
        for (last, queued, expected) in [(0.0, 99, false), (0.0, 100, true), (0.49, 0, false), (0.5, 0, true)] {
            let mut regulator = knowing(last, 0.0, Burst::Out);
            regulator.sample(&sample(queued, 100));
            assert_eq!(regulator.status.unwrap().burst.is_in(), expected, "{last} s, {queued} queued");
        }
    }

    #[test]
    fn begins_with_a_rate_above_zero_too() {
        // 0.5 − 0.2·0.9
        let mut regulator = knowing(0.1, 0.5, Burst::Out);
        regulator.sample(&sample(20, 100));
        assert_status(&regulator, 0.1, 0.32, 200.0);
        assert!(regulator.status.unwrap().burst.is_in());
    }

    #[test]
    fn is_allowed_again_after_a_calm() {
        let mut regulator = knowing(0.0, 0.0, Burst::Expired);
        // Going out at 0 s, and for more than 1 s.
        (0..3).for_each(|_| _ = regulator.sample(&idle()));
        assert_eq!(regulator.status.unwrap().burst, Burst::GoingOut { calm: Duration::from_secs(1) });
        regulator.sample(&idle());
        assert_eq!(regulator.status.unwrap().burst, Burst::Out);
    }
}

#[test]
fn drops_as_by_chance_and_the_same_with_the_same_seed() {
    let course = |seed| {
        let status = Some(Status { delay: 2.0, rate: 0.5, speed: 200.0, burst: Burst::Expired });
        // The rate stays: 0.2·(1 − 1)
        let admission = Kanaloa { status, ..Kanaloa::new(rules(), seed) }.sample(&sample(200, 100));
        let decide =
            |draw| admission.decide(Applicant { queued: 9, class: 0, lean: 0.0, left: None }, || draw).is_err();
        (0..100).map(decide).collect::<Vec<_>>()
    };
    assert_eq!(course(1), course(1));
    assert_ne!(course(1), course(2));
}

#[test]
fn wants_a_sample_each_update_interval() {
    assert_eq!(Kanaloa::new(rules(), 1).interval(TICK), TICK);
}

#[test]
fn is_at_rest_when_nothing_is_left_to_forget() {
    assert!(Kanaloa::new(rules(), 1).is_at_rest());
    assert!(knowing(0.0, 0.0, Burst::Out).is_at_rest());
    for regulator in [knowing(0.1, 0.0, Burst::Out), knowing(0.0, 0.1, Burst::Out), knowing(0.0, 0.0, Burst::Expired)] {
        assert!(!regulator.is_at_rest());
    }
}

proptest! {
    #[test]
    fn always_recovers(samples in prop::collection::vec(any_sample(), 0..100), reference in 0..3_u64) {
        let rules = KanaloaRules { reference_delay: Duration::from_secs(reference), ..rules() };
        let mut regulator = Kanaloa::new(rules, 1);
        for sample in &samples {
            let admission = regulator.sample(sample);
            prop_assert!((0.0..=1.0).contains(&regulator.drop_rate()), "{regulator:?}");
            prop_assert_eq!(admission.drop_rate(), regulator.drop_rate());
            prop_assert!(admission.expected_wait(1).is_some());
        }
        // At most 5 samples to 0.1, 8 with a quarter of that, and 3 until it is calm for more than 1 s.
        for _ in 0..20 {
            regulator.sample(&idle());
        }
        prop_assert!(regulator.is_at_rest(), "{regulator:?}");
    }
}

#[test]
fn explains_drops_and_bursts() {
    let mut regulator = Kanaloa::new(rules(), 1);
    let unknown = regulator.sample(&idle());
    assert_eq!(unknown.explain(0).to_string(), "drops nothing: works wait 0 ms, 1 s is the goal");
    assert!(!unknown.is_burst());
    regulator.sample(&sample(400, 100));
    let burst = regulator.sample(&sample(400, 100));
    assert_eq!(
        burst.explain(400).to_string(),
        "drops nothing while a burst is let through: works wait 2 s, 1 s is the goal"
    );
    assert!(burst.is_burst());
    // 0.1 + 0.2·1
    let overload = knowing(2.0, 0.1, Burst::Expired).sample(&sample(400, 100));
    assert_eq!(overload.explain(400).to_string(), "drops 30 % by chance: works wait 2 s, 1 s is the goal");
    assert!(!overload.is_burst());
}
