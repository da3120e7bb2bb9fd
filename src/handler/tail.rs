//! What a service still sends when it has begun to answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::control::Outcome;

/// What a service still sends when it has begun to answer, such as the body of an HTTP response after its head.
///
/// The caller has its response as soon as the handler returns it; the slot stays taken, and the attempt is measured, until
/// the [`TailEnd`] says that the service is done. See [`Handler::tail`](crate::Handler::tail).
#[derive(Debug)]
pub struct Tail(oneshot::Receiver<TailReport>);

/// The other side of a [`Tail`], which goes with the response: whoever reads the rest says here how it ended. Dropping it
/// says that nobody reads the rest: the attempt counts as cancelled, and its slot is free.
#[derive(Debug)]
pub struct TailEnd(oneshot::Sender<TailReport>);

/// How a tail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TailReport {
    pub(crate) outcome: Outcome,
    /// How long the service was held up by others than itself.
    pub(crate) held_up: Duration,
}

impl Tail {
    /// A tail, and what says how it ends.
    pub fn new() -> (TailEnd, Tail) {
        let (sender, receiver) = oneshot::channel();
        (TailEnd(sender), Tail(receiver))
    }

    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<TailReport> {
        let given_up = TailReport { outcome: Outcome::Cancelled, held_up: Duration::ZERO };
        Pin::new(&mut self.0).poll(cx).map(|report| report.unwrap_or(given_up))
    }
}

impl TailEnd {
    /// The service has sent everything. `held_up` is how long it had to wait for others meanwhile, such as for a client that
    /// is slow to read or to write: that much is not held against it.
    pub fn complete(self, held_up: Duration) {
        self.report(Outcome::Success, held_up);
    }

    /// The service broke off.
    pub fn failed(self, held_up: Duration) {
        self.report(Outcome::Failure, held_up);
    }

    /// The service was waited for in vain.
    pub fn timed_out(self, held_up: Duration) {
        self.report(Outcome::Timeout, held_up);
    }

    fn report(self, outcome: Outcome, held_up: Duration) {
        // An error means that the slot is not held any more, as after a shutdown.
        let _ = self.0.send(TailReport { outcome, held_up });
    }
}
