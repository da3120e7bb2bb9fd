//! Dispatchers: they take work in, and own the actors that get it done.

mod builder;
mod claim;
mod door;
mod error;
mod handle;
mod leavers;
mod overload;
mod pools;
mod pulling;
mod pushing;
mod queued;
mod regulator;
mod shared;
mod shutdown;
mod status;
mod submission;
mod ticket;
mod totals;
mod work;

pub use builder::{DispatcherBuilder, Push, StartError};
pub(crate) use claim::Claim;
pub use error::{CallError, CopyFailure, Failure, Rejection, RejectionReason, Timeout};
pub use handle::{Call, DispatcherHandle, Stopped};
pub use pools::{AddHandlerError, HandlerSource, RemoveHandlerError};
pub use pulling::{
    FailureCounts, HandBack, ItemResult, Progress, Pull, PullingBuilder, PullingDispatcher, PullingHandle, RunEnd,
    Source, Summary,
};
pub use pushing::PushingDispatcher;
pub(crate) use queued::{Course, Queued, Times, earlier};

pub(crate) use shared::{Arrivals, Gate, Shared};
pub use shutdown::Shutdown;
pub use status::{DispatcherState, DispatcherStatus};
pub use totals::{Rejections, Totals};
pub use work::{NoSuchPriority, Priority, Work};

/// End yourself.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;
