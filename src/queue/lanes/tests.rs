//! Each order against a plain list that is searched from the front.

use std::time::Duration;

use proptest::prelude::*;

use super::lane::SPARE_GAPS;
use super::*;
use crate::dispatcher::Rejection;
use crate::queue::{Excluded, Patience};

#[derive(Debug, Clone, Copy, PartialEq)]
struct Item {
    id: u32,
    class: usize,
    at: Option<Instant>,
    is_over: bool,
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
    fn is_over(&self) -> bool {
        self.is_over
    }
    fn discard(self) {}
    fn excluded(&mut self) -> Option<&mut Excluded> {
        None
    }
}

#[derive(Debug, Clone)]
enum Step {
    Push { class: usize, lasts: Option<u64>, is_over: bool },
    Pop,
    Expire { after: u64, undated: bool },
    TakeOver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..CLASSES, proptest::option::of(0..50u64), any::<bool>())
            .prop_map(|(class, lasts, is_over)| Step::Push { class, lasts, is_over }),
        2 => Just(Step::Pop),
        1 => (0..50u64, any::<bool>()).prop_map(|(after, undated)| Step::Expire { after, undated }),
        1 => Just(Step::TakeOver),
    ]
}

/// A plain list, in the order of arrival.
#[derive(Debug, Default)]
struct Model {
    items: Vec<Item>,
    due: [u64; CLASSES],
    now: u64,
}

impl Model {
    fn push(&mut self, item: Item) {
        if self.items.iter().all(|other| other.class != item.class) {
            self.due[item.class] = self.due[item.class].max(self.now);
        }
        self.items.push(item);
    }

    fn pop(&mut self, order: QueueOrder) -> Option<Item> {
        let index = match order {
            QueueOrder::Fifo => 0,
            QueueOrder::Lifo => self.items.len().saturating_sub(1),
            QueueOrder::ByClass => {
                let first = self.items.iter().min_by_key(|item| (self.due[item.class], item.class))?.class;
                self.now = self.due[first];
                self.due[first] += 2_u64.pow(first as u32);
                self.items.iter().position(|item| item.class == first)?
            }
        };
        (index < self.items.len()).then(|| self.items.remove(index))
    }
}

const ORDERS: [QueueOrder; 3] = [QueueOrder::Fifo, QueueOrder::Lifo, QueueOrder::ByClass];

proptest! {
    #[test]
    fn serves_in_its_order_and_expires_the_right_ones(
        order in proptest::sample::select(&ORDERS),
        // Few classes at times, so that lanes grow long.
        classes in 1..=CLASSES,
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let start = Instant::now();
        let mut lanes = Lanes::new(order);
        let mut model = Model::default();
        for (id, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push { class, lasts, is_over } => {
                    let at = lasts.map(|ms| start + Duration::from_millis(ms));
                    let item = Item { id: id as u32, class: class % classes, at, is_over };
                    lanes.push(item);
                    model.push(item);
                }
                Step::TakeOver => {
                    let mut taken = lanes.take_over();
                    taken.sort_by_key(|item| item.id);
                    let over: Vec<_> = model.items.extract_if(.., |item| item.is_over).collect();
                    prop_assert_eq!(taken, over);
                }
                Step::Pop => prop_assert_eq!(lanes.pop(), model.pop(order)),
                Step::Expire { after, undated } => {
                    let now = start + Duration::from_millis(after);
                    let earliest = model.items.iter().filter_map(|item| item.at).min();
                    prop_assert_eq!(lanes.next_date(), earliest);
                    let expired = lanes.pop_expired(now, |_| undated);
                    match earliest {
                        Some(at) if at <= now => {
                            prop_assert_eq!(expired.and_then(|item| item.at), earliest);
                            model.items.retain(|item| Some(item.id) != expired.map(|item| item.id));
                        }
                        _ => {
                            let oldest = model.items.iter().position(|item| item.at.is_none());
                            let expected = oldest.filter(|_| undated).map(|index| model.items.remove(index));
                            prop_assert_eq!(expired, expected);
                        }
                    }
                }
            }
            prop_assert_eq!(lanes.len(), model.items.len());
            prop_assert_eq!(lanes.is_empty(), model.items.is_empty());
            prop_assert_eq!(lanes.oldest_undated(), model.items.iter().find(|item| item.at.is_none()));
        }
        while let Some(item) = model.pop(order) {
            prop_assert_eq!(lanes.pop(), Some(item));
        }
        prop_assert_eq!(lanes.pop(), None);
        prop_assert_eq!(lanes.next_date(), None);
    }
}

#[test]
fn an_item_without_a_time_is_found_in_the_place_of_one_that_was_taken_from_the_back() {
    let start = Instant::now();
    let at = |ms| Some(start + Duration::from_millis(ms));
    let mut lanes = Lanes::new(QueueOrder::Lifo);
    for id in 0..3 {
        lanes.push(Item { id, class: 3, at: at(10), is_over: false });
    }
    assert_eq!(lanes.oldest_undated(), None);
    assert_eq!(lanes.pop().map(|item| item.id), Some(2));
    let undated = Item { id: 3, class: 3, at: None, is_over: false };
    lanes.push(undated);
    assert_eq!(lanes.oldest_undated(), Some(&undated));
    // The same where what was last leaves because its time has come.
    lanes.push(Item { id: 4, class: 3, at: at(5), is_over: false });
    assert_eq!(lanes.pop_expired(start + Duration::from_millis(5), |_| false).map(|item| item.id), Some(4));
    assert_eq!(lanes.pop(), Some(undated));
    assert_eq!(lanes.oldest_undated(), None);
}

#[test]
fn gaps_are_closed_before_they_outnumber_the_items() {
    let start = Instant::now();
    let at = |ms| Some(start + Duration::from_millis(ms));
    let mut lanes = Lanes::new(QueueOrder::Fifo);
    lanes.push(Item { id: 0, class: 3, at: at(10_000), is_over: false });
    for id in 1..10_000 {
        lanes.push(Item { id, class: 3, at: at(u64::from(id)), is_over: false });
        assert_eq!(
            lanes.pop_expired(start + Duration::from_millis(5_000), |_| false).map(|item| item.id),
            Some(id).filter(|id| *id <= 5_000)
        );
        assert!(lanes.lanes[3].slots() <= 2 * lanes.len() + SPARE_GAPS);
    }
    assert_eq!(lanes.len(), 5_000);
    assert_eq!(lanes.pop().map(|item| item.id), Some(0));
    assert_eq!(lanes.next_date(), at(5_001));
}
