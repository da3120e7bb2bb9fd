use proptest::prelude::*;

use super::*;
use crate::control::regulator::samples::{self, any_sample};
use crate::control::regulator::{Applicant, Explanation, Refusal};

const REFERENCE_DELAY: Duration = Duration::from_millis(100);
/// The class to which all times and places are meant.
const ORDINARY: u8 = 3;
const TICK: Duration = Duration::from_millis(10);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// 20 slots of 100 ms: 200 works per second.
fn twenty_slots() -> ServiceSample {
    service(20, 200.0, 100)
}

fn service(limit: usize, leaving_rate: f64, process_time: u64) -> ServiceSample {
    ServiceSample { limit, leaving_rate, process_time: Some(ms(process_time)), ..ServiceSample::default() }
}

fn quiet(service: ServiceSample) -> QueueSample {
    samples::quiet(Duration::ZERO, service)
}

/// A regulator that has seen work waiting for this long without a break, and its snapshot.
fn after_waiting(waiting: Duration, service: ServiceSample) -> (ExpectedWait, Admission) {
    let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
    let admission = regulator.sample(&QueueSample { elapsed: waiting, waiting, ..quiet(service) });
    (regulator, admission)
}

/// This law draws no numbers.
fn decide(admission: &Admission, queued: usize, class: u8, left: Option<Duration>) -> Result<(), Refusal> {
    admission.decide(Applicant { queued, class, lean: 0.0, left }, || unreachable!())
}

/// How many may be ahead of one more.
fn places(admission: &Admission, class: u8, left: Option<Duration>) -> usize {
    (0..1_000_000).find(|&queued| decide(admission, queued + 1, class, left).is_err()).unwrap()
}

fn refusal(admission: &Admission, queued: usize, left: Option<Duration>) -> Refusal {
    decide(admission, queued, ORDINARY, left).unwrap_err()
}

mod allowed_wait {
    use super::*;

    #[test]
    fn of_a_burst_is_half_the_room_graded_by_class() {
        let (_, admission) = after_waiting(Duration::ZERO, twenty_slots());
        // T = 1 s, room 0.9 s: 0.45 s at 200/s, × (1, 0.84, 0.68, 0.52, 0.36, 0.2)/0.52, up to 0.6 s
        let by_class = [0, 1, 2, 3, 4, 5].map(|class| places(&admission, class, None));
        assert_eq!(by_class, [120, 120, 117, 90, 62, 34]);
        assert_eq!(places(&admission, 255, None), 34);
        // the standing delay: 20 places
        let (_, admission) = after_waiting(ms(2000), twenty_slots());
        let by_class = [0, 1, 2, 3, 4, 5].map(|class| places(&admission, class, None));
        assert_eq!(by_class, [38, 32, 26, 20, 13, 7]);
    }

    #[test]
    fn sinks_to_the_standing_delay_within_two_seconds() {
        for (waiting, expected) in [(500, 90), (1000, 90), (1500, 55), (2000, 20), (60_000, 20)] {
            let (_, admission) = after_waiting(ms(waiting), twenty_slots());
            assert_eq!(places(&admission, ORDINARY, None), expected, "after {waiting} ms");
        }
    }

    #[test]
    fn is_sixteen_places_at_least_but_no_more_than_a_burst() {
        // 30/s: 100 ms would be 3 places
        let (_, admission) = after_waiting(ms(9000), service(3, 30.0, 100));
        assert_eq!(places(&admission, ORDINARY, None), 13, "0.45 s");
        let (_, admission) = after_waiting(ms(9000), service(8, 80.0, 100));
        assert_eq!(places(&admission, ORDINARY, None), 16);
        // with R = 1 s, T is 5 s, and a burst 2 s at 2/s
        let (_, admission) = after_waiting(ms(60_000), service(2, 2.0, 1000));
        assert_eq!(places(&admission, ORDINARY, None), 4);
    }

    #[test]
    fn of_the_impatient_is_half_of_what_they_have() {
        let (_, admission) = after_waiting(Duration::ZERO, twenty_slots());
        // 300 ms left: (300 − 100)/2 = 100 ms
        assert_eq!(places(&admission, ORDINARY, Some(ms(300))), 20);
        assert_eq!(places(&admission, 5, Some(ms(300))), 7);
        // 150 ms left: 25 ms
        assert_eq!(places(&admission, ORDINARY, Some(ms(150))), 5);
    }

