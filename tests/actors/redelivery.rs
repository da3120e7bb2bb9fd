//! Works that go to a handler again.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use futures::future::{join, join_all};
use kanaloa::config::DispatcherSettings;
use kanaloa::{
    CallContext, CallError, DispatcherBuilder, DispatcherState, Failure, Handler, OnCancel, PushingDispatcher,
    Rejection, Reply, StartError, Timeout, Work, handler_fn,
};
use tokio::time::Instant;

use crate::support::*;

type Builder = DispatcherBuilder<u64, &'static str, &'static str>;

fn builder(settings: DispatcherSettings) -> Builder {
    PushingDispatcher::builder("again").settings(settings).clone_requests()
}

fn retrying(work_retry: u32) -> DispatcherSettings {
    let mut settings = fixed_and_open(1);
    settings.work.work_retry = work_retry;
    settings
}

fn at_least_once(service_timeout: u64) -> DispatcherSettings {
    let mut settings = fixed_and_open(1);
    settings.work.at_least_once = true;
    settings.work.service_timeout = ms(service_timeout);
    settings.circuit_breaker = None;
    settings
}

/// What a [`Service`] does with the n-th request it gets, from 0.
type Act = Box<dyn Fn(u32, u64) -> Step + Send>;

enum Step {
    /// Answers with the service's name after so long.
    Answer(u64),
    Fail(u64),
    Panic,
    GoAway,
    Hang,
}

/// A service that counts what it gets.
struct Service {
    name: &'static str,
    on_cancel: OnCancel,
    attempts: Arc<AtomicU32>,
    act: Act,
}

impl Handler for Service {
    type Request = u64;
    type Response = &'static str;
    type Error = &'static str;

    fn name(&self) -> &str {
        self.name
    }

    async fn handle(&self, request: u64, _: CallContext) -> Reply<&'static str, &'static str> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        match (self.act)(attempt, request) {
            Step::Answer(after) => {
                sleep_ms(after).await;
                Reply::success(self.name)
            }
            Step::Fail(after) => {
                sleep_ms(after).await;
                Reply::failure(self.name)
            }
            Step::Panic => panic!("as planned"),
            Step::GoAway => Reply::gone(),
            Step::Hang => pending().await,
        }
    }

    fn on_cancel(&self) -> OnCancel {
        self.on_cancel
    }
}

/// A service, and how many requests it has had.
fn service(name: &'static str, act: impl Fn(u32, u64) -> Step + Send + 'static) -> (Service, Arc<AtomicU32>) {
    let attempts = Arc::new(AtomicU32::new(0));
    let act = Box::new(act);
    (Service { name, on_cancel: OnCancel::Stop, attempts: Arc::clone(&attempts), act }, attempts)
}

fn running_on(service: Service) -> Service {
    Service { on_cancel: OnCancel::RunOn, ..service }
}

fn count(attempts: &AtomicU32) -> u32 {
    attempts.load(Ordering::Relaxed)
}

// ## Failed works

#[test]
fn a_failed_work_is_tried_again_so_often() {
    virtual_time(async {
        for (failures, answer) in [(2, Ok("s")), (3, Err(CallError::Failed(Failure::Service("s"))))] {
            let (service, attempts) =
                service("s", move |n, _| if n < failures { Step::Fail(10) } else { Step::Answer(10) });
            let handle = builder(retrying(2)).handler(service).start().unwrap();
            let start = Instant::now();
            assert_eq!(timed(handle.call(0), start).await, (answer, 30));
            assert_eq!(count(&attempts), 3);
            let totals = handle.totals();
            assert_eq!((totals.received, totals.completed + totals.failed), (1, 1));
            assert_adds_up(totals);
        }
    });
}

#[test]
fn panics_and_departures_are_tried_again_like_failures() {
    virtual_time(async {
        let (service, attempts) = service("s", |n, _| if n == 0 { Step::Panic } else { Step::Answer(1) });
        let handle = builder(retrying(1)).handler(service).start().unwrap();
        assert_eq!((handle.call(0).await, count(&attempts)), (Ok("s"), 2));

        let made = Arc::new(AtomicU32::new(0));
        let handle = builder(retrying(1)).handler_factory("made", move || {
            let first = made.fetch_add(1, Ordering::Relaxed) == 0;
            let (service, _) =
                self::service("made", move |_, n| if first && n == 7 { Step::GoAway } else { Step::Answer(1) });
            std::future::ready(Ok::<_, Infallible>(service))
        });
        let handle = handle.start().unwrap();
        // The first has served, so it is made again at once.
        assert_eq!(handle.call(0).await, Ok("made"));
        let start = Instant::now();
        assert_eq!(timed(handle.call(7), start).await, (Ok("made"), 1));
    });
}

