//! Which of the works that wait is served next.

use std::convert::Infallible;

use futures::future::join_all;
use kanaloa::config::{DispatcherSettings, QueueOrder};
use kanaloa::{CallError, DispatcherHandle, Priority, PushingDispatcher, Rejection, Work, handler_fn};
use tokio::time::{Instant, sleep_until};

use crate::support::*;

type Handle = DispatcherHandle<usize, usize, Infallible>;

/// A dispatcher in front of a handler that takes 10 ms for each work.
fn dispatcher(mut settings: DispatcherSettings, order: QueueOrder) -> Handle {
    settings.queue.order = order;
    let handler = handler_fn("any", |n: usize| async move {
        sleep_ms(10).await;
        Ok::<_, Infallible>(n)
    });
    PushingDispatcher::builder("any").settings(settings).handler(handler).start().unwrap()
}

fn work(class: u8, n: usize) -> Work<usize, usize, Infallible> {
    Work::new(n).priority(Priority::try_from(class).unwrap())
}

/// The numbers of works, one of each of these classes and all waiting, in the order in which they are served one by one.
async fn served(handle: &Handle, classes: &[u8]) -> Vec<usize> {
    let start = Instant::now();
    let running = handle.call(work(5, 0));
    settle().await;
    let calls = classes.iter().enumerate().map(|(n, class)| timed(handle.call(work(*class, n)), start));
    let mut answers = join_all(calls).await;
    assert_eq!(running.await, Ok(0));
    answers.sort_by_key(|(_, at)| *at);
    // One each 10 ms, after the one that was running.
    assert!(answers.iter().map(|(_, at)| *at).eq((2..).map(|n| 10 * n).take(classes.len())), "{answers:?}");
    answers.into_iter().map(|(n, _)| n.unwrap()).collect()
}

#[test]
fn fifo_serves_the_oldest_first_whatever_its_class() {
    virtual_time(async {
        let handle = dispatcher(fixed_and_open(1), QueueOrder::Fifo);
        assert_eq!(served(&handle, &[3, 0, 5, 0, 3]).await, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn lifo_serves_the_newest_first_whatever_its_class() {
    virtual_time(async {
        let handle = dispatcher(fixed_and_open(1), QueueOrder::Lifo);
        assert_eq!(served(&handle, &[3, 0, 5, 0, 3]).await, [4, 3, 2, 1, 0]);
    });
}

#[test]
fn by_class_serves_four_classes_at_8_to_4_to_2_to_1_and_each_in_order_of_arrival() {
    virtual_time(async {
        let handle = dispatcher(fixed_and_open(1), QueueOrder::ByClass);
        // 16 of each class, the worst first.
        let classes: Vec<u8> = (0..64).map(|n| 3 - n / 16).collect();
        let served = served(&handle, &classes).await;
        // Each class is due at 0, and at every multiple of 2^class: 0 to 3; 0; 0 and 1; 0; 0 to 2; 0; 0 and 1; 0.
        let round = [0, 1, 2, 3, 0, 0, 1, 0, 0, 1, 2, 0, 0, 1, 0];
        let order: Vec<u8> = served.iter().map(|n| classes[*n]).collect();
        assert_eq!(order[..30], [round, round].concat());
        // Then there is no class 0 any more: it had 16 works. 1 to 3; 1; 1 and 2; 1.
        assert_eq!(order[30..37], [1, 2, 3, 1, 1, 2, 1]);
        for class in 0..4 {
            let of_class = served.iter().filter(|n| classes[**n] == class);
            assert!(of_class.is_sorted(), "class {class}: {served:?}");
        }
    });
}

#[test]
fn by_class_starves_nobody() {
    virtual_time(async {
        let handle = dispatcher(fixed_and_open(1), QueueOrder::ByClass);
        let start = Instant::now();
        // Works of class 0 come as fast as any can be served, and there is a queue of them.
        let flood: Vec<_> = (0..200).map(|n| handle.call(work(0, n))).collect();
        settle().await;
        let of_class_5: Vec<_> = (0..3).map(|n| timed(handle.call(work(5, n)), start)).collect();
        let mut last = Vec::new();
        for call in of_class_5 {
            let (answer, at) = call.await;
            assert!(answer.is_ok());
            last.push(at / 10);
        }
        // The first is owed one at once, after the one that is running. Then one in 33.
        assert_eq!(last, [2, 35, 68]);
        assert!(join_all(flood).await.iter().all(Result::is_ok));
    });
}

#[test]
fn with_lifo_the_old_are_shed_while_the_new_are_served() {
    virtual_time(async {
        let handle = dispatcher(fixed(1), QueueOrder::Lifo);
        // What is known of the service decides how long works may wait: 0.6·max(1 s, 5·R).
        for n in 0..20 {
            assert_eq!(handle.call(n).await, Ok(n));
        }
        // The sampler tells of it every half second.
        sleep_ms(1_000).await;
        let start = Instant::now();
        let running = handle.call(0);
        settle().await;
        let old = actix::spawn(timed(handle.call(1), start));
        let mut new = Vec::new();
        for n in 0..100 {
            // 100 a second, which is all that it can do.
            sleep_until(start + ms(10 * n + 5)).await;
            new.push(handle.call(2));
        }
        assert!(running.await.is_ok());
        let (answer, at) = old.await.unwrap();
        assert!(matches!(answer, Err(CallError::Rejected(Rejection::WaitedTooLong { .. }))), "{answer:?}");
        assert_eq!(at, 600);
        assert!(join_all(new).await.iter().all(Result::is_ok));
        assert_adds_up(handle.totals());
    });
}
