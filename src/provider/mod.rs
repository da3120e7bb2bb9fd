//! Providers: they say which handlers a dispatcher has while it runs.
//!
//! A [`HandlerProvider`] announces changes, and the dispatcher follows them. Ready-made are [`FixedProvider`], a set that
//! stays; [`controlled_provider`], which does as it is told from elsewhere; and, with the feature `dns`, `DnsProvider`,
//! which has a handler for each address of a name.

mod controlled;
#[cfg(feature = "dns")]
mod dns;
mod fixed;

use std::future::Future;

pub use controlled::{ControlledProvider, ProviderControl, controlled_provider};
#[cfg(feature = "dns")]
pub use dns::{DnsProvider, InvalidDnsName};
pub use fixed::FixedProvider;
use futures::StreamExt;
use futures::stream::{LocalBoxStream, unfold};

use crate::dispatcher::HandlerSource;

/// Announces handlers that come and go. A dispatcher is given it with
/// [`DispatcherBuilder::provider`](crate::DispatcherBuilder::provider), runs it on its own arbiter, and drops it when it
/// takes no more work.
///
/// While a provider may still announce handlers, a dispatcher that has none expects one: it queues work for
/// `initial-grace-period`, then refuses it, and serves again when one comes. Nor does it end for want of one then, whatever
/// `shutdown-on-all-worker-death` says.
///
/// What cannot be done is logged, and the dispatcher goes on: a handler whose name is taken, one that cannot be made, the
/// removal of one that is not there. A handler that is removed gets no more work, what it has in flight may end within
/// `default-shutdown-timeout`, and its name is free at once: where one comes back meanwhile, both pools are there, and
/// the handler may have up to twice its concurrency limit in flight for that time.
///
/// ```
/// use std::time::Duration;
///
/// use kanaloa::{HandlerChange, HandlerProvider, HandlerSource, PushingDispatcher, handler_fn};
///
/// /// A handler that gives way to a new one every minute.
/// struct Shifts {
///     number: u32,
///     relieved: Option<String>,
/// }
///
/// impl HandlerProvider<u32, u32, String> for Shifts {
///     async fn next(&mut self) -> Option<HandlerChange<u32, u32, String>> {
///         if let Some(name) = self.relieved.take() {
///             return Some(HandlerChange::Remove(name));
///         }
///         if self.number > 0 {
///             tokio::time::sleep(Duration::from_secs(60)).await;
///             self.relieved = Some(format!("shift-{}", self.number));
///         }
///         self.number += 1;
///         let handler = handler_fn(format!("shift-{}", self.number), |n: u32| async move { Ok(n + 1) });
///         Some(HandlerChange::Add(HandlerSource::new(handler)))
///     }
/// }
///
/// # actix::System::new().block_on(async {
/// let shifts = Shifts { number: 0, relieved: None };
/// let dispatcher = PushingDispatcher::builder("numbers").provider(shifts).start().unwrap();
/// assert_eq!(dispatcher.call(1).await, Ok(2));
/// # });
/// ```
pub trait HandlerProvider<Req, Res, Err>: Send + 'static
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Waits for the next change; `None` when there will be none any more, upon which the handlers it gave stay.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped before it is ready only with the provider itself.
    ///
    /// # Panics
    ///
    /// A panic is caught and logged, and ends the provider as `None` does.
    fn next(&mut self) -> impl Future<Output = Option<HandlerChange<Req, Res, Err>>>;

    /// Is told the name of the dispatcher that follows it, once, before it is asked for anything: for what it writes to the
    /// log.
    fn followed_by(&mut self, _dispatcher: &str) {}
}

/// What a [`HandlerProvider`] announces.
#[derive(Debug)]
pub enum HandlerChange<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// There is another handler.
    Add(HandlerSource<Req, Res, Err>),
    /// The handler of this name is to get no more work, whoever has added it.
    Remove(String),
}

/// The changes that a provider announces.
pub(crate) type Changes<Req, Res, Err> = LocalBoxStream<'static, HandlerChange<Req, Res, Err>>;

/// Starts a provider for the dispatcher of this name.
type Start<Req, Res, Err> = dyn FnOnce(&str) -> Changes<Req, Res, Err> + Send;

/// A provider on its way to the arbiter where it will run; its type is known in here only.
pub(crate) struct Provider<Req, Res, Err>(Box<Start<Req, Res, Err>>)
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static;

impl<Req, Res, Err> Provider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(crate) fn new(mut provider: impl HandlerProvider<Req, Res, Err>) -> Self {
        let next = |mut provider| async {
            let change = HandlerProvider::next(&mut provider).await?;
            Some((change, provider))
        };
        Provider(Box::new(move |dispatcher| {
            provider.followed_by(dispatcher);
            unfold(provider, next).boxed_local()
        }))
    }

    /// `dispatcher`: its name.
    pub(crate) fn start(self, dispatcher: &str) -> Changes<Req, Res, Err> {
        (self.0)(dispatcher)
    }
}
