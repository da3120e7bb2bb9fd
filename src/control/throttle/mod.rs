//! Throttles: they find the concurrency limit of one handler.

use std::fmt::Debug;

use super::Attempt;

mod fixed;
mod plumb;

pub use fixed::Fixed;
pub use plumb::Plumb;

/// Finds the concurrency limit of one handler from the attempts it sees end.
pub trait Throttle: Debug {
    /// Takes in an attempt that has ended; returns the new concurrency limit (at least 1) if it changes.
    fn record(&mut self, attempt: &Attempt) -> Option<usize>;

    /// The concurrency limit in force: at least 1.
    fn limit(&self) -> usize;
}
