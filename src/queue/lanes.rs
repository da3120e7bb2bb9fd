//! Works in the order in which they are to be served, each of which can be taken out at once.

use std::collections::{BTreeSet, VecDeque};

use crate::time::Instant;

use super::Waiting;

const CLASSES: usize = crate::dispatcher::Priority::CLASSES;

/// One FIFO per class. Adding an item, taking the next and taking any one out cost the same however many wait: an item
/// that is taken out from between others leaves a gap, which is closed when it comes to the front or when there are more
/// gaps than items. Items that bring no time of their own wait equally long, so the first of them is the first to have
/// waited too long; the others are also kept in the order of their times, at the cost of a logarithm.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    lanes: [Lane<T>; CLASSES],
    /// Which lanes hold items, a bit for each: most of the time it is one.
    occupied: u8,
    dated: BTreeSet<(Instant, Ticket)>,
    arrivals: u64,
}

/// Where an item is: its lane and how many came into that lane before it.
type Ticket = (usize, u64);

#[derive(Debug)]
struct Lane<T> {
    /// The first is never a gap.
    slots: VecDeque<Slot<T>>,
    /// The position of the first slot.
    first: u64,
    /// No item before this position came without a time of its own.
    first_undated: u64,
    items: usize,
}

#[derive(Debug)]
struct Slot<T> {
    arrival: u64,
    /// `None`: a gap.
    item: Option<T>,
}

impl<T: Waiting> Lane<T> {
    fn new() -> Self {
        Lane { slots: VecDeque::new(), first: 0, first_undated: 0, items: 0 }
    }

    /// Returns the item's position.
    fn push(&mut self, arrival: u64, item: T) -> u64 {
        let position = self.first + self.slots.len() as u64;
        self.slots.push_back(Slot { arrival, item: Some(item) });
        self.items += 1;
        position
    }

    fn take_first(&mut self) -> Option<T> {
        let item = self.slots.pop_front()?.item;
        self.first += 1;
        self.items -= 1;
        self.trim();
        item
    }

    fn take(&mut self, position: u64) -> Option<T> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        let item = self.slots.get_mut(index)?.item.take()?;
        self.items -= 1;
        self.trim();
        Some(item)
    }

    /// Removes the gaps that have come to the front.
    fn trim(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.item.is_none()) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// The position of the first item that came without a time of its own.
    fn first_undated(&mut self) -> Option<u64> {
        self.first_undated = self.first_undated.max(self.first);
        loop {
            let slot = self.slots.get((self.first_undated - self.first) as usize)?;
            if slot.item.as_ref().is_some_and(|item| item.sheds_at().is_none()) {
                return Some(self.first_undated);
            }
            self.first_undated += 1;
        }
    }

    fn get(&self, position: u64) -> Option<&Slot<T>> {
        self.slots.get((position - self.first) as usize)
    }

    fn has_many_gaps(&self) -> bool {
        self.slots.len() > 2 * self.items + SPARE_GAPS
    }
}

/// So many gaps are not worth closing.
const SPARE_GAPS: usize = 64;

impl<T: Waiting> Lanes<T> {
    pub(crate) fn new() -> Self {
        Lanes { lanes: std::array::from_fn(|_| Lane::new()), occupied: 0, dated: BTreeSet::new(), arrivals: 0 }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.items).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    pub(crate) fn push(&mut self, item: T) {
        let (class, sheds_at) = (item.class(), item.sheds_at());
        let position = self.lanes[class].push(self.arrivals, item);
        self.arrivals += 1;
        self.occupied |= 1 << class;
        if let Some(at) = sheds_at {
            self.dated.insert((at, (class, position)));
        }
    }

