//! The actor that decides how large a pool is.

use actix::{Actor, ActorContext, Context, Handler, Message, Recipient};
use log::debug;

use crate::config::{AutothrottleAlgorithm, DispatcherSettings};
use crate::control::throttle::{Fixed, Plumb, Throttle};
use crate::dispatcher::Stop;

/// A throttle would change the concurrency limit to this.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Proposal(pub(crate) usize);

/// The pool is to have this concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(crate) struct ScaleTo(pub(crate) usize);

/// Decides how large a pool is. The algorithm sees every attempt where it ends, without a message; what it proposes
/// comes here, is kept within the bounds and goes to the pool.
#[derive(Debug)]
pub(crate) struct Autothrottler {
    handler: String,
    pool: Recipient<ScaleTo>,
    bounds: (usize, usize),
    limit: usize,
}

impl Autothrottler {
    pub(crate) fn new(handler: String, pool: Recipient<ScaleTo>, settings: &DispatcherSettings, limit: usize) -> Self {
        let bounds = (settings.worker_pool.min_pool_size, settings.worker_pool.max_pool_size);
        Autothrottler { handler, pool, bounds, limit }
    }
}

/// The algorithm that the settings ask for.
pub(crate) fn throttle(settings: &DispatcherSettings) -> Box<dyn Throttle> {
    let pool = &settings.worker_pool;
    match settings.autothrottle.as_ref().map(|autothrottle| autothrottle.algorithm) {
        Some(AutothrottleAlgorithm::Plumb) => {
            Box::new(Plumb::new(pool.starting_pool_size, pool.min_pool_size, pool.max_pool_size))
        }
        Some(AutothrottleAlgorithm::Fixed | AutothrottleAlgorithm::Kanaloa) | None => {
            Box::new(Fixed::new(pool.starting_pool_size.clamp(pool.min_pool_size, pool.max_pool_size)))
        }
    }
}

impl Actor for Autothrottler {
    type Context = Context<Self>;
}

impl Handler<Proposal> for Autothrottler {
    type Result = ();

    fn handle(&mut self, Proposal(limit): Proposal, _: &mut Self::Context) {
        let limit = limit.clamp(self.bounds.0, self.bounds.1);
        if limit != self.limit {
            debug!("handler {}: concurrency limit {} -> {limit}", self.handler, self.limit);
            self.limit = limit;
            self.pool.do_send(ScaleTo(limit));
        }
    }
}

impl Handler<Stop> for Autothrottler {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
