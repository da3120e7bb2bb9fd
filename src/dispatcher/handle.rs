//! What callers hold.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix::Addr;
use thiserror::Error;
use tokio::sync::oneshot;

use super::door::Door;
use super::error::{CallError, Rejection};
use super::pools::{AddHandlerError, HandlerSource, RemoveHandlerError};
use super::pushing::{AddHandler, GetStatus, GetWorkers, PushingDispatcher, RemoveHandler};
use super::shared::Shared;
use super::shutdown::{ShutDown, Shutdown};
use super::status::DispatcherStatus;
use super::totals::{Rejections, Totals};
use super::work::Work;
use crate::pool::WorkerStatus;

/// The way to a dispatcher, from any thread and any executor. Clones are cheap and lead to the same dispatcher.
///
/// When the last handle and the last address of a dispatcher are dropped, it finishes the work it has and stops. It can
/// do so only while its actix System, or its thread, and the process go on.
pub struct DispatcherHandle<Req, Res, Err>
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
    door: Door<Req, Res, Err>,
    dispatcher: Addr<PushingDispatcher<Req, Res, Err>>,
}

impl<Req, Res, Err> DispatcherHandle<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(crate) fn new(door: Door<Req, Res, Err>, dispatcher: Addr<PushingDispatcher<Req, Res, Err>>) -> Self {
        DispatcherHandle { inner: Arc::new(Inner { door, dispatcher }) }
    }

    /// Submits a request, or a [`Work`] that says more about it, and returns the future of its answer.
    ///
    /// Whether it is let in is decided here and now, in the calling thread; a refused work's future is ready at once.
    /// A work that is let in is on its way even before the future is polled.
    ///
    /// # Errors
    ///
    /// The future's result is an error when the work was refused, failed at the service, or was not answered in time:
    /// see [`CallError`]. There is always a result, whatever becomes of the dispatcher.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the work up. If it still waits, it is not handed to the service, and leaves the queue at once
    /// or, of a long one, together with others: no more than an eighth of the queue is held by works that were given up. If it
    /// is being served, it is cancelled as the handler's [`on_cancel`](crate::Handler::on_cancel) says.
    pub fn call(&self, work: impl Into<Work<Req, Res, Err>>) -> Call<Res, Err> {
        let (door, work) = (&self.inner.door, work.into());
        match door.admit(&work) {
            Ok(admitted) => {
                let (reply_to, reply) = oneshot::channel();
                door.enqueue(work, admitted, Some(reply_to.into()));
                Call(State::Waiting { reply, shared: Arc::clone(door.shared()) })
            }
            Err(reason) => Call(State::Refused(reason)),
        }
    }

    /// Submits a request whose answer nobody waits for. It is served, or times out, like any other.
    ///
    /// # Errors
    ///
    /// The reason, if it is refused. It may still be shed later, or fail; the totals tell.
    pub fn tell(&self, work: impl Into<Work<Req, Res, Err>>) -> Result<(), Rejection> {
        let (door, work) = (&self.inner.door, work.into());
        let admitted = door.admit(&work)?;
        door.enqueue(work, admitted, None);
        Ok(())
    }

    /// How many works there were of each kind since the start; also after the end.
    pub fn totals(&self) -> Totals {
        self.inner.door.totals()
    }

    /// How many works were rejected since the start, by reason; also after the end.
    pub fn rejections(&self) -> Rejections {
        self.inner.door.shared().rejections()
    }

    /// Asks the dispatcher what it is doing.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if it has ended.
    pub async fn status(&self) -> Result<DispatcherStatus, Stopped> {
        self.inner.dispatcher.send(GetStatus).await.map_err(|_| Stopped)
    }

    /// What the workers in front of a handler are doing, or `None` if there is no such handler.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the dispatcher has ended.
    pub async fn workers(&self, handler: impl Into<String>) -> Result<Option<Vec<WorkerStatus>>, Stopped> {
        self.inner.dispatcher.send(GetWorkers(handler.into())).await.map_err(|_| Stopped)
    }

    /// Adds a handler. Resolves when its name is known to be its own; it gets work as soon as it has been made.
    ///
    /// # Errors
    ///
    /// [`AddHandlerError`] if the dispatcher has a handler of this name, if it takes no more work, or if the handler
    /// could not be made.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future once it has been polled does not take the handler back.
    pub async fn add_handler(&self, source: HandlerSource<Req, Res, Err>) -> Result<(), AddHandlerError> {
        let (reply_to, reply) = oneshot::channel();
        self.inner.dispatcher.do_send(AddHandler { source, reply_to });
        reply.await.unwrap_or(Err(AddHandlerError::ShuttingDown))
    }

    /// Removes a handler: it gets no more work, and what it has may end. Resolves when that is done with, which is within
    /// `default-shutdown-timeout`. If no other is left, works wait for one as after the start.
    ///
    /// # Errors
    ///
    /// [`RemoveHandlerError`] if there is no such handler, or the dispatcher has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future once it has been polled does not stop the removal.
    pub async fn remove_handler(&self, name: impl Into<String>) -> Result<(), RemoveHandlerError> {
        let (reply_to, reply) = oneshot::channel();
        self.inner.dispatcher.do_send(RemoveHandler { name: name.into(), reply_to });
        reply.await.unwrap_or(Err(RemoveHandlerError::Stopped))
    }

    /// Takes no more work, finishes what there is, and ends. What is left after `default-shutdown-timeout` is refused if it
    /// waits, and cut off if it is at a handler; every caller is answered. Asked again, the soonest time holds, and
    /// all who asked are told the same.
    ///
    /// A handler that blocks its thread cannot be cut off: its callers are answered when it lets go of its thread.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future once it has been polled does not stop the shutdown.
    pub async fn shutdown(&self) -> Shutdown {
        self.shut_down(None).await
    }

    /// As [`shutdown`](Self::shutdown), with a time of your choice; zero cuts everything off at once.
    pub async fn shutdown_within(&self, time: Duration) -> Shutdown {
        self.shut_down(Some(time)).await
    }

    async fn shut_down(&self, within: Option<Duration>) -> Shutdown {
        let (reply_to, reply) = oneshot::channel();
        self.inner.dispatcher.do_send(ShutDown { within, reply_to });
        reply.await.unwrap_or(Shutdown::Stopped)
    }

    /// The dispatcher's address, to which actors send [`Work`].
    pub fn addr(&self) -> Addr<PushingDispatcher<Req, Res, Err>> {
        self.inner.dispatcher.clone()
    }
}

