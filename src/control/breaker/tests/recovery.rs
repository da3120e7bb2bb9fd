use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    End { outcome: Outcome, process_time: Duration, limit: usize },
    Stall { waited: Duration },
    TimeOver,
    Wait(Duration),
}

fn any_time() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), (0..20_000_u64).prop_map(Duration::from_millis)]
}

fn any_event() -> impl Strategy<Value = Event> {
    use Outcome::{Cancelled, Failure, Success, Timeout};
    let outcome = prop_oneof![Just(Success), Just(Failure), Just(Timeout), Just(Cancelled)];
    let limit = prop_oneof![Just(0), 1..300_usize];
    prop_oneof![
        8 => (outcome, any_time(), limit).prop_map(|(outcome, process_time, limit)| Event::End { outcome, process_time, limit }),
        1 => any_time().prop_map(|waited| Event::Stall { waited }),
        2 => Just(Event::TimeOver),
        2 => (0..2000_u64).prop_map(|milliseconds| Event::Wait(Duration::from_millis(milliseconds))),
    ]
}

fn any_rules() -> impl Strategy<Value = BreakerRules> {
    let share = || prop_oneof![Just(0.0), Just(1.0), Just(f64::NAN), 0.0..1.0];
    let slow = prop::option::of(Just(secs(1)));
    (0..5_u32, 0..5_u32, share(), share(), 0..30_u32, slow).prop_map(
        |(timeouts, factor, errors, slow_calls, minimum_calls, slow_call_duration)| BreakerRules {
            timeout_count_threshold: timeouts,
            max_open_factor: factor,
            error_rate_threshold: errors,
            slow_call_rate_threshold: slow_calls,
            minimum_calls,
            slow_call_duration,
            ..BreakerRules::default()
        },
    )
}

proptest! {
    #[test]
    fn is_always_possible(rules in any_rules(), events in prop::collection::vec(any_event(), 0..200), limit in 1..300_usize) {
        let mut bench = Bench::with(rules);
        let longest = rules.open_duration_base * rules.max_open_factor.max(1);
        for event in events {
            let before = bench.breaker.state();
            let change = match event {
                Event::End { outcome, process_time, limit } => {
                    bench.breaker.record(&Attempt { now: bench.now, process_time, outcome, in_flight: 1 }, limit)
                }
                Event::Stall { waited } => {
                    let newest_start = bench.now.checked_sub(waited).unwrap_or(Duration::MAX);
                    bench.breaker.stalled(bench.now, newest_start)
                }
                Event::TimeOver => bench.breaker.open_time_over(bench.now),
                Event::Wait(time) => {
                    bench.wait(time);
                    None
                }
            };
            prop_assert_eq!(change, (bench.breaker.state() != before).then_some(bench.breaker.state()));
            if let Some(BreakerState::Open { until, .. }) = change {
                prop_assert!(bench.now <= until && until <= bench.now + longest, "{:?}", bench);
            }
            let is_open = matches!(bench.breaker.state(), BreakerState::Open { .. });
            prop_assert_eq!(bench.breaker.limit(limit) == 0, is_open);
            prop_assert!(bench.breaker.limit(limit) <= limit);
        }
        bench.wait(longest);
        bench.breaker.open_time_over(bench.now);
        // Each step takes its share of the limit, rounded up: at most 1.31 limits and 3 more.
        let enough = (limit * 131).div_ceil(100) + 3;
        for _ in 0..enough {
            bench.breaker.record(
                &Attempt { now: bench.now, process_time: QUICK, outcome: Outcome::Success, in_flight: 1 },
                limit,
            );
        }
        prop_assert_eq!(bench.breaker.state(), BreakerState::Closed);
    }
}
