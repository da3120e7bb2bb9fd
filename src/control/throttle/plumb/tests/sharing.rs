//! Before a processor that all calls share alike, and whose times vary: the soft minimum hides most of the queue.

use super::*;

/// As many exponential times as are taken in turn, in an order without trend.
const TIMES: usize = 101;

/// Ends calls at the full limit: with n in flight each takes n/slots times as long, and `slots` are worked off at once.
pub(super) fn run(plumb: &mut Plumb, slots: f64, answers: usize) {
    let mut now = plumb.now.max(Duration::from_secs(1_700_000_000));
    for count in 0..answers {
        let in_flight = plumb.limit();
        let slowdown = (in_flight as f64 / slots).max(1.0);
        let rank = (count * 37 % TIMES) as f64 + 0.5;
        let process_time = 0.1 * slowdown * -(1.0 - rank / TIMES as f64).ln();
        now += Duration::from_secs_f64(0.1 * slowdown / in_flight as f64);
        plumb.record(&Attempt {
            now,
            process_time: Duration::from_secs_f64(process_time),
            outcome: Outcome::Success,
            in_flight,
        });
    }
}

#[test]
fn settles_just_above_the_knee() {
    for slots in [20.0, 100.0] {
        let mut plumb = unbounded();
        run(&mut plumb, slots, 1000 * slots as usize);
        assert!((slots..1.25 * slots).contains(&plumb.target), "{} before {slots}", plumb.target);
    }
}

#[test]
fn follows_a_processor_that_becomes_faster_or_slower() {
    let mut plumb = unbounded();
    run(&mut plumb, 20.0, 20_000);
    for slots in [40.0, 10.0, 20.0] {
        run(&mut plumb, slots, 1000 * slots as usize);
        assert!((slots - 1.0..1.3 * slots + 1.0).contains(&plumb.target), "{} before {slots}", plumb.target);
    }
}

#[test]
fn a_hidden_queue_makes_a_dip_reach_the_lowest_knee_that_may_be() {
    let mut plumb = unbounded();
    plumb.target = 26.0;
    plumb.limit = 26;
    let window = |in_flight: f64, slot_time: f64| Reading {
        count: 64.0,
        elapsed: 0.32,
        throughput: 200.0,
        in_flight,
        mean_time: slot_time,
        slot_time,
        variation: 1.0,
        soft_minimum: slot_time,
        scale_fits: true,
        full: true,
    };
    plumb.proof.learn_from_dip(&window(20.0, 0.1));
    plumb.proof.learn_from_full(&window(26.0, 0.13));
    // 200/s · 0.1 s, less 0.3·√26
    plumb.enter_low();
    assert_eq!(plumb.limit(), 18);
    // 20·(1 − 1.5·√(1/32)) = 14.7, less 0.3·√26
    plumb.queue_is_hidden = true;
    plumb.enter_low();
    assert_eq!(plumb.limit(), 13);
}
