//! The time in which work is queued although no handler is there.

use actix::{AsyncContext, Context, Handler, Message};

use super::PushingDispatcher;
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

    fn handle(&mut self, GraceIsOver(number): GraceIsOver, _: &mut Self::Context) {
        if number == self.grace.number {
            self.grace.is_over = true;
            self.follow_pools();
        }
    }
}