#[test]
fn without_retries_a_failure_is_final() {
    virtual_time(async {
        let (service, attempts) = service("s", |_, _| Step::Fail(1));
        let handle = builder(retrying(0)).handler(service).start().unwrap();
        assert_eq!(handle.call(0).await, Err(CallError::Failed(Failure::Service("s"))));
        assert_eq!(count(&attempts), 1);
    });
}

#[test]
fn a_timeout_is_not_a_failure() {
    virtual_time(async {
        let mut settings = retrying(3);
        settings.work.service_timeout = ms(50);
        let (service, attempts) = service("s", |_, _| Step::Hang);
        let handle = builder(settings).handler(service).start().unwrap();
        assert_eq!(handle.call(0).await, Err(CallError::TimedOut(Timeout::Service(ms(50)))));
        assert_eq!(count(&attempts), 1);
    });
}

#[test]
fn it_goes_to_another_handler_if_there_is_one() {
    virtual_time(async {
        let (bad, bad_attempts) = service("bad", |_, _| Step::Fail(1));
        let (good, _) = service("good", |_, _| Step::Answer(1));
        let mut settings = retrying(1);
        settings.circuit_breaker = None;
        let handle = builder(settings).handler(bad).handler(good).start().unwrap();
        for _ in 0..20 {
            assert_eq!(handle.call(0).await, Ok("good"));
        }
        assert!(count(&bad_attempts) > 0);
    });
}

#[test]
fn it_waits_for_a_handler_that_has_not_failed_it_although_that_is_busy() {
    virtual_time(async {
        let (bad, bad_attempts) = service("bad", |_, _| Step::Fail(1));
        let (good, _) = service("good", |_, n| Step::Answer(n));
        let mut settings = retrying(5);
        settings.circuit_breaker = None;
        let handle = builder(settings).handler(bad).handler(good).start().unwrap();
        let start = Instant::now();
        // One keeps the good one busy for 100 ms; the other fails at the bad one and waits for the good.
        let answers = join_all([100, 100].map(|n| timed(handle.call(n), start))).await;
        assert_eq!(answers.iter().map(|(answer, _)| answer.clone()).collect::<Vec<_>>(), [Ok("good"), Ok("good")]);
        assert_eq!(answers.iter().map(|(_, at)| *at).max(), Some(200));
        assert_eq!(count(&bad_attempts), 1);
    });
}

#[test]
fn when_all_have_failed_it_all_may_try_again() {
    virtual_time(async {
        let (first, first_attempts) = service("first", |_, _| Step::Fail(1));
        let (second, second_attempts) = service("second", |n, _| if n < 2 { Step::Fail(1) } else { Step::Answer(1) });
        let mut settings = retrying(10);
        settings.circuit_breaker = None;
        let handle = builder(settings).handler(first).handler(second).start().unwrap();
        assert_eq!(handle.call(0).await, Ok("second"));
        assert_eq!(count(&second_attempts), 3);
        assert!((2..=3).contains(&count(&first_attempts)));
    });
}

#[test]
fn a_handler_that_leaves_is_not_waited_for() {
    virtual_time(async {
        // The only other one ends while the work waits for it.
        let (bad, _) = service("bad", |n, _| if n < 1 { Step::Fail(1) } else { Step::Answer(1) });
        let (other, _) = service("other", |_, _| Step::Answer(100));
        let handle = builder(retrying(2)).handler(bad).handler(other).start().unwrap();
        let start = Instant::now();
        let removal = async {
            sleep_ms(50).await;
            handle.remove_handler("other").await
        };
        let (answers, removed) = join(join_all([0, 0].map(|n| timed(handle.call(n), start))), removal).await;
        assert_eq!(removed, Ok(()));
        let mut answers: Vec<_> = answers.into_iter().map(|(answer, at)| (at, answer)).collect();
        answers.sort_by_key(|(at, _)| *at);
        assert_eq!(answers, [(51, Ok("bad")), (100, Ok("other"))]);
    });
}

