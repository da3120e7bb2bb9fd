//! The service behind a Kanaloa dispatcher: all that a program has to write to have one.

use hyper::{StatusCode, Uri};
use kanaloa::config::Settings;
use kanaloa::metrics::Monitor;
use kanaloa::{CallError, DispatcherHandle, PushingDispatcher, StartError};

use super::client::{Get, HttpError, HttpService};
use super::observation::Fault;
use super::plan::GOOD_WITHIN;
use super::sample::DispatcherSample;
use super::target::Target;

/// Through a dispatcher that has the default settings: nobody has told it how much the service can do, or how long
/// clients wait.
#[derive(Clone)]
pub(crate) struct Protected(DispatcherHandle<Get, StatusCode, HttpError>);

impl Protected {
    pub(crate) fn start(uri: Uri) -> Result<Self, StartError> {
        let handle = PushingDispatcher::builder("demo")
            .settings(Settings::reference().dispatcher("demo"))
            .handler(HttpService::new("http", uri))
            .start_on_thread()?;
        Ok(Protected(handle))
    }

    /// Through one that knows how long clients wait, so that it does not wait for longer itself, to these instances, watched.
    pub(crate) fn live(instances: Vec<(&'static str, Uri)>, monitor: &Monitor) -> Result<Self, StartError> {
        let mut settings = Settings::reference().dispatcher("demo");
        settings.work.service_timeout = GOOD_WITHIN;
        let mut builder = PushingDispatcher::builder("demo").settings(settings).monitor(monitor);
        for (name, uri) in instances {
            builder = builder.handler(HttpService::new(name, uri));
        }
        Ok(Protected(builder.start_on_thread()?))
    }
}

impl Target for Protected {
    async fn send(&self) -> Result<(), Fault> {
        match self.0.call(Get).await {
            Ok(_) => Ok(()),
            Err(CallError::Rejected(_)) => Err(Fault::Rejected),
            Err(CallError::TimedOut(_)) => Err(Fault::TimedOut),
            Err(CallError::Failed(failure)) => Err(Fault::Failed(failure.to_string())),
        }
    }

    async fn sample(&self) -> Option<DispatcherSample> {
        let status = self.0.status().await.ok()?;
        Some(DispatcherSample {
            queued: status.totals.queued as usize,
            in_flight: status.totals.in_flight as usize,
            limit: status.pools.iter().map(|pool| pool.limit).sum(),
        })
    }
}
