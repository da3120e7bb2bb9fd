//! A service that asks for a pause, and one that says it is going: their work goes to the others meanwhile.
//!
//! ```text
//! cargo run --release --example hold_and_terminate
//! ```

use std::convert::Infallible;
use std::time::Duration;

use kanaloa::{CallContext, Handler, PushingDispatcher, Reply};
use tokio::time::{Instant, sleep};

/// An instance of a service that answers after 20 ms.
struct Instance {
    name: &'static str,
    /// Whether it asks for a pause of 100 ms after each request.
    tires: bool,
    /// At this request it says that it is going.
    leaves_at: u32,
}

impl Handler for Instance {
    type Request = u32;
    type Response = &'static str;
    type Error = Infallible;

    fn name(&self) -> &str {
        self.name
    }

    async fn handle(&self, request: u32, _: CallContext) -> Reply<&'static str, Infallible> {
        sleep(Duration::from_millis(20)).await;
        let reply = Reply::success(self.name);
        if request >= self.leaves_at {
            reply.terminate()
        } else if self.tires {
            reply.hold(Duration::from_millis(100))
        } else {
            reply
        }
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dispatcher = PushingDispatcher::builder("instances")
        .handler(Instance { name: "steady", tires: false, leaves_at: u32::MAX })
        .handler(Instance { name: "leaves", tires: false, leaves_at: 6 })
        .handler(Instance { name: "tires", tires: true, leaves_at: u32::MAX })
        .start()?;

    let start = Instant::now();
    for request in 0..20 {
        let by = dispatcher.call(request).await?;
        let states: Vec<_> = dispatcher
            .status()
            .await?
            .pools
            .into_iter()
            .map(|pool| format!("{}: {:?}", pool.handler, pool.state))
            .collect();
        println!(
            "{:4} ms  request {request:2} answered by {by:6}   {}",
            start.elapsed().as_millis(),
            states.join(", ")
        );
    }
    Ok(())
}
