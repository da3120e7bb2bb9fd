//! Works in the order in which they are to be served, each of which can be taken out at once.

mod lane;
mod order;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::time::Instant;

use self::lane::Lane;
use self::order::{Order, ones};
use super::Waiting;
use crate::config::QueueOrder;

const CLASSES: usize = crate::dispatcher::Priority::CLASSES;

/// One lane per class. Adding an item, taking the next and taking any one out cost the same however many wait: an item
/// that is taken out from between others leaves a gap, which is closed when it comes to either end or when there are more
/// gaps than items. Items that bring no time of their own wait equally long, so the first of them is the first to have
/// waited too long; the others are also kept in the order of their times, at the cost of a logarithm.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    lanes: [Lane<T>; CLASSES],
    order: Order,
    /// Which lanes hold items, a bit for each: most of the time it is one.
    occupied: u8,
    dated: BTreeSet<(Instant, Ticket)>,
    arrivals: u64,
}

/// Where an item is: its lane and its position there.
type Ticket = (usize, u64);

impl<T: Waiting> Lanes<T> {
    pub(crate) fn new(order: QueueOrder) -> Self {
        Lanes {
            lanes: std::array::from_fn(|_| Lane::new()),
            order: Order::new(order),
            occupied: 0,
            dated: BTreeSet::new(),
            arrivals: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    pub(crate) fn push(&mut self, item: T) {
        let (class, sheds_at) = (item.class(), item.sheds_at());
        let position = self.lanes[class].push(self.arrivals, item);
        self.arrivals += 1;
        if let Order::ByClass(shares) = &mut self.order
            && self.occupied & (1 << class) == 0
        {
            shares.joins(class);
        }
        self.occupied |= 1 << class;
        if let Some(at) = sheds_at {
            self.dated.insert((at, (class, position)));
        }
    }

    /// Takes the item that is to be served next.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.occupied.is_power_of_two() && !matches!(self.order, Order::Lifo) {
            let class = self.occupied.trailing_zeros() as usize;
            if let Order::ByClass(shares) = &mut self.order {
                shares.served(class);
            }
            return self.pop_first(class);
        }
        self.pop_otherwise()
    }

    /// Where several classes wait, or the last to come goes first. Apart from [`Lanes::pop`], so that the usual case pays
    /// nothing for the others.
    #[inline(never)]
    fn pop_otherwise(&mut self) -> Option<T> {
        match &mut self.order {
            Order::Fifo => {
                let class = self.oldest()?;
                self.pop_first(class)
            }
            Order::Lifo => {
                let class = self.newest()?;
                self.pop_last(class)
            }
            Order::ByClass(shares) => {
                let class = shares.next(self.occupied)?;
                shares.served(class);
                self.pop_first(class)
            }
        }
    }

    #[inline(always)]
    fn pop_first(&mut self, class: usize) -> Option<T> {
        let position = self.lanes[class].first();
        let item = self.lanes[class].take_first()?;
        self.taken(class);
        if let Some(at) = item.sheds_at() {
            self.dated.remove(&(at, (class, position)));
        }
        Some(item)
    }

    fn pop_last(&mut self, class: usize) -> Option<T> {
        let position = self.lanes[class].last()?;
        let item = self.lanes[class].take_last()?;
        self.taken(class);
        if let Some(at) = item.sheds_at() {
            self.dated.remove(&(at, (class, position)));
        }
        Some(item)
    }

    /// The lane of the item that came first.
    fn oldest(&self) -> Option<usize> {
        let mut rest = self.occupied;
        if rest.is_power_of_two() {
            return Some(rest.trailing_zeros() as usize);
        }
        let mut oldest = None;
        while rest != 0 {
            let class = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let arrival = self.lanes[class].oldest();
            oldest = oldest.into_iter().chain(arrival.map(|arrival| (arrival, class))).min();
        }
        oldest.map(|(_, class)| class)
    }

    /// The lane of the item that came last.
    fn newest(&self) -> Option<usize> {
        ones(self.occupied).max_by_key(|class| self.lanes[*class].newest())
    }

    /// Takes note that a lane has lost an item.
    fn taken(&mut self, class: usize) {
        if self.lanes[class].is_empty() {
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
            let (position, arrival) = lane.first_undated()?;
            Some((arrival, (class, position)))
        });
        oldest.min().map(|(_, ticket)| ticket)
    }

    fn item(&self, (class, position): Ticket) -> Option<&T> {
        self.lanes[class].get(position)
    }

    /// Takes out the items whose answers are of no use any more. Looks at all.
    pub(crate) fn take_over(&mut self) -> Vec<T> {
        let mut taken = Vec::new();
        for class in 0..CLASSES {
            let positions = self.lanes[class].over();
            taken.extend(positions.into_iter().filter_map(|position| self.remove((class, position))));
            self.close_gaps_if_many(class);
        }
        taken
    }

    fn take(&mut self, ticket: Ticket) -> Option<T> {
        let item = self.remove(ticket)?;
        self.close_gaps_if_many(ticket.0);
        Some(item)
    }

    /// As [`Lanes::take`], but all others keep their positions.
    fn remove(&mut self, (class, position): Ticket) -> Option<T> {
        let item = self.lanes[class].take(position)?;
        self.taken(class);
        if let Some(at) = item.sheds_at() {
            self.dated.remove(&(at, (class, position)));
        }
        Some(item)
    }

    fn close_gaps_if_many(&mut self, class: usize) {
        if self.lanes[class].has_many_gaps() {
            self.close_gaps(class);
        }
    }

    /// Costs as much as there are slots, of which more than half were emptied since the last time.
    fn close_gaps(&mut self, class: usize) {
        self.dated.retain(|(_, (lane, _))| *lane != class);
        for (position, item) in self.lanes[class].close_gaps() {
            if let Some(at) = item.sheds_at() {
                self.dated.insert((at, (class, position)));
            }
        }
    }
}
