//! What is known of dispatchers, as those see it who ask or are told: monitors, Prometheus, reporters.

#[path = "../actors/support.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod support;

#[cfg(feature = "metrics")]
mod facade;
mod monitor;
mod prometheus;
mod reporter;

use kanaloa::config::{DispatcherSettings, Settings};
use kanaloa::{Call, DispatcherBuilder, DispatcherHandle, PushingDispatcher};

use support::*;

/// Four slots, no control; then `more`.
fn settings(more: &str) -> DispatcherSettings {
    let text = format!(
        "kanaloa.default-dispatcher {{
           worker-pool.starting-pool-size = 4
           work-settings.service-timeout = 90ms
           queue.capacity = 4
           autothrottle.algorithm = fixed
           back-pressure.enabled = off
           circuit-breaker.enabled = off
           {more}
         }}"
    );
    Settings::parse("test", &text).unwrap().dispatcher("shop")
}

type Shop = DispatcherHandle<u64, u64, u64>;

fn shop(more: &str) -> DispatcherBuilder<u64, u64, u64> {
    PushingDispatcher::builder("shop").settings(settings(more)).handler_from(till("till"))
}

/// As many calls as there are slots, and others behind them of which four can wait.
async fn calls(shop: &Shop, count: usize, n: u64) -> Vec<Call<u64, u64>> {
    let served: Vec<_> = (0..4).map(|_| shop.call(n)).collect();
    settle().await;
    let others = (4..count).map(|_| shop.call(n));
    served.into_iter().chain(others).collect()
}