#[test]
fn a_handler_whose_breaker_opens_is_not_waited_for() {
    virtual_time(async {
        let (bad, _) = service("bad", |n, _| if n < 1 { Step::Fail(1) } else { Step::Answer(1) });
        let (hanging, _) = service("hanging", |_, _| Step::Hang);
        let handle = builder(retrying(2)).handler(bad).handler(hanging).start().unwrap();
        let start = Instant::now();
        let calls = [0, 0].map(|n| Box::pin(timed(handle.call(n), start)));
        // The one that hangs is found after a tenth of its minute.
        let (first, _) = futures::future::select_all(calls).map(|(first, _, rest)| (first, rest)).await;
        assert_eq!(first, (Ok("bad"), 6_001));
    });
}

#[test]
fn it_is_served_before_those_that_wait_for_the_first_time() {
    virtual_time(async {
        let (service, _) = service("s", |n, _| if n == 0 { Step::Fail(10) } else { Step::Answer(10) });
        let handle = builder(retrying(1)).handler(service).start().unwrap();
        let start = Instant::now();
        let answers = join_all((0..3).map(|n| timed(handle.call(n), start))).await;
        assert_eq!(answers, [(Ok("s"), 20), (Ok("s"), 30), (Ok("s"), 40)]);
    });
}

#[test]
fn its_deadline_holds_while_it_waits_to_go_out_again() {
    virtual_time(async {
        let (bad, _) = service("bad", |n, _| if n == 0 { Step::Fail(1) } else { Step::Hang });
        let (busy, _) = service("busy", |_, _| Step::Hang);
        let handle = builder(retrying(3)).handler(bad).handler(busy).start().unwrap();
        let start = Instant::now();
        let call = |n| handle.call(Work::new(n).deadline(start + ms(40)));
        let answers = join_all([0, 1].map(|n| timed(call(n), start))).await;
        assert_eq!(answers, [0, 1].map(|_| (Err(CallError::TimedOut(Timeout::Deadline)), 40)));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_work_that_was_at_a_handler_is_told_so_when_it_cannot_go_out_again() {
    virtual_time(async {
        let (bad, _) = service("bad", |_, _| Step::Fail(1));
        let (busy, _) = service("busy", |_, _| Step::Hang);
        let handle = builder(retrying(3)).handler(bad).handler(busy).start().unwrap();
        let calls = [0, 1].map(|n| handle.call(n));
        sleep_ms(10).await;
        assert_eq!((handle.totals().queued, handle.totals().in_flight), (1, 1));
        handle.shutdown_within(ms(0)).await;
        let mut answers = join_all(calls).await;
        answers.sort_by_key(|answer| format!("{answer:?}"));
        let failed = |failure| Err(CallError::Failed(failure));
        assert_eq!(answers, [failed(Failure::CutOff), failed(Failure::Service("bad"))]);
    });
}

// ## Works that nobody answered

#[test]
fn a_work_that_timed_out_goes_to_another_handler() {
    virtual_time(async {
        let (hanging, hanging_attempts) = service("hanging", |_, _| Step::Hang);
        let (good, _) = service("good", |_, n| Step::Answer(n));
        let handle = builder(at_least_once(50)).handler(hanging).handler(good).start().unwrap();
        let start = Instant::now();
        let answers = join_all([10, 10].map(|n| timed(handle.call(n), start))).await;
        assert_eq!(answers.iter().map(|(answer, _)| answer.clone()).collect::<Vec<_>>(), [Ok("good"), Ok("good")]);
        assert_eq!(answers.iter().map(|(_, at)| *at).max(), Some(60));
        assert_eq!(count(&hanging_attempts), 1);
    });
}

#[test]
fn it_goes_out_until_its_time_is_over() {
    virtual_time(async {
        let mut settings = at_least_once(50);
        settings.work.request_timeout = Some(ms(220));
        let (service, attempts) = service("s", |_, _| Step::Hang);
        let handle = builder(settings).handler(service).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(0), start).await, (Err(CallError::TimedOut(Timeout::Request(ms(220)))), 220));
        assert_eq!(count(&attempts), 5);
    });
}

#[test]
fn without_at_least_once_a_timeout_is_final() {
    virtual_time(async {
        let mut settings = at_least_once(50);
        settings.work.at_least_once = false;
        let (service, attempts) = service("s", |_, _| Step::Hang);
        let handle = builder(settings).handler(service).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(0), start).await, (Err(CallError::TimedOut(Timeout::Service(ms(50)))), 50));
        assert_eq!(count(&attempts), 1);
    });
}

