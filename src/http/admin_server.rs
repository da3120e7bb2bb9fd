//! An admin address for programs that are no proxy.

use std::future::pending;
use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use super::admin_thread::AdminThread;
use super::server::{BindError, bind};
use crate::metrics::Monitor;

/// An address where a program shows what its dispatchers do: the dashboard at `/dashboard/`, `/metrics` for Prometheus, and
/// `/healthz`. A [`ReverseProxy`](super::ReverseProxy) has one of its own.
///
/// It runs on a thread of its own until it is dropped, and needs no runtime where it is started.
///
/// ```
/// use kanaloa::http::AdminServer;
/// use kanaloa::metrics::Monitor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let monitor = Monitor::new();
/// let admin = AdminServer::start("127.0.0.1:0".parse()?, &monitor)?;
/// println!("see http://{}/dashboard/", admin.address());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct AdminServer {
    address: SocketAddr,
    /// Until it is dropped.
    thread: Option<AdminThread>,
}

/// Why an admin server could not be started.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct AdminError(Cause);

#[derive(Debug, Error)]
enum Cause {
    #[error("{0}")]
    Bind(BindError),
    #[error("the admin server's thread cannot be started: {0}; the system is short of threads, files or memory")]
    Thread(io::Error),
}

impl AdminServer {
    /// Shows what the dispatchers do that `monitor` watches, at this address. It listens when this returns. Port 0 is any
    /// that is free.
    ///
    /// Whoever can connect there can see it: on `127.0.0.1` that is whoever is on this machine.
    ///
    /// # Errors
    ///
    /// [`AdminError`] if it cannot listen there, or no thread can be had.
    pub fn start(address: SocketAddr, monitor: &Monitor) -> Result<Self, AdminError> {
        let listener = bind(address).map_err(|error| AdminError(Cause::Bind(error)))?;
        let no_thread = |error| AdminError(Cause::Thread(error));
        let address = listener.local_addr().map_err(no_thread)?;
        let thread = AdminThread::start(listener, None, monitor, pending::<()>()).map_err(no_thread)?;
        Ok(AdminServer { address, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for AdminServer {
    /// Cuts its connections off. Nobody listens there any more afterwards.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.end();
        }
    }
}
