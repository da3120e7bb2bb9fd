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
///
/// A work may be put off: until its time has come it waits here, but nobody takes it.
#[derive(Debug)]
pub(crate) struct Retries<T> {
    works: BTreeMap<u64, (T, RetryTimes)>,
    groups: Vec<Group>,
    /// Works whose time limits end them, by when.
    dated: BTreeSet<(Instant, u64)>,
    /// Works that are put off, by until when. They stand in no group.
    put_off: BTreeSet<(Instant, u64)>,
    /// How many works have come back so far.
    count: u64,
}

/// The times of a work that goes out again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RetryTimes {
    /// When its own time limits end it.
    pub(crate) ends_at: Option<Instant>,
    /// Until when it is put off.
    pub(crate) not_before: Option<Instant>,
}

#[derive(Debug)]
struct Group {
    excluded: Excluded,
    members: BTreeSet<u64>,
}

impl<T: Waiting> Retries<T> {
    pub(crate) fn new() -> Self {
        Retries {
            works: BTreeMap::new(),
            groups: Vec::new(),
            dated: BTreeSet::new(),
            put_off: BTreeSet::new(),
            count: 0,
        }
    }

    /// Whether there is none that may go to a handler now.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many there are, those that are put off included.
    pub(crate) fn len(&self) -> usize {
        self.works.len()
    }

    pub(crate) fn push(&mut self, mut work: T, times: RetryTimes) {
        let number = self.count;
        self.count += 1;
        work.waits_at(number);
        match times.not_before {
            Some(at) => {
                self.put_off.insert((at, number));
            }
            None => self.admit(number, work.excluded().cloned().unwrap_or_default()),
        }
        self.dated.extend(times.ends_at.map(|at| (at, number)));
        self.works.insert(number, (work, times));
    }

    /// Has a work stand where workers look.
    fn admit(&mut self, number: u64, excluded: Excluded) {
        match self.groups.iter_mut().find(|group| group.excluded == excluded) {
            Some(group) => {
                group.members.insert(number);
            }
            None => self.groups.push(Group { excluded, members: BTreeSet::from([number]) }),
        }
    }

    /// Lets those be taken that were put off until `now`, if `may_go` lets them, which is asked for each, or else says until
    /// when they are put off again, which is later. Returns whether there are any.
    pub(crate) fn release(&mut self, now: Instant, mut may_go: impl FnMut() -> Result<(), Instant>) -> bool {
        let mut has_any = false;
        while let Some(&(at, number)) = self.put_off.first()
            && at <= now
        {
            self.put_off.pop_first();
            let Some((work, times)) = self.works.get_mut(&number) else { continue };
            match may_go() {
                Ok(()) => {
                    times.not_before = None;
                    let excluded = work.excluded().cloned().unwrap_or_default();
                    self.admit(number, excluded);
                    has_any = true;
                }
                Err(later) => {
                    debug_assert!(later > now);
                    times.not_before = Some(later);
                    self.put_off.insert((later, number));
                }
            }
        }
        has_any
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

    /// When the next is ended by its time limits, or may be taken at last.
    pub(crate) fn next_date(&self) -> Option<Instant> {
        let dates = [self.dated.first(), self.put_off.first()];
        dates.into_iter().flatten().map(|&(at, _)| at).min()
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
            self.admit(number, Excluded::new());
        }
    }

    /// Takes out those whose answers are of no use any more. Looks at all.
    pub(crate) fn take_over(&mut self) -> Vec<T> {
        let over: Vec<_> =
            self.works.iter().filter(|(_, (work, _))| work.is_over()).map(|(number, _)| *number).collect();
        over.into_iter().filter_map(|number| self.take(number)).collect()
    }

