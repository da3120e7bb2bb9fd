//! The actor that tells sampling throttles what happens at a pool.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::time::{Instant, Timers};
use actix::{Actor, ActorContext, Context, Handler};

use super::meter::Meter;
use crate::dispatcher::Stop;
use crate::queue::{Backlog, PoolKey, Waiting};

/// Takes a sample of a pool every interval of its throttle; there is none for throttles that see every attempt only.
pub(crate) struct PoolSampler<T: Waiting> {
    backlog: Arc<Backlog<T>>,
    gate: PoolKey,
    meter: Rc<Meter>,
    interval: Duration,
}

impl<T: Waiting> PoolSampler<T> {
    pub(crate) fn new(backlog: Arc<Backlog<T>>, gate: PoolKey, meter: Rc<Meter>, interval: Duration) -> Self {
        PoolSampler { backlog, gate, meter, interval }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.meter.sample(Instant::now(), self.backlog.take_overflown(self.gate));
        ctx.later(self.interval, Self::tick);
    }
}

impl<T: Waiting> Actor for PoolSampler<T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.later(self.interval, Self::tick);
    }
}

impl<T: Waiting> Handler<Stop> for PoolSampler<T> {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
