//! Worker pools: one in front of each handler, with as many workers as the concurrency limit allows.

mod autothrottler;
mod meter;
mod slow_timer;
mod status;
mod worker;
mod worker_pool;

pub(crate) use meter::{Clock, PoolStats};
pub use status::{PoolState, PoolStatus};
pub(crate) use worker::Check;
pub(crate) use worker_pool::{PoolChange, PoolEnvironment, PoolEvent, WorkerPool};
