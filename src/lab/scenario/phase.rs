//! Spans of time in which nothing changes.

use std::time::Duration;

use super::arrivals::CLASSES;
use super::service::Service;

/// A span of time in which nothing changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// How long it lasts. More than zero.
    pub duration: Duration,
    /// Requests per second. Not negative.
    pub rate: f64,
    /// The share of each class in them; together 1.
    pub classes: [f64; CLASSES],
    /// All services of the scenario, in the same order in every phase, as they are in this one.
    pub services: Vec<Service>,
}

impl Phase {
    /// Requests that all services together can answer per second.
    pub fn capacity(&self) -> f64 {
        self.services.iter().map(Service::capacity).sum()
    }
}
