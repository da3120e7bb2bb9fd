//! What a [`Plumb`] promises, on a service simple enough to calculate by hand.

mod bounds;
mod bunches;
mod check;
mod dips;
mod growth;
mod reasons;
mod sharing;
mod starved;
mod timeouts;

use super::mode::Check;
use super::window::Reading;
use super::*;

/// More answers than anything takes.
const MANY: usize = 100_000;

/// Slots with a fixed service time, kept busy: with n calls in flight each takes time·max(1, n/slots).
struct Service {
    slots: f64,
    time: f64,
    /// Of the time, by which it is shorter and longer in turns.
    spread: f64,
    now: Duration,
}

impl Service {
    fn new(slots: usize, time: f64) -> Self {
        Service { slots: slots as f64, time, spread: 0.0, now: Duration::from_secs(1_700_000_000) }
    }

    /// Ends one call while the limit is reached.
    fn answer(&mut self, plumb: &mut Plumb) -> Option<usize> {
        let in_flight = plumb.limit();
        self.answer_with(plumb, in_flight)
    }

    fn answer_with(&mut self, plumb: &mut Plumb, in_flight: usize) -> Option<usize> {
        self.spread = -self.spread;
        let process_time = (1.0 + self.spread) * self.time * (in_flight as f64 / self.slots).max(1.0);
        self.now += Duration::from_secs_f64(process_time / in_flight as f64);
        plumb.record(&Attempt {
            now: self.now,
            process_time: Duration::from_secs_f64(process_time),
            outcome: Outcome::Success,
            in_flight,
        })
    }

    /// Ends calls until the limit changes; tells how many and the new limit.
    fn answers_to_change(&mut self, plumb: &mut Plumb) -> (usize, usize) {
        let change = (1..MANY).find_map(|count| self.answer(plumb).map(|limit| (count, limit)));
        change.expect("the limit changes in the end")
    }

    /// Ends calls until it is so; tells how many.
    fn until(&mut self, plumb: &mut Plumb, is_so: impl Fn(&Plumb) -> bool) -> usize {
        for count in 0..MANY {
            if is_so(plumb) {
                return count;
            }
            self.answer(plumb);
        }
        panic!("not so after {MANY} answers: {plumb:?}");
    }

    fn run(&mut self, plumb: &mut Plumb, answers: usize) {
        for _ in 0..answers {
            self.answer(plumb);
        }
    }

    fn fail(&self, plumb: &mut Plumb, outcome: Outcome) -> Option<usize> {
        let (process_time, in_flight) = (Duration::from_secs(10), plumb.limit());
        plumb.record(&Attempt { now: self.now, process_time, outcome, in_flight })
    }
}

fn unbounded() -> Plumb {
    Plumb::new(20, 1, usize::MAX)
}

/// At the knee of a service, in a High window that the next answer ends.
fn settled(slots: usize, time: f64) -> (Plumb, Service) {
    settled_before(Service::new(slots, time))
}

fn settled_before(mut service: Service) -> (Plumb, Service) {
    let (mut plumb, slots) = (unbounded(), service.slots as usize);
    service.run(&mut plumb, 2000 + 800 * slots);
    service.until(&mut plumb, |plumb| plumb.mode == Mode::High && plumb.window.count() == plumb.window_length());
    (plumb, service)
}

#[track_caller]
fn assert_close(is: f64, expected: f64) {
    assert!((is - expected).abs() < 1e-6 * expected.abs().max(1.0), "{is} is not {expected}");
}

#[test]
fn settles_just_above_the_knee() {
    for slots in [1, 2, 3, 5, 20, 100] {
        let (plumb, _) = settled(slots, 0.1);
        assert_close(plumb.base.get().unwrap(), 0.1);
        // a real limit of knee + goal acts as a whole one: up to one slot more is queue
        let above = plumb.target - slots as f64;
        assert!((0.5 * plumb.goal()..plumb.goal() + 0.5).contains(&above), "{above} above {slots} slots");
    }
}

#[test]
fn goal_grows_with_the_fourth_root_of_the_limit() {
    let mut plumb = unbounded();
    // 0.3·√n·(20/n)^¼, and below 0.3·√n·0.3 for huge limits
    for (target, goal) in [(20.0, 0.3 * 20f64.sqrt()), (320.0, 0.15 * 320f64.sqrt()), (1e6, 90.0)] {
        plumb.target = target;
        assert_close(plumb.goal(), goal);
    }
}

#[test]
fn failures_and_cancelled_attempts_only_hold_slots() {
    let (mut plumb, service) = settled(20, 0.1);
    let before = plumb.window.read(plumb.scale.tau());
    for _ in 0..1000 {
        assert_eq!(service.fail(&mut plumb, Outcome::Failure), None);
        assert_eq!(service.fail(&mut plumb, Outcome::Cancelled), None);
    }
    assert_eq!(plumb.window.read(plumb.scale.tau()), before);
}

#[test]
fn small_changes_do_not_interrupt_measuring_and_large_ones_let_the_old_limit_pass() {
    let mut plumb = unbounded();
    (plumb.limit, plumb.intake) = (20, Intake::Measuring);
    plumb.target = 22.0; // 0.25·√22 + 1 = 2.17
    plumb.enter_high(Reason::Starting);
    assert_eq!((plumb.limit, plumb.intake), (22, Intake::Measuring));
    plumb.target = 26.0;
    plumb.enter_high(Reason::Starting);
    assert_eq!((plumb.limit, plumb.intake), (26, Intake::Skipping(22)));
}
