//! An admin address for programs that are no proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use futures::future::{AbortHandle, Abortable};
use thiserror::Error;
use tokio::runtime;
use tokio::task::LocalSet;

use super::admin::Admin;
use super::server::{BindError, Server, bind};
use super::settings::ServerSettings;
use crate::metrics::Monitor;

/// An address where a program shows what its dispatchers do: the dashboard at `/dashboard/`, and `/healthz`. A
/// [`ReverseProxy`](super::ReverseProxy) has one of its own.
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
pub struct AdminServer {
    address: SocketAddr,
    abort: AbortHandle,
    thread: Option<JoinHandle<()>>,
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
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let (abort, registration) = AbortHandle::new_pair();
        let monitor = monitor.clone();
        let serve = move || {
            let serving = async {
                let admin = Admin::new(None, &monitor);
                let server: Arc<Server> = Server::new(ServerSettings::for_admin(), None);
                // Connections are cut off with it.
                let _ = Abortable::new(server.run(listener, admin), registration).await;
            };
            LocalSet::new().block_on(&runtime, serving);
        };
        let thread = thread::Builder::new().name("kanaloa-admin".to_owned()).spawn(serve).map_err(no_thread)?;
        Ok(AdminServer { address, abort, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for AdminServer {
    /// Cuts its connections off. Nobody listens there any more afterwards.
    fn drop(&mut self) {
        self.abort.abort();
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}
