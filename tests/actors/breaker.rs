//! The circuit breaker in front of each handler.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use kanaloa::config::{CircuitBreakerSettings, DispatcherSettings};
use kanaloa::{
    CallContext, CallError, CircuitState, DispatcherHandle, Handler, IntoHandler, PoolState, PushingDispatcher, Reply,
    Timeout, Work, handler_fn,
};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::support::*;

type Dispatcher = DispatcherHandle<Ask, (), ()>;

/// What a service is asked for.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Answer(u64),
    Fail(u64),
    Hang,
}

use Ask::{Answer, Fail, Hang};

/// A dispatcher in front of a service that does as it is asked.
fn obedient(settings: DispatcherSettings) -> Dispatcher {
    let service = handler_fn("obedient", |ask: Ask| async move {
        match ask {
            Answer(after) => {
                sleep_ms(after).await;
                Ok(())
            }
            Fail(after) => {
                sleep_ms(after).await;
                Err(())
            }
            Hang => pending().await,
        }
    });
    PushingDispatcher::builder("obedient").settings(settings).handler(service).start().unwrap()
}

fn settings(limit: usize, change: impl FnOnce(&mut CircuitBreakerSettings)) -> DispatcherSettings {
    let mut settings = fixed_and_open(limit);
    settings.work.service_timeout = ms(100);
    change(settings.circuit_breaker.as_mut().unwrap());
    settings
}

async fn circuit(handle: &Dispatcher) -> CircuitState {
    status(handle).await.pools[0].circuit
}

async fn opened(handle: &Dispatcher) -> u64 {
    status(handle).await.pools[0].circuit_opened
}

/// Calls one after the other.
async fn calls(handle: &Dispatcher, asks: impl IntoIterator<Item = Ask>) {
    for ask in asks {
        let _ = handle.call(ask).await;
    }
}

/// How long the next call waits for the circuit breaker.
async fn wait_of_next(handle: &Dispatcher) -> u64 {
    let start = Instant::now();
    assert_eq!(handle.call(Answer(0)).await, Ok(()));
    elapsed_ms(start)
}

// ## Closed => Open

#[test]
fn more_timeouts_in_a_row_than_the_threshold_open_it() {
    virtual_time(async {
        for threshold in [3, 5] {
            let handle = obedient(settings(1, |breaker| breaker.timeout_count_threshold = threshold));
            calls(&handle, (0..threshold).map(|_| Hang)).await;
            assert_eq!(circuit(&handle).await, CircuitState::Closed);
            // Any reply ends the row.
            calls(&handle, [Fail(1)]).await;
            calls(&handle, (0..threshold).map(|_| Hang)).await;
            assert_eq!(circuit(&handle).await, CircuitState::Closed);
            calls(&handle, [Hang]).await;
            let status = status(&handle).await;
            assert_eq!((status.pools[0].circuit, &status.pools[0].state), (CircuitState::Open, &PoolState::Held));
            assert_eq!(wait_of_next(&handle).await, 1_000);
        }
    });
}

#[test]
fn a_share_of_failures_above_the_threshold_opens_it() {
    virtual_time(async {
        // 6 of 20 are more than a quarter and less than a third. Each takes as long as any other.
        let mix = || (0..20).map(|n| if n >= 14 { Fail(1) } else { Answer(1) });
        for (threshold, opens) in [(0.25, 1), (1.0 / 3.0, 0), (1.0, 0)] {
            let handle = obedient(settings(1, |breaker| breaker.error_rate_threshold = threshold));
            calls(&handle, mix()).await;
            assert_eq!(opened(&handle).await, opens, "{threshold}");
        }
        let handle = obedient(settings(1, |breaker| breaker.error_rate_threshold = 1.0));
        calls(&handle, (0..100).map(|_| Fail(1))).await;
        assert_eq!(opened(&handle).await, 0);
    });
}

#[test]
fn few_calls_have_no_share() {
    virtual_time(async {
        for (minimum, before) in [(20, 19), (7, 6)] {
            let handle = obedient(settings(1, |breaker| breaker.minimum_calls = minimum));
            calls(&handle, (0..before).map(|_| Fail(1))).await;
            assert_eq!(circuit(&handle).await, CircuitState::Closed);
            calls(&handle, [Fail(1)]).await;
            assert_eq!(circuit(&handle).await, CircuitState::Open);
        }
    });
}

