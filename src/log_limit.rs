//! Keeping what flaps from flooding the log.
//!
//! A [`LogLimit`] belongs to one thing that has a state, such as a circuit breaker, and lets few of its records through.
//! Of those it holds back it keeps the last, which goes out as soon as there is room: the last that the log says of the
//! thing is true. The others are counted, and the next record that goes out says how many they were.
//!
//! Records of many such things, as of a thousand handlers that come at once, go through a second limit that they share.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::Arbiter;
use log::Level;
use parking_lot::Mutex;

use crate::time::{Instant, sleep};

/// In which time so many records go out: short enough that a state that was held back is told while it matters.
const PERIOD: Duration = Duration::from_secs(10);
/// Records of one thing in a [`PERIOD`]. A circuit breaker that opens, tries and closes has said all with three; five
/// leave room for what went before.
const MOST_OF_ONE: usize = 5;
/// Records of all handlers of a dispatcher in a [`PERIOD`]: one that flaps takes no more than a quarter of them.
const MOST_OF_ALL: usize = 20;

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    level: Level,
    target: &'static str,
    text: String,
    /// How many like it were not, before it.
    left_out: u64,
}

/// Decides which records go out.
#[derive(Debug)]
struct Quota {
    most: usize,
    /// When the last records went out, at most as many as may within a period.
    told: VecDeque<Instant>,
    held: Option<Record>,
    left_out: u64,
}

impl Quota {
    fn new(most: usize) -> Self {
        Quota { most, told: VecDeque::new(), held: None, left_out: 0 }
    }

    /// Returns the record if it goes out now. If not, it is the one that is held back, in the place of any other.
    fn offer(&mut self, record: Record, now: Instant) -> Option<Record> {
        self.supersede();
        if self.has_room(now) {
            return Some(self.tell(record, now));
        }
        self.held = Some(record);
        None
    }

    /// What is held back is not true any more.
    fn supersede(&mut self) {
        if let Some(held) = self.held.take() {
            self.left_out += held.left_out + 1;
        }
    }

    /// How long until there is room for what is held back; `None` if nothing is.
    fn wait(&self, now: Instant) -> Option<Duration> {
        self.held.as_ref()?;
        let oldest = self.told.front().filter(|_| self.told.len() >= self.most);
        Some(oldest.map_or(Duration::ZERO, |&at| PERIOD.saturating_sub(now.saturating_duration_since(at))))
    }

    /// What was held back and goes out now, for there is room.
    fn due(&mut self, now: Instant) -> Option<Record> {
        if !self.has_room(now) {
            return None;
        }
        let held = self.held.take()?;
        Some(self.tell(held, now))
    }

    /// What was held back, room or not.
    fn rest(&mut self, now: Instant) -> Option<Record> {
        let held = self.held.take()?;
        Some(self.tell(held, now))
    }

    fn has_room(&self, now: Instant) -> bool {
        self.told.len() < self.most
            || self.told.front().is_none_or(|&oldest| now.saturating_duration_since(oldest) >= PERIOD)
    }

    fn tell(&mut self, mut record: Record, now: Instant) -> Record {
        if self.told.len() >= self.most {
            self.told.pop_front();
        }
        self.told.push_back(now);
        record.left_out += std::mem::take(&mut self.left_out);
        record
    }
}

/// Writes the records of one thing that has a state, few in a time. A clone is the same limit. What is held back when the
/// last clone is dropped is written then.
#[derive(Debug, Clone)]
pub(crate) struct LogLimit(Arc<Limit>);

#[derive(Debug)]
struct Limit {
    target: &'static str,
    shared: Option<LogLimit>,
    quota: Mutex<Quota>,
}

impl LogLimit {
    /// For a thing of its own. `target` is the module that speaks.
    pub(crate) fn of_one(target: &'static str) -> Self {
        Self::new(target, MOST_OF_ONE, None)
    }

    /// For all handlers of a dispatcher together; each has one [within](Self::within) it.
    pub(crate) fn of_all(target: &'static str) -> Self {
        Self::new(target, MOST_OF_ALL, None)
    }

    /// For one of the things that share this limit.
    pub(crate) fn within(&self, target: &'static str) -> Self {
        Self::new(target, MOST_OF_ONE, Some(self.clone()))
    }

    fn new(target: &'static str, most: usize, shared: Option<LogLimit>) -> Self {
        LogLimit(Arc::new(Limit { target, shared, quota: Mutex::new(Quota::new(most)) }))
    }

    /// Writes this, or holds it back: then it is written as soon as there is room, unless something newer is said first.
    /// Each record must stand for what is the case from now on.
    pub(crate) fn say(&self, level: Level, text: fmt::Arguments<'_>) {
        let limit = &self.0;
        if !log::log_enabled!(target: limit.target, level) {
            // What nobody is to hear still ends what it is the end of.
            return limit.quota.lock().supersede();
        }
        self.pass(Record { level, target: limit.target, text: text.to_string(), left_out: 0 });
    }

