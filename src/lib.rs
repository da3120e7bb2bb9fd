//! Overload protection that finds a service's concurrency limit by itself.
//!
//! Kanaloa stands in front of a service. It keeps as many requests in flight as the service handles best, holds a short
//! queue, and refuses the rest at once, so that what is accepted is answered soon however much arrives. Nobody tells it
//! the capacity, and when that changes, it follows.
//!
//! ```
//! use kanaloa::{CallError, PushingDispatcher, handler_fn};
//!
//! #[actix::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let service = handler_fn("doubler", |n: u32| async move { n.checked_mul(2).ok_or("too large") });
//!     let dispatcher = PushingDispatcher::builder("doubler").handler(service).start()?;
//!
//!     match dispatcher.call(21).await {
//!         Ok(answer) => assert_eq!(answer, 42),
//!         Err(CallError::Rejected(reason)) => println!("come back later: {reason}"),
//!         Err(error) => println!("{error}"),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`DispatcherBuilder::settings`] takes settings, read from HOCON by [`config::Settings`];
//! [`DispatcherBuilder::start_on_thread`] is for where there is no actix System.
//!
//! [`PullingDispatcher`] takes its work from an iterator, a stream or a [`Source`] with acknowledgement, as fast as it is
//! done.
//!
//! The module `http`, with the feature `proxy`, is a reverse proxy for any HTTP service; the program's `kanaloa proxy` runs it.
//!
//! # The way of a work
//!
//! ```text
//! caller ──► admission ──► intake ──► backlog ◄── workers pull ──► handler (the service)
//!               ▲                        │               │
//!           Regulator ◄── QueueSampler ──┘               └─ every attempt ──► Autothrottler ──► concurrency limit
//! ```
//!
//! [`DispatcherHandle::call`] decides in the caller's own thread, from a published snapshot, whether a work is let in; a
//! refusal sends no message. What is let in waits until a worker pulls it. Each [`Handler`] has a pool of workers of its
//! own, with its own limit, and all pull from one queue, so a slow instance pulls less.
//!
//! Every work ends exactly once: with a response, or with exactly one [`CallError`]. A work that is dropped anywhere, by a
//! panic or because the actix System ends, is answered by its destructor.
//!
//! # Time
//!
//! All time is tokio's, so in a test on a runtime whose clock is paused the whole actor system runs in virtual time.
#![forbid(unsafe_code)]

pub mod config;
pub mod control;
#[cfg(feature = "dashboard")]
pub mod dashboard;
mod dispatcher;
mod handler;
#[cfg(feature = "proxy")]
pub mod http;
#[cfg(feature = "lab")]
pub mod lab;
mod log_limit;
pub mod metrics;
mod panics;
mod pool;
mod provider;
mod queue;
mod time;

pub use dispatcher::{
    AddHandlerError, Call, CallError, CopyFailure, DispatcherBuilder, DispatcherHandle, DispatcherState,
    DispatcherStatus, Failure, FailureCounts, HandBack, HandlerSource, ItemResult, NoSuchPriority, Priority, Progress,
    Pull, PullingBuilder, PullingDispatcher, PullingHandle, Push, PushingDispatcher, Rejection, RejectionReason,
    Rejections, RemoveHandlerError, RunEnd, Shutdown, Source, StartError, Stopped, Summary, Timeout, Totals, Work,
};
pub use handler::{
    ActorHandler, Answer, BlockingFn, CallContext, ContextFn, Handler, HandlerError, HandlerFn, Instruction,
    IntoHandler, IntoReply, OnCancel, Reply, Tail, TailEnd, actor_handler, blocking_fn, handler_fn,
    handler_fn_with_context,
};
pub use pool::{CircuitState, PoolState, PoolStatus, WorkerStatus};
pub use provider::{
    ControlledProvider, FixedProvider, HandlerChange, HandlerProvider, ProviderControl, controlled_provider,
};
#[cfg(feature = "dns")]
pub use provider::{DnsProvider, InvalidDnsName};

/// The README's code, which is to compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
