//! The time in which work is queued although no handler is there.

use actix::{AsyncContext, Context, Handler, Message};

use log::info;

use super::PushingDispatcher;
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
        let has_had_its_time = self.pools_so_far > 0 || self.plan.backlog.is_pulled() && self.grace.is_over;
        let ends = self.plan.settings.worker_pool.shutdown_on_all_worker_death && !self.providers.are_left();
        if ends && has_had_its_time && self.pools.values().all(|pool| pool.state == PoolState::Ended) {
            info!("dispatcher {}: no handler is left, and so it ends", self.plan.name);
            self.drain(ctx);
        }
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
            self.end_without_handlers(ctx);
        }
    }
}
