//! The time in which work is queued although no handler is there.

use actix::{AsyncContext, Context, Handler, Message};

use log::{Level, info, warn};

use super::PushingDispatcher;
use crate::dispatcher::shutdown::Life;
use crate::pool::PoolState;
use crate::time::sleep;

/// The time in which work is queued although no handler is there.
#[derive(Default)]
pub(super) struct Grace {
    /// How many there have been.
    number: u64,
    pub(super) is_over: bool,
    /// Not a timer of the actor's own: that would keep it alive when nobody can reach it any more.
    timer: Option<tokio::task::JoinHandle<()>>,
}

/// The grace period of this number is over.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct GraceIsOver(u64);

impl Grace {
    pub(super) fn end(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }
}

impl<Req, Res, Err> PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Ends it, if it is to end with its last handler and that has ended, and no provider may announce another. Where works
    /// are pulled it ends too if none has come in time: none of them is refused for that, so it would be waited for ever.
    pub(super) fn end_without_handlers(&mut self, ctx: &mut Context<Self>) {
        let is_asked_to = self.plan.settings.worker_pool.shutdown_on_all_worker_death;
        let has_none = self.pools.values().all(|pool| pool.state == PoolState::Ended);
        let (name, is_pulled) = (&self.plan.name, self.plan.backlog.is_pulled());
        let has_had_its_time = self.pools_so_far > 0 || is_pulled && self.grace.is_over;
        if !is_asked_to || !has_none || !has_had_its_time || self.ending.life != Life::Serving {
            return;
        }
        if self.providers.are_left() {
            let text = format_args!("dispatcher {name}: there is no handler: it waits for one from its providers");
            self.logs.presence.say(Level::Info, text);
            return;
        }
        if is_pulled {
            warn!(
                "dispatcher {name}: there is no handler and no provider that could bring one, so its run ends, whatever the \
                 source still has. Give the builder a handler or a provider, or turn \
                 worker-pool.shutdown-on-all-worker-death off, and it waits for add_handler"
            );
        } else {
            info!("dispatcher {name}: its last handler has ended, and so does it");
        }
        self.drain(ctx);
    }

    pub(super) fn begin_grace(&mut self, ctx: &mut Context<Self>) {
        self.grace.end();
        let (number, wait) = (self.grace.number + 1, self.plan.settings.initial_grace_period);
        let dispatcher = ctx.address().downgrade();
        let timer = actix::spawn(async move {
            sleep(wait).await;
            if let Some(dispatcher) = dispatcher.upgrade() {
                dispatcher.do_send(GraceIsOver(number));
            }
        });
        self.grace = Grace { number, is_over: false, timer: Some(timer) };
    }
}

impl<Req, Res, Err> Handler<GraceIsOver> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, GraceIsOver(number): GraceIsOver, ctx: &mut Self::Context) {
        if number == self.grace.number {
            self.grace.is_over = true;
            self.follow_pools();
            if self.plan.backlog.is_pulled() {
                self.end_without_handlers(ctx);
            }
        }
    }
}
