//! Connections that speak something else than HTTP from some point on, such as WebSocket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use log::debug;
use tokio::io::copy_bidirectional;

/// The tunnels that are open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tunnels(Arc<AtomicUsize>);

/// One of them.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tunnels {
    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Carries whatever comes from either side to the other, until both have ended or one breaks off.
    pub(super) fn carry(&self, client: OnUpgrade, upstream: OnUpgrade) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let open = Open(Arc::clone(&self.0));
        actix::spawn(async move {
            // The client's side is there when it has the answer that says so.
            let (client, upstream) = match futures::future::try_join(client, upstream).await {
                Ok(sides) => sides,
                Err(error) => return debug!("an upgrade came to nothing: {error}"),
            };
            let copied = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
            if let Err(error) = copied {
                debug!("a tunnel broke: {error}");
            }
            drop(open);
        });
    }
}
