//! What pulling items through a handler that answers at once costs, in processor time and memory.
//!
//! ```text
//! cargo bench --bench pulling
//! ```

mod support;

use std::convert::Infallible;
use std::ops::Range;
use std::task::{Context, Poll};

use allocation_counter::measure;
use futures::stream;
use kanaloa::config::{AutothrottleAlgorithm, Settings};
use kanaloa::{HandBack, PullingBuilder, PullingDispatcher, RunEnd, Source, handler_fn};

use support::{Stopwatch, in_system, in_turn, median, report, serve, verdict};

const ITEMS: u64 = 1_000_000;
const ROUNDS: usize = 7;

/// Numbers, of which each is acknowledged.
struct Acked {
    numbers: Range<u64>,
    acked: u64,
}

impl Source for Acked {
    type Item = u64;
    type Token = u64;

    fn poll_next(&mut self, _: usize, _: &mut Context<'_>) -> Poll<Option<(u64, u64)>> {
        Poll::Ready(self.numbers.next().map(|n| (n, n)))
    }

    fn ack(&mut self, _: u64) {
        self.acked += 1;
    }

    fn hand_back(&mut self, n: u64, why: HandBack) {
        panic!("{n} is handed back: {why:?}");
    }
}

type Describe = fn(u64) -> PullingBuilder<u64, u64, Infallible>;

fn iterator(items: u64) -> PullingBuilder<u64, u64, Infallible> {
    PullingDispatcher::from_iterator("bench", 0..items)
}

/// As [`iterator`], with a concurrency limit that is not the throttle's: how many items its thread may take at a time.
fn iterator_limited_to<const LIMIT: usize>(items: u64) -> PullingBuilder<u64, u64, Infallible> {
    let mut settings = Settings::reference().pulling_dispatcher("bench");
    settings.worker_pool.starting_pool_size = LIMIT;
    if let Some(autothrottle) = &mut settings.autothrottle {
        autothrottle.algorithm = AutothrottleAlgorithm::Fixed;
    }
    iterator(items).settings(settings)
}

fn streamed(items: u64) -> PullingBuilder<u64, u64, Infallible> {
    PullingDispatcher::from_stream("bench", stream::iter(0..items))
}

fn acked(items: u64) -> PullingBuilder<u64, u64, Infallible> {
    PullingDispatcher::from_source("bench", Acked { numbers: 0..items, acked: 0 })
}

const SOURCES: [(&str, Describe); 5] = [
    ("an iterator on its thread", iterator),
    ("an iterator on its thread, limit 20", iterator_limited_to::<20>),
    ("an iterator on its thread, limit 80", iterator_limited_to::<80>),
    ("a stream", streamed),
    ("an acked source", acked),
];

async fn run(describe: Describe, items: u64, in_order: bool) {
    let mut builder = describe(items).handler(handler_fn("bench", move |n| serve(n, false)));
    let mut next = 0;
    if in_order {
        builder = builder.in_input_order().for_each(move |item| {
            assert_eq!(item.index, next);
            next += 1;
        });
    }
    let handle = builder.start().expect("the settings are valid");
    let summary = handle.summary().await;
    assert_eq!((summary.succeeded, summary.end), (items, RunEnd::Exhausted));
}

/// Millions of items for each second of processor time, all threads together.
fn speed(describe: Describe, in_order: bool) -> f64 {
    in_system(async {
        let watch = Stopwatch::start();
        run(describe, ITEMS, in_order).await;
        1e3 / watch.ns_per(ITEMS)
    })
}

/// The most bytes that the dispatcher's thread held at once.
fn most_held(describe: Describe, items: u64) -> f64 {
    measure(|| in_system(run(describe, items, false))).bytes_max as f64 / 1e3
}

fn main() {
    println!(
        "processor time of all threads; medians of {ROUNDS} runs of {ITEMS} items, default settings unless said\n"
    );
    for (name, describe) in SOURCES {
        let [speeds, in_order] = in_turn(ROUNDS, [&|| speed(describe, false), &|| speed(describe, true)]);
        let found = median(&speeds);
        verdict(&format!("items of {name}"), format!("{found:.2} M/s/core"), ">= 1 M/s/core", found >= 1.0);
        report(&format!("items of {name}, results in input order"), format!("{:.2} M/s/core", median(&in_order)));
    }
    for (name, describe) in [SOURCES[0], SOURCES[3], SOURCES[4]] {
        let held = [10_000, 1_000_000, 10_000_000].map(|items| most_held(describe, items));
        let found = format!("{:.0}, {:.0}, {:.0} kB", held[0], held[1], held[2]);
        // What is held more is a buffer that happened to double later.
        let met = held[1].max(held[2]) <= held[0] * 1.1;
        verdict(&format!("held with 10 k, 1 M, 10 M items of {name}"), found, "ratio <= 1.1", met);
    }
}
