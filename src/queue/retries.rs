//! Works that have been at a handler and go to one again.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Instant;
use smallvec::SmallVec;

use super::Waiting;

/// The numbers of handlers that should not get a work again, in ascending order.
pub(crate) type Excluded = SmallVec<[u64; 2]>;

/// Works that have been at a handler and go to one again, each with the handlers that it should not go to. Those that
/// exclude the same handlers stand together, in the order in which they came back; a worker takes the one that came
/// first of all that do not exclude its handler. That costs a look at each group; taking any work out costs a logarithm.
#[derive(Debug)]
pub(crate) struct Retries<T> {
    works: BTreeMap<u64, (T, Option<Instant>)>,
    groups: Vec<Group>,
    /// Works whose time limits end them, by when.
    dated: BTreeSet<(Instant, u64)>,
    /// How many works have come back so far.
    count: u64,
}

#[derive(Debug)]
struct Group {
    excluded: Excluded,
    members: BTreeSet<u64>,
}

impl<T: Waiting> Retries<T> {
    pub(crate) fn new() -> Self {
        Retries { works: BTreeMap::new(), groups: Vec::new(), dated: BTreeSet::new(), count: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// `ends_at`: when its own time limits end it.
    pub(crate) fn push(&mut self, mut work: T, ends_at: Option<Instant>) {
        let excluded = work.excluded().cloned().unwrap_or_default();
        let number = self.count;
        self.count += 1;
        match self.groups.iter_mut().find(|group| group.excluded == excluded) {
            Some(group) => group.members.insert(number),
            None => {
                self.groups.push(Group { excluded, members: BTreeSet::from([number]) });
                true
            }
        };
        self.dated.extend(ends_at.map(|at| (at, number)));
        work.waits_at(number);
        self.works.insert(number, (work, ends_at));
    }

    /// Whether there is one that may go to this handler.
    pub(crate) fn has_for(&self, handler: u64) -> bool {
        self.groups.iter().any(|group| !group.excluded.contains(&handler))
    }

    /// Takes the one that came first of those that may go to this handler.
    pub(crate) fn pop_for(&mut self, handler: u64) -> Option<T> {
        let groups = self.groups.iter().filter(|group| !group.excluded.contains(&handler));
        let number = groups.filter_map(|group| group.members.first()).min().copied()?;
        self.take(number)
    }

    /// Takes one whose own time limits end it at `now`.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<T> {
        let &(at, number) = self.dated.first()?;
        if at <= now { self.take(number) } else { None }
    }

    pub(crate) fn next_date(&self) -> Option<Instant> {
        self.dated.first().map(|&(at, _)| at)
    }

    /// Takes any.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let number = *self.works.first_key_value()?.0;
        self.take(number)
    }

    /// Where a work excludes every handler that could take it, it excludes none any more.
    pub(crate) fn readmit(&mut self, may_any_take: impl Fn(&Excluded) -> bool) {
        let is_stranded = |group: &mut Group| !group.excluded.is_empty() && !may_any_take(&group.excluded);
        let stranded: Vec<Group> = self.groups.extract_if(.., is_stranded).collect();
        for number in stranded.into_iter().flat_map(|group| group.members) {
            if let Some(excluded) = self.works.get_mut(&number).and_then(|(work, _)| work.excluded()) {
                excluded.clear();
            }
            match self.groups.iter_mut().find(|group| group.excluded.is_empty()) {
                Some(group) => group.members.insert(number),
                None => {
                    self.groups.push(Group { excluded: Excluded::new(), members: BTreeSet::from([number]) });
                    true
                }
            };
        }
    }

    /// Takes out the work at a place, if it is still there.
    pub(crate) fn take(&mut self, number: u64) -> Option<T> {
        let (work, ends_at) = self.works.remove(&number)?;
        self.groups.retain_mut(|group| {
            group.members.remove(&number);
            !group.members.is_empty()
        });
        if let Some(at) = ends_at {
            self.dated.remove(&(at, number));
        }
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::dispatcher::Rejection;
    use crate::queue::Patience;

    #[derive(Debug, Clone, PartialEq)]
    struct Item {
        id: u32,
        excluded: Excluded,
    }

    impl Waiting for Item {
        fn class(&self) -> usize {
            0
        }
        fn arrived(&mut self, _: Instant) {}
        fn sheds_at(&self) -> Option<Instant> {
            None
        }
        fn expires_at(&self, _: Patience) -> Option<Instant> {
            None
        }
        fn expire(self, _: Instant, _: Patience, _: f64) {}
        fn refuse(self, _: Rejection) {}
        fn waits_at(&mut self, _: u64) {}
        fn discard(self) {}
        fn excluded(&mut self) -> Option<&mut Excluded> {
            Some(&mut self.excluded)
        }
    }

    const HANDLERS: u64 = 4;

    #[derive(Debug, Clone)]
    enum Step {
        /// The bits of `excluded` are handlers.
        Push {
            excluded: u8,
            lasts: Option<u64>,
        },
        PopFor(u64),
        Expire(u64),
        /// Only these handlers are left.
        Readmit(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..16u8, proptest::option::of(0..50u64)).prop_map(|(excluded, lasts)| Step::Push { excluded, lasts }),
            3 => (0..HANDLERS).prop_map(Step::PopFor),
            1 => (0..50u64).prop_map(Step::Expire),
            1 => (0..16u8).prop_map(Step::Readmit),
        ]
    }

    fn set(bits: u8) -> Excluded {
        (0..HANDLERS).filter(|handler| bits & (1 << handler) != 0).collect()
    }

    proptest! {
        /// A plain list, searched from the front, does the same.
        #[test]
        fn the_first_that_may_go_there_goes(steps in proptest::collection::vec(step(), 0..200)) {
            let start = Instant::now();
            let at = |ms| start + Duration::from_millis(ms);
            let (mut retries, mut model) = (Retries::new(), Vec::<(Item, Option<Instant>)>::new());
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push { excluded, lasts } => {
                        let item = Item { id: id as u32, excluded: set(excluded) };
                        retries.push(item.clone(), lasts.map(at));
                        model.push((item, lasts.map(at)));
                    }
                    Step::PopFor(handler) => {
                        let first = model.iter().position(|(item, _)| !item.excluded.contains(&handler));
                        prop_assert_eq!(retries.has_for(handler), first.is_some());
                        prop_assert_eq!(retries.pop_for(handler), first.map(|index| model.remove(index).0));
                    }
                    Step::Expire(now) => {
                        let earliest = model.iter().filter_map(|(_, ends_at)| *ends_at).min();
                        prop_assert_eq!(retries.next_date(), earliest);
                        let expired = earliest.filter(|earliest| *earliest <= at(now));
                        let index = model.iter().position(|(_, ends_at)| expired.is_some() && *ends_at == expired);
                        prop_assert_eq!(retries.pop_expired(at(now)), index.map(|index| model.remove(index).0));
                    }
                    Step::Readmit(left) => {
                        let left = set(left);
                        let may_any_take = |excluded: &Excluded| left.iter().any(|handler| !excluded.contains(handler));
                        retries.readmit(may_any_take);
                        for (item, _) in &mut model {
                            if !may_any_take(&item.excluded) {
                                item.excluded.clear();
                            }
                        }
                    }
                }
                prop_assert_eq!(retries.is_empty(), model.is_empty());
                // Nothing is kept of works that have left.
                prop_assert!(retries.groups.len() <= model.len() && retries.dated.len() <= model.len());
            }
            for (item, _) in model {
                prop_assert_eq!(retries.pop(), Some(item));
            }
            prop_assert_eq!(retries.pop(), None);
        }
    }
}
