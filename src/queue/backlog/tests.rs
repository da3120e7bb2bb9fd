use std::sync::atomic::{AtomicUsize, Ordering};

use futures::task::{ArcWake, waker};

use super::*;
use crate::dispatcher::Rejection;
use crate::queue::{Excluded, Patience};

#[derive(Debug, PartialEq)]
struct Item(u32);

impl Waiting for Item {
    fn class(&self) -> usize {
        0
    }
    fn arrived(&mut self, _: Instant) {}
    fn sheds_at(&self) -> Option<Instant> {
        None
    }
    fn expires_at(&self, _: Patience) -> Option<Instant> {
        None
    }
    fn expire(self, _: Instant, _: Patience, _: f64) {}
    fn refuse(self, _: Rejection) {}
    fn waits_at(&mut self, _: u64) {}
    fn is_over(&self) -> bool {
        false
    }
    fn discard(self) {}
    fn excluded(&mut self) -> Option<&mut Excluded> {
        None
    }
}

/// A worker that only counts how often it is woken.
struct Worker {
    seat: Seat<Item>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Worker {
    fn pull(&self) -> Pull<Item> {
        self.seat.pull(&waker(Arc::clone(&self.woken)), Instant::now())
    }

    fn is_idle(&self) -> bool {
        matches!(self.pull(), Pull::Idle)
    }

    /// What it gets, which must be a work.
    fn gets(&self) -> (u32, bool) {
        match self.pull() {
            Pull::Work { work: Item(n), more } => (n, more),
            other => panic!("{other:?}"),
        }
    }
}

struct Fixture {
    backlog: Arc<Backlog<Item>>,
}

impl Fixture {
    fn new() -> Self {
        Fixture { backlog: Arc::new(Backlog::new(QueueOrder::Fifo)) }
    }

    /// An open pool with so many idle workers.
    fn pool(&self, limit: usize, workers: usize) -> (PoolKey, Vec<Worker>) {
        let pool = self.backlog.add_gate(limit, Arc::default());
        self.backlog.open(pool);
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                let seat = Seat::take(Arc::clone(&self.backlog), pool).unwrap();
                Worker { seat, woken: Arc::default() }
            })
            .collect();
        assert!(workers.iter().all(Worker::is_idle));
        (pool, workers)
    }

    fn arrive(&self, works: impl IntoIterator<Item = u32>) {
        let mut works = works.into_iter().map(Item).collect();
        self.backlog.append(&mut works, Instant::now()).unwrap();
    }
}

/// How often each has been woken.
fn woken(workers: &[Worker]) -> Vec<usize> {
    workers.iter().map(|worker| worker.woken.0.load(Ordering::Relaxed)).collect()
}

#[test]
fn one_wake_up_at_a_time_is_on_its_way_and_goes_from_worker_to_worker() {
    let fixture = Fixture::new();
    let (_, workers) = fixture.pool(3, 3);
    fixture.arrive([1, 2]);
    fixture.arrive([3, 4]);
    // The last to sit down is the first to be woken.
    assert_eq!(woken(&workers), [0, 0, 1]);
    assert_eq!(workers[2].gets(), (1, true));
    workers[2].seat.pass_on();
    workers[2].seat.pass_on();
    assert_eq!(woken(&workers), [0, 1, 1]);
    assert_eq!(workers[1].gets(), (2, true));
    workers[1].seat.pass_on();
    assert_eq!(workers[0].gets(), (3, true));
    // Nobody is left to be woken: whoever has finished takes the next.
    workers[0].seat.pass_on();
    assert_eq!(woken(&workers), [1, 1, 1]);
    assert_eq!(workers[1].gets(), (4, false));
    assert!(workers[2].is_idle());
}

#[test]
fn a_worker_that_is_polled_without_being_woken_takes_nothing_from_the_one_that_was() {
    let fixture = Fixture::new();
    let (_, workers) = fixture.pool(2, 2);
    fixture.arrive([1]);
    assert!(workers[0].is_idle());
    assert_eq!(workers[1].gets(), (1, false));
}

#[test]
fn a_worker_that_dies_hands_its_wake_up_on() {
    let fixture = Fixture::new();
    let (_, mut workers) = fixture.pool(3, 3);
    fixture.arrive([1]);
    drop(workers.pop());
    assert_eq!(woken(&workers), [0, 1]);
    drop(workers.pop());
    assert_eq!(woken(&workers), [1]);
    assert_eq!(workers[0].gets(), (1, false));
}

#[test]
fn a_worker_that_dies_busy_frees_its_slot_for_another() {
    let fixture = Fixture::new();
    let (_, mut workers) = fixture.pool(1, 2);
    fixture.arrive([1, 2]);
    assert_eq!(workers[1].gets(), (1, true));
    workers[1].seat.pass_on();
    assert_eq!(woken(&workers), [0, 1]);
    drop(workers.pop());
    assert_eq!(woken(&workers), [1]);
    assert_eq!(workers[0].gets(), (2, false));
}

