//! Sinks of users' own.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kanaloa::metrics::{MetricName, Report, Reporter, Value};
use kanaloa::{RejectionReason, Shutdown};
use tokio::time::Instant;

use super::*;

/// Passes on what it is told, and takes so long to finish.
struct Sink {
    told: mpsc::Sender<(Told, bool)>,
    finishes_after: Duration,
}

type Told = BTreeMap<(String, String), f64>;

impl Reporter for Sink {
    fn report(&mut self, report: &Report<'_>) {
        assert_eq!(report.dispatcher, "shop");
        let told = report.metrics.iter().map(|metric| {
            let value = match &metric.value {
                Value::Count(count) => *count as f64,
                Value::Gauge(gauge) => *gauge,
                Value::Times(times) => times.sum().as_secs_f64(),
                _ => unreachable!("there are no others"),
            };
            ((metric.handler.as_deref().unwrap_or_default().to_owned(), format!("{:?}", metric.name)), value)
        });
        self.told.send((told.collect(), report.is_last)).unwrap();
    }

    fn finish(&mut self) -> BoxFuture<'static, ()> {
        tokio::time::sleep(self.finishes_after).boxed()
    }
}

fn sink(finishes_after: Duration) -> (Sink, mpsc::Receiver<(Told, bool)>) {
    let (told, tells) = mpsc::channel();
    (Sink { told, finishes_after }, tells)
}

fn of<const N: usize>(told: &Told, names: [(&str, MetricName); N]) -> [f64; N] {
    names.map(|(handler, name)| told[&(handler.to_owned(), format!("{name:?}"))])
}

#[test]
fn it_is_told_in_every_interval_and_at_the_end() {
    virtual_time(async {
        let (sink, tells) = sink(ms(0));
        let shop = shop("update-interval = 1s").reporter(sink).start().unwrap();
        settle().await;
        let full = calls(&shop, 11, 20).await;
        futures::future::join_all(full).await;
        sleep_ms(3000).await;
        assert_eq!(shop.shutdown().await, Shutdown::Finished);

        let all: Vec<_> = tells.iter().collect();
        assert_eq!(all.iter().map(|(_, is_last)| *is_last).collect::<Vec<_>>(), [false, false, false, true]);
        for (told, is_last) in all {
            let works = [MetricName::Received, MetricName::Completed, MetricName::Rejected, MetricName::QueueLength];
            assert_eq!(of(&told, works.map(|name| ("", name))), [11.0, 8.0, 3.0, 0.0]);
            assert_eq!(of(&told, [("", MetricName::RejectedBecause(RejectionReason::QueueFull))]), [3.0]);
            let till = [MetricName::HandlerCompleted, MetricName::ProcessTime, MetricName::ConcurrencyLimit];
            let limit = if is_last { 0.0 } else { 4.0 };
            assert_eq!(of(&told, till.map(|name| ("till", name))), [8.0, 0.16, limit]);
        }
    });
}

#[test]
fn one_that_does_not_finish_is_not_waited_for() {
    virtual_time(async {
        for (finishes_after, waited) in [(200, 200), (1_000_000, 1000)] {
            let (sink, _tells) = sink(ms(finishes_after));
            let shop = shop("").reporter(sink).start().unwrap();
            settle().await;
            let start = Instant::now();
            shop.shutdown().await;
            assert_eq!(elapsed_ms(start), waited);
        }
    });
}
