//! What Kanaloa allocates, and how much memory it holds.
//!
//! ```text
//! cargo bench --bench memory
//! ```

mod support;

use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use kanaloa::config::DispatcherSettings;
use kanaloa::{PushingDispatcher, handler_fn};
use tokio::sync::Semaphore;

use support::{dispatcher, fixed, report, settle, stuck, verdict};

/// Allocations for each accepted request, when 64 clients call in a loop.
fn allocations(waits: bool) -> f64 {
    const CLIENTS: u64 = 64;
    const CALLS: u64 = 1_000;
    let system = actix::System::new();
    let handle = system.block_on(async { dispatcher(DispatcherSettings::default(), waits).start().expect("valid") });
    let run = || {
        system.block_on(async {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let handle = handle.clone();
                    actix::spawn(async move {
                        for n in 0..CALLS {
                            let _ = black_box(handle.call(n).await);
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.expect("a client does not panic");
            }
        });
    };
    run();
    let before = handle.totals().completed;
    let allocated = measure(run);
    allocated.count_total as f64 / (handle.totals().completed - before) as f64
}

/// Allocations for a million refusals.
fn refusal() -> u64 {
    actix::System::new().block_on(async {
        let handle = stuck(fixed(1)).start().expect("valid");
        settle().await;
        while handle.tell(1).is_ok() {
            settle().await;
        }
        measure(|| {
            for n in 0..1_000_000 {
                drop(black_box(handle.call(black_box(n))));
            }
        })
        .count_total
    })
}

/// Bytes for each queued work, whose caller waits or not.
fn queued(waited_for: bool) -> f64 {
    const WORKS: u64 = 100_000;
    let system = actix::System::new();
    let mut settings = fixed(1);
    settings.back_pressure = None;
    settings.queue.capacity = usize::MAX;
    let handle = system.block_on(async { stuck(settings).start().expect("valid") });
    system.block_on(settle());
    let mut calls = Vec::with_capacity(WORKS as usize);
    let held = measure(|| {
        for n in 0..WORKS {
            if waited_for {
                calls.push(handle.call(n));
            } else {
                let _ = handle.tell(n);
            }
        }
        system.block_on(settle());
    });
    assert_eq!(handle.totals().queued, WORKS - 1);
    held.bytes_current as f64 / WORKS as f64
}

/// Bytes for each worker that has served and is idle again.
fn idle_worker() -> f64 {
    let pool_of = |workers: usize| {
        let system = actix::System::new();
        let mut kept = None;
        let held = measure(|| {
            system.block_on(async {
                let handle = dispatcher(fixed(workers), true).start().expect("valid");
                settle().await;
                let calls: Vec<_> = (0..workers).map(|_| handle.call(1)).collect();
                for call in calls {
                    let _ = call.await;
                }
                settle().await;
                kept = Some(handle);
            });
        });
        drop(kept);
        held.bytes_current as f64
    };
    const WORKERS: usize = 10_000;
    (pool_of(WORKERS) - pool_of(1)) / (WORKERS - 1) as f64
}

/// The overloaded service: 20 things at a time, 100 ms each.
static SLOTS: Semaphore = Semaphore::const_new(20);

async fn service(n: u64) -> Result<u64, String> {
    let _slot = SLOTS.acquire().await.map_err(|closed| closed.to_string())?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(n)
}

/// 60 s of virtual time at 100 times what the service can do. Prints what is held at most beyond what was held before,
/// in each third.
fn overload() {
    const PER_MILLISECOND: u64 = 20;
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime")
    };
    let system = actix::System::with_tokio_rt(runtime);
    let handle = system.block_on(async {
        let handler = handler_fn("service", service);
        PushingDispatcher::builder("overload").handler(handler).clock(Duration::ZERO).start().expect("valid")
    });
    let (mut longest, mut most) = (0, Vec::new());
    for third in 1..=3 {
        let held = measure(|| {
            system.block_on(async {
                for _ in 0..20_000 {
                    for n in 0..PER_MILLISECOND {
                        let call = handle.call(n);
                        actix::spawn(async move { drop(call.await) });
                    }
                    longest = longest.max(handle.totals().queued);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        });
        let kb = |bytes: i64| bytes as f64 / 1e3;
        let found =
            format!("{:.0} kB at most, {:+.0} kB at the end", kb(held.bytes_max as i64), kb(held.bytes_current));
        report(&format!("100 times overload for 60 s, third {third}"), found);
        most.push(held.bytes_max);
    }
    let met = most[1].max(most[2]) <= most[0];
    verdict("100 times overload for 60 s, held later", "not more than at first".to_string(), "bounded", met);
    let totals = handle.totals();
    let found = format!("{longest} queued at most, {} answered, {} refused", totals.completed, totals.rejected);
    report("100 times overload for 60 s", found);
}

fn main() {
    for (service, waits) in [("that waits", true), ("that answers at once", false)] {
        let count = allocations(waits);
        let what = format!("accepted request, a service {service}");
        verdict(&what, format!("{count:.2} allocations"), "<= 4", count <= 4.0);
    }
    let count = refusal();
    verdict("a million refusals", format!("{count} allocations"), "0", count == 0);
    report("queued work of 8 bytes whose caller waits", format!("{:.0} bytes", queued(true)));
    report("queued work of 8 bytes whose caller does not wait", format!("{:.0} bytes", queued(false)));
    report("idle worker", format!("{:.0} bytes", idle_worker()));
    overload();
}
