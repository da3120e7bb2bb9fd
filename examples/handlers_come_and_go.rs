//! Handlers that come and go while requests keep coming: a deployment that replaces the old instances of a service one by
//! one. Nothing is lost.
//!
//! ```text
//! cargo run --release --example handlers_come_and_go
//! ```

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use kanaloa::{HandlerSource, PushingDispatcher, controlled_provider, handler_fn};
use tokio::time::{interval, sleep};

/// An instance of the service, which answers with its name.
fn instance(version: u32, number: u32) -> HandlerSource<(), String, Infallible> {
    let name = format!("v{version}-{number}");
    HandlerSource::new(handler_fn(name.clone(), move |()| {
        let name = name.clone();
        async move {
            sleep(Duration::from_millis(20)).await;
            Ok(name)
        }
    }))
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (control, provider) = controlled_provider();
    let dispatcher = PushingDispatcher::builder("deployment").provider(provider).start()?;

    // There is no handler yet. Works wait for one, for `initial-grace-period`.
    let early = dispatcher.call(());
    for number in 1..=3 {
        control.add(instance(1, number))?;
    }
    println!("the first request was answered by {}", early.await?);

    let deployment = actix::spawn(async move {
        for number in 1..=3 {
            sleep(Duration::from_millis(500)).await;
            control.add(instance(2, number))?;
            // What it has in flight is still answered.
            control.remove(format!("v1-{number}"))?;
            println!("v2-{number} has taken over from v1-{number}");
        }
        Ok::<_, kanaloa::Stopped>(control)
    });

    let mut calls = Vec::new();
    let mut every_ten_ms = interval(Duration::from_millis(10));
    while !deployment.is_finished() || calls.len() < 200 {
        every_ten_ms.tick().await;
        calls.push(actix::spawn(dispatcher.call(())));
    }
    let mut answered = BTreeMap::<String, u32>::new();
    for call in calls {
        *answered.entry(call.await??).or_default() += 1;
    }
    println!("answered by: {answered:?}");
    let totals = dispatcher.totals();
    assert_eq!(totals.received, totals.completed, "nothing is lost");
    deployment.await??;
    Ok(())
}
