//! What a caller sees.

use std::convert::Infallible;

use futures::future::{join, join_all};
use kanaloa::config::QueueOrder;
use kanaloa::{Answer, CallError, Failure, Priority, PushingDispatcher, Rejection, Reply, Timeout, Work, handler_fn};
use tokio::time::Instant;

use crate::support::*;

#[test]
fn a_call_is_answered() {
    virtual_time(async {
        let handle = PushingDispatcher::builder("double")
            .handler(handler_fn("double", |n: u32| async move { Ok::<_, Infallible>(2 * n) }))
            .start()
            .unwrap();
        assert_eq!(handle.call(21).await, Ok(42));
        assert_eq!(handle.call(Work::new(4).priority(Priority::HIGHEST).user("me")).await, Ok(8));
        let totals = handle.totals();
        assert_eq!((totals.received, totals.completed), (2, 2));
        assert_adds_up(totals);
    });
}

#[test]
fn work_is_sent_to_the_address_too() {
    virtual_time(async {
        let handle = sleeper(fixed(1)).start().unwrap();
        let addr = handle.addr();
        assert_eq!(addr.send(Work::new(5)).await, Ok(Ok(5)));
        // Nobody waits for this one.
        addr.do_send(Work::new(7));
        // The caller of this one leaves.
        drop(tokio::time::timeout(ms(3), addr.send(Work::new(20))).await);
        sleep_ms(30).await;
        let totals = handle.totals();
        assert_eq!((totals.received, totals.completed, totals.abandoned), (3, 2, 1));
        assert_adds_up(totals);
    });
}

#[test]
fn slots_bound_what_runs_at_once_and_the_first_come_is_first_served() {
    virtual_time(async {
        let mut settings = fixed_and_open(2);
        settings.queue.order = QueueOrder::Fifo;
        let handle = PushingDispatcher::builder("slow")
            .settings(settings)
            .handler(handler_fn("slow", |n: u32| async move {
                sleep_ms(100).await;
                Ok::<_, Infallible>(n)
            }))
            .start()
            .unwrap();
        let start = Instant::now();
        let class = |n| Priority::try_from(n).unwrap();
        let calls = (0..6u8).map(|n| timed(handle.call(Work::new(n.into()).priority(class(5 - n))), start));
        let expected = [(0, 100), (1, 100), (2, 200), (3, 200), (4, 300), (5, 300)];
        assert_eq!(join_all(calls).await, expected.map(|(n, at)| (Ok(n), at)));
    });
}

#[test]
fn the_first_limit_is_brought_within_the_bounds() {
    virtual_time(async {
        let limit = async |start, min, max| {
            let mut settings = fixed(start);
            (settings.worker_pool.min_pool_size, settings.worker_pool.max_pool_size) = (min, max);
            let handle = sleeper(settings).start().unwrap();
            settle().await;
            status(&handle).await.pools[0].limit
        };
        assert_eq!((limit(80, 1, 50).await, limit(80, 90, 100).await, limit(80, 1, 100).await), (50, 90, 80));
    });
}

#[test]
fn a_burst_wakes_as_many_workers_as_it_needs() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(8)).start().unwrap();
        // All of them have gone to sleep before.
        settle().await;
        let start = Instant::now();
        let calls = (0..6).map(|_| timed(handle.call(100), start));
        assert_eq!(join_all(calls).await, vec![(Ok(100), 100); 6]);
    });
}