#[test]
fn a_failure_is_an_answer() {
    virtual_time(async {
        let (service, attempts) = service("s", |_, _| Step::Fail(1));
        let handle = builder(at_least_once(50)).handler(service).start().unwrap();
        assert_eq!(handle.call(0).await, Err(CallError::Failed(Failure::Service("s"))));
        assert_eq!(count(&attempts), 1);
    });
}

#[test]
fn it_waits_for_a_handler_that_died_to_be_made_again() {
    virtual_time(async {
        let made = Arc::new(AtomicU32::new(0));
        let handle = builder(at_least_once(1_000)).handler_factory("made", move || {
            // After the first, making it takes 10 s in all, and the grace period is 1 s.
            let made = made.fetch_add(1, Ordering::Relaxed);
            let (service, _) = service("made", move |_, _| if made == 0 { Step::GoAway } else { Step::Answer(1) });
            std::future::ready(if (1..7).contains(&made) { Err("not yet") } else { Ok(service) })
        });
        let handle = handle.start().unwrap();
        let start = Instant::now();
        let call = timed(handle.call(0), start);
        let watch = async {
            sleep_ms(5_000).await;
            let refused = handle.call(1).await;
            (refused, status(&handle).await.state)
        };
        let (answer, watched) = join(call, watch).await;
        // Tried after 100 ms, 200 ms, and so on: 100 · (2⁷ − 1) in all.
        assert_eq!(answer, (Ok("made"), 12_701));
        // New work is refused meanwhile.
        assert_eq!(watched, (Err(CallError::Rejected(Rejection::NoHandlers)), DispatcherState::NoHandlers));
    });
}

#[test]
fn it_is_not_shed_from_the_queue() {
    virtual_time(async {
        for (at_least_once, expected) in [(true, Ok("s")), (false, Err(()))] {
            let mut settings = fixed(1);
            settings.work.at_least_once = at_least_once;
            settings.work.service_timeout = ms(60_000);
            let (service, _) = service("s", |_, n| Step::Answer(n));
            let handle = builder(settings).handler(service).start().unwrap();
            let (_, second) = join(handle.call(10_000), handle.call(1)).await;
            assert_eq!(second.map_err(|_| ()), expected);
        }
    });
}

// ## Services that run on

#[test]
fn a_late_answer_is_taken_and_the_copy_is_cancelled() {
    virtual_time(async {
        let (slow, _) = service("slow", |_, _| Step::Answer(150));
        let (hanging, hanging_attempts) = service("hanging", |_, _| Step::Hang);
        let handle = builder(at_least_once(100)).handler(running_on(slow)).start().unwrap();
        let start = Instant::now();
        let call = timed(handle.call(0), start);
        settle().await;
        handle.add_handler(kanaloa::HandlerSource::new(hanging)).await.unwrap();
        assert_eq!(call.await, (Ok("slow"), 150));
        assert_eq!(count(&hanging_attempts), 1);
        settle().await;
        let status = status(&handle).await;
        assert_eq!(status.pools.iter().map(|pool| pool.busy).collect::<Vec<_>>(), [0, 0]);
        assert_eq!((status.totals.received, status.totals.completed), (1, 1));
        assert_adds_up(status.totals);
    });
}

