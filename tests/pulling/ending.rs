//! How a run ends, and what its summary says.

use std::convert::Infallible;
use std::sync::Arc;

use futures::{StreamExt, stream};
use kanaloa::{
    CallError, DispatcherState, Failure, HandBack, HandlerSource, PullingDispatcher, PushingDispatcher, Rejection,
    Reply, RunEnd, StartError, Stopped, controlled_provider, handler_fn,
};
use tokio::time::Instant;

use crate::support::*;

#[test]
fn it_ends_by_itself_when_all_is_done() {
    virtual_time(async {
        let start = Instant::now();
        let run = sleeps(2, [10, 20, 30]).start().unwrap();
        let summary = run.summary().await;
        // 10 and then 30 beside 20.
        assert_eq!((summary.elapsed, elapsed_ms(start)), (ms(40), 40));
        assert_eq!((summary.taken, summary.succeeded, summary.end.clone()), (3, 3, RunEnd::Exhausted));
        assert_summary_adds_up(&summary);
        settle().await;
        assert_eq!(run.status().await, Err(Stopped));
        // It can be asked for again.
        assert_eq!(run.clone().summary().await, summary);
        assert_eq!(run.shutdown().await, summary);
    });
}

#[test]
fn an_empty_source_ends_at_once() {
    virtual_time(async {
        let run = sleeps(2, []).start().unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.taken, summary.elapsed, summary.end), (0, ms(0), RunEnd::Exhausted));
    });
}

#[test]
fn it_goes_on_when_nobody_holds_the_handle() {
    virtual_time(async {
        let (results, keep) = kept();
        drop(sleeps(1, [10; 5]).for_each(keep).start().unwrap());
        sleep_ms(100).await;
        assert_eq!(indices(&results), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn without_a_handler_it_ends_with_the_grace_period() {
    virtual_time(async {
        let run = PullingDispatcher::from_stream("test", stream::iter(0..10_u64)).settings(pulls(1));
        let run = run.for_each(|_: kanaloa::ItemResult<u64, Infallible>| {}).start().unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.taken, summary.elapsed, summary.end), (0, ms(1_000), RunEnd::NoHandlers));
    });
}

#[test]
fn it_waits_for_a_handler_if_the_settings_say_so() {
    virtual_time(async {
        let mut settings = pulls(1);
        settings.worker_pool.shutdown_on_all_worker_death = false;
        let run = sleeps(1, [10; 4]).settings(settings).start().unwrap();
        sleep_ms(15).await;
        run.remove_handler("sleeper").await.unwrap();
        sleep_ms(5_000).await;
        assert_eq!(run.status().await.unwrap().state, DispatcherState::NoHandlers);
        run.add_handler(HandlerSource::new(sleeper_handler("next"))).await.unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.end), (4, RunEnd::Exhausted));
    });
}

#[test]
fn it_ends_with_its_last_handler() {
    virtual_time(async {
        let quits = handler_fn("quits", |n: u64| async move {
            sleep_ms(10).await;
            if n == 3 { Reply::<_, Infallible>::success(n).terminate() } else { Reply::success(n) }
        });
        let (jobs, ledger) = Jobs::new(0..100_u64);
        let run = PullingDispatcher::from_source("test", jobs).settings(pulls(1)).handler(quits).start().unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.elapsed), (4, ms(40)));
        assert_eq!((summary.taken, summary.end), (4, RunEnd::NoHandlers));
        assert_eq!(ledger.lock().unwrap().acked, [0, 1, 2, 3]);
    });
}

#[test]
fn it_waits_for_a_handler_as_long_as_a_provider_is_left() {
    virtual_time(async {
        let (control, provider) = controlled_provider();
        let items = stream::iter([10; 20]);
        let run = PullingDispatcher::from_stream("test", items).settings(pulls(1)).provider(provider).start().unwrap();
        // Later than the grace period.
        sleep_ms(3_000).await;
        control.add(HandlerSource::new(sleeper_handler("late"))).unwrap();
        sleep_ms(25).await;
        control.remove("late").unwrap();
        sleep_ms(500).await;
        assert_eq!(run.progress().succeeded, 3);
        control.add(HandlerSource::new(sleeper_handler("next"))).unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.elapsed), (20, ms(3_695)));
        assert_eq!(summary.end, RunEnd::Exhausted);
    });
}

#[test]
fn it_ends_when_there_is_neither_handler_nor_provider_any_more() {
    virtual_time(async {
        for has_handler in [true, false] {
            let (control, provider) = controlled_provider();
            let items = stream::iter([10; 20]);
            let run =
                PullingDispatcher::from_stream("test", items).settings(pulls(1)).provider(provider).start().unwrap();
            if has_handler {
                control.add(HandlerSource::new(sleeper_handler("first"))).unwrap();
                sleep_ms(5).await;
                control.remove("first").unwrap();
            }
            sleep_ms(2_000).await;
            assert_eq!(run.progress().succeeded, u64::from(has_handler));
            drop(control);
            assert_eq!(run.summary().await.end, RunEnd::NoHandlers);
        }
    });
}

