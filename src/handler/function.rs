//! Functions as handlers.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::{CallContext, Handler, IntoReply, OnCancel, Reply};

/// An async function as a handler; made by [`handler_fn`].
#[derive(Debug, Clone)]
pub struct HandlerFn<F, Req> {
    name: String,
    function: F,
    request: PhantomData<fn(Req)>,
}

/// Makes a handler of an async function, which returns a `Result` or a whole [`Reply`]. One that blocks its thread holds
/// up all that lives there, and no time limit can end it: use [`blocking_fn`] for that.
///
/// ```
/// use kanaloa::handler_fn;
///
/// let half = handler_fn("half", |n: u32| async move {
///     if n % 2 == 0 { Ok(n / 2) } else { Err("odd") }
/// });
/// # let _ = half;
/// ```
pub fn handler_fn<F, Req, Fut>(name: impl Into<String>, function: F) -> HandlerFn<F, Req>
where
    F: Fn(Req) -> Fut,
    Fut: Future,
    Fut::Output: IntoReply,
{
    HandlerFn { name: name.into(), function, request: PhantomData }
}

impl<F, Req, Fut> Handler for HandlerFn<F, Req>
where
    F: Fn(Req) -> Fut + 'static,
    Req: Send + 'static,
    Fut: Future,
    Fut::Output: IntoReply,
{
    type Request = Req;
    type Response = <Fut::Output as IntoReply>::Response;
    type Error = <Fut::Output as IntoReply>::Error;

    fn name(&self) -> &str {
        &self.name
    }

    async fn handle(&self, request: Req, _: CallContext) -> Reply<Self::Response, Self::Error> {
        (self.function)(request).await.into_reply()
    }
}

/// An async function that is told of the call beside the request, as a handler; made by [`handler_fn_with_context`].
#[derive(Debug, Clone)]
pub struct ContextFn<F, Req> {
    name: String,
    function: F,
    request: PhantomData<fn(Req)>,
}

/// As [`handler_fn`], for a function that also wants to know how important a request is and how long its caller waits.
///
/// ```
/// use kanaloa::handler_fn_with_context;
///
/// let patient = handler_fn_with_context("patient", |n: u32, call| async move {
///     println!("class {}, {:?} left", call.priority().class(), call.time_left());
///     Ok::<_, String>(n)
/// });
/// # let _ = patient;
/// ```
pub fn handler_fn_with_context<F, Req, Fut>(name: impl Into<String>, function: F) -> ContextFn<F, Req>
where
    F: Fn(Req, CallContext) -> Fut,
    Fut: Future,
    Fut::Output: IntoReply,
{
    ContextFn { name: name.into(), function, request: PhantomData }
}

impl<F, Req, Fut> Handler for ContextFn<F, Req>
where
    F: Fn(Req, CallContext) -> Fut + 'static,
    Req: Send + 'static,
    Fut: Future,
    Fut::Output: IntoReply,
{
    type Request = Req;
    type Response = <Fut::Output as IntoReply>::Response;
    type Error = <Fut::Output as IntoReply>::Error;

    fn name(&self) -> &str {
        &self.name
    }

    async fn handle(&self, request: Req, context: CallContext) -> Reply<Self::Response, Self::Error> {
        (self.function)(request, context).await.into_reply()
    }
}

/// A blocking function as a handler; made by [`blocking_fn`].
#[derive(Debug)]
pub struct BlockingFn<F, Req> {
    name: String,
    function: Arc<F>,
    request: PhantomData<fn(Req)>,
}

/// Makes a handler of a function that blocks its thread. It runs on the threads that tokio keeps for that.
///
/// A thread cannot be stopped, so the slot is taken until the function returns, even if its answer is no longer
/// wanted: the limit counts what the service really does.
pub fn blocking_fn<F, Req, R>(name: impl Into<String>, function: F) -> BlockingFn<F, Req>
where
    F: Fn(Req) -> R,
    R: IntoReply,
{
    BlockingFn { name: name.into(), function: Arc::new(function), request: PhantomData }
}

impl<F, Req, R> Handler for BlockingFn<F, Req>
where
    F: Fn(Req) -> R + Send + Sync + 'static,
    Req: Send + 'static,
    R: IntoReply + Send + 'static,
{
    type Request = Req;
    type Response = R::Response;
    type Error = R::Error;

    fn name(&self) -> &str {
        &self.name
    }

    async fn handle(&self, request: Req, _: CallContext) -> Reply<R::Response, R::Error> {
        let function = Arc::clone(&self.function);
        match tokio::task::spawn_blocking(move || function(request)).await {
            Ok(returned) => returned.into_reply(),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down and never ran it.
                Err(_) => Reply::gone(),
            },
        }
    }

    fn on_cancel(&self) -> OnCancel {
        OnCancel::RunOn
    }
}
