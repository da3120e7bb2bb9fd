//! The thread of an admin address.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use futures::future::{AbortHandle, Abortable, select};
use tokio::runtime;
use tokio::task::LocalSet;

use super::admin::Admin;
use super::reverse_proxy::Overview;
use super::server::Server;
use super::settings::ServerSettings;
use crate::metrics::Monitor;

/// Answers at an admin address, on a thread of its own: whoever opens the dashboard has ten minutes written for them, which
/// must not hold up a request.
#[derive(Debug)]
pub(crate) struct AdminThread {
    abort: AbortHandle,
    thread: JoinHandle<()>,
}

impl AdminThread {
    /// Answers until it is ended, or `until` resolves. Dropping it lets it run.
    pub(crate) fn start(
        listener: TcpListener,
        overview: Option<Overview>,
        monitor: &Monitor,
        until: impl Future + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (abort, registration) = AbortHandle::new_pair();
        let monitor = monitor.clone();
        let serve = move || {
            let serving = async {
                let admin = Admin::new(overview, &monitor);
                let server = Server::new(ServerSettings::for_admin(), None);
                let until = std::pin::pin!(until);
                let run = std::pin::pin!(server.run(listener, admin));
                // Connections are cut off with it.
                let _ = Abortable::new(select(run, until), registration).await;
            };
            LocalSet::new().block_on(&runtime, serving);
        };
        let thread = thread::Builder::new().name("kanaloa-admin".to_owned()).spawn(serve)?;
        Ok(AdminThread { abort, thread })
    }

    /// Cuts its connections off, soon.
    pub(crate) fn abort(&self) {
        self.abort.abort();
    }

    /// As [`AdminThread::abort`], and waits until nobody listens there any more.
    pub(crate) fn end(self) {
        self.abort();
        // A panic there has been printed; there is nothing to add.
        let _ = self.thread.join();
    }
}
