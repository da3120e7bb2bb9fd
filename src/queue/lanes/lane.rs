//! The works of one class.

use std::collections::VecDeque;

use crate::queue::Waiting;

/// So many gaps are not worth closing.
pub(super) const SPARE_GAPS: usize = 64;

/// Works of one class in the order in which they came. Neither the first slot nor the last is a gap.
#[derive(Debug)]
pub(super) struct Lane<T> {
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
    pub(super) fn new() -> Self {
        Lane { slots: VecDeque::new(), first: 0, first_undated: 0, items: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.items
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// The position of the item that comes next.
    fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// Returns the item's position: that of no other as long as it waits.
    pub(super) fn push(&mut self, arrival: u64, item: T) -> u64 {
        let position = self.end();
        self.slots.push_back(Slot { arrival, item: Some(item) });
        self.items += 1;
        position
    }

    /// Which of all arrivals the first item was.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.slots.front().map(|slot| slot.arrival)
    }

    /// Which of all arrivals the last item was.
    pub(super) fn newest(&self) -> Option<u64> {
        self.slots.back().map(|slot| slot.arrival)
    }

    /// The position of the first item.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn take_first(&mut self) -> Option<T> {
        let item = self.slots.pop_front()?.item;
        self.first += 1;
        self.items -= 1;
        self.trim_front();
        item
    }

    /// The position of the last item, if there is one.
    pub(super) fn last(&self) -> Option<u64> {
        self.end().checked_sub(1)
    }

    pub(super) fn take_last(&mut self) -> Option<T> {
        let item = self.slots.pop_back()?.item;
        self.items -= 1;
        self.trim_back();
        item
    }

    pub(super) fn take(&mut self, position: u64) -> Option<T> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        let item = self.slots.get_mut(index)?.item.take()?;
        self.items -= 1;
        self.trim_front();
        self.trim_back();
        Some(item)
    }

    /// The positions of the items whose answers are of no use any more.
    pub(super) fn over(&self) -> Vec<u64> {
        let items = (self.first..).zip(&self.slots);
        items.filter(|(_, slot)| slot.item.as_ref().is_some_and(T::is_over)).map(|(position, _)| position).collect()
    }

    /// Removes the gaps that have come to the front.
    fn trim_front(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.item.is_none()) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Removes the gaps that have come to the back. Positions there are given again, to items that may bring no time.
    fn trim_back(&mut self) {
        while self.slots.back().is_some_and(|slot| slot.item.is_none()) {
            self.slots.pop_back();
        }
        self.first_undated = self.first_undated.min(self.end());
    }

    /// The position of the first item that came without a time of its own, and which of all arrivals it was.
    pub(super) fn first_undated(&mut self) -> Option<(u64, u64)> {
        self.first_undated = self.first_undated.max(self.first);
        loop {
            let slot = self.slots.get((self.first_undated - self.first) as usize)?;
            if slot.item.as_ref().is_some_and(|item| item.sheds_at().is_none()) {
                return Some((self.first_undated, slot.arrival));
            }
            self.first_undated += 1;
        }
    }

    pub(super) fn get(&self, position: u64) -> Option<&T> {
        self.slots.get((position - self.first) as usize)?.item.as_ref()
    }

    pub(super) fn has_many_gaps(&self) -> bool {
        self.slots.len() > 2 * self.items + SPARE_GAPS
    }

    /// Gives the items new positions without gaps between them, and returns them with these.
    pub(super) fn close_gaps(&mut self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.retain(|slot| slot.item.is_some());
        self.first_undated = self.first;
        (self.first..).zip(self.slots.iter().filter_map(|slot| slot.item.as_ref()))
    }
}