impl<Req, Res, Err> Clone for DispatcherHandle<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn clone(&self) -> Self {
        DispatcherHandle { inner: Arc::clone(&self.inner) }
    }
}

impl<Req, Res, Err> std::fmt::Debug for DispatcherHandle<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatcherHandle").field("totals", &self.totals()).finish_non_exhaustive()
    }
}

/// The dispatcher has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the dispatcher has stopped")]
pub struct Stopped;

/// The future of an answer; made by [`DispatcherHandle::call`].
#[derive(Debug)]
#[must_use = "dropping the future gives the work up; use `tell` for work whose answer nobody waits for"]
pub struct Call<Res, Err>(State<Res, Err>);

#[derive(Debug)]
enum State<Res, Err> {
    Refused(Rejection),
    Waiting { reply: oneshot::Receiver<Result<Res, CallError<Err>>>, shared: Arc<Shared> },
    Answered,
}

impl<Res, Err> Drop for Call<Res, Err> {
    fn drop(&mut self) {
        if let State::Waiting { reply, shared } = std::mem::replace(&mut self.0, State::Answered) {
            // First, so that whoever is told finds it gone.
            drop(reply);
            shared.leavers.left(shared.queued());
        }
    }
}

impl<Res, Err> Future for Call<Res, Err> {
    type Output = Result<Res, CallError<Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.0 {
            State::Refused(reason) => return Poll::Ready(Err(CallError::Rejected(*reason))),
            State::Waiting { reply, .. } => ready!(Pin::new(reply).poll(cx)),
            State::Answered => panic!("a call is polled after it was answered"),
        };
        self.0 = State::Answered;
        // Every ticket answers when it is dropped, so the channel does not close unanswered.
        Poll::Ready(answer.unwrap_or(Err(CallError::Rejected(Rejection::ShuttingDown))))
    }
}
