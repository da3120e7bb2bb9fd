use super::*;

#[test]
fn opens_it_when_closed() {
    let mut bench = Bench::new();
    bench.wait(secs(5));
    assert_eq!(bench.breaker.stalled(bench.now, at(0)), bench.opens(1000, Cause::Stalled), "in full");
}

#[test]
fn while_half_open_the_wait_of_the_probe_counts_as_open_time() {
    for (probe, waited, left) in [(0, 1000, 1000), (0, 1999, 1), (0, 2000, 0), (0, 60_000, 0), (500, 1000, 1500)] {
        let mut bench = Bench::half_open(0);
        let newest_start = bench.now + Duration::from_millis(probe);
        bench.wait(Duration::from_millis(waited));
        // The second opening lasts 2 s.
        assert_eq!(bench.breaker.stalled(bench.now, newest_start), bench.opens(left, Cause::Stalled));
    }
}

#[test]
fn a_start_in_the_future_counts_as_now() {
    let mut bench = Bench::half_open(0);
    assert_eq!(bench.breaker.stalled(bench.now, bench.now + secs(9)), bench.opens(2000, Cause::Stalled));
}

#[test]
fn a_service_that_hangs_gets_a_probe_each_longest_open_time() {
    let mut bench = Bench::new();
    bench.breaker.stalled(bench.now, bench.now);
    let mut probes = Vec::new();
    while probes.len() < 6 {
        bench.wait(QUICK);
        bench.breaker.open_time_over(bench.now);
        if bench.breaker.limit(LIMIT) == 1 {
            // It waits for a second in vain.
            probes.push((bench.now - at(0)).as_millis());
            let start = bench.now;
            bench.wait(secs(1));
            bench.breaker.stalled(bench.now, start);
        }
    }
    // After 1 s, then 2 s later, then every 3 s.
    assert_eq!(probes, [1000, 3000, 6000, 9000, 12_000, 15_000]);
}

#[test]
fn timeouts_of_what_was_stuck_are_not_counted() {
    let mut bench = Bench::new();
    bench.wait(secs(5));
    bench.breaker.stalled(bench.now, at(0));
    bench.wait(secs(1));
    bench.breaker.open_time_over(bench.now);
    (0..100).for_each(|_| assert_eq!(bench.end_after(Outcome::Timeout, secs(6)), None));
    assert_eq!(bench.end(Outcome::Success), Some(BreakerState::HalfOpen { step: 1 }));
}
