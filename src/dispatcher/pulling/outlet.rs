//! Where results go.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Sink;
use futures::future::BoxFuture;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{OwnedPermit, Sender};

use crate::dispatcher::CallError;
use crate::panics::message_of;

/// What became of an item.
///
/// The item itself went to a handler. Which it was, the index says: the items of an iterator or a stream are counted from 0
/// in the order in which it gave them, so that `items[index as usize]` is the one where the source was that list, and
/// [`in_input_order`](crate::PullingBuilder::in_input_order) has results come in just that order. Otherwise have the handler
/// answer with what names the item, such as its key, in the response and in the error alike. An item that timed out or was
/// rejected has no answer: then there is the index, and a [`Source`](crate::Source) has the token too.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemResult<Res, Err> {
    /// How many items had been taken before it: 0 for the first. What a source gives again has a new one.
    pub index: u64,
    /// What the handler answered, or why there is no answer.
    pub result: Result<Res, CallError<Err>>,
}

/// Why no more results can be sent.
type Gone = String;

/// Where results go. After an error nothing else is called.
pub(super) trait Outlet<Res, Err>: Send {
    /// Ready when one result can be sent.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>>;

    /// Sends a result; called once after each time it was ready.
    fn send(&mut self, result: ItemResult<Res, Err>) -> Result<(), Gone>;

    /// Ready when what was sent has gone out.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>>;

    /// Ready when all has been done with.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>>;
}

/// A function that is called with each result.
pub(super) struct Callback<F>(pub(super) F);

impl<F, Res, Err> Outlet<Res, Err> for Callback<F>
where
    F: FnMut(ItemResult<Res, Err>) + Send,
{
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, result: ItemResult<Res, Err>) -> Result<(), Gone> {
        guarded(|| (self.0)(result))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }
}

fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, Gone> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| format!("panicked: {}", message_of(panic)))
}

/// A sink, with its back-pressure.
pub(super) struct IntoSink<S>(Pin<Box<S>>);

impl<S> IntoSink<S> {
    pub(super) fn new(sink: S) -> Self {
        IntoSink(Box::pin(sink))
    }
}

impl<S, Res, Err> Outlet<Res, Err> for IntoSink<S>
where
    S: Sink<ItemResult<Res, Err>> + Send,
    S::Error: Display,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        polled(|| self.0.as_mut().poll_ready(cx))
    }

    fn send(&mut self, result: ItemResult<Res, Err>) -> Result<(), Gone> {
        guarded(|| self.0.as_mut().start_send(result))?.map_err(|error| error.to_string())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        polled(|| self.0.as_mut().poll_flush(cx))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        polled(|| self.0.as_mut().poll_close(cx))
    }
}

fn polled<E: Display>(poll: impl FnOnce() -> Poll<Result<(), E>>) -> Poll<Result<(), Gone>> {
    match guarded(poll) {
        Ok(polled) => polled.map_err(|error| error.to_string()),
        Err(gone) => Poll::Ready(Err(gone)),
    }
}

/// A bounded channel.
pub(super) struct Channel<T> {
    state: ChannelState<T>,
}

enum ChannelState<T> {
    Idle(Sender<T>),
    Waiting(BoxFuture<'static, Option<OwnedPermit<T>>>),
    Ready(OwnedPermit<T>),
    /// Its receiver was dropped, or it was closed.
    Gone,
}

const RECEIVER_DROPPED: &str = "the receiver was dropped";

impl<T: Send + 'static> Channel<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        Channel { state: ChannelState::Idle(sender) }
    }
}

impl<Res: Send + 'static, Err: Send + 'static> Outlet<Res, Err> for Channel<ItemResult<Res, Err>> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            self.state = match std::mem::replace(&mut self.state, ChannelState::Gone) {
                ChannelState::Idle(sender) => match sender.try_reserve_owned() {
                    Ok(permit) => ChannelState::Ready(permit),
                    Err(TrySendError::Full(sender)) => {
                        ChannelState::Waiting(Box::pin(async { sender.reserve_owned().await.ok() }))
                    }
                    Err(TrySendError::Closed(_)) => ChannelState::Gone,
                },
                ChannelState::Waiting(mut permit) => match permit.as_mut().poll(cx) {
                    Poll::Ready(Some(permit)) => ChannelState::Ready(permit),
                    Poll::Ready(None) => ChannelState::Gone,
                    Poll::Pending => {
                        self.state = ChannelState::Waiting(permit);
                        return Poll::Pending;
                    }
                },
                ChannelState::Ready(permit) => {
                    self.state = ChannelState::Ready(permit);
                    return Poll::Ready(Ok(()));
                }
                ChannelState::Gone => return Poll::Ready(Err(RECEIVER_DROPPED.to_owned())),
            };
        }
    }

    fn send(&mut self, result: ItemResult<Res, Err>) -> Result<(), Gone> {
        match std::mem::replace(&mut self.state, ChannelState::Gone) {
            ChannelState::Ready(permit) => {
                self.state = ChannelState::Idle(permit.send(result));
                Ok(())
            }
            _ => Err(RECEIVER_DROPPED.to_owned()),
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let flushed = ready!(<Self as Outlet<Res, Err>>::poll_flush(self, cx));
        self.state = ChannelState::Gone;
        Poll::Ready(flushed)
    }
}
