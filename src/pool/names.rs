//! The names of a dispatcher's handlers.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

/// The names of a dispatcher's handlers. Of the pools that still take work each has one of its own; a pool that ends has
/// given its name up, so that a handler that comes back need not wait for what its former pool has in flight.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Owners>);

#[derive(Debug, Default)]
struct Owners {
    pools: HashMap<String, usize>,
    /// Pools that have given their names up, and may not have heard of it yet.
    ending: HashSet<usize>,
}

impl Names {
    /// Takes a name for a pool; returns whether no other has it. A pool that ends has no use for one.
    pub(crate) fn claim(&self, name: &str, pool: usize) -> bool {
        let mut owners = self.0.lock();
        if owners.ending.contains(&pool) {
            return true;
        }
        match owners.pools.entry(name.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(pool);
                true
            }
            Entry::Occupied(taken) => *taken.get() == pool,
        }
    }

    /// The pool ends: its names are free, and it takes none any more.
    pub(crate) fn give_up(&self, pool: usize) {
        let mut owners = self.0.lock();
        if owners.ending.insert(pool) {
            owners.pools.retain(|_, owner| *owner != pool);
        }
    }

    /// The pool is no more.
    pub(crate) fn forget(&self, pool: usize) {
        self.give_up(pool);
        self.0.lock().ending.remove(&pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_one_pool() {
        let names = Names::default();
        assert!(names.claim("a", 1) && names.claim("a", 1) && names.claim("b", 2));
        assert!(!names.claim("a", 2));
    }

    #[test]
    fn a_pool_that_ends_has_given_its_name_up_for_good() {
        let names = Names::default();
        assert!(names.claim("a", 1));
        names.give_up(1);
        // It makes its handler before it hears of it.
        assert!(names.claim("a", 1));
        assert!(names.claim("a", 2));
        names.forget(1);
        assert!(!names.claim("a", 3));
        names.forget(2);
        assert!(names.claim("a", 3));
        assert_eq!(names.0.lock().ending.len(), 0);
    }
}
