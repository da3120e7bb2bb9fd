//! The actor that tells the Regulator what happens at the queue.

use std::sync::Arc;
use std::time::Duration;

use crate::time::{Instant, Timers};
use actix::{Actor, ActorContext, Addr, Context, Handler, Message, Recipient};

use super::expirer::{Expirer, ExpirerBell};
use super::{Backlog, Waiting};
use crate::control::regulator::QueueSample;
use crate::dispatcher::{Arrivals, Shared, Stop};

/// Work arrives again: take samples.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Resume;

/// Takes a sample of the queue every period, for as long as works arrive or wait or the regulator has something to
/// forget; a dispatcher without traffic has no timer running.
#[derive(Debug)]
pub(crate) struct QueueSampler<T: Waiting> {
    shared: Arc<Shared>,
    backlog: Arc<Backlog<T>>,
    regulator: Recipient<QueueSample>,
    expirer: ExpirerBell<T>,
    period: Duration,
    sampled_at: Instant,
    arrivals: Arrivals,
    waited: Duration,
}

impl<T: Waiting> QueueSampler<T> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        backlog: Arc<Backlog<T>>,
        regulator: Recipient<QueueSample>,
        expirer: Addr<Expirer<T>>,
        period: Duration,
    ) -> Self {
        QueueSampler {
            shared,
            backlog,
            regulator,
            expirer: ExpirerBell::new(expirer),
            period,
            sampled_at: Instant::now(),
            arrivals: Arrivals::default(),
            waited: Duration::ZERO,
        }
    }

    fn sample(&mut self) -> QueueSample {
        let now = Instant::now();
        let (before, arrivals) = (self.arrivals, self.shared.arrivals());
        let waited = self.backlog.waited(now);
        let sample = QueueSample {
            elapsed: now.saturating_duration_since(self.sampled_at),
            waiting: waited.saturating_sub(self.waited),
            queued: self.shared.queued(),
            arrived: arrivals.arrived.saturating_sub(before.arrived),
            refused: arrivals.refused.saturating_sub(before.refused),
            dequeued: arrivals.dequeued.saturating_sub(before.dequeued),
            with_deadline: arrivals.with_deadline.saturating_sub(before.with_deadline),
            standing_delays: arrivals.standing_delays.saturating_sub(before.standing_delays),
            service: self.backlog.service(now),
        };
        (self.sampled_at, self.arrivals, self.waited) = (now, arrivals, waited);
        sample
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        // Before the sample is taken: what arrives after it calls again.
        self.shared.stop_sampling();
        let sample = self.sample();
        let goes_on = sample.arrived > 0 || sample.queued > 0 || !self.shared.is_at_rest();
        self.regulator.do_send(sample);
        if sample.queued > 0 {
            // How long works may wait changes with what is known of the service.
            self.expirer.ring(&self.backlog, self.shared.patience(), self.sampled_at);
        }
        if goes_on {
            self.shared.start_sampling();
            ctx.later(self.period, Self::tick);
        }
    }
}

impl<T: Waiting> Actor for QueueSampler<T> {
    type Context = Context<Self>;
}

impl<T: Waiting> Handler<Resume> for QueueSampler<T> {
    type Result = ();

    fn handle(&mut self, _: Resume, ctx: &mut Self::Context) {
        self.tick(ctx);
    }
}

impl<T: Waiting> Handler<Stop> for QueueSampler<T> {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