#[test]
fn the_limit_gates_starts_and_a_higher_one_wakes() {
    let fixture = Fixture::new();
    let (pool, workers) = fixture.pool(2, 3);
    fixture.arrive([1, 2, 3, 4]);
    assert_eq!(workers[2].gets(), (1, true));
    workers[2].seat.pass_on();
    assert_eq!(workers[1].gets(), (2, true));
    workers[1].seat.pass_on();
    assert_eq!(woken(&workers), [0, 1, 1]);
    // A lower limit stops nobody, but who has finished starts nothing.
    fixture.backlog.set_limit(pool, 1);
    assert!(workers[2].is_idle());
    assert_eq!(fixture.backlog.view(pool).busy, 1);
    fixture.backlog.set_limit(pool, 2);
    assert_eq!(woken(&workers), [0, 1, 2]);
    assert_eq!(workers[2].gets(), (3, true));
    assert_eq!(workers[1].gets(), (4, false));
}

#[test]
fn a_held_gate_lets_nobody_in_before_the_longest_hold_is_over() {
    let fixture = Fixture::new();
    let (pool, workers) = fixture.pool(1, 1);
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    fixture.backlog.hold(pool, at(50));
    fixture.backlog.hold(pool, at(20));
    fixture.arrive([1]);
    assert_eq!(woken(&workers), [0]);
    fixture.backlog.resume(pool, at(20));
    assert!(fixture.backlog.view(pool).is_held);
    assert_eq!(woken(&workers), [0]);
    fixture.backlog.resume(pool, at(50));
    assert!(!fixture.backlog.view(pool).is_held);
    assert_eq!(woken(&workers), [1]);
    assert_eq!(workers[0].gets(), (1, false));
}

#[test]
fn a_worker_that_wakes_at_a_gate_that_was_shut_meanwhile_wakes_one_of_another() {
    let fixture = Fixture::new();
    let ((shut, first), (_, second)) = (fixture.pool(1, 1), fixture.pool(1, 1));
    fixture.arrive([1]);
    assert_eq!((woken(&first), woken(&second)), (vec![1], vec![0]));
    fixture.backlog.shut(shut);
    assert!(first[0].is_idle());
    assert_eq!(woken(&second), [1]);
    fixture.backlog.open(shut);
    assert_eq!(second[0].gets(), (1, false));
}

#[test]
fn an_ended_gate_sends_its_workers_home_and_is_forgotten_with_the_last() {
    let fixture = Fixture::new();
    let (pool, mut workers) = fixture.pool(2, 2);
    fixture.arrive([1, 2]);
    assert_eq!(workers[1].gets(), (1, true));
    fixture.backlog.end(pool);
    assert_eq!(woken(&workers), [1, 1]);
    assert!(matches!(workers[0].pull(), Pull::Leave));
    assert_eq!(fixture.backlog.view(pool).busy, 1);
    assert!(matches!(workers[1].pull(), Pull::Leave));
    workers.clear();
    assert_eq!(fixture.backlog.view(pool).workers, 0);
    assert!(Seat::take(Arc::clone(&fixture.backlog), pool).is_none());
    // What waited goes to whoever comes.
    assert_eq!(fixture.backlog.turn_away(Rejection::NoHandlers, Instant::now()), [Item(2)]);
}

#[test]
fn retired_workers_leave_and_are_those_idle_longest() {
    let fixture = Fixture::new();
    let (pool, workers) = fixture.pool(3, 3);
    fixture.backlog.retire(pool, 2);
    assert_eq!(woken(&workers), [1, 1, 0]);
    assert!(matches!(workers[0].pull(), Pull::Leave));
    assert!(matches!(workers[1].pull(), Pull::Leave));
    fixture.arrive([1]);
    assert_eq!(workers[2].gets(), (1, false));
}

