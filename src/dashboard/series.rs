//! What is drawn over time: which figures there are, and rows of them.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// What is known of a dispatcher each second, in the order of a row.
pub(super) const OF_DISPATCHERS: [&str; 15] = [
    "received",
    "completed",
    "failed",
    "timed_out",
    "abandoned",
    "rejected",
    "shed",
    "queue",
    "in_flight",
    "drop_rate",
    "burst",
    "expected_wait_ms",
    "wait_p50_ms",
    "wait_p95_ms",
    "wait_p99_ms",
];

/// What is known of a handler each second, in the order of a row.
pub(super) const OF_HANDLERS: [&str; 12] = [
    "completed",
    "failed",
    "timed_out",
    "cancelled",
    "retried",
    "hedged",
    "process_p50_ms",
    "process_p95_ms",
    "process_p99_ms",
    "limit",
    "in_flight",
    "circuit",
];

/// A number as it is shown: whole, or of three digits; or that there is none. It takes four bytes, so that ten minutes of
/// them are small: whole numbers are exact up to 16 million.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(f32);

impl Number {
    pub(super) const NONE: Number = Number(f32::NAN);

    pub(super) fn new(value: f64) -> Self {
        if !value.is_finite() {
            return Number::NONE;
        }
        if value.fract() == 0.0 {
            return Number(value as f32);
        }
        let scale = 10f64.powi(2 - value.abs().log10().floor() as i32);
        let rounded = (value * scale).round() / scale;
        // The scale of what is next to nothing is beyond all numbers.
        Number(if rounded.is_finite() { rounded as f32 } else { 0.0 })
    }

    pub(super) fn count(count: usize) -> Self {
        Number::new(count as f64)
    }

    /// In milliseconds.
    pub(super) fn ms(time: Option<Duration>) -> Self {
        time.map_or(Number::NONE, |time| Number::new(time.as_secs_f64() * 1e3))
    }

    pub(super) fn is_above_zero(self) -> bool {
        self.0 > 0.0
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            none if none.is_nan() => serializer.serialize_none(),
            // Without a point, as most are.
            whole if whole.fract() == 0.0 && whole.abs() < 1e15 => serializer.serialize_i64(whole as i64),
            other => serializer.serialize_f32(other),
        }
    }
}

/// One second's figures.
pub(super) type Row<const N: usize> = [Number; N];

/// The figures of one dispatcher or handler, a row for each second from when it came to when it was last there.
#[derive(Debug)]
pub(super) struct Rows<const N: usize> {
    /// The number of the first row's tick.
    first: u64,
    rows: VecDeque<Row<N>>,
}

impl<const N: usize> Rows<N> {
    pub(super) fn new(first: u64) -> Self {
        Rows { first, rows: VecDeque::new() }
    }

    /// The number of the tick after its last.
    pub(super) fn end(&self) -> u64 {
        self.first + self.rows.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the row of this tick, which comes after all of it. At most `most` are to be kept in all.
    pub(super) fn push(&mut self, tick: u64, row: Row<N>, most: usize) {
        self.forget_before((tick + 1).saturating_sub(most as u64));
        if self.rows.is_empty() {
            self.first = tick;
        }
        let gap = tick.saturating_sub(self.end());
        for row in (0..gap).map(|_| [Number::NONE; N]).chain([row]) {
            if self.rows.len() == self.rows.capacity() {
                // It would double beyond what is ever used.
                self.rows.reserve_exact(self.rows.len().max(16).min(most.saturating_sub(self.rows.len())).max(1));
            }
            self.rows.push_back(row);
        }
    }

    /// Lets go of rows of ticks before this one.
    pub(super) fn forget_before(&mut self, tick: u64) {
        while self.first < tick && self.rows.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The column of this number over these ticks.
    pub(super) fn column(&self, column: usize, ticks: std::ops::Range<u64>) -> impl Iterator<Item = Number> {
        ticks.map(move |tick| {
            let row = tick.checked_sub(self.first).and_then(|at| self.rows.get(usize::try_from(at).ok()?));
            row.map_or(Number::NONE, |row| row[column])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: f64) -> String {
        serde_json::to_string(&Number::new(value)).unwrap()
    }

    #[test]
    fn numbers_are_whole_or_of_three_digits() {
        for (value, written) in [
            (0.0, "0"),
            (1.0, "1"),
            (123_456.0, "123456"),
            (0.123_456, "0.123"),
            (12.345, "12.3"),
            (1234.5, "1230"),
            (0.000_123_44, "0.000123"),
            (99.96, "100"),
            (-2.5, "-2.5"),
            (5e-324, "0"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(json(value), written, "{value}");
        }
        assert_eq!(serde_json::to_string(&Number::NONE).unwrap(), "null");
        assert_eq!(serde_json::to_string(&Number::ms(Some(Duration::from_micros(1_234)))).unwrap(), "1.23");
    }

    fn column(rows: &Rows<1>, ticks: std::ops::Range<u64>) -> String {
        serde_json::to_string(&rows.column(0, ticks).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn rows_are_kept_as_long_as_asked_and_gaps_are_none() {
        let mut rows = Rows::new(3);
        rows.push(3, [Number::new(3.0)], 4);
        rows.push(6, [Number::new(6.0)], 4);
        assert_eq!(column(&rows, 2..8), "[null,3,null,null,6,null]");
        rows.push(8, [Number::new(8.0)], 4);
        assert_eq!(column(&rows, 2..10), "[null,null,null,null,6,null,8,null]");
        rows.push(100, [Number::new(100.0)], 4);
        assert_eq!(column(&rows, 95..101), "[null,null,null,null,null,100]");
        assert_eq!((rows.rows.len(), rows.end()), (1, 101));
        rows.forget_before(101);
        assert!(rows.is_empty());
    }

    #[test]
    fn no_more_is_reserved_than_is_kept() {
        let mut rows = Rows::<15>::new(0);
        for tick in 0..2000 {
            rows.push(tick, [Number::NONE; 15], 600);
        }
        assert_eq!((rows.rows.len(), rows.rows.capacity()), (600, 600));
    }
}