    #[test]
    fn of_the_impatient_sinks_no_sooner() {
        let (_, admission) = after_waiting(ms(800), twenty_slots());
        // 500 ms left: (500 − 100)/2 = 200 ms
        assert_eq!(places(&admission, ORDINARY, Some(ms(500))), 40);
    }

    #[test]
    fn of_the_patient_does_not_let_bursts_last_longer() {
        let (_, calm) = after_waiting(Duration::ZERO, twenty_slots());
        // min(29.9 s, 1 s)/2
        assert_eq!(places(&calm, ORDINARY, Some(ms(30_000))), 100);
        let (_, overload) = after_waiting(ms(2000), twenty_slots());
        assert_eq!(places(&overload, ORDINARY, Some(ms(30_000))), 20);
    }

    #[test]
    fn of_a_burst_can_be_bounded() {
        let calm = |longest| ExpectedWait::new(REFERENCE_DELAY, Some(longest)).sample(&quiet(twenty_slots()));
        assert_eq!(places(&calm(ms(300)), ORDINARY, None), 60);
        assert_eq!(places(&calm(ms(9_000)), ORDINARY, None), 90, "half the room is enough");
        assert_eq!(places(&calm(Duration::ZERO), ORDINARY, None), 20, "no more than what stands");
    }

    #[test]
    fn counts_on_a_limit_that_doubles() {
        // 4 of 100 ms: 40/s, doubling within 200 ms
        let doubling = ServiceSample { doubling_time: Some(ms(200)), ..service(4, 40.0, 100) };
        let (_, admission) = after_waiting(Duration::ZERO, doubling);
        // 40·0.2/ln 2·(2^(0.45/0.2) − 1) = 43.36; at a steady 40/s it would be 18
        assert_eq!(places(&admission, ORDINARY, None), 43);
        // 0.2·log₂(1 + 24·ln 2/(40·0.2)) = 0.2·log₂(3.0794) = 324.53 ms
        let wait = admission.expected_wait(24).unwrap();
        assert_eq!(wait.as_micros(), 324_533);
        // after three doublings it is 320/s: 0.03 s, in which 40·0.01/ln 2·7 = 4.04 leave, and 0.42 s more
        let fast = ServiceSample { doubling_time: Some(ms(10)), ..service(4, 40.0, 100) };
        let (_, admission) = after_waiting(Duration::ZERO, fast);
        assert_eq!(places(&admission, ORDINARY, None), 138);
        assert_eq!(admission.expected_wait(138).unwrap().as_micros(), 448_626);
    }

    #[test]
    fn counts_a_pause_as_wait() {
        let paused = |pause| ServiceSample { pause: ms(pause), ..twenty_slots() };
        let (_, admission) = after_waiting(Duration::ZERO, paused(200));
        assert_eq!(places(&admission, ORDINARY, None), 50, "0.45 s − 0.2 s");
        let (_, admission) = after_waiting(Duration::ZERO, paused(1000));
        assert_eq!(places(&admission, ORDINARY, None), 0, "only an empty queue takes one");
        assert!(
            matches!(refusal(&admission, 20, None), Refusal::OverCapacity { expected_wait, .. } if expected_wait == ms(1100))
        );
    }

    #[test]
    fn is_unknown_at_first_and_the_limit_and_sixty_four_may_wait() {
        let unknown = ServiceSample { limit: 5, ..ServiceSample::default() };
        let (_, sampled) = after_waiting(ms(9000), unknown);
        for admission in [Admission::starting(REFERENCE_DELAY, 5), sampled] {
            assert_eq!(places(&admission, ORDINARY, None), 68);
            assert_eq!(places(&admission, 5, None), 68);
            assert_eq!(places(&admission, ORDINARY, Some(ms(1))), 68);
        }
    }

