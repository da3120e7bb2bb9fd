//! All kinds of sources as the feeder sees them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::source::{HandBack, Source};
use crate::panics::{drop_quietly, message_of};

/// What a source gives when it is asked for the next item.
#[derive(Debug)]
pub(super) enum Next<Item, Token> {
    Item(Item, Token),
    /// There will be none any more.
    Exhausted,
    /// Nor after a panic that said this.
    Panicked(String),
}

/// What the feeder takes items from.
pub(super) trait Feed: 'static {
    type Item: Send + 'static;
    type Token: 'static;

    /// Whether anybody wants to know what became of the items.
    const WANTS_TO_KNOW: bool;

    /// The next item, of which there may be `room`.
    fn poll_next(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<Next<Self::Item, Self::Token>>;

    /// There is no room any more: nothing is to be taken ahead.
    fn pause(&mut self) {}

    /// After [`Feed::pause`]: ready when nothing is being taken any more.
    fn poll_paused(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// An item that has been taken already.
    fn taken(&mut self) -> Option<(Self::Item, Self::Token)> {
        None
    }

    /// An error is what a panic said.
    fn ack(&mut self, token: Self::Token) -> Result<(), String>;

    /// An error is what a panic said.
    fn hand_back(&mut self, token: Self::Token, why: HandBack) -> Result<(), String>;

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    fn total(&self) -> Option<u64>;
}

/// The user's own source.
pub(super) struct FromSource<S>(Option<S>);

impl<S: Source> FromSource<S> {
    pub(super) fn new(source: S) -> Self {
        FromSource(Some(source))
    }

    fn guarded<T>(&mut self, call: impl FnOnce(&mut S) -> T) -> Option<Result<T, String>> {
        let source = self.0.as_mut()?;
        Some(catch_unwind(AssertUnwindSafe(|| call(source))).map_err(message_of))
    }
}

impl<S> Drop for FromSource<S> {
    fn drop(&mut self) {
        drop_quietly(self.0.take());
    }
}

impl<S: Source> Feed for FromSource<S> {
    type Item = S::Item;
    type Token = S::Token;

    const WANTS_TO_KNOW: bool = true;

    fn poll_next(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<Next<S::Item, S::Token>> {
        Poll::Ready(match self.guarded(|source| source.poll_next(room, cx)) {
            Some(Ok(next)) => match ready!(next) {
                Some((item, token)) => Next::Item(item, token),
                None => Next::Exhausted,
            },
            Some(Err(message)) => Next::Panicked(message),
            None => Next::Exhausted,
        })
    }

    fn ack(&mut self, token: S::Token) -> Result<(), String> {
        self.guarded(|source| source.ack(token)).unwrap_or(Ok(()))
    }

    fn hand_back(&mut self, token: S::Token, why: HandBack) -> Result<(), String> {
        self.guarded(|source| source.hand_back(token, why)).unwrap_or(Ok(()))
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A source that panics here has nothing more to say.
        self.guarded(|source| source.poll_settled(cx)).and_then(Result::ok).unwrap_or(Poll::Ready(()))
    }

    fn total(&self) -> Option<u64> {
        let source = self.0.as_ref()?;
        catch_unwind(AssertUnwindSafe(|| source.total())).ok().flatten()
    }
}

/// A stream, which does not want to know what became of its items.
pub(super) struct FromStream<S: Stream>(Option<Pin<Box<S>>>);

impl<S: Stream> FromStream<S> {
    pub(super) fn new(stream: S) -> Self {
        FromStream(Some(Box::pin(stream)))
    }

    fn end(&mut self) {
        drop_quietly(self.0.take());
    }
}

impl<S: Stream> Drop for FromStream<S> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<S> Feed for FromStream<S>
where
    S: Stream + 'static,
    S::Item: Send + 'static,
{
    type Item = S::Item;
    type Token = ();

    const WANTS_TO_KNOW: bool = false;

    fn poll_next(&mut self, _: usize, cx: &mut Context<'_>) -> Poll<Next<S::Item, ()>> {
        let Some(stream) = &mut self.0 else { return Poll::Ready(Next::Exhausted) };
        let last = match catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll_next(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(item))) => return Poll::Ready(Next::Item(item, ())),
            Ok(Poll::Ready(None)) => Next::Exhausted,
            Err(panic) => Next::Panicked(message_of(panic)),
        };
        self.end();
        Poll::Ready(last)
    }

    fn ack(&mut self, (): ()) -> Result<(), String> {
        Ok(())
    }

    fn hand_back(&mut self, (): (), _: HandBack) -> Result<(), String> {
        Ok(())
    }

    fn total(&self) -> Option<u64> {
        let stream = self.0.as_ref()?;
        catch_unwind(AssertUnwindSafe(|| stream.size_hint())).ok().and_then(exactly)
    }
}

/// The length, where a hint at it is exact.
pub(super) fn exactly((least, most): (usize, Option<usize>)) -> Option<u64> {
    most.filter(|most| *most == least).map(|length| length as u64)
}
