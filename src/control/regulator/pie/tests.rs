use proptest::prelude::*;

use super::super::samples::{any_sample, quiet};
use super::super::{Applicant, ServiceSample};
use super::*;

const TICK: Duration = Duration::from_millis(10);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The default's gains, on 100 ms.
fn rules() -> PieRules {
    PieRules { reference_delay: ms(100), ..PieRules::default() }
}

/// 200 works per second: 20 queued are the reference delay of 100 ms.
fn twenty_slots() -> ServiceSample {
    ServiceSample { limit: 20, leaving_rate: 200.0, process_time: Some(ms(100)), ..ServiceSample::default() }
}

fn sample(queued: usize) -> QueueSample {
    QueueSample { queued, waiting: TICK, ..quiet(TICK, twenty_slots()) }
}

fn at(delay: f64, rate: f64) -> Pie {
    Pie { delay, rate, burst: Burst::Expired, ..Pie::new(rules()) }
}

#[track_caller]
fn assert_at(pie: &Pie, delay: f64, rate: f64) {
    assert!((pie.delay - delay).abs() < 1e-9 && (pie.rate - rate).abs() < 1e-9, "{pie:?}");
}

mod rate {
    use super::*;

    #[test]
    fn follows_the_delay_and_its_trend() {
        let mut pie = at(0.1, 0.5);
        // 110 ms: 0.5 + 0.05·0.1 + 1·0.1
        pie.sample(&sample(22));
        assert_at(&pie, 0.11, 0.605);
        // 110 ms still: + 0.05·0.1
        pie.sample(&sample(22));
        assert_at(&pie, 0.11, 0.61);
        // 75 ms: − 0.05·0.25 − 1·0.35
        pie.sample(&sample(15));
        assert_at(&pie, 0.075, 0.2475);
    }

    #[test]
    fn counts_an_early_sample_in_part_and_a_late_one_once() {
        for (elapsed, expected) in [(0, 0.6), (5, 0.6025), (10, 0.605), (1000, 0.605)] {
            let mut pie = at(0.1, 0.5);
            pie.sample(&QueueSample { elapsed: ms(elapsed), ..sample(22) });
            assert_at(&pie, 0.11, expected);
        }
    }

    #[test]
    fn stays_within_nothing_and_the_largest() {
        let mut pie = at(0.0, 0.5);
        pie.sample(&sample(20));
        assert_at(&pie, 0.1, 0.99);
        pie.sample(&sample(0));
        assert_at(&pie, 0.0, 0.0);
    }

    #[test]
    fn decays_while_idle() {
        let mut pie = at(0.0, 0.5);
        pie.sample(&sample(0));
        assert_at(&pie, 0.0, (0.5 - 0.05) * 0.98);
        let mut pie = at(0.0, 0.5);
        pie.sample(&quiet(ms(100), twenty_slots()));
        assert_at(&pie, 0.0, (0.5 - 0.05) * 0.98_f64.powi(10));
        // Not while there was a delay: 0.5 − 0.05·1 − 1·0.2
        let mut pie = at(0.02, 0.5);
        pie.sample(&sample(0));
        assert_at(&pie, 0.0, 0.25);
    }

    #[test]
    fn follows_the_gains_it_is_given() {
        let rules =
            PieRules { reference_delay: ms(200), delay_factor_base: 0.1, delay_trend_factor_base: 2.0, ..rules() };
        let mut pie = Pie { rules, ..at(0.2, 0.5) };
        // 220 ms, in half a period of 20 ms: 0.1·½·0.1 + 2·0.1
        pie.sample(&sample(44));
        assert_at(&pie, 0.22, 0.705);
    }
}

mod delay {
    use super::*;

    #[test]
    fn counts_a_pause() {
        let mut pie = at(0.0, 0.0);
        let held = ServiceSample { pause: ms(300), ..twenty_slots() };
        pie.sample(&QueueSample { service: held, ..sample(2) });
        assert!((pie.delay - 0.31).abs() < 1e-9);
        pie.sample(&quiet(TICK, held));
        assert_eq!(pie.delay, 0.0, "nobody waits");
    }

