//! The queue: where work waits until a worker pulls it.
//!
//! A caller puts its work into the [`Intake`] and rings for the [`QueueActor`], which moves whole batches into the
//! [`Backlog`] that all worker pools pull from. The [`Expirer`] answers works that have waited too long, and the
//! [`QueueSampler`] tells the Regulator what happens.

mod actor;
mod backlog;
mod expirer;
mod intake;
mod lanes;
mod retries;
mod sampler;
mod waiting;

pub(crate) use actor::{Doorbell, QueueActor, Sweep};
pub(crate) use backlog::{Backlog, GateView, PoolKey, Pull, Seat, SeatView};
pub(crate) use expirer::{ExpireAt, Expirer};
pub(crate) use intake::Intake;
pub(crate) use retries::{Excluded, RetryTimes};
pub(crate) use sampler::{QueueSampler, Resume};
pub(crate) use waiting::{Patience, Waiting};
