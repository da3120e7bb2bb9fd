//! What Kanaloa costs, in processor time, beside tower's stack of the same purpose.
//!
//! ```text
//! cargo bench --bench overhead
//! ```

mod support;

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::time::Duration;

use actix::Arbiter;
use kanaloa::DispatcherBuilder;
use kanaloa::config::DispatcherSettings;
use support::{
    Handle, Stopwatch, dispatcher, dispatcher_with, fixed, in_system, in_turn, median, ratio, report, serve, settle,
    stuck, verdict,
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

const CLIENTS: u64 = 64;
const CALLS: u64 = 4_000;
const ROUNDS: usize = 11;

/// Runs a task for each of `CLIENTS`, waits for all and adds up the answers each counted.
async fn clients<F, Fut>(client: F) -> u64
where
    F: Fn() -> Fut,
    Fut: Future<Output = u64> + 'static,
{
    let clients: Vec<_> = (0..CLIENTS).map(|_| actix::spawn(client())).collect();
    let mut answered = 0;
    for client in clients {
        answered += client.await.expect("a client does not panic");
    }
    answered
}

async fn call_in_a_loop(handle: Handle) -> u64 {
    let mut answered = 0;
    for n in 0..CALLS {
        answered += u64::from(black_box(handle.call(n).await).is_ok());
    }
    answered
}

/// Nanoseconds for each answer, when as many clients as that call in a loop.
fn through_kanaloa(settings: DispatcherSettings, waits: bool) -> f64 {
    through(dispatcher(settings, waits))
}

/// As [`through_kanaloa`], with so many handlers of `workers` workers each, all on one arbiter.
fn through_handlers(handlers: usize, workers: usize) -> f64 {
    through(dispatcher_with(fixed(workers), handlers))
}

fn through(builder: DispatcherBuilder<u64, u64, Infallible>) -> f64 {
    in_system(async {
        let handle = builder.start().expect("the settings are valid");
        clients(|| call_in_a_loop(handle.clone())).await;
        let watch = Stopwatch::start();
        let answered = clients(|| call_in_a_loop(handle.clone())).await;
        assert!(answered > CLIENTS * CALLS * 9 / 10, "{answered} answered: {:?}", handle.totals());
        watch.ns_per(answered)
    })
}

fn through_tower(waits: bool) -> f64 {
    in_system(async {
        let service = ServiceBuilder::new()
            .buffer(1024)
            .load_shed()
            .concurrency_limit(CLIENTS as usize)
            .timeout(Duration::from_secs(60))
            .service(service_fn(move |n| serve(n, waits)));
        let run = || {
            let mut service = service.clone();
            async move {
                let mut answered = 0;
                for n in 0..CALLS {
                    let ready = service.ready().await.expect("the buffer lives");
                    answered += u64::from(black_box(ready.call(n).await).is_ok());
                }
                answered
            }
        };
        clients(run).await;
        let watch = Stopwatch::start();
        let answered = clients(run).await;
        assert!(answered > CLIENTS * CALLS * 9 / 10, "{answered} answered");
        watch.ns_per(answered)
    })
}

/// As [`through_kanaloa`], with the clients on another arbiter than the dispatcher.
fn from_another_arbiter() -> f64 {
    in_system(async {
        let arbiter = Arbiter::new();
        let settings = DispatcherSettings::default();
        let handle = dispatcher(settings, true).start_on(&arbiter.handle()).expect("the settings are valid");
        clients(|| call_in_a_loop(handle.clone())).await;
        let watch = Stopwatch::start();
        let answered = clients(|| call_in_a_loop(handle.clone())).await;
        let figure = watch.ns_per(answered);
        arbiter.stop();
        figure
    })
}

/// Nanoseconds for each work, when the queue is always filled up to `depth` for `workers` workers.
fn with_queue_of(depth: u64, workers: usize) -> f64 {
    const WORKS: u64 = 200_000;
    in_system(async {
        let mut settings = fixed(workers);
        settings.back_pressure = None;
        settings.queue.capacity = usize::MAX;
        let handle = dispatcher(settings, true).start().expect("the settings are valid");
        settle().await;
        let fill = |until: u64| {
            let handle = handle.clone();
            async move {
                while handle.totals().completed < until {
                    // As much at a time as one turn of all workers takes out.
                    for _ in 0..(depth.saturating_sub(handle.totals().queued)).min(workers as u64) {
                        let _ = handle.tell(1);
                    }
                    tokio::task::yield_now().await;
                }
            }
        };
        // Until the queue is as deep as it is to be.
        while handle.totals().queued < depth {
            let _ = handle.tell(1);
        }
        fill(WORKS / 4).await;
        let (watch, before) = (Stopwatch::start(), handle.totals().completed);
        fill(before + WORKS).await;
        watch.ns_per(handle.totals().completed - before)
    })
}

/// Nanoseconds for a refusal, from the call to its answer.
fn refusal() -> f64 {
    const REFUSALS: u64 = 1_000_000;
    in_system(async {
        let handle = stuck(fixed(1)).start().expect("the settings are valid");
        settle().await;
        while handle.tell(1).is_ok() {
            settle().await;
        }
        let before = handle.totals().rejected;
        let watch = Stopwatch::start();
        for n in 0..REFUSALS {
            let _ = black_box(handle.call(black_box(n)).await);
        }
        let figure = watch.ns_per(REFUSALS);
        assert_eq!(handle.totals().rejected - before, REFUSALS);
        figure
    })
}

fn main() {
    let defaults = DispatcherSettings::default;
    println!("processor time; medians of {ROUNDS} runs in turn; {CLIENTS} clients unless said\n");
    for (service, waits) in [("a service that waits", true), ("a service that answers at once", false)] {
        let [kanaloa, tower] = in_turn(ROUNDS, [&|| through_kanaloa(defaults(), waits), &|| through_tower(waits)]);
        let (found, ratio) = (median(&kanaloa), ratio(&kanaloa, &tower));
        let found = format!("{found:.0} ns, tower {:.0} ns, ratio {ratio:.2}", median(&tower));
        verdict(&format!("accepted request, {service}"), found, "ratio <= 0.75", ratio <= 0.75);
    }

    let [refused] = in_turn(ROUNDS, [&refusal]);
    verdict("refusal", format!("{:.0} ns", median(&refused)), "<= 50 ns", median(&refused) <= 50.0);

    let sizes = [10, 100, 1_000, 10_000];
    let idle =
        in_turn(ROUNDS, sizes.map(|size| move || through_kanaloa(fixed(size), true)).each_ref().map(|run| run as _));
    for (size, figures) in sizes.iter().zip(&idle).skip(1) {
        let ratio = ratio(figures, &idle[0]);
        let found = format!("{:.0} ns, ratio to 10 {ratio:.2}", median(figures));
        verdict(&format!("accepted request, {size} workers"), found, "ratio <= 1.25", ratio <= 1.25);
    }

    let crowds = [(1, 10), (1, 10_000), (1_000, 10)];
    let runs = crowds.map(|(handlers, workers)| move || through_handlers(handlers, workers));
    let crowds = in_turn(ROUNDS, runs.each_ref().map(|run| run as _));
    for (one, figures) in ["1 handler with 10", "1 handler with 10000"].iter().zip(&crowds) {
        let ratio = ratio(&crowds[2], figures);
        let found = format!("{:.0} ns, ratio {ratio:.2}", median(&crowds[2]));
        let what = format!("accepted request, 1000 handlers with 10 workers each, to {one}");
        verdict(&what, found, "ratio <= 1.25", ratio <= 1.25);
    }

    // With fewer than 64 queued, 64 workers would not be busy.
    let depths = [64, 1_000, 10_000, 100_000];
    let queued = in_turn(ROUNDS, depths.map(|depth| move || with_queue_of(depth, 64)).each_ref().map(|run| run as _));
    for (depth, figures) in depths.iter().zip(&queued).skip(1) {
        let ratio = ratio(figures, &queued[0]);
        let found = format!("{:.0} ns, ratio to 64 {ratio:.2}", median(figures));
        verdict(&format!("work with {depth} queued, 64 workers"), found, "ratio <= 1.25", ratio <= 1.25);
    }
    let busy = in_turn(ROUNDS, [&|| with_queue_of(20_000, 64), &|| with_queue_of(20_000, 10_000)]);
    let ratio_busy = ratio(&busy[1], &busy[0]);
    let found = format!("{:.0} ns, ratio to 64 {ratio_busy:.2}", median(&busy[1]));
    verdict("work with 20000 queued, 10000 workers all busy", found, "ratio <= 1.25", ratio_busy <= 1.25);

    let [same, other] = in_turn(ROUNDS, [&|| through_kanaloa(defaults(), true), &from_another_arbiter]);
    let found = format!("{:.0} ns, ratio to the same {:.2}", median(&other), ratio(&other, &same));
    report("accepted request, callers on another arbiter", found);
}