#[test]
fn calls_from_before_the_window_do_not_count() {
    virtual_time(async {
        for (window, opens) in [(10_000, 1), (2_000, 0)] {
            let handle = obedient(settings(1, |breaker| breaker.window = ms(window)));
            calls(&handle, (0..15).map(|_| Fail(1))).await;
            sleep_ms(5_000).await;
            calls(&handle, (0..5).map(|_| Fail(1))).await;
            assert_eq!(opened(&handle).await, opens);
        }
    });
}

#[test]
fn a_share_of_slow_calls_above_the_threshold_opens_it() {
    virtual_time(async {
        let mix = || (0..20).map(|n| Answer(if n >= 14 { 50 } else { 5 }));
        let slow = |duration, threshold| {
            move |breaker: &mut CircuitBreakerSettings| {
                breaker.slow_call_duration = duration;
                breaker.slow_call_rate_threshold = threshold;
            }
        };
        let cases = [(Some(ms(20)), 0.25, 1), (Some(ms(20)), 1.0 / 3.0, 0), (Some(ms(60)), 0.25, 0), (None, 0.25, 0)];
        for (duration, threshold, opens) in cases {
            let handle = obedient(settings(1, slow(duration, threshold)));
            calls(&handle, mix()).await;
            assert_eq!(opened(&handle).await, opens, "{duration:?} {threshold}");
        }
    });
}

#[test]
fn when_it_is_off_nothing_opens_it() {
    virtual_time(async {
        let mut settings = settings(1, |_| {});
        settings.circuit_breaker = None;
        let handle = obedient(settings);
        calls(&handle, (0..30).map(|_| Hang)).await;
        calls(&handle, (0..30).map(|_| Fail(1))).await;
        assert_eq!((opened(&handle).await, wait_of_next(&handle).await), (0, 0));
    });
}

// ## Open => HalfOpen => Open | Closed

#[test]
fn the_open_time_grows_up_to_the_factor() {
    virtual_time(async {
        for (base, factor, expected) in [(1_000, 3, [1_000, 2_000, 3_000, 3_000]), (500, 2, [500, 1_000, 1_000, 1_000])]
        {
            let handle = obedient(settings(1, |breaker| {
                breaker.open_duration_base = ms(base);
                breaker.max_open_factor = factor;
            }));
            calls(&handle, [Hang, Hang, Hang]).await;
            let start = Instant::now();
            let mut waits = Vec::new();
            // The fourth opens it, and so does each that follows: a single probe decides.
            calls(&handle, [Hang]).await;
            let mut last = elapsed_ms(start);
            for _ in 0..4 {
                calls(&handle, [Hang]).await;
                // Each of them hangs for its 100 ms.
                waits.push(elapsed_ms(start) - last - 100);
                last = elapsed_ms(start);
            }
            assert_eq!(waits, expected);
            assert_eq!(opened(&handle).await, 5);
        }
    });
}

#[test]
fn once_closed_the_open_time_begins_anew() {
    virtual_time(async {
        let handle = obedient(settings(1, |_| {}));
        for _ in 0..3 {
            calls(&handle, [Hang, Hang, Hang, Hang]).await;
            assert_eq!(wait_of_next(&handle).await, 1_000);
            // With one slot each of the four steps takes one success.
            calls(&handle, (0..3).map(|_| Answer(1))).await;
            assert_eq!(circuit(&handle).await, CircuitState::Closed);
        }
    });
}

#[test]
fn it_lets_a_share_of_the_limit_through_that_grows_with_success() {
    virtual_time(async {
        let mut settings = settings(40, |breaker| breaker.timeout_count_threshold = 1);
        settings.work.service_timeout = ms(10_000);
        let handle = obedient(settings);
        let _hanging: Vec<_> = (0..40).map(|_| handle.call(Hang)).collect();
        // Forty that are stuck.
        sleep_ms(1_000).await;
        assert_eq!(circuit(&handle).await, CircuitState::Open);
        let _calls: Vec<_> = (0..500).map(|_| handle.call(Answer(100))).collect();
        sleep_ms(1_010).await;
        let mut busy = Vec::new();
        // 1, 5, 25, 100 % of 40, each after as many successes.
        for _ in 0..8 {
            let pool = status(&handle).await.pools.remove(0);
            busy.push(pool.busy - pool.stuck);
            sleep_ms(100).await;
        }
        assert_eq!(busy, [1, 2, 10, 40, 40, 40, 40, 40]);
        assert_eq!(circuit(&handle).await, CircuitState::Closed);
        assert_eq!(opened(&handle).await, 1);
    });
}

