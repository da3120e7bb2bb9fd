//! Dispatchers: they take work in, and own the actors that get it done.

mod builder;
mod door;
mod error;
mod handle;
mod pools;
mod pushing;
mod queued;
mod regulator;
mod shared;
mod status;
mod submission;
mod ticket;
mod work;

pub use builder::{DispatcherBuilder, StartError};
pub use error::{CallError, Failure, Rejection, Timeout};
pub use handle::{Call, DispatcherHandle, Stopped};
pub use pushing::PushingDispatcher;
pub(crate) use queued::Queued;

pub use shared::Totals;
pub(crate) use shared::{Arrivals, Shared};
pub use status::{DispatcherState, DispatcherStatus};
pub(crate) use ticket::Ticket;
pub use work::{NoSuchPriority, Priority, Work};

/// End yourself.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;
