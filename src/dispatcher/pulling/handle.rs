//! What those hold who follow a run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::board::{Board, Progress};
use super::control::Control;
use super::summary::{RunEnd, Summary};
use crate::dispatcher::{
    AddHandlerError, DispatcherHandle, DispatcherStatus, HandlerSource, RemoveHandlerError, Stopped,
};
use crate::pool::WorkerStatus;

/// The way to a dispatcher that pulls its work, from any thread and any executor. Clones are cheap and lead to the same
/// dispatcher.
///
/// Dropping it ends nothing: the dispatcher goes on until its source is exhausted. It can do so only while its actix
/// System, or its thread, and the process go on; wait for [`summary`](Self::summary).
pub struct PullingHandle<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    inner: Arc<Inner<Req, Res, Err>>,
}

struct Inner<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    dispatcher: DispatcherHandle<Req, Res, Err>,
    default_shutdown_timeout: Duration,
    control: Arc<Control>,
    board: Arc<Board>,
    summary: watch::Receiver<Option<Summary>>,
}

impl<Req, Res, Err> PullingHandle<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) fn new(
        dispatcher: DispatcherHandle<Req, Res, Err>,
        default_shutdown_timeout: Duration,
        control: Arc<Control>,
        board: Arc<Board>,
        summary: watch::Receiver<Option<Summary>>,
    ) -> Self {
        PullingHandle { inner: Arc::new(Inner { dispatcher, default_shutdown_timeout, control, board, summary }) }
    }

    /// Resolves when the run has ended, whatever has ended it; also afterwards.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: the run goes on, and can be waited for again.
    pub async fn summary(&self) -> Summary {
        let mut summary = self.inner.summary.clone();
        let ended = summary.wait_for(Option::is_some).await.ok().and_then(|summary| summary.clone());
        // An error means that it has never begun, since its arbiter had ended.
        ended.unwrap_or_else(|| self.inner.board.end(RunEnd::Stopped, false))
    }

    /// How far it is; also after the end.
    pub fn progress(&self) -> Progress {
        self.inner.board.progress()
    }

    /// Asks the dispatcher what it is doing.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if it has ended.
    pub async fn status(&self) -> Result<DispatcherStatus, Stopped> {
        self.inner.dispatcher.status().await
    }

    /// As [`DispatcherHandle::workers`].
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the dispatcher has ended.
    pub async fn workers(&self, handler: impl Into<String>) -> Result<Option<Vec<WorkerStatus>>, Stopped> {
        self.inner.dispatcher.workers(handler).await
    }

    /// As [`DispatcherHandle::add_handler`].
    ///
    /// # Errors
    ///
    /// [`AddHandlerError`] if the dispatcher has a handler of this name, if it is ending, or if the handler could not be
    /// made.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future once it has been polled does not take the handler back.
    pub async fn add_handler(&self, source: HandlerSource<Req, Res, Err>) -> Result<(), AddHandlerError> {
        self.inner.dispatcher.add_handler(source).await
    }

    /// As [`DispatcherHandle::remove_handler`]. When the last is removed, the run ends, unless
    /// a provider lives or `shutdown-on-all-worker-death` is off: then it waits for another.
    ///
    /// # Errors
    ///
    /// [`RemoveHandlerError`] if there is no such handler, or the dispatcher has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future once it has been polled does not stop the removal.
    pub async fn remove_handler(&self, name: impl Into<String>) -> Result<(), RemoveHandlerError> {
        self.inner.dispatcher.remove_handler(name).await
    }

    /// Takes no further item, finishes what was taken, and ends. What is left after `default-shutdown-timeout` is refused
    /// if it waits, and cut off if it is at a handler; each item that was taken has a result. Results that nobody has
    /// taken one second later are dropped, and a source with acknowledgement is not waited for any longer either.
    ///
    /// Go on taking results meanwhile: a receiver or a sink that takes none holds the end up for all that time,
    /// `default-shutdown-timeout` and a second, 31 s by default, even if every handler is done at once. What it did not take
    /// is [`undelivered`](Summary::undelivered). A receiver that was dropped holds nothing up.
    ///
    /// An iterator whose `next` has not returned is waited for, but for 100 ms at most; then its thread is left behind.
    ///
    /// Asked again, the soonest time holds.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future once it has been polled does not stop the shutdown.
    pub async fn shutdown(&self) -> Summary {
        self.shutdown_within(self.inner.default_shutdown_timeout).await
    }

    /// As [`shutdown`](Self::shutdown), with a time of your choice; zero cuts everything off at once.
    pub async fn shutdown_within(&self, time: Duration) -> Summary {
        self.inner.control.shut_down(time);
        self.summary().await
    }
}

impl<Req, Res, Err> Clone for PullingHandle<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn clone(&self) -> Self {
        PullingHandle { inner: Arc::clone(&self.inner) }
    }
}

impl<Req, Res, Err> std::fmt::Debug for PullingHandle<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PullingHandle").field("progress", &self.progress()).finish_non_exhaustive()
    }
}
