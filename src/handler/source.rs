//! Where a pool's handler comes from.

use std::error::Error;
use std::future::Future;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::{Handler, IntoHandler};

/// Why a handler could not be made.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// What a handler is called whose name is not known yet.
pub(crate) const UNNAMED: &str = "(new)";

type Make<H> = Box<dyn FnMut() -> LocalBoxFuture<'static, Result<H, HandlerError>> + Send>;

/// Makes a pool's handler, on the pool's arbiter.
pub(crate) struct Source<H> {
    /// The one under which the handler is known, where that is known before it is made.
    name: Option<String>,
    make: Make<H>,
    can_remake: bool,
}

impl<H: Handler> Source<H> {
    /// A handler there is one of: when it is gone, it is gone.
    pub(crate) fn once<I>(into: I) -> Self
    where
        I: IntoHandler<Handler = H> + Send + 'static,
    {
        let name = into.handler_name();
        let mut into = Some(into);
        let make = move || {
            let made = into.take().ok_or_else(|| HandlerError::from("it cannot be made a second time"));
            async { Ok(made?.into_handler()) }.boxed_local()
        };
        Source { name, make: Box::new(make), can_remake: false }
    }

    /// A handler that is made as often as it has to be.
    pub(crate) fn factory<F, Fut, I, E>(name: String, mut factory: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<I, E>> + 'static,
        I: IntoHandler<Handler = H>,
        E: Into<HandlerError>,
    {
        let make = move || {
            let made = factory();
            async { Ok(made.await.map_err(Into::into)?.into_handler()) }.boxed_local()
        };
        Source { name: Some(name), make: Box::new(make), can_remake: true }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn named(self, name: Option<String>) -> Self {
        Source { name, ..self }
    }

    pub(crate) fn can_remake(&self) -> bool {
        self.can_remake
    }

    /// Makes the handler and says under which name it is known. May panic where the user's code does.
    pub(crate) fn make(&mut self) -> impl Future<Output = Result<(String, H), HandlerError>> + 'static {
        // Called inside the future, so that whoever runs that catches a panic of the factory itself too.
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.make)()));
        let name = self.name.clone();
        async {
            let handler = made.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).await?;
            Ok((name.unwrap_or_else(|| handler.name().to_string()), handler))
        }
    }
}
