//! One request to several handlers.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use kanaloa::config::{ConcurrentDelay, DispatcherSettings};
use kanaloa::{
    CallContext, CallError, DispatcherHandle, Failure, Handler, PushingDispatcher, Rejection, Reply, StartError,
    Timeout, Work, handler_fn, handler_fn_with_context,
};
use tokio::time::Instant;

use crate::support::*;

type Dispatcher = DispatcherHandle<(), &'static str, &'static str>;

fn copying(calls: usize, delay: u64) -> DispatcherSettings {
    let mut settings = fixed_and_open(4);
    settings.circuit_breaker = None;
    settings.work.concurrent_calls = calls;
    settings.work.concurrent_delay = ConcurrentDelay::After(ms(delay));
    settings
}

/// When each request came, in milliseconds since the start of the test, and where.
type Log = Arc<Mutex<Vec<(u64, &'static str)>>>;

/// How long each handler takes, and whether it succeeds then.
type Behaviour = (&'static str, u64, bool);

fn start(settings: DispatcherSettings, handlers: &[Behaviour]) -> (Dispatcher, Log) {
    let (start, log) = (Instant::now(), Log::default());
    let mut builder = PushingDispatcher::builder("copies").settings(settings).clone_requests();
    for &(name, takes, succeeds) in handlers {
        let log = Arc::clone(&log);
        builder = builder.handler(handler_fn(name, move |()| {
            log.lock().unwrap().push((elapsed_ms(start), name));
            async move {
                sleep_ms(takes).await;
                if succeeds { Ok(name) } else { Err(name) }
            }
        }));
    }
    (builder.start().unwrap(), log)
}

fn seen(log: &Log) -> Vec<(u64, &'static str)> {
    let mut seen = log.lock().unwrap().clone();
    seen.sort_unstable();
    seen
}

/// The handlers where copies of a work failed.
fn failures<'a>(answer: &'a Result<&'static str, CallError<&'static str>>) -> Vec<&'a str> {
    match answer {
        Err(CallError::Failed(Failure::Copies(copies))) => copies.iter().map(|copy| &*copy.handler).collect(),
        other => panic!("{other:?}"),
    }
}

async fn busy(handle: &Dispatcher) -> usize {
    status(handle).await.pools.iter().map(|pool| pool.busy).sum()
}

#[test]
fn the_fastest_answers_and_the_others_are_cancelled_at_once() {
    virtual_time(async {
        let (handle, log) = start(copying(3, 0), &[("slow", 300, true), ("fast", 20, true), ("slower", 400, true)]);
        let start = Instant::now();
        assert_eq!(timed(handle.call(()), start).await, (Ok("fast"), 20));
        assert_eq!(seen(&log), [(0, "fast"), (0, "slow"), (0, "slower")]);
        settle().await;
        assert_eq!(busy(&handle).await, 0);
        let totals = handle.totals();
        assert_eq!((totals.received, totals.completed), (1, 1));
        assert_adds_up(totals);
    });
}

#[test]
fn the_first_success_wins_and_earlier_failures_are_forgotten() {
    virtual_time(async {
        let (handle, _) = start(copying(2, 0), &[("bad", 10, false), ("good", 50, true)]);
        let start = Instant::now();
        assert_eq!(timed(handle.call(()), start).await, (Ok("good"), 50));
        let totals = handle.totals();
        assert_eq!((totals.completed, totals.failed), (1, 0));
    });
}