#[test]
fn a_probe_that_fails_opens_it_again() {
    virtual_time(async {
        let handle = obedient(settings(1, |_| {}));
        calls(&handle, [Hang, Hang, Hang, Hang]).await;
        let start = Instant::now();
        calls(&handle, [Fail(1)]).await;
        assert_eq!((elapsed_ms(start), circuit(&handle).await), (1_001, CircuitState::Open));
        assert_eq!(wait_of_next(&handle).await, 2_000);
    });
}

#[test]
fn callers_that_leave_say_nothing() {
    virtual_time(async {
        let handle = obedient(settings(1, |_| {}));
        for _ in 0..50 {
            let _ = tokio::time::timeout(ms(10), handle.call(Hang)).await;
        }
        assert_eq!(opened(&handle).await, 0);
    });
}

#[test]
fn each_handler_has_its_own() {
    virtual_time(async {
        let service = |name: &'static str| {
            handler_fn(name, move |ask: Ask| async move {
                match ask {
                    Hang if name == "bad" => pending().await,
                    _ => {
                        sleep_ms(1).await;
                        Ok::<_, ()>(())
                    }
                }
            })
        };
        let mut settings = settings(1, |breaker| breaker.timeout_count_threshold = 0);
        settings.work.service_timeout = ms(50);
        let builder = PushingDispatcher::<Ask, (), ()>::builder("two").settings(settings);
        let handle = builder.handler(service("bad")).handler(service("good")).start().unwrap();
        let answers = join_all((0..2).map(|_| handle.call(Hang))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
        let pools = status(&handle).await.pools;
        assert_eq!([pools[0].circuit, pools[1].circuit], [CircuitState::Open, CircuitState::Closed]);
        // What comes meanwhile is served by the other, at once.
        let start = Instant::now();
        assert!(join_all((0..100).map(|_| handle.call(Hang))).await.iter().all(Result::is_ok));
        assert_eq!(elapsed_ms(start), 100);
    });
}

// ## Stalled

#[test]
fn a_handler_that_answers_nothing_is_found_long_before_the_timeout() {
    virtual_time(async {
        let mut settings = settings(2, |_| {});
        settings.work.service_timeout = ms(60_000);
        let handle = obedient(settings);
        calls(&handle, [Answer(10), Answer(10)]).await;
        let _stuck = [handle.call(Hang), handle.call(Hang)];
        // Five process times are less than the second that is the least.
        sleep_ms(999).await;
        assert_eq!(circuit(&handle).await, CircuitState::Closed);
        sleep_ms(1).await;
        assert_eq!(circuit(&handle).await, CircuitState::Open);
        let workers = handle.workers("obedient").await.unwrap().unwrap();
        assert_eq!(workers.iter().filter(|worker| worker.is_stuck && worker.busy_for == Some(ms(1_000))).count(), 2);
        // A probe goes out on top of what is stuck, and its success brings more.
        assert_eq!(wait_of_next(&handle).await, 1_000);
        calls(&handle, (0..4).map(|_| Answer(1))).await;
        let pool = status(&handle).await.pools.remove(0);
        assert_eq!((pool.circuit, pool.busy, pool.stuck), (CircuitState::Closed, 2, 2));
        let start = Instant::now();
        assert!(join_all((0..10).map(|_| handle.call(Answer(100)))).await.iter().all(Result::is_ok));
        assert_eq!(elapsed_ms(start), 500);
    });
}

#[test]
fn a_slow_service_is_given_five_process_times() {
    virtual_time(async {
        let mut settings = settings(2, |_| {});
        settings.work.service_timeout = ms(60_000);
        let handle = obedient(settings);
        calls(&handle, [Answer(1_000), Answer(1_000)]).await;
        let _stuck = [handle.call(Hang), handle.call(Hang)];
        sleep_ms(4_999).await;
        assert_eq!(circuit(&handle).await, CircuitState::Closed);
        sleep_ms(1).await;
        assert_eq!(circuit(&handle).await, CircuitState::Open);
    });
}

