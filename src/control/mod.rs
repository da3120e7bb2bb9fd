//! The algorithms that decide how much goes in and how much runs at once.
//!
//! Everything here is plain computation: samples and the time go in, decisions come out. There is no actor,
//! timer, clock or lock, so that the same code runs in production, in tests and in simulation.

pub mod breaker;
pub mod budget;
pub mod regulator;
pub mod response_times;
pub mod throttle;
pub mod user_shares;
mod words;

use std::time::Duration;

/// How one attempt at a handler ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service answered, and the answer counts as success.
    Success,
    /// The service answered with an error, panicked or went away.
    Failure,
    /// The service did not answer in time.
    Timeout,
    /// The caller left before the service answered. Says nothing about the service.
    Cancelled,
}

/// One attempt at a handler that has just ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attempt {
    /// When it ended, on a clock that all machines share as well as they can (the time since the Unix epoch),
    /// so that algorithms which act at multiples of a period act together.
    pub now: Duration,
    /// From the start at the handler to the end.
    pub process_time: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// Attempts in flight at this handler when it ended, itself included.
    pub in_flight: usize,
}
