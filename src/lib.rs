//! Overload protection that finds a service's concurrency limit by itself.
#![forbid(unsafe_code)]

pub mod config;
pub mod control;
mod dispatcher;
mod handler;
mod pool;
mod queue;

pub use dispatcher::{
    Call, CallError, DispatcherBuilder, DispatcherHandle, DispatcherState, DispatcherStatus, Failure, NoSuchPriority,
    Priority, PushingDispatcher, Rejection, StartError, Stopped, Timeout, Totals, Work,
};
pub use handler::{
    ActorHandler, Answer, BlockingFn, Handler, HandlerError, HandlerFn, Instruction, IntoHandler, IntoReply, OnCancel,
    Reply, actor_handler, blocking_fn, handler_fn,
};
pub use pool::{PoolState, PoolStatus};
