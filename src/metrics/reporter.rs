//! The actor that reports what happens at a dispatcher.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, Context, Handler, Message};
use tokio::sync::oneshot;

use super::statsd::Statsd;
use super::{Metric, Share, Value};
use crate::config::StatsDSettings;
use crate::control::Outcome;
use crate::dispatcher::Shared;
use crate::pool::PoolStats;
use crate::queue::{Backlog, PoolKey, Waiting};
use crate::time::Timers;

/// A dispatcher that ends waits no longer than that for its last report to be sent: whoever ends it waits with it.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// Pools that have ended stay until that has been reported, but no more of them than this: StatsD may be out of reach
/// while handlers come and go.
const MOST_ENDED: usize = 100;

/// There is a handler, or there is another in the place of one that is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Follow {
    pub(crate) pool: usize,
    pub(crate) handler: String,
    pub(crate) gate: PoolKey,
    pub(crate) stats: Arc<PoolStats>,
}

/// The pool of this number has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Unfollow(pub(crate) usize);

/// Report for the last time, and end. The answer comes when that has been sent, or could not be.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Finish(pub(crate) oneshot::Sender<()>);

/// Reports what happens at a dispatcher, once per interval; it is told nothing but which pools there are.
#[derive(Debug)]
pub(crate) struct Reporter<T: Waiting> {
    shared: Arc<Shared>,
    backlog: Arc<Backlog<T>>,
    interval: Duration,
    /// The intervals in which counters are reported, and those in which gauges are.
    counters: Share,
    gauges: Share,
    received: Counter,
    rejected: Counter,
    shed: Counter,
    pools: Vec<Followed>,
    statsd: Statsd,
    has_finished: bool,
}

/// A pool whose doings are reported.
#[derive(Debug)]
struct Followed {
    pool: usize,
    handler: Arc<str>,
    gate: PoolKey,
    stats: Arc<PoolStats>,
    completed: Counter,
    failed: Counter,
    timed_out: Counter,
    opened: Counter,
    has_ended: bool,
}

/// What has been reported of a number that grows.
#[derive(Debug, Default)]
struct Counter(u64);

impl Counter {
    /// What is new of it; nothing if nothing is.
    fn more(&mut self, now: u64) -> Option<Value> {
        // Where it is read while somebody takes back what they had counted, it may have been larger before.
        let more = now.saturating_sub(self.0);
        self.0 = self.0.max(now);
        (more > 0).then_some(Value::Count(more))
    }
}

/// What goes into a report.
#[derive(Debug, Clone, Copy)]
struct Scope {
    counters: bool,
    gauges: bool,
    /// What there is now is what remains.
    is_last: bool,
}

impl<T: Waiting> Reporter<T> {
    pub(crate) fn start(
        dispatcher: &str,
        shared: Arc<Shared>,
        backlog: Arc<Backlog<T>>,
        interval: Duration,
        settings: &StatsDSettings,
    ) -> io::Result<Addr<Self>> {
        let statsd = Statsd::start(dispatcher, settings)?;
        Ok(Actor::start(Self::new(statsd, shared, backlog, interval, settings)))
    }