#[test]
fn only_when_all_fail_does_the_caller_see_a_failure_and_it_sees_them_all() {
    virtual_time(async {
        let (handle, log) = start(copying(2, 0), &[("bad", 10, false), ("worse", 50, false)]);
        let start = Instant::now();
        let (answer, at) = timed(handle.call(()), start).await;
        assert_eq!((failures(&answer), at), (vec!["bad", "worse"], 50));
        let told = answer.unwrap_err().to_string();
        assert_eq!(told, "failed: all 2 copies failed: bad: failed: bad; worse: failed: worse");
        assert_eq!(seen(&log).len(), 2);
        assert_eq!(handle.totals().failed, 1);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn all_failures_are_seen_where_the_end_comes_before_the_last_copy() {
    virtual_time(async {
        let mut settings = copying(3, 20);
        settings.worker_pool.starting_pool_size = 1;
        let slow = handler_fn("slow", |()| async {
            sleep_ms(10_000).await;
            Reply::<(), _>::failure("slow")
        });
        // Its second copy waits in vain for a handler.
        let bad = handler_fn("bad", |()| async {
            sleep_ms(10).await;
            Reply::<(), _>::failure("bad").hold(ms(60_000))
        });
        let builder = PushingDispatcher::builder("copies").settings(settings).clone_requests();
        let handle = builder.handler(slow).handler(bad).start().unwrap();
        let ends = async {
            sleep_ms(100).await;
            handle.shutdown_within(ms(0)).await
        };
        let (answer, _) = tokio::join!(handle.call(()), ends);
        let Err(CallError::Failed(Failure::Copies(copies))) = answer else { panic!("{answer:?}") };
        assert_eq!(copies.iter().map(|copy| &*copy.handler).collect::<Vec<_>>(), ["bad", "slow"]);
    });
}

#[test]
fn where_no_copy_is_answered_in_time_that_is_what_the_caller_is_told() {
    virtual_time(async {
        let mut settings = copying(2, 0);
        settings.work.service_timeout = ms(30);
        let (handle, _) = start(settings, &[("slow", 100, true), ("slower", 200, true)]);
        assert_eq!(handle.call(()).await, Err(CallError::TimedOut(Timeout::Service(ms(30)))));
        assert_eq!((handle.totals().timed_out, handle.totals().failed), (1, 0));
    });
}

#[test]
fn a_timeout_is_one_of_the_failures_that_the_caller_sees() {
    virtual_time(async {
        let mut settings = copying(2, 0);
        settings.work.service_timeout = ms(30);
        let (handle, _) = start(settings, &[("slow", 100, true), ("bad", 10, false)]);
        let answer = handle.call(()).await;
        assert_eq!(failures(&answer), ["bad", "slow"]);
        let Err(CallError::Failed(Failure::Copies(copies))) = answer else { unreachable!() };
        assert_eq!(copies[1].error, CallError::TimedOut(Timeout::Service(ms(30))));
    });
}

#[test]
fn a_work_may_ask_for_copies_itself() {
    virtual_time(async {
        let (log, start) = (Log::default(), Instant::now());
        // Nobody has said how to copy requests, and the settings ask for none.
        let mut builder = PushingDispatcher::builder("own").settings(copying(1, 0));
        for name in ["a", "b", "c"] {
            let log = Arc::clone(&log);
            builder = builder.handler(handler_fn(name, move |()| {
                log.lock().unwrap().push((elapsed_ms(start), name));
                async move {
                    sleep_ms(10).await;
                    Err::<&str, _>(name)
                }
            }));
        }
        let handle = builder.start().unwrap();
        assert_eq!(failures(&handle.call(Work::new(()).concurrent_calls(3)).await).len(), 3);
        assert_eq!(seen(&log), [(0, "a"), (0, "b"), (0, "c")]);
        assert!(matches!(handle.call(()).await, Err(CallError::Failed(Failure::Service(_)))));
        assert_eq!(seen(&log).len(), 4);
    });
}

#[test]
fn a_work_may_do_without_copies() {
    virtual_time(async {
        let (handle, log) = start(copying(3, 0), &[("a", 10, true), ("b", 10, true)]);
        for once in [0, 1] {
            assert!(handle.call(Work::new(()).concurrent_calls(once)).await.is_ok());
        }
        assert_eq!(seen(&log).len(), 2);
        assert!(handle.call(()).await.is_ok());
        assert_eq!(seen(&log).len(), 5);
    });
}

#[test]
fn copies_are_a_class_less_important() {
    virtual_time(async {
        for (class, copied) in [(0, 1), (4, 5), (5, 5)] {
            let classes = Arc::new(Mutex::new(Vec::new()));
            let mut builder = PushingDispatcher::builder("classes").settings(copying(3, 0)).clone_requests();
            for name in ["a", "b"] {
                let classes = Arc::clone(&classes);
                builder = builder.handler(handler_fn_with_context(name, move |(), call: CallContext| {
                    classes.lock().unwrap().push(call.priority().class());
                    async move {
                        sleep_ms(10).await;
                        Ok::<_, Infallible>(())
                    }
                }));
            }
            let handle = builder.start().unwrap();
            let work = Work::new(()).priority(class.try_into().unwrap());
            assert!(handle.call(work).await.is_ok());
            assert_eq!(*classes.lock().unwrap(), [class, copied, copied]);
        }
    });
}

#[test]
fn there_may_be_more_copies_than_handlers() {
    virtual_time(async {
        let (handle, log) = start(copying(3, 0), &[("only", 50, true)]);
        let start = Instant::now();
        assert_eq!(timed(handle.call(()), start).await, (Ok("only"), 50));
        assert_eq!(seen(&log), [(0, "only"); 3]);
        let (handle, log) = self::start(copying(5, 0), &[("a", 50, true), ("b", 50, true)]);
        assert!(handle.call(()).await.is_ok());
        let seen = seen(&log);
        let count = |name| seen.iter().filter(|(_, at)| *at == name).count();
        assert!(seen.len() == 5 && count("a") >= 2 && count("b") >= 2, "{seen:?}");
    });
}

#[test]
fn one_call_is_no_copy() {
    virtual_time(async {
        let (handle, log) = start(copying(1, 0), &[("a", 50, true), ("b", 50, true)]);
        assert!(handle.call(()).await.is_ok());
        assert_eq!(seen(&log).len(), 1);
    });
}

#[test]
fn a_copy_that_still_waits_never_runs() {
    virtual_time(async {
        let mut settings = copying(2, 0);
        settings.worker_pool.starting_pool_size = 1;
        let (handle, log) = start(settings, &[("only", 50, true)]);
        let start = Instant::now();
        let answers = join_all((0..3).map(|_| timed(handle.call(()), start))).await;
        assert_eq!(answers, [(Ok("only"), 50), (Ok("only"), 100), (Ok("only"), 150)]);
        assert_eq!(seen(&log).len(), 3);
        assert_adds_up(handle.totals());
    });
}

// ## With a delay

#[test]
fn the_next_copy_goes_out_after_the_delay() {
    virtual_time(async {
        let handlers = [("a", 300, true), ("b", 300, true), ("c", 300, true)];
        let (handle, log) = start(copying(3, 40), &handlers);
        let start = Instant::now();
        assert_eq!(timed(handle.call(()), start).await.1, 300);
        assert_eq!(seen(&log).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 40, 80]);
    });
}

#[test]
fn none_goes_out_when_the_answer_comes_before() {
    virtual_time(async {
        let (handle, log) = start(copying(3, 40), &[("a", 39, true), ("b", 39, true)]);
        assert!(handle.call(()).await.is_ok());
        sleep_ms(1_000).await;
        assert_eq!(seen(&log).len(), 1);
    });
}

#[test]
fn the_next_goes_out_at_once_when_one_fails() {
    virtual_time(async {
        let handlers = [("a", 10, false), ("b", 10, false), ("c", 10, false)];
        let (handle, log) = start(copying(3, 1_000), &handlers);
        let start = Instant::now();
        let (answer, at) = timed(handle.call(()), start).await;
        assert_eq!((failures(&answer).len(), at), (3, 30));
        // Each at another handler.
        assert_eq!(seen(&log).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 10, 20]);
        let mut names: Vec<_> = seen(&log).iter().map(|(_, name)| *name).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c"]);
    });
}

// ## With the rest

#[test]
fn each_copy_may_be_tried_again() {
    virtual_time(async {
        let mut settings = copying(2, 0);
        settings.work.work_retry = 1;
        let (handle, log) = start(settings, &[("a", 10, false), ("b", 10, false)]);
        // What each came to at last.
        assert_eq!(failures(&handle.call(()).await).len(), 2);
        assert_eq!(seen(&log).len(), 4);
        assert_eq!((handle.totals().received, handle.totals().failed), (1, 1));
    });
}

#[test]
fn a_deadline_ends_all_copies() {
    virtual_time(async {
        let (handle, _) = start(copying(2, 10), &[("a", 1_000, true), ("b", 1_000, true)]);
        let start = Instant::now();
        let call = handle.call(Work::new(()).deadline(start + ms(50)));
        assert_eq!(timed(call, start).await, (Err(CallError::TimedOut(Timeout::Deadline)), 50));
        settle().await;
        assert_eq!((busy(&handle).await, handle.totals().timed_out), (0, 1));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_caller_that_leaves_cancels_all_copies() {
    virtual_time(async {
        let (handle, _) = start(copying(2, 0), &[("a", 1_000, true), ("b", 1_000, true)]);
        let call = handle.call(());
        settle().await;
        assert_eq!((busy(&handle).await, handle.totals().in_flight), (2, 1));
        drop(call);
        settle().await;
        assert_eq!((busy(&handle).await, handle.totals().abandoned), (0, 1));
    });
}

#[test]
fn requests_that_cannot_be_copied_are_refused_at_the_start() {
    virtual_time(async {
        let service = handler_fn("s", |n: u64| async move { Ok::<_, Infallible>(n) });
        let builder = PushingDispatcher::builder("x").settings(copying(2, 0)).handler(service);
        let error = builder.start().unwrap_err();
        assert!(matches!(error, StartError::RequestsNotCloned { setting: "concurrent-calls", .. }), "{error}");
    });
}

/// A request that can be copied a few times only.
#[derive(Debug)]
struct Brittle(Arc<AtomicU32>);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        let left = self.0.fetch_sub(1, Ordering::Relaxed);
        assert!(left > 0, "worn out");
        Brittle(Arc::clone(&self.0))
    }
}

/// Answers with its name after 20 ms.
fn brittle(name: &'static str) -> impl Handler<Request = Brittle, Response = &'static str, Error = Infallible> + Send {
    handler_fn(name, move |_: Brittle| async move {
        sleep_ms(20).await;
        Ok::<_, Infallible>(name)
    })
}

#[test]
fn a_request_whose_copying_panics_is_served_once() {
    virtual_time(async {
        for copies in [0, 1] {
            let builder = PushingDispatcher::builder("brittle").settings(copying(3, 0)).clone_requests();
            let handle = builder.handler(brittle("a")).handler(brittle("b")).start().unwrap();
            assert!(handle.call(Brittle(Arc::new(AtomicU32::new(copies)))).await.is_ok());
            let totals = handle.totals();
            assert_eq!((totals.received, totals.completed), (1, 1));
            assert_eq!(handle.tell(Brittle(Arc::new(AtomicU32::new(9)))), Ok::<_, Rejection>(()));
        }
    });
}

/// A request that counts how many of it there are.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn new(alive: &Arc<AtomicU32>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(alive))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Counted::new(&self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers after 20 ms, or never and runs on.
struct Sometimes {
    name: &'static str,
    hangs: bool,
}

impl Handler for Sometimes {
    type Request = Counted;
    type Response = ();
    type Error = ();

    fn name(&self) -> &str {
        self.name
    }

    async fn handle(&self, _: Counted, _: CallContext) -> kanaloa::Reply<(), ()> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        sleep_ms(20).await;
        kanaloa::Reply::success(())
    }

    fn on_cancel(&self) -> kanaloa::OnCancel {
        kanaloa::OnCancel::RunOn
    }
}

#[test]
fn copies_that_wait_in_vain_are_not_kept() {
    virtual_time(async {
        let alive = Arc::new(AtomicU32::new(0));
        let builder = PushingDispatcher::builder("kept").settings(copying(2, 10)).clone_requests();
        let builder = builder.handler(Sometimes { name: "good", hangs: false });
        let handle = builder.handler(Sometimes { name: "hangs", hangs: true }).start().unwrap();
        for _ in 0..1_000 {
            let _ = tokio::time::timeout(ms(1_000), handle.call(Counted::new(&alive))).await;
        }
        // Four of them hang, and each has a request and a spare.
        let left = alive.load(Ordering::Relaxed);
        assert!(left <= 8, "{left}");
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_request_that_cannot_be_copied_goes_out_once() {
    virtual_time(async {
        let (mut settings, log) = (copying(2, 0), Log::default());
        settings.work.work_retry = 3;
        let mut builder = PushingDispatcher::builder("some")
            .settings(settings)
            .clone_requests_by(|n: &u64| n.is_multiple_of(2).then_some(*n));
        for name in ["a", "b"] {
            let log = Arc::clone(&log);
            builder = builder.handler(handler_fn(name, move |n| {
                log.lock().unwrap().push((n, name));
                async move { Err::<u64, _>(name) }
            }));
        }
        let handle = builder.start().unwrap();
        let answer = handle.call(7).await;
        assert!(matches!(answer, Err(CallError::Failed(Failure::Service(_)))), "{answer:?}");
        assert_eq!(log.lock().unwrap().len(), 1);
        log.lock().unwrap().clear();
        // Two copies, and three retries between them.
        let answer = handle.call(8).await;
        assert!(matches!(&answer, Err(CallError::Failed(Failure::Copies(copies))) if copies.len() == 2), "{answer:?}");
        assert_eq!(log.lock().unwrap().len(), 5);
    });
}