#[test]
fn every_kind_of_failure_is_told() {
    virtual_time(async {
        let handle = PushingDispatcher::builder("flaky")
            .handler(handler_fn("flaky", |n: u32| {
                assert!(n != 6, "six, before the future");
                async move {
                    assert!(n != 7, "seven, in the future");
                    match n {
                        0 => Reply::failure("zero"),
                        1 => Answer::Unanswered.into(),
                        n => Reply::success(n),
                    }
                }
            }))
            .check(|n| match n {
                2 => Err("two is not good"),
                3 => panic!("three"),
                n => Ok(n + 100),
            })
            .start()
            .unwrap();
        let failed = |failure| Err(CallError::Failed(failure));
        let panicked = |message: &str| failed(Failure::Panicked(message.to_string()));
        assert_eq!(handle.call(0).await, failed(Failure::Service("zero")));
        assert_eq!(handle.call(1).await, failed(Failure::Unanswered));
        assert_eq!(handle.call(2).await, failed(Failure::Service("two is not good")));
        assert_eq!(handle.call(3).await, panicked("three"));
        assert_eq!(handle.call(6).await, panicked("six, before the future"));
        assert_eq!(handle.call(7).await, panicked("seven, in the future"));
        assert_eq!(handle.call(8).await, Ok(108));
        let totals = handle.totals();
        assert_eq!((totals.completed, totals.failed), (1, 6));
        assert_adds_up(totals);
        let pool = &status(&handle).await.pools[0];
        assert_eq!((pool.succeeded, pool.failed, pool.busy), (1, 6, 0));
    });
}

#[test]
fn nobody_waits_for_what_is_told() {
    virtual_time(async {
        let handle = sleeper(fixed(1)).start().unwrap();
        assert_eq!(handle.tell(40), Ok(()));
        sleep_ms(39).await;
        assert_eq!(handle.totals().in_flight, 1);
        sleep_ms(2).await;
        assert_eq!(handle.totals().completed, 1);
    });
}

#[test]
fn a_full_queue_refuses_at_once() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.queue.capacity = 2;
        let handle = sleeper(settings).start().unwrap();
        let running = handle.call(50);
        settle().await;
        let waiting = join(handle.call(1), handle.call(1));
        let full = Rejection::QueueFull { capacity: 2 };
        assert_eq!(handle.tell(1), Err(full));
        assert_eq!(handle.call(1).await, Err(CallError::Rejected(full)));
        assert_eq!(running.await, Ok(50));
        assert_eq!(waiting.await, (Ok(1), Ok(1)));
        assert_eq!(handle.call(1).await, Ok(1));
        assert_eq!(handle.totals().rejected, 2);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_passed_deadline_is_refused() {
    virtual_time(async {
        let handle = sleeper(fixed(1)).start().unwrap();
        settle().await;
        let late = handle.call(Work::new(1).deadline(Instant::now())).await;
        assert!(matches!(late, Err(CallError::Rejected(Rejection::DeadlineCannotBeMet { .. }))), "{late:?}");
    });
}

// ## Time runs out in service

#[test]
fn the_service_timeout_frees_the_slot() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.work.service_timeout = ms(100);
        let handle = sleeper(settings).start().unwrap();
        let start = Instant::now();
        let (slow, next) = join(timed(handle.call(500), start), timed(handle.call(30), start)).await;
        assert_eq!(slow, (Err(CallError::TimedOut(Timeout::Service(ms(100)))), 100));
        assert_eq!(next, (Ok(30), 130));
        assert_eq!(handle.totals().timed_out, 1);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn the_request_timeout_counts_from_receipt() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.work.service_timeout = ms(100);
        settings.work.request_timeout = Some(ms(150));
        let handle = sleeper(settings).start().unwrap();
        let start = Instant::now();
        let calls = [90, 90, 90].map(|n| timed(handle.call(n), start));
        let timed_out = Err(CallError::TimedOut(Timeout::Request(ms(150))));
        // The second is cut short in service, the third has waited too long by then.
        assert_eq!(join_all(calls).await, [(Ok(90), 90), (timed_out.clone(), 150), (timed_out, 150)]);
    });
}

#[test]
fn a_deadline_cuts_short_what_is_in_service() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let start = Instant::now();
        let late = handle.call(Work::new(500).deadline(start + ms(70)));
        let (late, next) = join(timed(late, start), timed(handle.call(30), start)).await;
        assert_eq!(late, (Err(CallError::TimedOut(Timeout::Deadline)), 70));
        assert_eq!(next, (Ok(30), 100));
    });
}

// ## Time runs out in the queue