    #[test]
    fn of_nearly_instant_services_is_huge() {
        let (_, admission) = after_waiting(
            ms(9000),
            ServiceSample { process_time: Some(Duration::from_micros(1)), ..service(20, 20e6, 0) },
        );
        assert!(decide(&admission, 1_999_999, 0, None).is_ok());
        let (_, admission) = after_waiting(ms(9000), service(20, f64::INFINITY, 0));
        assert!(decide(&admission, usize::MAX, 5, None).is_ok());
    }
}

mod explanation {
    use super::*;

    #[test]
    fn tells_what_may_wait_and_what_one_that_came_now_would() {
        let (_, calm) = after_waiting(Duration::ZERO, twenty_slots());
        let expected = "lets in what waits no longer than 450 ms; one that came now would wait 45 ms; with every slot \
                        taken 200 works would leave each second";
        assert_eq!(calm.explain(9).to_string(), expected);
        let (_, overload) = after_waiting(ms(2000), twenty_slots());
        let expected = "lets in what waits no longer than 100 ms; one that came now would wait 105 ms; with every slot \
                        taken 200 works would leave each second";
        assert_eq!(overload.explain(21).to_string(), expected);
    }

    #[test]
    fn tells_how_many_may_wait_while_no_process_time_is_known() {
        let unknown = ServiceSample { limit: 5, ..ServiceSample::default() };
        let expected = "no process time is known yet: lets in up to 69 works";
        for admission in [Admission::starting(REFERENCE_DELAY, 5), after_waiting(ms(500), unknown).1] {
            assert_eq!(admission.explain(7).to_string(), expected);
            assert!(!admission.is_burst());
        }
    }

    #[test]
    fn tells_what_makes_the_wait_other_than_the_rate_does() {
        let doubling = ServiceSample { doubling_time: Some(ms(200)), ..service(4, 40.0, 100) };
        let (_, admission) = after_waiting(Duration::ZERO, doubling);
        let expected = "lets in what waits no longer than 450 ms; one that came now would wait 325 ms; with every slot \
                        taken 40 works would leave each second, soon more";
        assert_eq!(admission.explain(24).to_string(), expected);
        let (_, held) = after_waiting(Duration::ZERO, ServiceSample { pause: ms(1000), ..twenty_slots() });
        let expected = "lets in what waits no longer than 450 ms; one that came now would wait 1.1 s, for no handler takes \
                        work for 1 s; with every slot taken 200 works would leave each second";
        assert_eq!(held.explain(20).to_string(), expected);
    }

    #[test]
    fn a_burst_is_on_while_works_wait_and_none_is_refused_until_it_is_an_overload() {
        let is_burst = |waiting| after_waiting(ms(waiting), twenty_slots()).1.is_burst();
        assert_eq!([0, 1, 1999, 2000, 60_000].map(is_burst), [false, true, true, false, false]);
        let (mut regulator, admission) = after_waiting(ms(500), twenty_slots());
        assert!(admission.explain(0).to_string().ends_with("; a burst is let through"));
        // one of eight refused
        let refusing = QueueSample { elapsed: TICK, waiting: TICK, arrived: 8, refused: 1, ..quiet(twenty_slots()) };
        let admission = regulator.sample(&refusing);
        assert!(!admission.is_burst());
        assert!(admission.explain(0).to_string().ends_with("each second; 12.5 % were refused lately"));
        // calm makes up for it: four times as fast
        let (mut regulator, _) = after_waiting(ms(500), twenty_slots());
        let calm = |elapsed| QueueSample { elapsed, ..quiet(twenty_slots()) };
        assert!(regulator.sample(&calm(ms(124))).is_burst());
        assert!(!regulator.sample(&calm(ms(2))).is_burst());
    }

    #[test]
    fn without_a_handler_everything_is_let_in() {
        let expected = "lets everything in: no handler to regulate for, or back-pressure is off";
        assert_eq!(Admission::open().explain(7).to_string(), expected);
        assert!(!Admission::open().is_burst());
    }

    #[test]
    fn is_small() {
        assert!(size_of::<Explanation>() <= 80, "{}", size_of::<Explanation>());
    }
}

mod standing_delay {
    use super::*;

