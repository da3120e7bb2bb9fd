//! What providers announce becomes handlers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::{Addr, AsyncContext, Context, Handler, Message, WeakAddr};
use futures::{FutureExt, StreamExt};
use log::{Level, debug, error};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

use super::PushingDispatcher;
use super::membership::{AddHandler, RemoveHandler};
use crate::log_limit::LogLimit;
use crate::panics::message_of;
use crate::provider::{HandlerChange, Provider};

/// The providers that are followed.
#[derive(Default)]
pub(super) struct Providers {
    left: usize,
    tasks: Vec<JoinHandle<()>>,
}

impl Providers {
    pub(super) fn are_left(&self) -> bool {
        self.left > 0
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Follows them no longer.
    pub(super) fn end(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

/// A provider announces nothing any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct ProviderEnded;

/// Tells the dispatcher when it is dropped, whatever has ended its task.
struct Farewell<Req, Res, Err>(WeakAddr<PushingDispatcher<Req, Res, Err>>)
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static;

impl<Req, Res, Err> Drop for Farewell<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn drop(&mut self) {
        if let Some(dispatcher) = self.0.upgrade() {
            dispatcher.do_send(ProviderEnded);
        }
    }
}

impl<Req, Res, Err> PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) fn start_providers(&mut self, ctx: &mut Context<Self>) {
        for provider in std::mem::take(&mut self.plan.providers) {
            let (name, dispatcher) = (Arc::clone(&self.plan.name), ctx.address().downgrade());
            let task = async move {
                let farewell = Farewell(dispatcher);
                let followed = AssertUnwindSafe(follow(provider, &farewell.0, &name)).catch_unwind();
                match followed.await {
                    Ok(()) => debug!("dispatcher {name}: a provider has ended; the handlers it gave stay"),
                    Err(panic) => {
                        let message = message_of(panic);
                        error!("dispatcher {name}: a provider panicked; the handlers it gave stay: {message}");
                    }
                }
            };
            self.providers.left += 1;
            self.providers.tasks.push(actix::spawn(task));
        }
    }
}

/// Does what a provider says until it ends, or the dispatcher does.
async fn follow<Req, Res, Err>(
    provider: Provider<Req, Res, Err>,
    dispatcher: &WeakAddr<PushingDispatcher<Req, Res, Err>>,
    name: &Arc<str>,
) where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    let mut changes = provider.start(name);
    let log = LogLimit::of_one(module_path!());
    while let Some(change) = changes.next().await {
        let Some(dispatcher) = dispatcher.upgrade() else { return };
        apply(change, &dispatcher, name, &log);
        drop(dispatcher);
        // One that always has another must not keep the thread to itself.
        yield_now().await;
    }
}

fn apply<Req, Res, Err>(
    change: HandlerChange<Req, Res, Err>,
    dispatcher: &Addr<PushingDispatcher<Req, Res, Err>>,
    name: &Arc<str>,
    log: &LogLimit,
) where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    match change {
        // Whoever refuses it, or fails to make it, logs that.
        HandlerChange::Add(source) => dispatcher.do_send(AddHandler { source, reply_to: oneshot::channel().0 }),
        HandlerChange::Remove(handler) => {
            let (reply_to, reply) = oneshot::channel();
            dispatcher.do_send(RemoveHandler { name: handler, reply_to });
            let (name, log) = (Arc::clone(name), log.clone());
            actix::spawn(async move {
                if let Ok(Err(error)) = reply.await {
                    log.say(Level::Warn, format_args!("dispatcher {name}: a provider removes a handler: {error}"));
                }
            });
        }
    }
}

impl<Req, Res, Err> Handler<ProviderEnded> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, _: ProviderEnded, ctx: &mut Self::Context) {
        self.providers.left -= 1;
        self.follow_pools();
        self.end_without_handlers(ctx);
    }
}