#[test]
fn a_deadline_that_passes_in_the_queue_is_told_at_once_and_out_of_order() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let start = Instant::now();
        let running = handle.call(1000);
        settle().await;
        let mut deadlines = Vec::new();
        for at in [400, 100, 300] {
            deadlines.push(handle.call(Work::new(1).deadline(start + ms(at))));
            // Each comes by itself: the second is over before the first, for which a timer is set by then.
            settle().await;
        }
        let patient = handle.call(1);
        let timed_out = Err(CallError::TimedOut(Timeout::Deadline));
        let answers = join_all(deadlines.into_iter().map(|call| timed(call, start))).await;
        assert_eq!(answers, [400, 100, 300].map(|at| (timed_out.clone(), at)));
        assert_eq!(join(running, timed(patient, start)).await, (Ok(1000), (Ok(1), 1001)));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn what_has_waited_for_three_fifths_of_its_time_is_shed() {
    virtual_time(async {
        let handle = sleeper(fixed(1)).start().unwrap();
        assert_eq!(handle.call(10).await, Ok(10));
        let running = handle.call(2_000);
        sleep_ms(20).await;
        let start = Instant::now();
        let dated = handle.call(Work::new(1).deadline(start + ms(500)));
        settle().await;
        // Without a deadline, a second is what a caller is taken to have.
        let undated = handle.call(1);
        let shed = |after| match after {
            (Err(CallError::Rejected(Rejection::WaitedTooLong { waited, .. })), at) => (waited, at),
            other => panic!("{other:?}"),
        };
        let (dated, undated) = join(timed(dated, start), timed(undated, start)).await;
        assert_eq!(shed(dated), (ms(300), 300));
        assert_eq!(shed(undated), (ms(600), 600));
        assert_eq!(handle.totals().shed, 2);
        assert_eq!(running.await, Ok(2_000));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn the_request_timeout_holds_for_work_with_a_later_deadline_too() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.work.service_timeout = ms(100);
        settings.work.request_timeout = Some(ms(120));
        let handle = sleeper(settings).start().unwrap();
        let start = Instant::now();
        let running = handle.call(500);
        let waiting = [(); 2].map(|()| timed(handle.call(Work::new(90).deadline(start + ms(400))), start));
        let timed_out = Err(CallError::TimedOut(Timeout::Request(ms(120))));
        assert_eq!(running.await, Err(CallError::TimedOut(Timeout::Service(ms(100)))));
        assert_eq!(join_all(waiting).await, [(timed_out.clone(), 120), (timed_out, 120)]);
    });
}

// ## Callers leave

#[test]
fn a_caller_that_leaves_frees_the_slot_at_once() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let start = Instant::now();
        let leaving = tokio::time::timeout(ms(20), handle.call(500));
        let (left, next) = join(leaving, timed(handle.call(30), start)).await;
        assert!(left.is_err());
        assert_eq!(next, (Ok(30), 50));
        let totals = handle.totals();
        assert_eq!((totals.abandoned, totals.completed), (1, 1));
        assert_adds_up(totals);
        assert_eq!(status(&handle).await.pools[0].cancelled, 1);
    });
}

#[test]
fn work_whose_caller_has_left_never_runs() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let running = handle.call(50);
        settle().await;
        drop(handle.call(500));
        let start = Instant::now();
        assert_eq!(join(running, timed(handle.call(1), start)).await, (Ok(50), (Ok(1), 51)));
        assert_eq!(handle.totals().abandoned, 1);
        assert_eq!(status(&handle).await.pools[0].cancelled, 0);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn works_that_were_given_up_leave_the_queue_at_once() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let busy = handle.call(1_000);
        settle().await;
        let mut waiting: Vec<_> = (0..100).map(|_| handle.call(1)).collect();
        settle().await;
        assert_eq!(handle.totals().queued, 100);
        // Of a queue of 100, 12 of whom nobody waits for may stay.
        waiting.truncate(88);
        settle().await;
        assert_eq!((handle.totals().queued, handle.totals().abandoned), (100, 0));
        waiting.pop();
        settle().await;
        assert_eq!((handle.totals().queued, handle.totals().abandoned), (87, 13));
        waiting.truncate(1);
        settle().await;
        assert_eq!((handle.totals().queued, handle.totals().abandoned), (1, 99));
        waiting.clear();
        settle().await;
        assert_eq!((handle.totals().queued, handle.totals().abandoned), (0, 100));
        assert_adds_up(handle.totals());
        drop(busy);
    });
}
