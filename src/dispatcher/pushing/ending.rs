//! How it ends: it finishes what it has, and cuts off what does not end in time.

use std::sync::Arc;
use std::time::Duration;

use crate::time::{Instant, Timers};
use actix::fut::wrap_future;
use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message};
use futures::future::join_all;
use log::{info, warn};
use tokio::sync::oneshot;

use super::PushingDispatcher;
use crate::dispatcher::Rejection;
use crate::dispatcher::shared::Gate;
use crate::dispatcher::shutdown::{Life, ShutDown, Shutdown};
use crate::dispatcher::totals::Totals;
use crate::metrics::Finish;
use crate::pool::EndPool;
use crate::queue::Waiting;

/// What is left after the time of a shutdown is over is given this long to notice; what does not, since its thread is
/// blocked, is left behind.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Nobody can submit work any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

impl<Req, Res, Err> PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    // ## Serving => Draining

    /// Takes no more work; when what there is is done, or the time is over, that was it.
    pub(super) fn drain(&mut self, ctx: &mut Context<Self>) {
        if self.ending.life != Life::Serving {
            return;
        }
        let Totals { queued, in_flight, .. } = self.plan.shared.totals();
        info!("dispatcher {}: shutting down: {queued} works wait, {in_flight} in flight", self.plan.name);
        self.ending.life = Life::Draining;
        self.plan.shared.set_gate(Gate::ShuttingDown);
        self.providers.end();
        // Nobody can add a handler any more.
        self.follow_pools();
        let shared = Arc::clone(&self.plan.shared);
        let drained = wrap_future::<_, Self>(async move { shared.drained().await });
        ctx.spawn(drained.map(|(), dispatcher, ctx| dispatcher.finish(ctx)));
    }

    /// Cuts off what is left after this long, unless that was to happen sooner.
    fn drain_within(&mut self, time: Duration, ctx: &mut Context<Self>) {
        let now = Instant::now();
        // Beyond what an instant can hold, the time is never over.
        let Some(at) = now.checked_add(time).filter(|_| self.ending.life == Life::Draining) else { return };
        if let Some((set_for, timer)) = self.ending.deadline {
            if set_for <= at {
                return;
            }
            ctx.cancel_future(timer);
        }
        self.ending.deadline = Some((at, ctx.later(time, Self::cut_off)));
    }

    /// The time is over: refuses what waits, and has what is at handlers cut off.
    fn cut_off(&mut self, ctx: &mut Context<Self>) {
        if self.ending.life != Life::Draining {
            return;
        }
        let totals = self.plan.shared.totals();
        let (queued, in_flight) = (totals.queued, totals.in_flight);
        warn!("dispatcher {}: time is over: {queued} works refused, {in_flight} cut off", self.plan.name);
        self.ending.cut_off = Some(Shutdown::CutOff { queued, in_flight });
        self.plan.shared.cut_off();
        self.refuse_all();
        for pool in self.pools.values() {
            pool.control.do_send(EndPool::Now);
        }
        ctx.later(LAST_CALL, Self::finish);
    }

    pub(super) fn refuse_all(&self) {
        self.plan.intake.close();
        for work in self.plan.backlog.close(Instant::now()) {
            work.refuse(Rejection::ShuttingDown);
        }
    }

    // ## Draining => Over

    fn finish(&mut self, ctx: &mut Context<Self>) {
        if self.ending.life == Life::Over {
            return;
        }
        self.ending.life = Life::Over;
        let reported = self.reporting.drain(..).map(|reporting| {
            let (reply_to, reported) = oneshot::channel();
            reporting.do_send(Finish(reply_to));
            reported
        });
        let reported: Vec<_> = reported.collect();
        if reported.is_empty() {
            return self.stop(ctx);
        }
        // An error means that there is no reporter any more.
        ctx.spawn(wrap_future::<_, Self>(join_all(reported)).map(|_, dispatcher, ctx| dispatcher.stop(ctx)));
    }

    fn stop(&mut self, ctx: &mut Context<Self>) {
        let result = self.ending.cut_off.unwrap_or(Shutdown::Finished);
        self.ending.announce(result);
        ctx.stop();
    }
}

impl<Req, Res, Err> Handler<Drain> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) {
        self.drain(ctx);
    }
}

impl<Req, Res, Err> Handler<ShutDown> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, ShutDown { within, reply_to }: ShutDown, ctx: &mut Self::Context) {
        self.ending.askers.push(reply_to);
        self.drain(ctx);
        self.drain_within(within.unwrap_or(self.plan.settings.worker_pool.default_shutdown_timeout), ctx);
    }
}