#[test]
fn the_copy_may_be_faster_than_the_late_answer() {
    virtual_time(async {
        let (slow, _) = service("slow", |_, _| Step::Answer(150));
        let (fast, _) = service("fast", |_, _| Step::Answer(10));
        let handle = builder(at_least_once(100)).handler(running_on(slow)).start().unwrap();
        let start = Instant::now();
        let call = timed(handle.call(0), start);
        settle().await;
        handle.add_handler(kanaloa::HandlerSource::new(fast)).await.unwrap();
        assert_eq!(call.await, (Ok("fast"), 110));
        // The slow one still works, which takes its slot.
        let busy = |status: kanaloa::DispatcherStatus| status.pools[0].busy;
        assert_eq!(busy(status(&handle).await), 1);
        sleep_ms(41).await;
        assert_eq!(busy(status(&handle).await), 0);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_copy_that_still_waits_is_never_served() {
    virtual_time(async {
        let (slow, attempts) = service("slow", |_, _| Step::Answer(150));
        let handle = builder(at_least_once(100)).handler(running_on(slow)).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(0), start).await, (Ok("slow"), 150));
        sleep_ms(1_000).await;
        assert_eq!(count(&attempts), 1);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_caller_that_leaves_cancels_every_copy() {
    virtual_time(async {
        let (slow, _) = service("slow", |_, _| Step::Answer(1_000));
        let (hanging, _) = service("hanging", |_, _| Step::Hang);
        let handle =
            builder(at_least_once(100)).handler(running_on(slow)).handler(running_on(hanging)).start().unwrap();
        let call = handle.call(0);
        sleep_ms(150).await;
        assert_eq!(status(&handle).await.pools.iter().map(|pool| pool.busy).sum::<usize>(), 2);
        drop(call);
        settle().await;
        assert_eq!((handle.totals().abandoned, handle.totals().in_flight), (1, 0));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn without_at_least_once_a_late_answer_is_ignored() {
    virtual_time(async {
        let mut settings = at_least_once(100);
        settings.work.at_least_once = false;
        let (slow, _) = service("slow", |_, _| Step::Answer(150));
        let handle = builder(settings).handler(running_on(slow)).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(0), start).await, (Err(CallError::TimedOut(Timeout::Service(ms(100)))), 100));
        sleep_ms(100).await;
        assert_eq!((handle.totals().timed_out, handle.totals().completed), (1, 0));
    });
}

#[test]
fn the_caller_s_limit_holds_although_a_late_answer_never_comes() {
    virtual_time(async {
        let mut settings = at_least_once(50);
        settings.work.request_timeout = Some(ms(220));
        let (hanging, _) = service("hanging", |_, _| Step::Hang);
        let handle = builder(settings).handler(running_on(hanging)).start().unwrap();
        let start = Instant::now();
        let call = tokio::time::timeout(ms(10_000), timed(handle.call(0), start));
        assert_eq!(call.await, Ok((Err(CallError::TimedOut(Timeout::Request(ms(220)))), 220)));
        assert_adds_up(handle.totals());
    });
}

// ## Workers that are lost

#[test]
fn a_work_whose_arbiter_ends_goes_to_another_handler() {
    actix::System::new().block_on(async {
        let arbiter = actix::Arbiter::new();
        let (dying, attempts) = service("dying", |_, _| Step::Hang);
        let handle = builder(at_least_once(60_000)).handler_on(&arbiter.handle(), dying).start().unwrap();
        let call = handle.call(0);
        while count(&attempts) == 0 {
            tokio::task::yield_now().await;
        }
        let (good, _) = service("good", |_, _| Step::Answer(0));
        handle.add_handler(kanaloa::HandlerSource::new(good)).await.unwrap();
        arbiter.stop();
        assert_eq!(call.await, Ok("good"));
        assert_adds_up(handle.totals());
    });
}

/// A handler that answers nothing, and panics when it is asked what to do then.
struct Tripping;

impl Handler for Tripping {
    type Request = u64;
    type Response = &'static str;
    type Error = &'static str;

    fn name(&self) -> &str {
        "tripping"
    }

    async fn handle(&self, _: u64, _: CallContext) -> Reply<&'static str, &'static str> {
        pending().await
    }

    fn on_cancel(&self) -> OnCancel {
        panic!("as planned")
    }
}

#[test]
fn a_work_whose_worker_is_lost_goes_out_again() {
    virtual_time(async {
        let mut settings = at_least_once(50);
        settings.work.request_timeout = Some(ms(220));
        settings.worker_pool.replenish_speed = ms(10);
        let handle = builder(settings).handler(Tripping).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(0), start).await, (Err(CallError::TimedOut(Timeout::Request(ms(220)))), 220));
        // From 0, 60, 120 and 180 ms on.
        assert_eq!(status(&handle).await.pools[0].timed_out, 4);
    });
}

// ## Handlers that fail fast

#[test]
fn one_that_has_never_served_is_measured_by_the_others() {
    virtual_time(async {
        let (bad, bad_attempts) = service("bad", |_, _| Step::Fail(1));
        let (good, good_attempts) = service("good", |_, _| Step::Answer(100));
        let mut settings = fixed_and_open(1);
        settings.circuit_breaker = None;
        let handle = builder(settings).handler(bad).handler(good).start().unwrap();
        // Before the first success nothing is known.
        assert!(join_all((0..2).map(|n| handle.call(n))).await.iter().any(Result::is_ok));
        let before = (count(&bad_attempts), count(&good_attempts));
        let _calls: Vec<_> = (0..1_000).map(|n| handle.call(n)).collect();
        sleep_ms(1_050).await;
        assert_eq!((count(&bad_attempts) - before.0, count(&good_attempts) - before.1), (11, 11));
    });
}

#[test]
fn what_held_off_goes_on_when_there_is_no_other_any_more() {
    virtual_time(async {
        let (bad, _) = service("bad", |n, _| if n == 1 { Step::Fail(1) } else { Step::Answer(10_000) });
        let (other, _) = service("other", |_, _| Step::Hang);
        let mut settings = fixed_and_open(1);
        settings.circuit_breaker = None;
        settings.work.service_timeout = ms(100_000);
        settings.worker_pool.default_shutdown_timeout = ms(10);
        let handle = builder(settings).handler(bad).start().unwrap();
        assert_eq!(handle.call(0).await, Ok("bad"));
        handle.add_handler(kanaloa::HandlerSource::new(other)).await.unwrap();
        settle().await;
        let calls = [handle.call(0), handle.call(0)];
        sleep_ms(100).await;
        let start = Instant::now();
        let call = timed(handle.call(0), start);
        settle().await;
        assert_eq!(handle.totals().queued, 1);
        handle.remove_handler("other").await.unwrap();
        assert_eq!(call.await, (Ok("bad"), 10_000));
        drop(calls);
    });
}

#[test]
fn a_handler_that_fails_fast_does_not_attract_work() {
    virtual_time(async {
        let (bad, bad_attempts) = service("bad", |n, _| if n < 3 { Step::Answer(100) } else { Step::Fail(1) });
        let (good, good_attempts) = service("good", |_, _| Step::Answer(100));
        let mut settings = fixed_and_open(1);
        settings.circuit_breaker = None;
        let handle = builder(settings).handler(bad).handler(good).start().unwrap();
        let _calls: Vec<_> = (0..1_000).map(|n| handle.call(n)).collect();
        sleep_ms(10_050).await;
        // As many as the other serves: its slot stays taken for as long as a success took.
        assert_eq!((count(&bad_attempts), count(&good_attempts)), (101, 101));
    });
}

#[test]
fn the_only_handler_may_fail_as_fast_as_it_can() {
    virtual_time(async {
        let (bad, attempts) = service("bad", |n, _| if n == 0 { Step::Answer(100) } else { Step::Fail(1) });
        let mut settings = fixed_and_open(1);
        settings.circuit_breaker = None;
        let handle = builder(settings).handler(bad).start().unwrap();
        let _calls: Vec<_> = (0..1_000).map(|n| handle.call(n)).collect();
        sleep_ms(200).await;
        assert_eq!(count(&attempts), 101);
    });
}

// ## Requests that cannot be copied

#[test]
fn settings_that_need_copies_are_refused_where_there_are_none() {
    virtual_time(async {
        for (settings, key) in [(retrying(1), "work-retry"), (at_least_once(50), "at-least-once")] {
            let service = handler_fn("s", |n: u64| async move { Ok::<_, Infallible>(n) });
            let error = PushingDispatcher::builder("x").settings(settings).handler(service).start().unwrap_err();
            assert!(matches!(error, StartError::RequestsNotCloned { setting, .. } if setting == key), "{error}");
            assert!(error.to_string().contains("clone_requests"));
        }
    });
}
