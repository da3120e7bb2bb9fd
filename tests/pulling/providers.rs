//! Runs whose handlers come from a provider.

use std::convert::Infallible;

use futures::stream;
use kanaloa::{HandlerSource, PullingBuilder, PullingDispatcher, RunEnd, controlled_provider};

use crate::support::*;

fn five() -> PullingBuilder<u64, u64, Infallible> {
    PullingDispatcher::from_stream("test", stream::iter([10; 5])).settings(pulls(1))
}

#[test]
fn it_waits_for_a_handler_while_a_provider_lives() {
    virtual_time(async {
        let (control, provider) = controlled_provider();
        let run = five().provider(provider).start().unwrap();
        sleep_ms(60_000).await;
        assert_eq!(run.progress().taken, 0);
        control.add(HandlerSource::new(sleeper_handler("late"))).unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.elapsed, summary.end), (5, ms(60_050), RunEnd::Exhausted));
    });
}

#[test]
fn it_ends_with_the_last_provider_that_could_bring_one() {
    virtual_time(async {
        let ((one, first), (other, second)) = (controlled_provider(), controlled_provider());
        let run = five().provider(first).provider(second).start().unwrap();
        sleep_ms(2_000).await;
        drop(one);
        sleep_ms(2_000).await;
        drop(other);
        let summary = run.summary().await;
        assert_eq!((summary.taken, summary.elapsed, summary.end), (0, ms(4_000), RunEnd::NoHandlers));
    });
}

#[test]
fn after_a_provider_that_gives_none_the_grace_period_is_still_waited_for() {
    virtual_time(async {
        let (control, provider) = controlled_provider();
        drop(control);
        let run = five().provider(provider).start().unwrap();
        sleep_ms(900).await;
        run.add_handler(HandlerSource::new(sleeper_handler("added"))).await.unwrap();
        assert_eq!(run.summary().await.succeeded, 5);

        let (control, provider) = controlled_provider();
        drop(control);
        let summary = five().provider(provider).start().unwrap().summary().await;
        assert_eq!((summary.elapsed, summary.end), (ms(1_000), RunEnd::NoHandlers));
    });
}

#[test]
fn a_handler_that_its_provider_takes_away_may_be_followed_by_another() {
    virtual_time(async {
        let (control, provider) = controlled_provider();
        control.add(HandlerSource::new(sleeper_handler("first"))).unwrap();
        let run = five().provider(provider).start().unwrap();
        sleep_ms(15).await;
        control.remove("first").unwrap();
        sleep_ms(5_000).await;
        assert_eq!(run.progress().succeeded, 2);
        control.add(HandlerSource::new(sleeper_handler("second"))).unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.elapsed, summary.end), (5, ms(5_045), RunEnd::Exhausted));

        let (control, provider) = controlled_provider();
        control.add(HandlerSource::new(sleeper_handler("only"))).unwrap();
        let run = five().provider(provider).start().unwrap();
        sleep_ms(15).await;
        control.remove("only").unwrap();
        sleep_ms(85).await;
        drop(control);
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.elapsed, summary.end), (2, ms(100), RunEnd::NoHandlers));
    });
}
