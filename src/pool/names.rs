//! The names of a dispatcher's handlers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use parking_lot::Mutex;

/// The names of a dispatcher's handlers, each of which has one pool.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<String, usize>>);

impl Names {
    /// Takes a name for a pool; returns whether it has it now.
    pub(crate) fn claim(&self, name: &str, pool: usize) -> bool {
        match self.0.lock().entry(name.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(pool);
                true
            }
            Entry::Occupied(taken) => *taken.get() == pool,
        }
    }

    /// Gives the names of a pool back.
    pub(crate) fn release(&self, pool: usize) {
        self.0.lock().retain(|_, owner| *owner != pool);
    }
}
