//! The traffic of a scenario.

use std::time::Duration;

/// Classes of importance that traffic can have.
pub const CLASSES: usize = crate::dispatcher::Priority::CLASSES;

/// The traffic, but for its rate and classes, which phases have.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// How requests are spread over time.
    pub process: Process,
    /// How long after its arrival a request's answer is of use. More than zero.
    pub deadline: Duration,
    /// Whether the dispatcher is told the deadline. If not, callers leave then without having said so.
    pub told: bool,
    /// How many users the requests come from. At least 1, and at least 2 if one is heavy.
    pub users: u64,
    /// The share of the requests that come from one of the users, number 0, if it is not like the others: 0 to 1. What is
    /// left comes from the others equally often.
    pub heavy_user: Option<f64>,
}

/// How requests are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Equally.
    Uniform,
    /// By chance, each independent of all others.
    Poisson,
}
