//! Reporting what happens, away from where it happens.
//!
//! ```text
//! workers ──► counters, timers ◄── Reporter, once per update-interval ──► Statsd ──► thread ──► StatsD
//! ```
//!
//! The hot path counts in memory as it does anyway, and keeps some of the times it measures in a [`Timer`] of bounded
//! size. The [`Reporter`] turns that into [`Metric`]s once in an interval. It sends nothing itself: looking up a name may
//! take seconds, so that is for a thread of its own.
//!
//! Counters are reported as differences to what was *handed on* before. While StatsD cannot be reached nothing is handed
//! on, so what happens meanwhile is in the first report after that.

mod metric;
mod reporter;
mod share;
mod statsd;
mod timer;

pub(crate) use metric::{Metric, Value};
pub(crate) use reporter::{Finish, Follow, Reporter, Unfollow};
pub(crate) use share::Share;
pub(crate) use timer::{Samples, Timer};