    /// Takes out the work at a place, if it is still there.
    pub(crate) fn take(&mut self, number: u64) -> Option<T> {
        let (work, times) = self.works.remove(&number)?;
        let is_put_off = times.not_before.is_some_and(|at| self.put_off.remove(&(at, number)));
        if !is_put_off {
            self.groups.retain_mut(|group| {
                group.members.remove(&number);
                !group.members.is_empty()
            });
        }
        if let Some(at) = times.ends_at {
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
        fn is_over(&self) -> bool {
            false
        }
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
            put_off: Option<u64>,
        },
        PopFor(u64),
        Expire(u64),
        /// Only so many may go.
        Release {
            now: u64,
            most: usize,
        },
        /// Only these handlers are left.
        Readmit(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..16u8, proptest::option::of(0..50u64), proptest::option::weighted(0.3, 0..50u64))
                .prop_map(|(excluded, lasts, put_off)| Step::Push { excluded, lasts, put_off }),
            1 => (0..50u64, 0..4usize).prop_map(|(now, most)| Step::Release { now, most }),
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
            let (mut retries, mut model) = (Retries::new(), Vec::<(Item, RetryTimes)>::new());
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push { excluded, lasts, put_off } => {
                        let item = Item { id: id as u32, excluded: set(excluded) };
                        let times = RetryTimes { ends_at: lasts.map(at), not_before: put_off.map(at) };
                        retries.push(item.clone(), times);
                        model.push((item, times));
                    }
                    Step::Release { now, most } => {
                        let is_due = |times: &RetryTimes| times.not_before.is_some_and(|before| before <= at(now));
                        let mut due: Vec<usize> = (0..model.len()).filter(|index| is_due(&model[*index].1)).collect();
                        due.sort_by_key(|index| (model[*index].1.not_before, model[*index].0.id));
                        let (mut left, later) = (most, at(now + 1));
                        let may_go = || {
                            left = left.checked_sub(1).ok_or(later)?;
                            Ok(())
                        };
                        prop_assert_eq!(retries.release(at(now), may_go), most.min(due.len()) > 0);
                        for (place, index) in due.into_iter().enumerate() {
                            model[index].1.not_before = (place >= most).then_some(later);
                        }
                    }
                    Step::PopFor(handler) => {
                        let may_go = |(item, times): &(Item, RetryTimes)| {
                            times.not_before.is_none() && !item.excluded.contains(&handler)
                        };
                        let first = model.iter().position(may_go);
                        prop_assert_eq!(retries.has_for(handler), first.is_some());
                        prop_assert_eq!(retries.pop_for(handler), first.map(|index| model.remove(index).0));
                    }
                    Step::Expire(now) => {
                        let earliest = model.iter().filter_map(|(_, times)| times.ends_at).min();
                        let released = model.iter().filter_map(|(_, times)| times.not_before).min();
                        prop_assert_eq!(retries.next_date(), earliest.into_iter().chain(released).min());
                        let expired = earliest.filter(|earliest| *earliest <= at(now));
                        let index = model.iter().position(|(_, times)| expired.is_some() && times.ends_at == expired);
                        prop_assert_eq!(retries.pop_expired(at(now)), index.map(|index| model.remove(index).0));
                    }
                    Step::Readmit(left) => {
                        let left = set(left);
                        let may_any_take = |excluded: &Excluded| left.iter().any(|handler| !excluded.contains(handler));
                        retries.readmit(may_any_take);
                        for (item, _) in model.iter_mut().filter(|(_, times)| times.not_before.is_none()) {
                            if !may_any_take(&item.excluded) {
                                item.excluded.clear();
                            }
                        }
                    }
                }
                prop_assert_eq!(retries.is_empty(), model.iter().all(|(_, times)| times.not_before.is_some()));
                // Nothing is kept of works that have left.
                prop_assert!(retries.groups.len() <= model.len() && retries.dated.len() <= model.len());
                prop_assert!(retries.put_off.len() <= model.len());
            }
            for (item, _) in model {
                prop_assert_eq!(retries.pop(), Some(item));
            }
            prop_assert_eq!(retries.pop(), None);
        }
    }
}
