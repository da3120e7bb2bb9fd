//! Services as models: requests and the time in, answers out. No clock, no timer, no task.

mod agenda;
mod draw;
mod fifo;
mod server;
mod sharing;

pub(super) use agenda::{Agenda, Nanos, nanos};
pub(super) use draw::{Chance, streams};
pub(super) use server::{Job, Server, Verdict};