    #[test]
    fn is_a_quarter_of_the_room_up_to_the_reference_delay() {
        let (_, admission) = after_waiting(Duration::ZERO, twenty_slots());
        for (left, expected) in [(30_000, 100), (500, 100), (300, 50), (100, 0), (0, 0)] {
            assert_eq!(admission.standing_delay(ms(left)), ms(expected), "{left} ms left");
        }
    }

    #[test]
    fn moves_as_with_each_arrival() {
        let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
        assert_eq!(regulator.standing, 0.1);
        // 30 of 40 arrivals bring 20 ms each: a mean of (30·20 + 10·100)/40 = 40 ms
        let sample = QueueSample { arrived: 40, with_deadline: 30, standing_delays: ms(600), ..quiet(twenty_slots()) };
        let mut one_by_one = 0.1;
        for _ in 0..5 {
            regulator.sample(&sample);
            (0..40).for_each(|_| one_by_one += (0.04 - one_by_one) / 200.0);
            assert!((regulator.standing - one_by_one).abs() < 1e-12);
        }
    }

    #[test]
    fn learnt_from_the_impatient_holds_for_all() {
        let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
        // 2000/s, so that 20 places are but 10 ms
        let fast = service(200, 2000.0, 100);
        let sample = QueueSample {
            elapsed: ms(9000),
            waiting: ms(9000),
            arrived: 100_000,
            with_deadline: 100_000,
            standing_delays: ms(30) * 100_000,
            ..quiet(fast)
        };
        assert_eq!(places(&regulator.sample(&sample), ORDINARY, None), 60);
    }

    #[test]
    fn without_arrivals_it_stays() {
        let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
        regulator.sample(&quiet(twenty_slots()));
        assert_eq!(regulator.standing, 0.1);
    }
}

mod overload {
    use super::*;

    fn tick(regulator: &mut ExpectedWait, waiting: Duration) -> f64 {
        regulator.sample(&QueueSample { elapsed: TICK, waiting, ..quiet(twenty_slots()) });
        regulator.over
    }

    #[test]
    fn grows_while_work_waits_and_shrinks_four_times_as_fast() {
        let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
        for _ in 0..100 {
            tick(&mut regulator, TICK);
        }
        assert!((regulator.over - 1.0).abs() < 1e-9);
        // 8 ms in which none waits take away 32
        assert!((tick(&mut regulator, ms(2)) - (1.0 + 0.002 - 0.032)).abs() < 1e-9);
        for _ in 0..10 {
            tick(&mut regulator, Duration::ZERO);
        }
        assert!((regulator.over - 0.57).abs() < 1e-9);
    }

    #[test]
    fn never_exceeds_two_horizons_nor_falls_below_none() {
        let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
        for _ in 0..1000 {
            tick(&mut regulator, TICK);
        }
        assert_eq!(regulator.over, 2.0);
        let idle = QueueSample { elapsed: ms(60_000), ..quiet(twenty_slots()) };
        regulator.sample(&idle);
        assert_eq!(regulator.over, 0.0);
    }

    #[test]
    fn may_last_five_process_times() {
        let (regulator, _) = after_waiting(ms(60_000), service(2, 1.0, 2000));
        assert_eq!(regulator.over, 20.0);
    }
}

mod refusals {
    use super::*;

    #[test]
    fn tell_the_expected_wait_and_the_drop_rate() {
        let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
        let sample = QueueSample { elapsed: TICK, arrived: 8, refused: 2, ..quiet(twenty_slots()) };
        let admission = regulator.sample(&sample);
        assert_eq!(regulator.drop_rate(), 0.25);
        assert_eq!(refusal(&admission, 120, None), Refusal::OverCapacity { expected_wait: ms(600), drop_rate: 0.25 });
    }

    #[test]
    fn a_deadline_is_told_from_a_lack_of_capacity() {
        let (_, admission) = after_waiting(ms(2000), twenty_slots());
        // 40 wait for 200 ms, and 100 more to be served
        let too_late = Refusal::DeadlineCannotBeMet { left: ms(299), expected: ms(300) };
        assert_eq!(refusal(&admission, 40, Some(ms(299))), too_late);
        assert!(matches!(refusal(&admission, 40, Some(ms(301))), Refusal::OverCapacity { .. }));
    }

