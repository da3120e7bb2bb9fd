//! What load is sent to.

use super::client::HttpClient;
use super::observation::Fault;
use super::sample::DispatcherSample;

/// Where requests go: straight to the service, or through a dispatcher.
pub(crate) trait Target: Clone + Send + 'static {
    /// Sends one request and waits for what becomes of it.
    fn send(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// How the dispatcher stands, if there is one.
    fn sample(&self) -> impl Future<Output = Option<DispatcherSample>> + Send;
}

/// Straight to the service.
#[derive(Debug, Clone)]
pub(crate) struct Direct(pub(crate) HttpClient);

impl Target for Direct {
    async fn send(&self) -> Result<(), Fault> {
        match self.0.get().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Failed(error.to_string())),
        }
    }

    async fn sample(&self) -> Option<DispatcherSample> {
        None
    }
}
