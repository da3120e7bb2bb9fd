//! An overload is told of when it begins and when it is over.

use std::convert::Infallible;

use kanaloa::{PushingDispatcher, Totals};
use log::Level;

use crate::memory::{listen, timed_lines, told};
use crate::support::*;

/// Submits a work every so many milliseconds, for so many, and lets them end.
async fn flood(handle: &Sleeper, every: u64, for_ms: u64) {
    for _ in 0..for_ms / every {
        let call = handle.call(20);
        actix::spawn(async move { drop(call.await) });
        sleep_ms(every).await;
    }
}

fn start(name: &str) -> Sleeper {
    let service = kanaloa::handler_fn("slow", |n: u64| async move {
        sleep_ms(n).await;
        Ok::<_, Infallible>(n)
    });
    PushingDispatcher::builder(name).settings(fixed(1)).handler(service).start().unwrap()
}

#[test]
fn an_overload_is_one_episode_however_it_goes_on() {
    listen();
    let Totals { rejected, .. } = virtual_time(async {
        let handle = start("episode");
        // What it can do.
        flood(&handle, 25, 20_000).await;
        // Twice that, then a pause that is no end, then four times that.
        flood(&handle, 10, 20_000).await;
        sleep_ms(5_000).await;
        flood(&handle, 5, 20_000).await;
        // No traffic, and no samples.
        sleep_ms(20_000).await;
        handle.totals()
    });
    let lines: Vec<_> =
        timed_lines("dispatcher episode: ").into_iter().filter(|line| line.text.contains("overloaded")).collect();
    let [begins, ends] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((begins.level, ends.level), (Level::Info, Level::Info));
    // One of two is too many, and of those that waited before the first refusal some are shed.
    assert_eq!(begins.text, "dispatcher episode: overloaded: refusing 54 % of works");
    // It began a second before it was told of, and was over ten seconds before that was.
    let lasted = (ends.at - begins.at).as_secs_f64() - 9.0;
    let expected = format!("no longer overloaded after {lasted:.1} s, {rejected} works were refused");
    assert_eq!(ends.text, format!("dispatcher episode: {expected}"));
    assert!((44.0..45.0).contains(&lasted), "{lasted}");
}

#[test]
fn a_shutdown_ends_it_and_refusals_for_want_of_handlers_are_none() {
    listen();
    virtual_time(async {
        let handle = start("ended");
        flood(&handle, 5, 5_000).await;
        handle.shutdown().await;
        settle().await;
        let mut settings = fixed(1);
        settings.initial_grace_period = ms(100);
        let handle = PushingDispatcher::<u64, u64, Infallible>::builder("without").settings(settings).start().unwrap();
        sleep_ms(200).await;
        flood(&handle, 10, 1_000).await;
        let service = kanaloa::handler_fn("late", |n: u64| async move { Ok::<_, Infallible>(n) });
        handle.add_handler(kanaloa::HandlerSource::new(service)).await.unwrap();
        flood(&handle, 30, 3_000).await;
        assert_eq!(handle.totals().rejected, 100);
    });
    let ended: Vec<_> =
        told("dispatcher ended: ").into_iter().filter(|(_, text)| text.contains("overloaded")).collect();
    assert_eq!(ended.len(), 2, "{ended:?}");
    assert!(ended[1].1.starts_with("stopped while overloaded, after "), "{ended:?}");
    let unmanned = told("dispatcher without: ");
    assert!(unmanned.iter().all(|(_, text)| !text.contains("overloaded")), "{unmanned:?}");
}
