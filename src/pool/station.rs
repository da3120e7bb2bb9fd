//! What the workers of a pool share.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Instant;
use actix::{Addr, Recipient};
use log::{Level, debug, log_enabled};

use super::circuit_breaker::BreakerLink;
use super::meter::Meter;
use super::redelivery::Redelivery;
use super::worker::QueuedFor;
use super::worker_pool::WorkerPool;
use crate::dispatcher::{CallError, Failure, Shared, Timeout, Times, earlier};
use crate::handler::Handler;
use crate::queue::ExpireAt;

/// Decides from a response whether it counts as success.
pub(crate) type Check<Res, Err> = Arc<dyn Fn(Res) -> Result<Res, Err> + Send + Sync>;

/// Shows so many characters of a request.
pub(crate) type ShowRequest<Req> = fn(&Req, usize) -> String;

/// What the workers of a pool share, on the pool's arbiter.
pub(crate) struct Station<H: Handler> {
    pub(crate) dispatcher: Arc<str>,
    pub(crate) name: String,
    /// There is one whenever the gate is open; it changes when it is made anew.
    pub(crate) handler: RefCell<Option<Rc<H>>>,
    pub(crate) meter: Rc<Meter>,
    pub(crate) check: Option<Check<H::Response, H::Error>>,
    pub(crate) redelivery: Redelivery<H::Request>,
    pub(crate) show: Option<ShowRequest<H::Request>>,
    /// Characters of a request in the log.
    pub(crate) display_length: usize,
    pub(crate) service_timeout: Duration,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) expirer: Recipient<ExpireAt>,
    pub(crate) breaker: Option<BreakerLink<QueuedFor<H>>>,
    pub(crate) pool: Addr<WorkerPool<H>>,
    /// Whether the time for what is in flight is over too.
    pub(crate) is_cut_off: Cell<bool>,
}

impl<H: Handler> Station<H> {
    /// When an attempt is given up.
    pub(crate) fn times_out(&self, started: Instant, times: &Times) -> Option<Instant> {
        let service = started.checked_add(self.service_timeout);
        earlier(service, times.ends_at(self.request_timeout))
    }

    pub(crate) fn which_timeout(&self, now: Instant, times: &Times) -> Timeout {
        times.passed(now, self.request_timeout).unwrap_or(Timeout::Service(self.service_timeout))
    }

    /// The request as the log shows it, if that is to be.
    pub(crate) fn shown(&self, request: &H::Request) -> Option<String> {
        let show = self.show.filter(|_| self.display_length > 0 && log_enabled!(Level::Debug))?;
        // Whatever the author's `Debug` does, the work goes on.
        let shown = catch_unwind(AssertUnwindSafe(|| show(request, self.display_length)));
        Some(shown.unwrap_or_else(|_| "cannot be shown".to_string()))
    }

    /// Writes down what an attempt has come to.
    pub(crate) fn log(&self, error: &CallError<H::Error>, goes_out_again: bool, shown: Option<String>) {
        if !log_enabled!(Level::Debug) {
            return;
        }
        let what = match error {
            // The service's own error need not be one that can be shown.
            CallError::Failed(Failure::Service(_)) => "failed at the service".to_string(),
            CallError::Failed(Failure::Panicked(message)) => format!("failed: handler panicked: {message}"),
            CallError::Failed(Failure::Unanswered) => "failed: the handler did not answer".to_string(),
            CallError::Failed(Failure::HandlerGone) => "failed: handler gone".to_string(),
            CallError::Failed(Failure::CutOff) => "cut off".to_string(),
            CallError::Failed(Failure::Copies(_)) => "failed with all its copies".to_string(),
            CallError::TimedOut(timeout) => format!("timed out: {timeout}"),
            CallError::Rejected(rejection) => format!("rejected: {rejection}"),
        };
        let again = if goes_out_again { "; goes out again" } else { "" };
        let request = shown.map(|shown| format!("; request: {shown}")).unwrap_or_default();
        debug!("dispatcher {}: handler {}: a work {what}{again}{request}", self.dispatcher, self.name);
    }
}