#[test]
fn a_shutdown_takes_no_further_item_and_finishes_what_was_taken() {
    virtual_time(async {
        let (jobs, ledger) = Jobs::new([100_u64; 50]);
        let (results, keep) = kept();
        let run = PullingDispatcher::from_source("test", jobs)
            .settings(pulls(3))
            .handler(sleeper_handler("sleeper"))
            .for_each(keep)
            .start()
            .unwrap();
        sleep_ms(150).await;
        let summary = run.shutdown().await;
        assert_eq!((summary.taken, summary.succeeded, summary.elapsed), (6, 6, ms(200)));
        assert_eq!((summary.end, summary.left_behind), (RunEnd::ShutDown, false));
        assert_eq!(indices(&results), [0, 1, 2, 3, 4, 5]);
        assert_eq!(ledger.lock().unwrap().acked, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn what_is_left_when_its_time_is_over_is_cut_off_and_handed_back() {
    virtual_time(async {
        let (jobs, ledger) = Jobs::new([10, 10_000, 10_000_u64, 10_000]);
        let (results, keep) = kept();
        let run = PullingDispatcher::from_source("test", jobs)
            .settings(pulls(2))
            .handler(sleeper_handler("sleeper"))
            .for_each(keep)
            .start()
            .unwrap();
        sleep_ms(50).await;
        let summary = run.shutdown_within(ms(100)).await;
        assert_eq!((summary.succeeded, summary.failed.cut_off, summary.elapsed), (1, 2, ms(150)));
        assert_summary_adds_up(&summary);
        let ledger = ledger.lock().unwrap();
        assert_eq!(
            (&ledger.acked[..], &ledger.handed_back[..]),
            (&[0][..], &[(1, HandBack::CutOff), (2, HandBack::CutOff)][..])
        );
        let cut_off = Err(CallError::Failed(Failure::CutOff));
        assert_eq!(
            results.lock().unwrap().iter().map(|item| item.result.clone()).collect::<Vec<_>>(),
            [Ok(10), cut_off.clone(), cut_off]
        );
    });
}

#[test]
fn asked_again_the_sooner_time_holds() {
    virtual_time(async {
        for times in [[1_000, 100], [100, 1_000]] {
            let run = sleeps(1, [10_000; 2]).start().unwrap();
            sleep_ms(10).await;
            let [first, second] = times.map(|time| {
                let run = run.clone();
                actix::spawn(async move { run.shutdown_within(ms(time)).await })
            });
            let (first, second) = (first.await.unwrap(), second.await.unwrap());
            assert_eq!(first, second);
            assert_eq!((first.elapsed, first.failed.cut_off), (ms(110), 1));
        }
    });
}

#[test]
fn a_shutdown_before_anything_has_begun_takes_nothing() {
    virtual_time(async {
        let run = sleeps(1, [10; 3]).start().unwrap();
        let summary = run.shutdown().await;
        assert_eq!((summary.taken, summary.elapsed, summary.end), (0, ms(0), RunEnd::ShutDown));
    });
}

#[test]
fn a_shutdown_ends_a_source_that_gives_nothing() {
    virtual_time(async {
        let items = stream::iter([1_u64]).chain(stream::pending());
        let run = PullingDispatcher::from_stream("test", items).settings(pulls(1)).handler(sleeper_handler("s"));
        let run = run.start().unwrap();
        sleep_ms(500).await;
        let summary = run.shutdown().await;
        assert_eq!((summary.succeeded, summary.elapsed, summary.end), (1, ms(500), RunEnd::ShutDown));
    });
}

#[test]
fn a_stream_that_panics_has_ended() {
    virtual_time(async {
        let items = stream::iter(0..10_u64).inspect(|n| assert!(*n < 5, "no five"));
        let run = PullingDispatcher::from_stream("test", items).settings(pulls(2)).handler(sleeper_handler("s"));
        let summary = run.start().unwrap().summary().await;
        assert_eq!((summary.succeeded, summary.end), (5, RunEnd::SourcePanicked("no five".into())));
    });
}

#[test]
fn its_failures_are_told_apart() {
    virtual_time(async {
        let mut settings = pulls(1);
        (settings.work.service_timeout, settings.circuit_breaker) = (ms(50), None);
        let handler = handler_fn("varied", |n: u64| async move {
            match n % 5 {
                0 => Reply::success(n),
                1 => Reply::failure("no"),
                2 => panic!("as planned"),
                3 => kanaloa::Answer::Unanswered.into(),
                _ => std::future::pending().await,
            }
        });
        let (jobs, ledger) = Jobs::new(0..10_u64);
        let run = PullingDispatcher::from_source("test", jobs).settings(settings).handler(handler).start().unwrap();
        let summary = run.summary().await;
        let failed = summary.failed;
        assert_eq!(
            (summary.succeeded, failed.service, failed.panicked, failed.unanswered, failed.timed_out),
            (2, 2, 2, 2, 2)
        );
        assert_eq!((summary.acked, summary.handed_back), (2, 8));
        assert_summary_adds_up(&summary);
        let ledger = ledger.lock().unwrap();
        assert_eq!(ledger.acked, [0, 5]);
        assert_eq!(ledger.handed_back[..3], [1, 2, 3].map(|token| (token, HandBack::Failed)));
        assert!(matches!(ledger.handed_back[3], (4, HandBack::TimedOut(_))));
    });
}

#[test]
fn when_its_system_ends_everybody_is_told() {
    let (jobs, ledger) = Jobs::new([10, 1_000_000_u64, 1_000_000]);
    let run = virtual_time(async {
        let run = PullingDispatcher::from_source("test", jobs).settings(pulls(2)).handler(sleeper_handler("sleeper"));
        let run = run.start().unwrap();
        sleep_ms(50).await;
        run
    });
    let summary = futures::executor::block_on(run.summary());
    assert_eq!((summary.taken, summary.succeeded, summary.end.clone()), (3, 1, RunEnd::Stopped));
    assert_summary_adds_up(&summary);
    let ledger = ledger.lock().unwrap();
    let dropped = [(1, HandBack::Dropped), (2, HandBack::Dropped)];
    assert_eq!((&ledger.acked[..], &ledger.handed_back[..]), (&[0][..], &dropped[..]));
}

#[test]
fn on_an_arbiter_that_has_ended_so_has_the_run() {
    actix::System::new().block_on(async {
        let arbiter = actix::Arbiter::new();
        let ended = arbiter.handle();
        arbiter.stop();
        arbiter.join().unwrap();
        let run = sleeps(1, [1]).start_on(&ended).unwrap();
        assert_eq!(run.summary().await.end, RunEnd::Stopped);
        assert_eq!(run.shutdown().await.end, RunEnd::Stopped);
    });
}

#[test]
fn on_a_thread_of_its_own_it_needs_no_system() {
    let run = sleeps(1, [1; 3]).start_on_thread().unwrap();
    assert_eq!(futures::executor::block_on(run.summary()).succeeded, 3);
    assert!(matches!(sleeps(1, []).start(), Err(StartError::NoSystem)));
}

#[test]
fn its_settings_are_those_of_pulling_dispatchers() {
    virtual_time(async {
        // One that is pushed to refuses most of what comes at once; this one takes it as it can.
        let slow = || {
            handler_fn("slow", |n: u64| async move {
                sleep_ms(1_000).await;
                Ok::<_, Infallible>(n)
            })
        };
        let run = PullingDispatcher::from_stream("test", stream::iter(0..2_000_u64)).handler(slow()).start().unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.failed.rejected), (2_000, 0));
        let pushed = PushingDispatcher::builder("test").handler(slow()).start().unwrap();
        let calls: Vec<_> = (0..2_000).map(|n| pushed.call(n)).collect();
        let answers = futures::future::join_all(calls).await;
        let refused = |answer: &Result<u64, _>| {
            matches!(answer, Err(CallError::Rejected(Rejection::OverCapacity { .. } | Rejection::WaitedTooLong { .. })))
        };
        assert!(answers.iter().any(refused));
    });
}

#[test]
fn what_a_blocked_handler_holds_is_handed_back_in_the_end() {
    actix::System::new().block_on(async {
        let arbiter = actix::Arbiter::new();
        let (unblock, blocked) = std::sync::mpsc::channel::<()>();
        let blocks = handler_fn("blocks", move |n: u64| {
            let _ = blocked.recv();
            std::future::ready(Ok::<_, Infallible>(n))
        });
        let (jobs, ledger) = Jobs::new(0..10_u64);
        let run = PullingDispatcher::from_source("test", jobs).settings(pulls(1)).handler_on(&arbiter.handle(), blocks);
        let run = run.start().unwrap();
        while run.progress().taken == 0 {
            sleep_ms(1).await;
        }
        let summary = run.shutdown_within(ms(0)).await;
        assert_eq!((summary.taken, summary.failed.cut_off, summary.handed_back), (1, 1, 1));
        assert_eq!(ledger.lock().unwrap().handed_back, [(0, HandBack::CutOff)]);
        drop(unblock);
        arbiter.stop();
    });
}

#[test]
fn handlers_on_other_arbiters_are_served_too() {
    actix::System::new().block_on(async {
        let arbiters = [actix::Arbiter::new(), actix::Arbiter::new()];
        let (jobs, ledger) = Jobs::new(0..20_000_u64);
        let mut builder = PullingDispatcher::from_source("test", jobs).settings(pulls(5));
        for (arbiter, name) in arbiters.iter().zip(["one", "other"]) {
            builder =
                builder.handler_on(&arbiter.handle(), handler_fn(name, |n: u64| async move { Ok::<_, Infallible>(n) }));
        }
        let run = builder.start().unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.acked, summary.end), (20_000, 20_000, RunEnd::Exhausted));
        let most = Arc::clone(&ledger).lock().unwrap().most_out;
        assert!(most <= 10, "{most}");
        arbiters.iter().for_each(|arbiter| {
            arbiter.stop();
        });
    });
}