    fn pass(&self, record: Record) {
        let now = Instant::now();
        let (told, wait) = {
            let mut quota = self.0.quota.lock();
            let was_holding = quota.held.is_some();
            let told = quota.offer(record, now);
            (told, quota.wait(now).filter(|_| !was_holding))
        };
        self.0.hand_on(told);
        if let Some(wait) = wait {
            self.tell_later(wait);
        }
    }

    /// There is an arbiter wherever actors are; where it ends, what is held back waits for the next record or the drop.
    fn tell_later(&self, mut wait: Duration) {
        let limit = Arc::downgrade(&self.0);
        if let Some(arbiter) = Arbiter::try_current() {
            arbiter.spawn(async move {
                loop {
                    sleep(wait).await;
                    let Some(again) = limit.upgrade().and_then(|limit| limit.tell_held()) else { return };
                    wait = again;
                }
            });
        }
    }
}

impl Limit {
    /// Returns how long until it is to be tried again, if something is still held back.
    fn tell_held(&self) -> Option<Duration> {
        let now = Instant::now();
        let (told, wait) = {
            let mut quota = self.quota.lock();
            (quota.due(now), quota.wait(now))
        };
        self.hand_on(told);
        wait
    }

    fn hand_on(&self, record: Option<Record>) {
        let Some(record) = record else { return };
        match &self.shared {
            Some(shared) => shared.pass(record),
            None => write(&record),
        }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let rest = self.quota.get_mut().rest(Instant::now());
        self.hand_on(rest);
    }
}

fn write(Record { level, target, text, left_out }: &Record) {
    match left_out {
        0 => log::log!(target: target, *level, "{text}"),
        _ => log::log!(target: target, *level, "{text}; {left_out} more like it were not logged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        Record { level: Level::Info, target: "test", text: text.to_string(), left_out: 0 }
    }

    fn left_out(text: &str, left_out: u64) -> Record {
        Record { left_out, ..record(text) }
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn so_many_go_out_in_any_period() {
        let (mut quota, start) = (Quota::new(3), Instant::now());
        let mut told = Vec::new();
        // A record every 100 ms for 50 s.
        for step in 0..500 {
            let now = start + ms(100 * step);
            if quota.offer(record("x"), now).is_some() {
                told.push(100 * step);
            }
        }
        let expected: Vec<u64> = (0..5).flat_map(|period| [0, 100, 200].map(|at| 10_000 * period + at)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn the_last_that_was_held_back_goes_out_when_there_is_room_and_tells_of_the_others() {
        let (mut quota, start) = (Quota::new(2), Instant::now());
        assert_eq!(quota.offer(record("a"), start), Some(record("a")));
        assert_eq!(quota.offer(record("b"), start + ms(1)), Some(record("b")));
        for (at, text) in [(2, "c"), (3, "d"), (4, "e")] {
            assert_eq!(quota.offer(record(text), start + ms(at)), None);
        }
        assert_eq!(quota.wait(start + ms(4)), Some(ms(9_996)));
        assert_eq!(quota.due(start + ms(9_999)), None);
        assert_eq!(quota.due(start + ms(10_000)), Some(left_out("e", 2)));
        assert_eq!((quota.due(start + ms(10_000)), quota.wait(start + ms(10_000))), (None, None));
        // It counts as one of the period.
        assert_eq!(quota.offer(record("f"), start + ms(10_001)), Some(record("f")));
        assert_eq!(quota.offer(record("g"), start + ms(10_002)), None);
    }

    #[test]
    fn the_next_record_is_told_in_place_of_one_that_was_held_back() {
        let (mut quota, start) = (Quota::new(1), Instant::now());
        assert_eq!(quota.offer(record("a"), start), Some(record("a")));
        assert_eq!(quota.offer(record("b"), start), None);
        assert_eq!(quota.offer(record("c"), start + PERIOD), Some(left_out("c", 1)));
        assert_eq!(quota.rest(start + PERIOD), None);
    }

    #[test]
    fn what_is_not_true_any_more_is_counted_only() {
        let (mut quota, start) = (Quota::new(1), Instant::now());
        assert_eq!(quota.offer(record("a"), start), Some(record("a")));
        assert_eq!(quota.offer(record("b"), start), None);
        // Something was said that is not to be heard.
        quota.supersede();
        assert_eq!((quota.wait(start), quota.due(start + PERIOD)), (None, None));
        assert_eq!(quota.offer(record("c"), start + PERIOD), Some(left_out("c", 1)));
    }

    #[test]
    fn what_others_have_left_out_is_told_too() {
        let (mut quota, start) = (Quota::new(1), Instant::now());
        assert_eq!(quota.offer(left_out("a", 7), start), Some(left_out("a", 7)));
        assert_eq!(quota.offer(left_out("b", 10), start), None);
        assert_eq!(quota.offer(left_out("c", 100), start), None);
        assert_eq!(quota.rest(start), Some(left_out("c", 111)));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut quota, start) = (Quota::new(5), Instant::now());
        for step in 0..100_000 {
            quota.offer(record("x"), start + ms(step));
        }
        assert!(quota.told.len() == 5 && quota.told.capacity() <= 8);
    }
}