    #[test]
    fn an_empty_queue_refuses_only_what_is_past_its_deadline() {
        let held = ServiceSample { pause: ms(60_000), ..twenty_slots() };
        for service in [twenty_slots(), held, ServiceSample::default()] {
            let (_, admission) = after_waiting(ms(9000), service);
            for class in 0..6 {
                for left in [None, Some(ms(1))] {
                    assert_eq!(decide(&admission, 0, class, left), Ok(()));
                }
            }
            assert!(matches!(refusal(&admission, 0, Some(ms(0))), Refusal::DeadlineCannotBeMet { .. }));
        }
    }

    #[test]
    fn none_when_open_but_of_what_is_past_its_deadline() {
        let admission = Admission::open();
        for left in [None, Some(ms(1))] {
            assert_eq!(decide(&admission, usize::MAX, 5, left), Ok(()));
        }
        assert!(matches!(refusal(&admission, 0, Some(ms(0))), Refusal::DeadlineCannotBeMet { .. }));
        assert_eq!(admission.longest_wait(None), None);
        assert_eq!(admission.longest_wait(Some(ms(10))), None);
    }

    #[test]
    fn of_what_waited_for_six_tenths_of_its_time() {
        let (_, admission) = after_waiting(Duration::ZERO, twenty_slots());
        assert_eq!(admission.longest_wait(None), Some(ms(600)));
        assert_eq!(admission.longest_wait(Some(ms(250))), Some(ms(150)));
        let (_, admission) = after_waiting(Duration::ZERO, service(2, 1.0, 2000));
        assert_eq!(admission.longest_wait(None), Some(ms(6000)));
    }
}

proptest! {
    #[test]
    fn more_ahead_or_a_worse_class_never_helps(
        samples in prop::collection::vec(any_sample(), 0..8),
        queued in prop_oneof![0..300_usize, any::<usize>()],
        more in prop_oneof![0..300_usize, any::<usize>()],
        class in any::<u8>(),
        worse in 0..6_u8,
        left in prop::option::of((0..10_000_000_000_u64).prop_map(Duration::from_nanos)),
    ) {
        let mut regulator = ExpectedWait::new(REFERENCE_DELAY, None);
        let mut admission = Admission::starting(REFERENCE_DELAY, 3);
        for sample in &samples {
            admission = regulator.sample(sample);
            prop_assert!((0.0..=1.0).contains(&regulator.drop_rate()), "{regulator:?}");
            prop_assert!(regulator.standing.is_finite() && regulator.over.is_finite(), "{regulator:?}");
        }
        let decision = |queued, class| decide(&admission, queued, class, left);
        if decision(queued, class).is_err() {
            prop_assert!(decision(queued.saturating_add(more), class).is_err());
            prop_assert!(decision(queued, class.saturating_add(worse)).is_err());
        }
        if let Err(Refusal::DeadlineCannotBeMet { left: told, .. }) = decision(queued, class) {
            prop_assert_eq!(Some(told), left);
        }
        admission.longest_wait(left);
        prop_assert!(admission.standing_delay(left.unwrap_or_default()) <= REFERENCE_DELAY);
    }
}

#[test]
fn wants_ten_samples_in_a_reference_delay() {
    let interval = |update_interval| ExpectedWait::new(REFERENCE_DELAY, None).interval(update_interval);
    assert_eq!([ms(500), ms(3)].map(interval), [ms(10), ms(3)]);
}

#[test]
fn is_at_rest_when_overload_and_refusals_are_forgotten() {
    let (mut regulator, _) = after_waiting(ms(500), twenty_slots());
    assert!(!regulator.is_at_rest());
    let calm = |elapsed| QueueSample { elapsed, ..quiet(twenty_slots()) };
    regulator.sample(&calm(ms(100)));
    assert!(!regulator.is_at_rest());
    // Calm counts four times.
    regulator.sample(&calm(ms(26)));
    assert!(regulator.is_at_rest());
    regulator.sample(&QueueSample { arrived: 4, refused: 1, ..calm(TICK) });
    assert!(!regulator.is_at_rest());
    regulator.sample(&calm(ms(10_000)));
    assert!(regulator.is_at_rest());
}
