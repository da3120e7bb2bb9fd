//! A dispatcher as those see it who report it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{CircuitDecision, DispatcherSnapshot, Distribution, HandlerSnapshot, LimitDecision};
use crate::control::Outcome;
use crate::dispatcher::{DispatcherState, Gate, Shared};
use crate::pool::{CircuitChange, LimitChange, PoolStats};
use crate::queue::{Backlog, GateView, PoolKey, Waiting};
use crate::time::Instant;

/// What handlers beyond `metrics.max-handlers` are called together.
const OTHERS: &str = "other";

/// A handler that has left is reported for so long: what it did last is to reach whoever asks every now and then.
const REPORTED_AFTER: Duration = Duration::from_secs(300);

/// A dispatcher as those see it who report it: all that is known of it, read from any thread without asking its actors.
pub(crate) struct Observed {
    name: Arc<str>,
    id: u64,
    shared: Arc<Shared>,
    /// How many handlers are reported each by itself.
    most_handlers: usize,
    view: Box<dyn Fn(PoolKey) -> GateView + Send + Sync>,
    handlers: Mutex<Handlers>,
}

#[derive(Default)]
struct Handlers {
    pools: Vec<Pool>,
    /// What pools did that are no more, by name.
    left: Vec<HandlerSnapshot>,
    /// How long works waited for pools that are no more.
    waits: Distribution,
    /// The dispatcher is no more.
    is_over: bool,
}

