//! Handlers that come and go as somebody says.

use tokio::sync::mpsc;

use super::{HandlerChange, HandlerProvider};
use crate::dispatcher::{HandlerSource, Stopped};

/// Makes a provider, and the control by which it is told what to announce.
///
/// As [`DispatcherHandle::add_handler`](crate::DispatcherHandle::add_handler), for one who should not hold the dispatcher
/// itself, or is there before it: the control does not keep the dispatcher alive, and what it is told before the start
/// is kept.
///
/// ```
/// use kanaloa::{HandlerSource, PushingDispatcher, controlled_provider, handler_fn};
///
/// # actix::System::new().block_on(async {
/// let (control, provider) = controlled_provider();
/// let dispatcher = PushingDispatcher::<u32, u32, String>::builder("halves").provider(provider).start().unwrap();
///
/// control.add(HandlerSource::new(handler_fn("half", |n: u32| async move { Ok(n / 2) }))).unwrap();
/// assert_eq!(dispatcher.call(8).await, Ok(4));
/// control.remove("half").unwrap();
/// # });
/// ```
#[must_use]
pub fn controlled_provider<Req, Res, Err>() -> (ProviderControl<Req, Res, Err>, ControlledProvider<Req, Res, Err>)
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    (ProviderControl(sender), ControlledProvider(receiver))
}

/// Tells a [`ControlledProvider`] what to announce; made by [`controlled_provider`]. Clones tell the same; with the last
/// the provider ends, and the handlers it gave stay.
#[derive(Debug)]
pub struct ProviderControl<Req, Res, Err>(mpsc::UnboundedSender<HandlerChange<Req, Res, Err>>)
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static;

impl<Req, Res, Err> ProviderControl<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Adds a handler, after what has been said before.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the dispatcher has ended. That its name is taken is logged.
    pub fn add(&self, source: HandlerSource<Req, Res, Err>) -> Result<(), Stopped> {
        self.tell(HandlerChange::Add(source))
    }

    /// Removes the handler of this name, after what has been said before.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the dispatcher has ended. That there is no such handler is logged.
    pub fn remove(&self, name: impl Into<String>) -> Result<(), Stopped> {
        self.tell(HandlerChange::Remove(name.into()))
    }

    fn tell(&self, change: HandlerChange<Req, Res, Err>) -> Result<(), Stopped> {
        self.0.send(change).map_err(|_| Stopped)
    }
}

impl<Req, Res, Err> Clone for ProviderControl<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn clone(&self) -> Self {
        ProviderControl(self.0.clone())
    }
}

/// Announces what its [`ProviderControl`] says; made by [`controlled_provider`].
#[derive(Debug)]
pub struct ControlledProvider<Req, Res, Err>(mpsc::UnboundedReceiver<HandlerChange<Req, Res, Err>>)
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static;

impl<Req, Res, Err> HandlerProvider<Req, Res, Err> for ControlledProvider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    async fn next(&mut self) -> Option<HandlerChange<Req, Res, Err>> {
        self.0.recv().await
    }
}