    pub(super) fn new(
        statsd: Statsd,
        shared: Arc<Shared>,
        backlog: Arc<Backlog<T>>,
        interval: Duration,
        settings: &StatsDSettings,
    ) -> Self {
        Reporter {
            shared,
            backlog,
            interval,
            counters: Share::new(settings.default_sample_rate),
            gauges: Share::new(settings.status_sample_rate),
            received: Counter::default(),
            rejected: Counter::default(),
            shed: Counter::default(),
            pools: Vec::new(),
            statsd,
            has_finished: false,
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.statsd.has_room() {
            let (counters, gauges) = (self.counters.takes_next(), self.gauges.takes_next());
            self.report(Scope { counters, gauges, is_last: false });
        }
        ctx.later(self.interval, Self::tick);
    }

    fn report(&mut self, scope: Scope) {
        let metrics = self.metrics(scope);
        if !metrics.is_empty() {
            self.statsd.report(&metrics);
        }
        if scope.counters {
            self.pools.retain(|pool| !pool.has_ended);
        }
    }

    /// Counters first: if the network loses something of a long report, then samples, of which there are others.
    fn metrics(&mut self, scope: Scope) -> Vec<Metric> {
        let mut metrics = Vec::new();
        let mut add = |handler: Option<&Arc<str>>, name, value: Option<Value>| {
            metrics.extend(value.map(|value| Metric { handler: handler.cloned(), name, value }));
        };
        if scope.counters {
            let totals = self.shared.totals();
            add(None, "work.received", self.received.more(totals.received));
            add(None, "work.rejected", self.rejected.more(totals.rejected));
            add(None, "work.shedded", self.shed.more(totals.shed));
            for pool in &mut self.pools {
                let (handler, stats) = (Some(&pool.handler), &pool.stats);
                let failed = stats.attempts(Outcome::Failure) + stats.cut_off();
                add(handler, "work.completed", pool.completed.more(stats.attempts(Outcome::Success)));
                add(handler, "work.failed", pool.failed.more(failed));
                add(handler, "work.timedOut", pool.timed_out.more(stats.attempts(Outcome::Timeout)));
                add(handler, "worker.circuitBreakerOpened", pool.opened.more(stats.opened()));
            }
        }
        let gauge = |value: usize| Some(Value::Gauge(value as f64));
        if scope.gauges {
            add(None, "queue.length", gauge(self.shared.queued()));
            add(None, "queue.dropRate", Some(Value::Gauge(self.shared.admission().drop_rate())));
        }
        for pool in &self.pools {
            let (handler, has_ended) = (Some(&pool.handler), scope.is_last || pool.has_ended);
            // One that came back under the same name has them now.
            if pool.has_ended && self.pools.iter().any(|other| !other.has_ended && other.handler == pool.handler) {
                continue;
            }
            // A gauge stays where it was left.
            if has_ended {
                add(handler, "pool.size", gauge(0));
                add(handler, "pool.utilized", gauge(0));
            } else if scope.gauges {
                add(handler, "pool.size", gauge(pool.stats.limit()));
                add(handler, "pool.utilized", gauge(self.backlog.view(pool.gate).busy));
            }
        }
        for pool in &self.pools {
            let Some(timers) = pool.stats.timers() else { continue };
            add(None, "queue.waitTime", timers.wait.take().map(Value::Times));
            add(Some(&pool.handler), "work.processTime", timers.process.take().map(Value::Times));
        }
        metrics
    }

    /// Reports whatever has not been, room or not.
    fn finish(&mut self) {
        if !std::mem::replace(&mut self.has_finished, true) {
            self.report(Scope { counters: true, gauges: true, is_last: true });
        }
    }
}

/// Nothing of it is ever pinned.
impl<T: Waiting> Unpin for Reporter<T> {}

impl<T: Waiting> Actor for Reporter<T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.later(self.interval, Self::tick);
    }
}

impl<T: Waiting> Drop for Reporter<T> {
    /// The System may end before anybody says so.
    fn drop(&mut self) {
        self.finish();
    }
}

impl<T: Waiting> Handler<Follow> for Reporter<T> {
    type Result = ();

    fn handle(&mut self, Follow { pool, handler, gate, stats }: Follow, _: &mut Self::Context) {
        // A handler that was made anew counts on.
        if self.pools.iter().any(|followed| followed.pool == pool) {
            return;
        }
        self.pools.push(Followed {
            pool,
            handler: handler.into(),
            gate,
            stats,
            completed: Counter::default(),
            failed: Counter::default(),
            timed_out: Counter::default(),
            opened: Counter::default(),
            has_ended: false,
        });
    }
}

impl<T: Waiting> Handler<Unfollow> for Reporter<T> {
    type Result = ();

    fn handle(&mut self, Unfollow(pool): Unfollow, _: &mut Self::Context) {
        if let Some(followed) = self.pools.iter_mut().find(|followed| followed.pool == pool) {
            followed.has_ended = true;
        }
        let ended = |(_, followed): &(usize, &Followed)| followed.has_ended;
        if self.pools.iter().enumerate().filter(ended).count() > MOST_ENDED
            && let Some((oldest, _)) = self.pools.iter().enumerate().find(ended)
        {
            self.pools.remove(oldest);
        }
    }
}

impl<T: Waiting> Handler<Finish> for Reporter<T> {
    type Result = ();

    fn handle(&mut self, Finish(reply_to): Finish, ctx: &mut Self::Context) {
        self.finish();
        let on_its_way = self.statsd.close();
        actix::spawn(async move {
            // What waits is not the arbiter. An error means that it ends.
            let _ = tokio::task::spawn_blocking(move || on_its_way.wait(LAST_REPORT)).await;
            // An error means that nobody waits for it any more.
            let _ = reply_to.send(());
        });
        ctx.stop();
    }
}
