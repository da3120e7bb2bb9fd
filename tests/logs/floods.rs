//! What flaps does not flood the log, nothing that happens is left out of the count, and the last word is true.

use std::convert::Infallible;
use std::future::pending;

use kanaloa::{FixedProvider, HandlerSource, PushingDispatcher, handler_fn};
use log::Level;
use tokio::time::Instant;

use crate::memory::{Line, listen, timed_lines};
use crate::support::*;

/// How many records a line stands for: itself, and those that it says were left out.
fn stands_for(line: &Line) -> u64 {
    let Some((_, end)) = line.text.split_once("; ") else { return 1 };
    let count = end.strip_suffix(" more like it were not logged").unwrap_or_else(|| panic!("{line:?}"));
    1 + count.parse::<u64>().unwrap()
}

/// The most lines within any ten seconds, an end excluded.
fn most_in_a_period(lines: &[Line]) -> usize {
    let within = |start: Instant| lines.iter().filter(move |line| line.at >= start && line.at - start < ms(10_000));
    lines.iter().map(|line| within(line.at).count()).max().unwrap_or(0)
}

/// Has a circuit breaker open and try again for so long; returns how often it opened.
async fn flap(handle: &kanaloa::DispatcherHandle<bool, (), Infallible>, for_ms: u64) -> u64 {
    let start = Instant::now();
    while start.elapsed() < ms(for_ms) {
        let _ = handle.call(true).await;
    }
    status(handle).await.pools[0].circuit_opened
}

fn flapping(name: &str) -> kanaloa::DispatcherHandle<bool, (), Infallible> {
    let mut settings = fixed_and_open(1);
    settings.work.service_timeout = ms(10);
    settings.circuit_breaker.as_mut().unwrap().open_duration_base = ms(20);
    let service =
        handler_fn(
            "flapping",
            |hangs: bool| async move { if hangs { pending().await } else { Ok::<(), Infallible>(()) } },
        );
    PushingDispatcher::builder(name).settings(settings).handler(service).start().unwrap()
}

#[test]
fn a_circuit_breaker_that_flaps_says_little_and_counts_the_rest_and_its_last_word_is_true() {
    listen();
    let (opened, lines) = virtual_time(async {
        let handle = flapping("flaps");
        let opened = flap(&handle, 65_000).await;
        for _ in 0..4 {
            assert!(handle.call(false).await.is_ok());
        }
        assert_eq!(status(&handle).await.pools[0].circuit_opened, opened);
        sleep_ms(10_000).await;
        // While it lives: what is held back then is told at its end in any case.
        (opened, timed_lines("dispatcher flaps: handler flapping: circuit breaker "))
    });
    assert!(opened > 500, "{opened}");
    assert_eq!(most_in_a_period(&lines), 5);
    // It opens, tries, and closes in the end.
    assert_eq!(lines.iter().map(stands_for).sum::<u64>(), 2 * opened + 1);
    assert!(lines.last().unwrap().text.contains("circuit breaker closed"), "{lines:?}");
}

#[test]
fn what_is_held_back_when_the_dispatcher_ends_is_told_then() {
    listen();
    let opened = virtual_time(async {
        let handle = flapping("flaps to the end");
        let opened = flap(&handle, 5_000).await;
        handle.shutdown_within(ms(0)).await;
        settle().await;
        opened
    });
    let lines = timed_lines("dispatcher flaps to the end: handler flapping: circuit breaker ");
    assert_eq!(lines.len(), 6, "{lines:?}");
    let told = lines.iter().map(stands_for).sum::<u64>();
    assert!(told == 2 * opened || told == 2 * opened - 1, "{told} {opened}");
}

#[test]
fn a_thousand_handlers_that_come_and_go_say_so_in_few_words() {
    const HANDLERS: usize = 1_000;
    listen();
    virtual_time(async {
        let handlers = (0..HANDLERS)
            .map(|n| HandlerSource::new(handler_fn(format!("h{n}"), |n: u64| async move { Ok::<_, Infallible>(n) })));
        let builder = PushingDispatcher::builder("crowd").settings(fixed(1));
        let handle = builder.provider(FixedProvider::new(handlers)).start().unwrap();
        sleep_ms(11_000).await;
        let lines = timed_lines("dispatcher crowd: handler h");
        let joined: Vec<_> = lines.into_iter().filter(|line| line.text.contains("joined")).collect();
        assert_eq!(joined.len(), 21);
        assert_eq!(joined.iter().map(stands_for).sum::<u64>(), HANDLERS as u64);
        assert!(joined[20].text.starts_with("dispatcher crowd: handler h999: joined"), "{:?}", joined[20]);
        sleep_ms(20_000).await;
        for n in 0..HANDLERS {
            handle.remove_handler(&format!("h{n}")).await.unwrap();
        }
        sleep_ms(11_000).await;
    });
    let lines: Vec<_> =
        timed_lines("dispatcher crowd: handler h").into_iter().filter(|line| line.level < Level::Debug).collect();
    assert_eq!(most_in_a_period(&lines), 20);
    assert_eq!(lines.iter().map(stands_for).sum::<u64>(), 2 * HANDLERS as u64);
    assert!(lines.last().unwrap().text.starts_with("dispatcher crowd: handler h999: leaves"));
}

#[test]
fn a_handler_that_flaps_leaves_room_for_the_others() {
    listen();
    virtual_time(async {
        let builder = PushingDispatcher::builder("neighbours").settings(fixed(1));
        let source = HandlerSource::factory("loud", || {
            let service =
                |n: u64| async move { if n == 0 { kanaloa::Reply::gone() } else { kanaloa::Reply::success(n) } };
            std::future::ready(Ok::<_, &str>(handler_fn("loud", service)))
        });
        let handle = builder.handler_from(source).start().unwrap();
        for _ in 0..100 {
            assert_eq!(handle.call(1).await, Ok(1));
            assert!(handle.call(0).await.is_err());
            sleep_ms(1).await;
        }
        let quiet = HandlerSource::new(handler_fn("quiet", |n: u64| async move { Ok::<_, Infallible>(n) }));
        handle.add_handler(quiet).await.unwrap();
        settle().await;
        assert_eq!(timed_lines("dispatcher neighbours: handler quiet: joined").len(), 1);
        sleep_ms(10_000).await;
    });
    let lines: Vec<_> = timed_lines("dispatcher neighbours: handler loud: ")
        .into_iter()
        .filter(|line| line.level < Level::Debug)
        .collect();
    assert_eq!(most_in_a_period(&lines), 5);
    // It came, went a hundred times, and was back as often.
    assert_eq!(lines.iter().map(stands_for).sum::<u64>(), 201);
    assert!(lines.last().unwrap().text.contains("loud: is back"), "{lines:?}");
}