    /// Takes the item that is to be served next: the one that came first.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let class = self.next_lane()?;
        let position = self.lanes[class].first;
        let item = self.lanes[class].take_first()?;
        self.taken(class);
        if let Some(at) = item.sheds_at() {
            self.dated.remove(&(at, (class, position)));
        }
        Some(item)
    }

    fn next_lane(&self) -> Option<usize> {
        let mut rest = self.occupied;
        if rest.is_power_of_two() {
            return Some(rest.trailing_zeros() as usize);
        }
        let mut oldest = None;
        while rest != 0 {
            let class = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let arrival = self.lanes[class].slots.front().map(|slot| slot.arrival);
            oldest = oldest.into_iter().chain(arrival.map(|arrival| (arrival, class))).min();
        }
        oldest.map(|(_, class)| class)
    }

    /// Takes note that a lane has lost an item.
    fn taken(&mut self, class: usize) {
        if self.lanes[class].items == 0 {
            self.occupied &= !(1 << class);
        }
    }

    /// Takes out an item whose own time has come at `now`, or else the oldest that brought none if `is_over` says so.
    pub(crate) fn pop_expired(&mut self, now: Instant, is_over: impl FnOnce(&T) -> bool) -> Option<T> {
        if let Some(&(at, ticket)) = self.dated.first()
            && at <= now
        {
            return self.take(ticket);
        }
        let ticket = self.oldest_undated_at()?;
        if is_over(self.item(ticket)?) { self.take(ticket) } else { None }
    }

    /// The earliest time that an item brought with it.
    pub(crate) fn next_date(&self) -> Option<Instant> {
        self.dated.first().map(|&(at, _)| at)
    }

    /// The item that has waited longest of those that brought no time.
    pub(crate) fn oldest_undated(&mut self) -> Option<&T> {
        let ticket = self.oldest_undated_at()?;
        self.item(ticket)
    }

    fn oldest_undated_at(&mut self) -> Option<Ticket> {
        let lanes = self.lanes.iter_mut().enumerate();
        let oldest = lanes.filter_map(|(class, lane)| {
            let position = lane.first_undated()?;
            Some((lane.get(position)?.arrival, (class, position)))
        });
        oldest.min().map(|(_, ticket)| ticket)
    }

    fn item(&self, (class, position): Ticket) -> Option<&T> {
        self.lanes[class].get(position)?.item.as_ref()
    }

    fn take(&mut self, (class, position): Ticket) -> Option<T> {
        let item = self.lanes[class].take(position)?;
        self.taken(class);
        if let Some(at) = item.sheds_at() {
            self.dated.remove(&(at, (class, position)));
        }
        if self.lanes[class].has_many_gaps() {
            self.close_gaps(class);
        }
        Some(item)
    }

    /// Costs as much as there are slots, of which more than half were emptied since the last time.
    fn close_gaps(&mut self, class: usize) {
        self.dated.retain(|(_, (lane, _))| *lane != class);
        let lane = &mut self.lanes[class];
        lane.slots.retain(|slot| slot.item.is_some());
        lane.first_undated = lane.first;
        for (slot, position) in lane.slots.iter().zip(lane.first..) {
            if let Some(at) = slot.item.as_ref().and_then(Waiting::sheds_at) {
                self.dated.insert((at, (class, position)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::dispatcher::Rejection;
    use crate::queue::{Excluded, Patience};

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Item {
        id: u32,
        class: usize,
        at: Option<Instant>,
    }

    impl Waiting for Item {
        fn class(&self) -> usize {
            self.class
        }
        fn sheds_at(&self) -> Option<Instant> {
            self.at
        }
        fn expires_at(&self, _: Patience) -> Option<Instant> {
            self.at
        }
        fn arrived(&mut self, _: Instant) {}
        fn expire(self, _: Instant, _: Patience, _: f64) {}
        fn refuse(self, _: Rejection) {}
        fn waits_at(&mut self, _: u64) {}
        fn discard(self) {}
        fn excluded(&mut self) -> Option<&mut Excluded> {
            None
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push { class: usize, lasts: Option<u64> },
        Pop,
        Expire { after: u64, undated: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..CLASSES, proptest::option::of(0..50u64)).prop_map(|(class, lasts)| Step::Push { class, lasts }),
            2 => Just(Step::Pop),
            1 => (0..50u64, any::<bool>()).prop_map(|(after, undated)| Step::Expire { after, undated }),
        ]
    }

    proptest! {
        /// A plain list, searched from the front, does the same.
        #[test]
        fn serves_in_order_of_arrival_and_expires_the_right_ones(steps in proptest::collection::vec(step(), 0..200)) {
            let start = Instant::now();
            let mut lanes = Lanes::new();
            let mut model: VecDeque<Item> = VecDeque::new();
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push { class, lasts } => {
                        let at = lasts.map(|ms| start + Duration::from_millis(ms));
                        let item = Item { id: id as u32, class, at };
                        lanes.push(item);
                        model.push_back(item);
                    }
                    Step::Pop => prop_assert_eq!(lanes.pop(), model.pop_front()),
                    Step::Expire { after, undated } => {
                        let now = start + Duration::from_millis(after);
                        let earliest = model.iter().filter_map(|item| item.at).min();
                        prop_assert_eq!(lanes.next_date(), earliest);
                        let expired = lanes.pop_expired(now, |_| undated);
                        match earliest {
                            Some(at) if at <= now => {
                                prop_assert_eq!(expired.and_then(|item| item.at), earliest);
                                model.retain(|item| Some(item.id) != expired.map(|item| item.id));
                            }
                            _ => {
                                let oldest = model.iter().position(|item| item.at.is_none());
                                let expected = oldest.filter(|_| undated).and_then(|index| model.remove(index));
                                prop_assert_eq!(expired, expected);
                            }
                        }
                    }
                }
                prop_assert_eq!(lanes.len(), model.len());
                prop_assert_eq!(lanes.is_empty(), model.is_empty());
                prop_assert_eq!(lanes.oldest_undated(), model.iter().find(|item| item.at.is_none()));
            }
        }
    }

    #[test]
    fn gaps_are_closed_before_they_outnumber_the_items() {
        let start = Instant::now();
        let at = |ms| Some(start + Duration::from_millis(ms));
        let mut lanes = Lanes::new();
        lanes.push(Item { id: 0, class: 3, at: at(10_000) });
        for id in 1..10_000 {
            lanes.push(Item { id, class: 3, at: at(u64::from(id)) });
            assert_eq!(
                lanes.pop_expired(start + Duration::from_millis(5_000), |_| false).map(|item| item.id),
                Some(id).filter(|id| *id <= 5_000)
            );
            assert!(lanes.lanes[3].slots.len() <= 2 * lanes.len() + SPARE_GAPS);
        }
        assert_eq!(lanes.len(), 5_000);
        assert_eq!(lanes.pop().map(|item| item.id), Some(0));
        assert_eq!(lanes.next_date(), at(5_001));
    }
}
