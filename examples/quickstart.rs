//! An async function as the service: at twice its capacity, half of the requests are answered soon, and the others are
//! refused at once. Without a dispatcher the last answer would take five seconds.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```

use std::time::Duration;

use futures::future::join_all;
use kanaloa::{CallError, PushingDispatcher, handler_fn};
use tokio::sync::Semaphore;
use tokio::time::{Instant, interval, sleep};

/// The service can do ten things at a time, each takes 20 ms: 500 a second. Nobody tells Kanaloa.
static SLOTS: Semaphore = Semaphore::const_new(10);

async fn service(n: u32) -> Result<u32, String> {
    let _slot = SLOTS.acquire().await.map_err(|closed| closed.to_string())?;
    sleep(Duration::from_millis(20)).await;
    Ok(n * 2)
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dispatcher = PushingDispatcher::builder("quickstart").handler(handler_fn("doubler", service)).start()?;

    println!("sending 1000 requests a second for 5 seconds to a service that can do 500 ...");
    let mut calls = Vec::new();
    let mut every_millisecond = interval(Duration::from_millis(1));
    for n in 0..5_000 {
        every_millisecond.tick().await;
        let (sent, call) = (Instant::now(), dispatcher.call(n));
        calls.push(actix::spawn(async move { (call.await, sent.elapsed()) }));
    }

    let mut answered = Vec::new();
    let (mut refused, mut failed) = (0, 0);
    for outcome in join_all(calls).await {
        match outcome? {
            (Ok(_), took) => answered.push(took),
            (Err(CallError::Rejected(_)), _) => refused += 1,
            (Err(_), _) => failed += 1,
        }
    }
    answered.sort();
    println!("answered {}, refused {refused}, failed {failed}", answered.len());
    println!(
        "half of the answers within {:?}, 99 of 100 within {:?}",
        answered[answered.len() / 2],
        answered[answered.len() * 99 / 100]
    );
    println!("{:#?}", dispatcher.status().await?);
    Ok(())
}
