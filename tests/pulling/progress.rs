//! How far it is.

use futures::{StreamExt, stream};
use kanaloa::PullingDispatcher;

use crate::support::*;

#[test]
fn it_tells_counts_rate_and_when_it_will_be_done() {
    virtual_time(async {
        let run = sleeps(1, [100; 200]).start().unwrap();
        let progress = run.progress();
        assert_eq!((progress.taken, progress.rate, progress.eta), (0, 0.0, None));
        sleep_ms(10_000).await;
        settle().await;
        let progress = run.progress();
        assert_eq!((progress.taken, progress.succeeded, progress.failed, progress.in_flight), (101, 100, 0, 1));
        assert_eq!((progress.total, progress.rate, progress.elapsed), (Some(200), 10.0, ms(10_000)));
        assert_eq!(progress.eta, Some(ms(10_000)));
        run.summary().await;
        let progress = run.progress();
        assert_eq!((progress.succeeded, progress.eta, progress.elapsed), (200, Some(ms(0)), ms(20_000)));
    });
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    virtual_time(async {
        // Ten a second for ten seconds, then one that takes 20.
        let run = sleeps(1, [100; 100].into_iter().chain([20_000])).start().unwrap();
        sleep_ms(10_000).await;
        settle().await;
        assert_eq!(run.progress().rate, 10.0);
        sleep_ms(5_000).await;
        let progress = run.progress();
        assert_eq!((progress.rate, progress.eta), (0.0, None));
    });
}

#[test]
fn the_total_is_told_where_the_source_cannot_tell() {
    virtual_time(async {
        let items = || stream::iter([100_u64; 30]).filter(|_| std::future::ready(true));
        let run = PullingDispatcher::from_stream("test", items()).settings(pulls(1)).handler(sleeper_handler("s"));
        let run = run.start().unwrap();
        sleep_ms(1_000).await;
        settle().await;
        assert_eq!((run.progress().total, run.progress().eta), (None, None));
        let run = PullingDispatcher::from_stream("test", items()).settings(pulls(1)).handler(sleeper_handler("s"));
        let run = run.expected_items(30).start().unwrap();
        sleep_ms(1_000).await;
        settle().await;
        assert_eq!((run.progress().total, run.progress().eta), (Some(30), Some(ms(2_000))));
    });
}

#[test]
fn an_acknowledging_source_and_an_iterator_tell_theirs() {
    virtual_time(async {
        let (jobs, _ledger) = Jobs::new([100_u64; 7]);
        let run = PullingDispatcher::from_source("test", jobs).settings(pulls(1)).handler(sleeper_handler("s"));
        let run = run.start().unwrap();
        run.summary().await;
        assert_eq!(run.progress().total, Some(7));
        let run = PullingDispatcher::from_iterator("test", [1_u64; 9].into_iter()).handler(sleeper_handler("s"));
        let run = run.start().unwrap();
        run.summary().await;
        assert_eq!(run.progress().total, Some(9));
    });
}
