//! The traffic of a scenario.

use std::time::Duration;

/// Classes of importance that traffic can have.
pub const CLASSES: usize = crate::dispatcher::Priority::CLASSES;

/// The traffic, but for its rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// How requests are spread over time.
    pub process: Process,
    /// How long after its arrival a request's answer is of use. More than zero.
    pub deadline: Duration,
    /// Whether the dispatcher is told the deadline. If not, callers leave then without having said so.
    pub told: bool,
    /// The share of each class in the traffic; together 1.
    pub classes: [f64; CLASSES],
    /// How many users the requests come from, all equally often. At least 1.
    pub users: u64,
}

/// How requests are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Equally.
    Uniform,
    /// By chance, each independent of all others.
    Poisson,
}