#[test]
fn pools_take_turns() {
    let fixture = Fixture::new();
    let pools: Vec<_> = (0..3).map(|_| fixture.pool(2, 2).1).collect();
    let mut order = Vec::new();
    for n in 0..6 {
        fixture.arrive([n]);
        let is_awake = |worker: &Worker| worker.woken.0.swap(0, Ordering::Relaxed) > 0;
        let (pool, worker) = pools
            .iter()
            .enumerate()
            .find_map(|(index, workers)| Some((index, workers.iter().find(|worker| is_awake(worker))?)))
            .unwrap();
        assert_eq!(worker.gets(), (n, false));
        order.push(pool);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_closed_backlog_returns_what_comes_and_what_waits() {
    let fixture = Fixture::new();
    let (_, workers) = fixture.pool(1, 1);
    fixture.arrive([1, 2]);
    assert_eq!(workers[0].gets(), (1, true));
    assert_eq!(fixture.backlog.close(Instant::now()), [Item(2)]);
    let mut late = vec![Item(3)];
    assert_eq!(fixture.backlog.append(&mut late, Instant::now()), Err((vec![Item(3)], Rejection::ShuttingDown)));
    assert!(matches!(workers[0].pull(), Pull::Leave));
}

#[test]
fn the_time_in_which_works_wait_is_added_up() {
    let fixture = Fixture::new();
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    let backlog = &fixture.backlog;
    backlog.append(&mut vec![Item(1), Item(2)], at(10)).unwrap();
    backlog.append(&mut vec![Item(3)], at(20)).unwrap();
    assert_eq!(backlog.waited(at(25)), Duration::from_millis(15));
    assert_eq!(backlog.turn_away(Rejection::NoHandlers, at(30)).len(), 3);
    backlog.serve();
    assert_eq!(backlog.waited(at(90)), Duration::from_millis(20));
    backlog.append(&mut vec![Item(4)], at(100)).unwrap();
    assert_eq!(backlog.waited(at(105)), Duration::from_millis(25));
}

#[test]
fn works_are_turned_away_while_nobody_serves() {
    let fixture = Fixture::new();
    fixture.arrive([1]);
    let backlog = &fixture.backlog;
    assert_eq!(backlog.turn_away(Rejection::NoHandlers, Instant::now()), [Item(1)]);
    let refused = backlog.append(&mut vec![Item(2)], Instant::now());
    assert_eq!(refused, Err((vec![Item(2)], Rejection::NoHandlers)));
    backlog.serve();
    fixture.arrive([3]);
    // The end is for good.
    assert_eq!(backlog.close(Instant::now()), [Item(3)]);
    backlog.serve();
    backlog.turn_away(Rejection::NoHandlers, Instant::now());
    let refused = backlog.append(&mut vec![Item(4)], Instant::now());
    assert_eq!(refused, Err((vec![Item(4)], Rejection::ShuttingDown)));
}

#[test]
fn a_name_of_a_gate_that_is_gone_names_no_later_one() {
    let fixture = Fixture::new();
    let (old, workers) = fixture.pool(1, 1);
    fixture.backlog.end(old);
    drop(workers);
    let (_, workers) = fixture.pool(1, 1);
    fixture.backlog.end(old);
    fixture.backlog.shut(old);
    fixture.backlog.retire(old, 1);
    assert_eq!(fixture.backlog.view(old).workers, 0);
    fixture.arrive([1]);
    assert_eq!(workers[0].gets(), (1, false));
}

// ## Several threads

/// A pool on another thread, whose turn it is, and one on this.
fn on_two_threads(fixture: &Fixture) -> ((PoolKey, Vec<Worker>), (PoolKey, Vec<Worker>)) {
    let mine = fixture.pool(1, 1);
    let backlog = Arc::clone(&fixture.backlog);
    let theirs = std::thread::spawn(move || Fixture { backlog }.pool(1, 1)).join().unwrap();
    (theirs, mine)
}

#[test]
fn an_arrival_wakes_one_worker_of_each_thread_but_no_more_than_have_come() {
    let fixture = Fixture::new();
    let ((_, others), (_, mine)) = on_two_threads(&fixture);
    fixture.arrive([1]);
    assert_eq!((woken(&others), woken(&mine)), (vec![1], vec![0]));
    fixture.arrive([2]);
    assert_eq!((woken(&others), woken(&mine)), (vec![1], vec![1]));
}

#[test]
fn an_arrival_passes_over_a_thread_that_can_take_nothing() {
    let fixture = Fixture::new();
    let ((_, others), (_, mine)) = on_two_threads(&fixture);
    fixture.arrive([1]);
    assert_eq!(others[0].gets(), (1, false));
    for n in 2..6 {
        fixture.arrive([n]);
        assert_eq!(mine[0].woken.0.swap(0, Ordering::Relaxed), 1);
        assert_eq!(mine[0].gets(), (n, false));
        assert!(mine[0].is_idle());
    }
}

#[test]
fn a_wake_up_that_a_shut_gate_swallows_goes_to_another_thread() {
    let fixture = Fixture::new();
    let ((theirs, others), (_, mine)) = on_two_threads(&fixture);
    fixture.arrive([1]);
    fixture.backlog.shut(theirs);
    assert_eq!((woken(&others), woken(&mine)), (vec![1], vec![0]));
    assert!(others[0].is_idle());
    assert_eq!(woken(&mine), [1]);
}

#[test]
fn a_wake_up_of_a_worker_that_dies_goes_to_another_thread() {
    let fixture = Fixture::new();
    let ((_, others), (_, mine)) = on_two_threads(&fixture);
    fixture.arrive([1]);
    assert_eq!((woken(&others), woken(&mine)), (vec![1], vec![0]));
    drop(others);
    assert_eq!(woken(&mine), [1]);
}

#[test]
fn threads_that_have_no_gate_any_more_make_room_for_others() {
    let fixture = Fixture::new();
    for _ in 0..100 {
        let backlog = Arc::clone(&fixture.backlog);
        let (pool, workers) = std::thread::spawn(move || Fixture { backlog }.pool(1, 1)).join().unwrap();
        fixture.backlog.end(pool);
        drop(workers);
    }
    assert_eq!(fixture.backlog.state.lock().threads.len(), 1);
}
