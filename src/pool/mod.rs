//! Worker pools: one in front of each handler, with as many workers as the concurrency limit allows.

mod autothrottler;
mod circuit_breaker;
mod environment;
mod extras;
mod meter;
mod names;
mod redelivery;
mod sampler;
mod slow_timer;
mod station;
mod stats;
mod status;
mod worker;
mod worker_pool;

pub(crate) use environment::{PoolChange, PoolEnvironment, PoolEvent};
pub(crate) use extras::Extras;
pub(crate) use meter::Clock;
pub(crate) use names::Names;
pub(crate) use redelivery::CloneRequest;
pub(crate) use station::{Check, ShowRequest};
pub(crate) use stats::{CircuitChange, LimitChange, PoolStats};
pub use status::{CircuitState, PoolState, PoolStatus, WorkerStatus};
pub(crate) use worker_pool::{EndPool, WorkerPool};
