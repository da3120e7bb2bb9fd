//! Several dispatchers, as those see them who watch them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::observed::is_recent;
use super::{DispatcherSnapshot, Observed};
use crate::time::Instant;

/// Names of which dispatchers have ended are kept, but no more of them than this.
const MOST_NAMES: usize = 1000;

/// Watches dispatchers: give it to
/// [`DispatcherBuilder::monitor`](crate::DispatcherBuilder::monitor) of each, and ask it what is known of them. A clone
/// watches the same.
///
/// It costs the dispatchers nothing: they count in memory anyway, and a snapshot reads that.
///
/// ```
/// use kanaloa::metrics::Monitor;
/// use kanaloa::{PushingDispatcher, handler_fn};
///
/// # actix::System::new().block_on(async {
/// let monitor = Monitor::new();
/// let half = handler_fn("half", |n: u32| async move { Ok::<_, String>(n / 2) });
/// let dispatcher = PushingDispatcher::builder("numbers").monitor(&monitor).handler(half).start().unwrap();
/// dispatcher.call(8).await.unwrap();
/// assert_eq!(monitor.dispatchers()[0].totals.completed, 1);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct Monitor {
    watched: Arc<Mutex<Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    /// Those that are there, in the order in which they came.
    present: Vec<Arc<Observed>>,
    /// Those that have ended, and may still have works that end.
    ending: Vec<Arc<Observed>>,
    /// What those did that were there before, by name.
    past: Vec<DispatcherSnapshot>,
}

impl Monitor {
    /// One that watches none yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of each dispatcher that has not ended, in the order in which they came. Several may have the same name,
    /// for instance while one takes the place of another.
    pub fn dispatchers(&self) -> Vec<DispatcherSnapshot> {
        let present = self.watched.lock().present.clone();
        present.iter().map(|observed| observed.snapshot()).collect()
    }

    /// What is known of all dispatchers of each name together, those included that have ended: their counts only ever grow, as
    /// counters should.
    pub fn by_name(&self) -> Vec<DispatcherSnapshot> {
        let (observed, past, here) = {
            let watched = &mut *self.watched.lock();
            let here = watched.put_to_rest();
            // The youngest first: how things stand is told of that.
            let observed: Vec<_> = watched.ending.iter().chain(&watched.present).rev().cloned().collect();
            (observed, watched.past.clone(), here)
        };
        let mut all: Vec<DispatcherSnapshot> = Vec::new();
        for snapshot in observed.iter().map(|observed| here.snapshot(observed)).chain(past) {
            add(&mut all, snapshot);
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    pub(crate) fn watch(&self, observed: Arc<Observed>) {
        self.watched.lock().present.push(observed);
    }

    /// This one has ended.
    pub(crate) fn leaves(&self, id: u64) {
        let watched = &mut *self.watched.lock();
        if let Some(at) = watched.present.iter().position(|observed| observed.id() == id) {
            let observed = watched.present.remove(at);
            watched.ending.push(observed);
        }
        watched.put_to_rest();
    }
}

impl Watched {
    /// Keeps of those whose works have all ended what they did, and no more. Of handlers that is kept for as long as there is
    /// another of their name, and some time: settings that are read again and again may name others each time.
    fn put_to_rest(&mut self) -> Here {
        let Watched { present, ending, past } = self;
        let here = Here::of(present.iter().chain(&*ending));
        ending.retain(|observed| {
            if !observed.is_at_rest() {
                return true;
            }
            add(past, here.snapshot(observed));
            false
        });
        let now = Instant::now();
        for DispatcherSnapshot { name, handlers, .. } in &mut *past {
            handlers.retain(|handler| here.has(name, &handler.name) || is_recent(handler, now));
        }
        if past.len() > MOST_NAMES {
            past.remove(0);
        }
        here
    }
}

/// Handlers that are there now, by dispatchers' names.
struct Here(HashMap<Arc<str>, HashSet<Arc<str>>>);

impl Here {
    fn of<'a>(all: impl Iterator<Item = &'a Arc<Observed>>) -> Self {
        let mut handlers = HashMap::<_, HashSet<_>>::new();
        for observed in all {
            handlers.entry(Arc::clone(observed.name())).or_default().extend(observed.handlers());
        }
        Here(handlers)
    }

    fn has(&self, dispatcher: &str, handler: &str) -> bool {
        self.0.get(dispatcher).is_some_and(|handlers| handlers.contains(handler))
    }

    fn snapshot(&self, observed: &Observed) -> DispatcherSnapshot {
        observed.snapshot_with(|handler| self.has(observed.name(), handler))
    }
}

/// Adds what is known of an older dispatcher to those of its name.
fn add(all: &mut Vec<DispatcherSnapshot>, older: DispatcherSnapshot) {
    match all.iter_mut().find(|known| known.name == older.name) {
        Some(known) => known.merge(older),
        None => all.push(older),
    }
}