#[test]
fn a_handler_that_has_never_answered_is_given_a_tenth_of_the_timeout() {
    virtual_time(async {
        let mut settings = settings(2, |_| {});
        settings.work.service_timeout = ms(60_000);
        let handle = obedient(settings);
        let _stuck = [handle.call(Hang), handle.call(Hang)];
        sleep_ms(5_999).await;
        assert_eq!(circuit(&handle).await, CircuitState::Closed);
        sleep_ms(1).await;
        assert_eq!(circuit(&handle).await, CircuitState::Open);
        assert_eq!(wait_of_next(&handle).await, 1_000);
    });
}

#[test]
fn slots_that_are_free_or_move_on_are_no_stall() {
    virtual_time(async {
        let mut settings = settings(2, |_| {});
        settings.work.service_timeout = ms(60_000);
        let handle = obedient(settings);
        calls(&handle, [Answer(10)]).await;
        let _stuck = handle.call(Hang);
        sleep_ms(5_000).await;
        let _calls: Vec<_> = (0..50).map(|_| handle.call(Answer(900))).collect();
        sleep_ms(20_000).await;
        assert_eq!(opened(&handle).await, 0);
    });
}

#[test]
fn probes_go_out_every_open_time_although_each_hangs() {
    virtual_time(async {
        let mut settings = settings(1, |_| {});
        settings.work.service_timeout = ms(60_000);
        let starts = Arc::new(Mutex::new(Vec::new()));
        let (start, log) = (Instant::now(), Arc::clone(&starts));
        let service = handler_fn("hangs", move |ask: Ask| {
            log.lock().unwrap().push(elapsed_ms(start));
            async move {
                match ask {
                    Hang => pending().await,
                    _ => Ok::<(), ()>(()),
                }
            }
        });
        let builder = PushingDispatcher::builder("hangs").settings(settings).handler(service);
        let handle: Dispatcher = builder.start().unwrap();
        calls(&handle, [Answer(0)]).await;
        let _stuck: Vec<_> = (0..100).map(|_| handle.call(Hang)).collect();
        sleep_ms(12_000).await;
        // Found at 1 s, open for 1 s; then the probes' own waiting counts: after 2 s, 3 s, 3 s.
        assert_eq!(*starts.lock().unwrap(), [0, 0, 2_000, 4_000, 7_000, 10_000]);
    });
}

#[test]
fn of_works_that_never_end_only_so_many_are_left_behind() {
    virtual_time(async {
        let mut settings = settings(1, |_| {});
        settings.work.service_timeout = ms(1_000_000_000);
        let handle = obedient(settings);
        calls(&handle, [Answer(10)]).await;
        let _stuck: Vec<_> = (0..200).map(|_| handle.call(Hang)).collect();
        sleep_ms(600_000).await;
        let pool = status(&handle).await.pools.remove(0);
        // The limit and 32 probes, and one more that is waited for.
        assert_eq!((pool.stuck, pool.busy), (33, 34));
    });
}

#[test]
fn what_is_stuck_and_answers_after_all_shows_that_the_service_is_back() {
    virtual_time(async {
        let mut settings = settings(2, |_| {});
        settings.work.service_timeout = ms(60_000);
        let handle = obedient(settings);
        calls(&handle, [Answer(10), Answer(10)]).await;
        let stuck = [handle.call(Answer(1_200)), handle.call(Answer(1_200))];
        sleep_ms(1_100).await;
        assert_eq!(circuit(&handle).await, CircuitState::Open);
        assert_eq!(join_all(stuck).await, [Ok(()), Ok(())]);
        // Open until 2 s otherwise.
        assert_eq!(wait_of_next(&handle).await, 0);
    });
}

#[test]
fn a_service_that_has_become_slow_is_not_held_for_ever() {
    virtual_time(async {
        let mut settings = settings(4, |_| {});
        settings.work.service_timeout = ms(60_000);
        let handle = obedient(settings);
        join_all((0..40).map(|_| handle.call(Answer(100)))).await;
        // From 100 ms to 3 s: longer than what counts as a stall.
        let start = Instant::now();
        let slow = join_all((0..40).map(|_| handle.call(Answer(3_000)))).await;
        assert!(slow.iter().all(Result::is_ok));
        // Without any hold it would take 30 s.
        assert!(elapsed_ms(start) < 40_000, "{}", elapsed_ms(start));
        let before = opened(&handle).await;
        join_all((0..40).map(|_| handle.call(Answer(3_000)))).await;
        assert_eq!(opened(&handle).await, before);
    });
}

