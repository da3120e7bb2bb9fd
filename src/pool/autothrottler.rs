//! The actor that decides how large a pool is.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler, Message, Recipient};
use log::debug;

use super::stats::{LimitChange, PoolStats};
use crate::config::{AutothrottleAlgorithm, AutothrottleSettings, DispatcherSettings, WorkerPoolSettings};
use crate::control::throttle::{Aimd, Fixed, Gradient2, Kanaloa, KanaloaRules, Plumb, Reason, Throttle, Vegas};
use crate::dispatcher::Stop;
use crate::time::Instant;

/// A throttle would change the concurrency limit.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Proposal {
    pub(crate) limit: usize,
    pub(crate) reason: Reason,
}

/// The pool is to have this concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(crate) struct ScaleTo(pub(crate) usize);

/// Decides how large a pool is. The algorithm sees every attempt where it ends, without a message; what it proposes
/// comes here, is kept within the bounds and goes to the pool.
#[derive(Debug)]
pub(crate) struct Autothrottler {
    /// The dispatcher's and the handler's names, for the log.
    title: String,
    pool: Recipient<ScaleTo>,
    bounds: (usize, usize),
    limit: usize,
    stats: Arc<PoolStats>,
}

impl Autothrottler {
    /// Begins at the limit that is published in `stats`, and publishes there what it decides.
    pub(crate) fn new(
        title: String,
        pool: Recipient<ScaleTo>,
        settings: &DispatcherSettings,
        stats: Arc<PoolStats>,
    ) -> Self {
        let bounds = (settings.worker_pool.min_pool_size, settings.worker_pool.max_pool_size);
        Autothrottler { title, pool, bounds, limit: stats.limit(), stats }
    }
}

/// The algorithm that the settings ask for. `seed` is what its random choices start from.
pub(crate) fn throttle(settings: &DispatcherSettings, seed: u64) -> Box<dyn Throttle> {
    let pool = &settings.worker_pool;
    let (start, min, max) = (pool.starting_pool_size, pool.min_pool_size, pool.max_pool_size);
    let fixed = || Box::new(Fixed::new(start.clamp(min, max)));
    let Some(autothrottle) = &settings.autothrottle else { return fixed() };
    match autothrottle.algorithm {
        AutothrottleAlgorithm::Plumb => Box::new(Plumb::new(start, min, max)),
        AutothrottleAlgorithm::Kanaloa => Box::new(Kanaloa::new(kanaloa_rules(autothrottle, pool), seed)),
        AutothrottleAlgorithm::Fixed => fixed(),
        AutothrottleAlgorithm::Gradient2 => Box::new(Gradient2::new(start, min, max)),
        AutothrottleAlgorithm::Vegas => Box::new(Vegas::new(start, min, max, seed)),
        AutothrottleAlgorithm::Aimd => Box::new(Aimd::new(start, min, max)),
    }
}

fn kanaloa_rules(settings: &AutothrottleSettings, pool: &WorkerPoolSettings) -> KanaloaRules {
    KanaloaRules {
        starting_pool_size: pool.starting_pool_size,
        min_pool_size: pool.min_pool_size,
        max_pool_size: pool.max_pool_size,
        resize_interval: settings.resize_interval,
        chance_of_scaling_down_when_full: settings.chance_of_scaling_down_when_full,
        optimization_min_range: settings.optimization_min_range,
        optimization_range_ratio: settings.optimization_range_ratio,
        max_explore_step_size: settings.max_explore_step_size,
        exploration_ratio: settings.exploration_ratio,
        weight_of_latest_metric: settings.weight_of_latest_metric,
        weight_of_latency: settings.weight_of_latency,
        downsize_after_under_utilization: settings.downsize_after_under_utilization,
        downsize_ratio: settings.downsize_ratio,
    }
}

impl Actor for Autothrottler {
    type Context = Context<Self>;
}

impl Handler<Proposal> for Autothrottler {
    type Result = ();

    fn handle(&mut self, Proposal { limit, reason }: Proposal, _: &mut Self::Context) {
        let limit = limit.clamp(self.bounds.0, self.bounds.1);
        if limit != self.limit {
            debug!("{}: concurrency limit {} -> {limit}: {reason}", self.title, self.limit);
            self.stats.limit_changed(LimitChange { at: Instant::now(), from: self.limit, to: limit, reason });
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
