//! Answers whose rest comes later: see `Handler::tail`.

use std::convert::Infallible;
use std::time::Duration;

use kanaloa::{CallContext, DispatcherHandle, Handler, PoolStatus, PushingDispatcher, Reply, Tail, TailEnd};
use tokio::time::Instant;

use crate::support::*;

/// Begins to answer after 10 ms.
struct Streaming;

struct Begun {
    end: TailEnd,
    tail: Option<Tail>,
}

impl Handler for Streaming {
    type Request = ();
    type Response = Begun;
    type Error = Infallible;

    fn name(&self) -> &str {
        "streaming"
    }

    async fn handle(&self, (): (), _: CallContext) -> Reply<Begun, Infallible> {
        sleep_ms(10).await;
        let (end, tail) = Tail::new();
        Reply::success(Begun { end, tail: Some(tail) })
    }

    fn tail(&self, begun: &mut Begun) -> Option<Tail> {
        begun.tail.take()
    }
}

type Handle = DispatcherHandle<(), Begun, Infallible>;

fn streaming(limit: usize, service_timeout: u64) -> Handle {
    let mut settings = fixed_and_open(limit);
    settings.work.service_timeout = ms(service_timeout);
    PushingDispatcher::builder("streaming").settings(settings).handler(Streaming).start().unwrap()
}

async fn pool(handle: &Handle) -> PoolStatus {
    status(handle).await.pools.remove(0)
}

#[test]
fn the_caller_has_the_answer_at_once_and_the_slot_is_free_at_the_end_of_the_tail() {
    virtual_time(async {
        let (handle, start) = (streaming(1, 1_000), Instant::now());
        let first = handle.call(()).await.unwrap();
        assert_eq!(elapsed_ms(start), 10);
        let second = actix::spawn(timed(handle.call(()), start));
        sleep_ms(40).await;
        assert_eq!((pool(&handle).await.busy, handle.totals().completed), (1, 1));
        first.end.complete(Duration::ZERO);
        let (answer, at) = second.await.unwrap();
        assert_eq!((answer.is_ok(), at), (true, 60));
        drop(answer);
    });
}

#[test]
fn a_tail_is_measured_to_its_end_but_for_what_others_held_it_up() {
    virtual_time(async {
        let handle = streaming(1, 1_000);
        let begun = handle.call(()).await.unwrap();
        assert_eq!(pool(&handle).await.process_time, None);
        sleep_ms(90).await;
        begun.end.complete(ms(60));
        settle().await;
        let pool = pool(&handle).await;
        assert_eq!((pool.process_time, pool.succeeded, pool.busy), (Some(ms(40)), 1, 0));
    });
}

#[test]
fn each_end_of_a_tail_is_an_outcome() {
    virtual_time(async {
        let handle = streaming(4, 1_000);
        for end in [TailEnd::complete, TailEnd::failed, TailEnd::timed_out] {
            end(handle.call(()).await.unwrap().end, Duration::ZERO);
        }
        drop(handle.call(()).await.unwrap());
        settle().await;
        let pool = pool(&handle).await;
        assert_eq!((pool.succeeded, pool.failed, pool.timed_out, pool.cancelled, pool.busy), (1, 1, 1, 1, 0));
        // Callers had their answers.
        assert_eq!(handle.totals().completed, 4);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_tail_may_take_longer_than_any_time_limit_and_does_not_look_like_a_hang() {
    virtual_time(async {
        let handle = streaming(2, 100);
        let (one, other) = (handle.call(()).await.unwrap(), handle.call(()).await.unwrap());
        sleep_ms(60_000).await;
        let during = pool(&handle).await;
        assert_eq!((during.busy, during.stuck, during.circuit_opened), (2, 0, 0));
        one.end.complete(Duration::ZERO);
        other.end.complete(Duration::ZERO);
        assert!(handle.call(()).await.is_ok());
    });
}

#[test]
fn an_answer_whose_caller_has_left_frees_its_slot() {
    virtual_time(async {
        let handle = streaming(1, 1_000);
        drop(tokio::time::timeout(ms(5), handle.call(())).await);
        settle().await;
        assert_eq!(pool(&handle).await.busy, 0);
        // One that nobody waits for has nobody to read the rest.
        handle.tell(()).unwrap();
        sleep_ms(10).await;
        settle().await;
        assert_eq!(pool(&handle).await.busy, 0);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn a_shutdown_waits_for_tails_only_until_its_time_is_over() {
    virtual_time(async {
        let (handle, start) = (streaming(1, 1_000), Instant::now());
        let begun = handle.call(()).await.unwrap();
        handle.shutdown_within(ms(500)).await;
        assert!(elapsed_ms(start) <= 510, "{}", elapsed_ms(start));
        begun.end.complete(Duration::ZERO);
    });
}