    #[test]
    fn is_the_time_without_a_work_leaving_while_nothing_is_known() {
        let mut pie = Pie::new(rules());
        let unknown = QueueSample { service: ServiceSample::default(), ..sample(500) };
        for expected in [0.01, 0.02, 0.03] {
            pie.sample(&unknown);
            assert!((pie.delay - expected).abs() < 1e-9);
        }
        pie.sample(&QueueSample { dequeued: 1, ..unknown });
        assert_eq!(pie.delay, 0.0);
        pie.sample(&unknown);
        assert!((pie.delay - 0.01).abs() < 1e-9);
        pie.sample(&QueueSample { queued: 0, ..unknown });
        assert_eq!(pie.delay, 0.0);
        pie.sample(&unknown);
        assert!((pie.delay - 0.01).abs() < 1e-9);
        pie.sample(&QueueSample { service: ServiceSample { pause: ms(70), ..unknown.service }, ..unknown });
        assert!((pie.delay - 0.07).abs() < 1e-9);
    }
}

mod burst {
    use super::*;

    #[test]
    fn is_let_through_for_150_ms_while_the_rate_moves() {
        let mut pie = Pie::new(rules());
        for _ in 0..=15 {
            let admission = pie.sample(&sample(30));
            assert_eq!((pie.drop_rate(), admission.drop_rate()), (0.0, 0.0));
            assert!(pie.rate > 0.0);
        }
        let admission = pie.sample(&sample(30));
        assert_eq!((pie.drop_rate(), admission.drop_rate()), (0.99, 0.99));
        assert_eq!(admission.expected_wait(0), Some(ms(150)));
    }

    #[test]
    fn begins_with_half_the_reference_delay() {
        for (last, queued, expected) in [(0.049, 9, false), (0.06, 10, true), (0.049, 0, false), (0.05, 0, true)] {
            let mut pie = Pie { burst: Burst::Out, ..at(last, 0.0) };
            pie.sample(&sample(queued));
            assert_eq!(pie.burst.is_in(), expected, "{last} s, {queued} queued");
        }
    }

    #[test]
    fn begins_with_any_rise_that_moves_the_rate() {
        // One work more, and 0.05·(0.05 − 1) + 1·0.05 = 0.0025; one that still waits does not.
        for (last, expected) in [(0.0, true), (0.005, false)] {
            let mut pie = Pie { burst: Burst::Out, ..at(last, 0.0) };
            pie.sample(&sample(1));
            assert_eq!(pie.burst.is_in(), expected, "{last} s");
        }
    }

    #[test]
    fn is_allowed_again_after_a_second_of_calm() {
        let mut pie = at(0.0, 0.0);
        (0..=100).for_each(|_| _ = pie.sample(&sample(0)));
        assert_eq!(pie.burst, Burst::GoingOut { calm: ms(1000) });
        pie.sample(&sample(0));
        assert_eq!(pie.burst, Burst::Out);
    }
}

/// The delay after each period, in a queue that obeys the law the gains are made for: ḋ = ρ(1 − p) − 1.
fn course(overload: f64, rules: PieRules, periods: usize) -> Vec<f64> {
    // So many works that rounding does not matter.
    let service = ServiceSample { leaving_rate: 1e8, ..twenty_slots() };
    let (mut pie, mut delay) = (Pie::new(rules), 0.0_f64);
    let step = |_| {
        delay = (delay + 0.01 * (overload * (1.0 - pie.drop_rate()) - 1.0)).max(0.0);
        pie.sample(&QueueSample { queued: (delay * 1e8) as usize, service, ..sample(0) });
        delay
    };
    (0..periods).map(step).collect()
}

#[test]
fn is_critically_damped_at_twice_the_capacity() {
    let delays = course(2.0, rules(), 500);
    let highest = delays.iter().copied().fold(0.0, f64::max);
    // What comes within a burst of 150 ms and the period it takes to see it.
    assert!((0.15..0.18).contains(&highest), "{highest}");
    // ω = √(2·0.05/(0.01·0.1)) = 10/s: after a second (10/ω) little is left, and it does not swing back.
    for (period, delay) in delays.iter().enumerate().skip(200) {
        assert!((delay - 0.1).abs() < 0.002, "{delay} after {period}");
    }
}

