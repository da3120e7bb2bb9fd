//! An actor as the service, started, owned and restarted by Kanaloa; and a caller that is an actor too.
//!
//! ```text
//! cargo run --release --example actor_as_service
//! ```

use actix::prelude::*;
use kanaloa::{CallError, Failure, PushingDispatcher, Work};

/// Looks words up, and does not survive the word "bug".
struct Dictionary {
    lookups: u32,
}

#[derive(Message)]
#[rtype(result = "Result<String, String>")]
struct Look(&'static str);

impl Actor for Dictionary {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        println!("  (a dictionary starts)");
    }
}

impl Handler<Look> for Dictionary {
    type Result = Result<String, String>;

    fn handle(&mut self, Look(word): Look, ctx: &mut Self::Context) -> Self::Result {
        self.lookups += 1;
        match word {
            "kanaloa" => Ok(format!("the god of the ocean (lookup {})", self.lookups)),
            "bug" => {
                ctx.stop();
                Err("the dictionary breaks down".to_string())
            }
            word => Err(format!("no such word: {word}")),
        }
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dispatcher =
        PushingDispatcher::builder("dictionary").actor("dictionary", || Dictionary { lookups: 0 }).start()?;

    // Through the handle, from anywhere. That the dictionary has broken down is noticed with the next word, which is lost.
    for word in ["kanaloa", "kanalao", "bug", "kanaloa", "kanaloa"] {
        match dispatcher.call(Look(word)).await {
            Ok(meaning) => println!("{word}: {meaning}"),
            Err(CallError::Failed(Failure::Service(error))) => println!("{word}: the service says: {error}"),
            Err(error) => println!("{word}: {error} (it is started anew)"),
        }
    }
    // ... or as a message to the dispatcher's address, as actors do.
    println!("kanaloa: {:?}", dispatcher.addr().send(Work::new(Look("kanaloa"))).await?);
    Ok(())
}