/// A service of 20 slots with 100 ms each, first come first served. While it hangs, it starts nothing.
struct Hanging {
    hangs: Arc<AtomicU32>,
    forgets: bool,
}

struct Slots {
    slots: Rc<Semaphore>,
    hangs: Arc<AtomicU32>,
    forgets: bool,
    served: Cell<u32>,
}

impl IntoHandler for Hanging {
    type Handler = Slots;

    fn into_handler(self) -> Slots {
        let Hanging { hangs, forgets } = self;
        Slots { slots: Rc::new(Semaphore::new(20)), hangs, forgets, served: Cell::new(0) }
    }
}

impl Handler for Slots {
    type Request = u64;
    type Response = ();
    type Error = ();

    fn name(&self) -> &str {
        "slots"
    }

    async fn handle(&self, _: u64, _: CallContext) -> Reply<(), ()> {
        let _slot = self.slots.acquire().await;
        let was_there = self.hangs.load(Ordering::Relaxed) == 0;
        if !was_there && self.forgets {
            pending::<()>().await;
        }
        sleep_ms(100).await;
        // What was being served when it began to hang is held up too.
        while self.hangs.load(Ordering::Relaxed) > 0 {
            if self.forgets {
                pending::<()>().await;
            }
            sleep_ms(1).await;
        }
        self.served.set(self.served.get() + 1);
        Reply::success(())
    }
}

/// Sends 180 requests a second for a minute, to a service that hangs from 20 s to 40 s after the start. Returns how many
/// were answered within a second, in each second.
fn good_per_second(forgets: bool, offset: u64) -> Vec<u32> {
    virtual_time(async move {
        let hangs = Arc::new(AtomicU32::new(0));
        let mut settings = DispatcherSettings::default();
        settings.work.service_timeout = ms(60_000);
        let service = Hanging { hangs: Arc::clone(&hangs), forgets };
        let handle = PushingDispatcher::builder("hangs").settings(settings).clock(ms(0)).handler(service);
        let handle = handle.start().unwrap();
        let start = Instant::now();
        actix::spawn(async move {
            sleep_ms(20_000 + offset).await;
            hangs.store(1, Ordering::Relaxed);
            sleep_ms(20_000).await;
            hangs.store(0, Ordering::Relaxed);
        });
        let good = Rc::new((0..62).map(|_| Cell::new(0)).collect::<Vec<_>>());
        for n in 0..60 * 180 {
            let at = start + ms(n * 1_000 / 180);
            sleep_until(at).await;
            let (handle, good) = (handle.clone(), Rc::clone(&good));
            actix::spawn(async move {
                if handle.call(Work::new(n).deadline(at + ms(1_000))).await.is_ok() {
                    let second = &good[start.elapsed().as_secs() as usize];
                    second.set(second.get() + 1);
                }
            });
        }
        sleep_ms(2_000).await;
        good.iter().map(Cell::get).collect()
    })
}

#[test]
fn a_service_that_hangs_and_returns_is_at_full_goodput_within_five_seconds() {
    for forgets in [true, false] {
        for offset in [0, 700, 2_300] {
            let good = good_per_second(forgets, offset);
            assert!(good[15..20].iter().all(|good| *good >= 175), "before: {good:?}");
            assert_eq!(good[23..40].iter().sum::<u32>(), 0, "{good:?}");
            // Back at 40 s and the offset.
            let from = 45 + offset.div_ceil(1_000) as usize;
            assert!(good[from..60].iter().all(|good| *good >= 175), "forgets: {forgets}, {offset}: {good:?}");
        }
    }
}

#[test]
fn the_caller_of_a_stuck_work_is_still_told_in_time() {
    virtual_time(async {
        let mut settings = settings(1, |_| {});
        settings.work.service_timeout = ms(5_000);
        let handle = obedient(settings);
        calls(&handle, [Answer(10)]).await;
        let start = Instant::now();
        let timed_out = CallError::TimedOut(Timeout::Service(ms(5_000)));
        assert_eq!(timed(handle.call(Hang), start).await, (Err(timed_out), 5_000));
        settle().await;
        let pool = status(&handle).await.pools.remove(0);
        assert_eq!((pool.busy, pool.stuck), (0, 0));
    });
}