#[test]
fn with_the_damping_of_the_original_it_would_swing() {
    // ζ = b/2·√(ρT/(a·D)) = 0.02
    let undamped = PieRules { delay_trend_factor_base: 0.02, ..rules() };
    // From half a second on, when the default gains have settled.
    let delays = &course(2.0, undamped, 100)[50..];
    assert!(delays.iter().any(|&delay| delay < 0.03) && delays.iter().any(|&delay| delay > 0.17), "{delays:?}");
}

#[test]
fn holds_whatever_the_largest_rate_can() {
    // 90 times the capacity are 13 s of work in a burst of 150 ms, of which a rate of 0.99 drains 0.1 s in a second.
    let settled = |overload| course(overload, rules(), 20_000)[19_000..].to_vec();
    for overload in [1.2, 5.0, 10.0, 19.0] {
        assert!(settled(overload).iter().all(|delay| (delay - 0.1).abs() < 0.001), "{overload}");
    }
    // Beyond, the rate jumps between the largest and less with each sample.
    for overload in [30.0, 50.0, 90.0] {
        assert!(settled(overload).iter().all(|delay| (0.1..0.2).contains(delay)), "{overload}");
    }
}

#[test]
fn drops_evenly() {
    // The delay stays at 100 ms, and so does the rate.
    let admission = at(0.1, 0.5).sample(&sample(20));
    let decide = |draw| admission.decide(Applicant { queued: 20, class: 0, lean: 0.0, left: None }, || draw).is_ok();
    let course: Vec<_> = (0..1000).map(decide).collect();
    assert!(course.chunk_by(|a, b| a == b).all(|run| run.len() <= 2));
}

#[test]
fn wants_ten_samples_in_a_reference_delay() {
    let interval =
        |reference_delay| Pie::new(PieRules { reference_delay, ..rules() }).interval(Duration::from_millis(1));
    assert_eq!([ms(100), ms(1000), ms(2), ms(0)].map(interval), [ms(10), ms(100), ms(1), ms(1)]);
}

#[test]
fn is_at_rest_when_nothing_is_left_to_forget() {
    assert!(Pie::new(rules()).is_at_rest());
    for pie in [at(0.0, 0.0), Pie { burst: Burst::Out, ..at(0.1, 0.0) }, Pie { burst: Burst::Out, ..at(0.0, 0.1) }] {
        assert!(!pie.is_at_rest());
    }
}

proptest! {
    #[test]
    fn always_recovers(samples in prop::collection::vec(any_sample(), 0..100), reference in 0..300_u64) {
        let mut pie = Pie::new(PieRules { reference_delay: ms(reference), ..rules() });
        for sample in &samples {
            let admission = pie.sample(sample);
            prop_assert!((0.0..=LARGEST_RATE).contains(&pie.drop_rate()), "{pie:?}");
            prop_assert_eq!(admission.drop_rate(), pie.drop_rate());
            prop_assert!(admission.expected_wait(1).is_some());
        }
        // At most 20 periods to a rate of 0, and then the second of calm.
        for _ in 0..22 {
            pie.sample(&quiet(pie.period(), twenty_slots()));
        }
        pie.sample(&quiet(ms(1001), twenty_slots()));
        prop_assert!(pie.is_at_rest(), "{pie:?}");
    }
}

#[test]
fn explains_drops_and_bursts() {
    let mut pie = Pie::new(rules());
    let calm = pie.sample(&sample(0));
    assert_eq!(calm.explain(0).to_string(), "drops nothing: works wait 0 ms, 100 ms is the goal");
    assert!(!calm.is_burst());
    let burst = pie.sample(&sample(36));
    assert_eq!(
        burst.explain(36).to_string(),
        "drops nothing while a burst is let through: works wait 180 ms, 100 ms is the goal"
    );
    assert!(burst.is_burst());
    // 0.5 + 0.05·0.1 + 1·0.1
    let overload = at(0.1, 0.5).sample(&sample(22));
    assert_eq!(overload.explain(22).to_string(), "drops 60.5 % evenly spread: works wait 110 ms, 100 ms is the goal");
    assert!(!overload.is_burst());
}
