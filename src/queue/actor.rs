//! The actor that moves work from the intake to the backlog.

use std::mem;
use std::sync::Arc;

use crate::time::Instant;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};

use super::expirer::{Expirer, ExpirerBell};
use super::sampler::{QueueSampler, Resume};
use super::{Backlog, Intake, Waiting};
use crate::dispatcher::{Rejection, Shared, Stop};

/// There is work in the intake.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Doorbell;

/// Callers have left whose works wait.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Sweep;

/// Moves work from the intake to the backlog, a whole batch at a time, and wakes workers for it.
#[derive(Debug)]
pub(crate) struct QueueActor<T: Waiting> {
    shared: Arc<Shared>,
    intake: Arc<Intake<T>>,
    backlog: Arc<Backlog<T>>,
    expirer: ExpirerBell<T>,
    /// `None` when nothing regulates.
    sampler: Option<Addr<QueueSampler<T>>>,
    batch: Vec<T>,
}

impl<T: Waiting> QueueActor<T> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        intake: Arc<Intake<T>>,
        backlog: Arc<Backlog<T>>,
        expirer: Addr<Expirer<T>>,
        sampler: Option<Addr<QueueSampler<T>>>,
    ) -> Self {
        QueueActor { shared, intake, backlog, expirer: ExpirerBell::new(expirer), sampler, batch: Vec::new() }
    }

    fn fetch(&mut self) {
        let now = Instant::now();
        self.intake.fetch(&mut self.batch, now);
        if self.batch.is_empty() {
            return;
        }
        if let Err((works, reason)) = self.backlog.append(&mut self.batch, now) {
            works.into_iter().for_each(|work| work.refuse(reason));
            return;
        }
        let patience = self.shared.patience();
        self.expirer.ring(&self.backlog, patience, now);
        if let Some(sampler) = &self.sampler
            && self.shared.start_sampling()
        {
            sampler.do_send(Resume);
        }
    }
}

/// It is moved about with the works in its batch; none of them is ever pinned there.
impl<T: Waiting> Unpin for QueueActor<T> {}

impl<T: Waiting> Actor for QueueActor<T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.intake.open(ctx.address());
        self.shared.leavers.open(ctx.address().recipient());
        self.fetch();
    }
}

impl<T: Waiting> Handler<Doorbell> for QueueActor<T> {
    type Result = ();

    fn handle(&mut self, _: Doorbell, _: &mut Self::Context) {
        self.fetch();
    }
}

impl<T: Waiting> Handler<Sweep> for QueueActor<T> {
    type Result = ();

    fn handle(&mut self, _: Sweep, _: &mut Self::Context) {
        self.fetch();
        if self.shared.leavers.is_worth_a_sweep(self.shared.queued()) {
            self.backlog.take_over(Instant::now()).into_iter().for_each(T::discard);
        }
    }
}

impl<T: Waiting> Handler<Stop> for QueueActor<T> {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}

impl<T: Waiting> Drop for QueueActor<T> {
    fn drop(&mut self) {
        // Nobody would fetch it any more.
        self.intake.close();
        for work in mem::take(&mut self.batch) {
            work.refuse(Rejection::ShuttingDown);
        }
    }
}
