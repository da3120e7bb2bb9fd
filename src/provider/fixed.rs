//! A set of handlers that stays.

use std::collections::VecDeque;

use super::{HandlerChange, HandlerProvider};
use crate::dispatcher::HandlerSource;

/// Announces a set of handlers, and then ends.
///
/// ```
/// use kanaloa::{FixedProvider, HandlerSource, PushingDispatcher, handler_fn};
///
/// # actix::System::new().block_on(async {
/// let replicas = ["one", "two", "three"].map(|name| {
///     HandlerSource::new(handler_fn(name, |n: u32| async move { Ok::<_, String>(n / 2) }))
/// });
/// let dispatcher = PushingDispatcher::builder("halves").provider(FixedProvider::new(replicas)).start().unwrap();
/// assert_eq!(dispatcher.call(8).await, Ok(4));
/// # });
/// ```
#[derive(Debug)]
pub struct FixedProvider<Req, Res, Err>(VecDeque<HandlerSource<Req, Res, Err>>)
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static;

impl<Req, Res, Err> FixedProvider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Announces these, in this order.
    pub fn new(handlers: impl IntoIterator<Item = HandlerSource<Req, Res, Err>>) -> Self {
        FixedProvider(handlers.into_iter().collect())
    }
}

impl<Req, Res, Err> HandlerProvider<Req, Res, Err> for FixedProvider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    async fn next(&mut self) -> Option<HandlerChange<Req, Res, Err>> {
        self.0.pop_front().map(HandlerChange::Add)
    }
}