struct Pool {
    number: usize,
    handler: Arc<str>,
    gate: PoolKey,
    stats: Arc<PoolStats>,
    /// Whether it takes no more work.
    is_ending: bool,
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Observed {
    pub(crate) fn new<T: Waiting>(
        name: Arc<str>,
        shared: Arc<Shared>,
        backlog: Arc<Backlog<T>>,
        most_handlers: usize,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Observed {
            name,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            shared,
            most_handlers,
            view: Box::new(move |gate| backlog.view(gate)),
            handlers: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// There is a handler, or there is another in the place of one that is gone.
    pub(crate) fn runs(&self, number: usize, handler: &str, gate: PoolKey, stats: &Arc<PoolStats>) {
        let handlers = &mut *self.handlers.lock();
        // One that was made anew counts on.
        if handlers.pools.iter().any(|pool| pool.number == number) {
            return;
        }
        handlers.forget_those_that_left(Instant::now());
        let handler = handlers.reported_as(handler, self.most_handlers);
        handlers.pools.push(Pool { number, handler, gate, stats: Arc::clone(stats), is_ending: false });
    }

    /// The handler of this pool takes no more work.
    pub(crate) fn is_ending(&self, number: usize) {
        let mut handlers = self.handlers.lock();
        handlers.pools.iter_mut().filter(|pool| pool.number == number).for_each(|pool| pool.is_ending = true);
    }

    /// This pool is no more.
    pub(crate) fn has_ended(&self, number: usize) {
        let handlers = &mut *self.handlers.lock();
        if let Some(at) = handlers.pools.iter().position(|pool| pool.number == number) {
            let pool = handlers.pools.remove(at);
            handlers.leaves(&pool, Instant::now(), self.most_left());
        }
    }

    /// The dispatcher is no more.
    pub(crate) fn is_over(&self) {
        let handlers = &mut *self.handlers.lock();
        handlers.is_over = true;
        for pool in std::mem::take(&mut handlers.pools) {
            handlers.leaves(&pool, Instant::now(), self.most_left());
        }
    }

    /// How many handlers that have left are kept, since they may come and go all the time: all that can be there at once.
    fn most_left(&self) -> usize {
        self.most_handlers.saturating_add(1)
    }

    /// Whether nothing is counted any more: its works have ended, and there is no handle to submit any.
    pub(crate) fn is_at_rest(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    /// Under which names handlers are reported that are there now.
    pub(crate) fn handlers(&self) -> Vec<Arc<str>> {
        self.handlers.lock().pools.iter().map(|pool| Arc::clone(&pool.handler)).collect()
    }

    pub(crate) fn snapshot(&self) -> DispatcherSnapshot {
        self.snapshot_with(|_| false)
    }

    /// With handlers that have left for long, too, if they are kept: for there are others of their name elsewhere, with
    /// which they are counted together.
    pub(crate) fn snapshot_with(&self, is_kept: impl Fn(&str) -> bool) -> DispatcherSnapshot {
        let now = Instant::now();
        let handlers = &*self.handlers.lock();
        let admission = Arc::clone(&*self.shared.admission());
        let mut snapshot = DispatcherSnapshot {
            name: Arc::clone(&self.name),
            id: self.id,
            state: match self.shared.gate() {
                Gate::Open if handlers.pools.is_empty() => DispatcherState::Starting,
                Gate::Open => DispatcherState::Running,
                Gate::NoHandlers => DispatcherState::NoHandlers,
                Gate::ShuttingDown => DispatcherState::ShuttingDown,
            },
            totals: self.shared.totals(),
            rejections: self.shared.rejections(),
            drop_rate: admission.drop_rate(),
            expected_wait: admission.expected_wait(self.shared.queued()),
            admission,
            wait_time: handlers.wait_time(),
            handlers: handlers.snapshots(now, &self.view, is_kept),
        };
        if handlers.is_over {
            snapshot.ended();
        }
        snapshot
    }
}

/// Whether a handler that has left is still reported.
pub(super) fn is_recent(left: &HandlerSnapshot, now: Instant) -> bool {
    left.left_at.is_some_and(|at| now.saturating_duration_since(at) < REPORTED_AFTER)
}

impl Handlers {
    /// Whether what a handler did that has left is still reported: for some time, and for as long as there is another of its
    /// name. What they did together must not shrink, or whoever reads it takes it for begun anew.
    fn is_reported(&self, left: &HandlerSnapshot, now: Instant) -> bool {
        is_recent(left, now) || self.pools.iter().any(|pool| pool.handler == left.name)
    }

    fn forget_those_that_left(&mut self, now: Instant) {
        let left = std::mem::take(&mut self.left);
        self.left = left.into_iter().filter(|left| self.is_reported(left, now)).collect();
    }

    /// Under which name a handler that comes is reported.
    fn reported_as(&self, handler: &str, most: usize) -> Arc<str> {
        let there = || self.pools.iter().map(|pool| &pool.handler);
        let mut known = there().chain(self.left.iter().map(|left| &left.name));
        if let Some(name) = known.find(|name| ***name == *handler) {
            return Arc::clone(name);
        }
        // Those that have left take nobody's name away: where all are replaced, the new ones are told of as the old ones were.
        let named: HashSet<_> = there().filter(|name| ***name != *OTHERS).collect();
        if named.len() < most { handler.into() } else { OTHERS.into() }
    }

    fn leaves(&mut self, pool: &Pool, now: Instant, most: usize) {
        self.waits.merge(&pool.stats.wait_time.read());
        let mut did = pool.snapshot(now);
        did.left();
        did.left_at = Some(now);
        match self.left.iter_mut().find(|left| left.name == did.name) {
            Some(left) => {
                did.merge(left);
                *left = did;
            }
            None => self.left.push(did),
        }
        if self.left.len() > most {
            self.left.remove(0);
        }
    }

    fn wait_time(&self) -> Distribution {
        let mut all = self.waits.clone();
        self.pools.iter().for_each(|pool| all.merge(&pool.stats.wait_time.read()));
        all
    }

    fn snapshots(
        &self,
        now: Instant,
        view: &dyn Fn(PoolKey) -> GateView,
        is_kept: impl Fn(&str) -> bool,
    ) -> Vec<HandlerSnapshot> {
        let mut places = HashMap::new();
        let mut snapshots: Vec<HandlerSnapshot> = Vec::new();
        let pools = self.pools.iter().map(|pool| {
            let (mut snapshot, view) = (pool.snapshot(now), view(pool.gate));
            (snapshot.busy, snapshot.stuck) = (view.busy, view.stuck);
            snapshot
        });
        let is_told = |left: &&HandlerSnapshot| self.is_reported(left, now) || is_kept(&left.name);
        let left = self.left.iter().filter(is_told).cloned();
        for snapshot in pools.chain(left) {
            match places.get(&snapshot.name) {
                Some(place) => {
                    let known: &mut HandlerSnapshot = &mut snapshots[*place];
                    known.merge(&snapshot);
                }
                None => {
                    places.insert(Arc::clone(&snapshot.name), snapshots.len());
                    snapshots.push(snapshot);
                }
            }
        }
        snapshots
    }
}

impl Pool {
    fn snapshot(&self, now: Instant) -> HandlerSnapshot {
        let stats = &self.stats;
        let ago = |at| now.saturating_duration_since(at);
        HandlerSnapshot {
            name: Arc::clone(&self.handler),
            handlers: 1,
            completed: stats.attempts(Outcome::Success),
            failed: stats.failed(),
            timed_out: stats.attempts(Outcome::Timeout),
            cancelled: stats.cancelled(),
            retried: stats.retried(),
            hedged: stats.hedged(),
            process_time: stats.process_times.read(),
            limit: if self.is_ending { 0 } else { stats.limit() },
            busy: 0,
            stuck: 0,
            circuit: stats.circuit(),
            circuit_opened: stats.opened(),
            limit_change: stats.limit_change().map(|LimitChange { at, from, to, reason }| LimitDecision {
                ago: ago(at),
                from,
                to,
                reason,
            }),
            circuit_change: stats.circuit_change().map(|CircuitChange { at, to }| CircuitDecision { ago: ago(at), to }),
            left_at: None,
        }
    }
}
