//! Why the demo could not be run to its end.

use std::io;
use std::path::PathBuf;

use kanaloa::StartError;
use kanaloa::http::AdminError;
use thiserror::Error;

/// What happened, where, and what to do.
#[derive(Debug, Error)]
pub(crate) enum DemoError {
    #[error("cannot start the mock service on 127.0.0.1: {0}")]
    Service(#[source] io::Error),
    #[error("cannot start the dispatcher: {0}")]
    Dispatcher(#[from] StartError),
    #[error("cannot start the load generator: {0}")]
    Load(#[source] io::Error),
    #[error("the load generator ended before it had sent its load; what it said is above")]
    LoadDied,
    #[error(
        "this process may open sockets for {requests} requests at once, too few for an overload; raise the limit with: ulimit -n {enough}"
    )]
    TooFewSockets { requests: u64, enough: u64 },
    #[error("cannot write the report to {}: {source}; choose another directory with --out", path.display())]
    Report { path: PathBuf, source: io::Error },
    #[error("the dashboard cannot be shown: {0}, with --live ADDR")]
    Dashboard(#[source] AdminError),
    #[error("--live has two instances of the service, each with a slot of 100 ms at least: use --capacity 20 or more")]
    TooSmallForTwo,
    #[error("cannot print the result: {0}")]
    Print(#[source] io::Error),
}
