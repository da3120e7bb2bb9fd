//! Handlers: what Kanaloa stands in front of.
//!
//! A [`Handler`] is one instance of a service: it takes a request and returns a future of the reply. It lives on the
//! arbiter (the thread) of its worker pool and never leaves it, so neither it nor its futures need to be `Send`.

mod actor;
mod context;
mod function;
mod source;
mod tail;

use std::future::Future;
use std::time::Duration;

pub use actor::{ActorHandler, actor_handler};
pub use context::CallContext;
pub use function::{BlockingFn, ContextFn, HandlerFn, blocking_fn, handler_fn, handler_fn_with_context};
pub use source::HandlerError;
pub(crate) use source::{Source, UNNAMED};
pub(crate) use tail::TailReport;
pub use tail::{Tail, TailEnd};

/// One instance of a service.
///
/// ```
/// use kanaloa::{CallContext, Handler, Reply};
///
/// struct Doubler;
///
/// impl Handler for Doubler {
///     type Request = u32;
///     type Response = u32;
///     type Error = String;
///
///     fn name(&self) -> &str {
///         "doubler"
///     }
///
///     async fn handle(&self, request: u32, _: CallContext) -> Reply<u32, String> {
///         request.checked_mul(2).ok_or("too large".to_string()).into()
///     }
/// }
/// ```
pub trait Handler: 'static {
    /// What it is asked.
    type Request: Send + 'static;
    /// What it answers.
    type Response: Send + 'static;
    /// What it answers when it fails.
    type Error: Send + 'static;

    /// The name under which its pool is reported, different from that of the dispatcher's other handlers.
    fn name(&self) -> &str;

    /// Answers one request; `context` tells how important it is and how long its caller waits. Called again while earlier calls are still running, as often as the concurrency limit allows.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the answer is no longer wanted (the caller left, or a timeout passed), unless
    /// [`on_cancel`](Handler::on_cancel) says that the service runs on.
    ///
    /// # Panics
    ///
    /// A panic is caught: the work has failed, the handler is called again for the next.
    fn handle(
        &self,
        request: Self::Request,
        context: CallContext,
    ) -> impl Future<Output = Reply<Self::Response, Self::Error>>;

    /// What the service still sends after this response, if it holds the slot for that long. Asked once for each response,
    /// before the caller has it; time limits do not cover the rest. If there is none, which is so unless said, the slot is
    /// free when the caller is answered.
    ///
    /// # Panics
    ///
    /// As [`on_cancel`](Handler::on_cancel).
    fn tail(&self, response: &mut Self::Response) -> Option<Tail> {
        let _ = response;
        None
    }

    /// What to do with a call whose answer is no longer wanted.
    ///
    /// # Panics
    ///
    /// A panic costs the pool a worker, until that is replaced; the work counts as one whose handler is gone.
    fn on_cancel(&self) -> OnCancel {
        OnCancel::Stop
    }
}

/// What to do with a call whose answer is no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCancel {
    /// Drop its future: dropping stops the service's work. The slot is free at once.
    #[default]
    Stop,
    /// Keep its future, and its slot, until it ends: dropping would not stop the service's work. A call that never ends
    /// holds its slot for ever; when all slots are held so, what is queued waits for its own time limits.
    RunOn,
}

/// What becomes a [`Handler`]: every handler does, and any type of yours for which you say how.
///
/// ```
/// use kanaloa::{Handler, IntoHandler, handler_fn};
///
/// /// The address of a service.
/// struct Address(&'static str);
///
/// impl IntoHandler for Address {
///     type Handler = kanaloa::HandlerFn<fn(String) -> std::future::Ready<Result<String, String>>, String>;
///
///     fn into_handler(self) -> Self::Handler {
///         // A real one would open a connection here, on the thread on which it will be used.
///         handler_fn(self.0, |request| std::future::ready(Ok(request)))
///     }
/// }
/// ```
pub trait IntoHandler {
    /// The handler it becomes.
    type Handler: Handler;

    /// Becomes a handler, on the arbiter where that will live.
    fn into_handler(self) -> Self::Handler;

    /// The name of the handler it will become, if that is known already: a dispatcher that has a handler of this name is
    /// then refused at its start rather than running without this one.
    fn handler_name(&self) -> Option<String> {
        None
    }
}

impl<H: Handler> IntoHandler for H {
    type Handler = H;

    fn into_handler(self) -> H {
        self
    }

    fn handler_name(&self) -> Option<String> {
        Some(self.name().to_string())
    }
}

/// What becomes a [`Reply`]: a `Result`, or a reply itself.
pub trait IntoReply {
    /// What the service answers.
    type Response: Send + 'static;
    /// What it answers when it fails.
    type Error: Send + 'static;

    /// Becomes a reply.
    fn into_reply(self) -> Reply<Self::Response, Self::Error>;
}

impl<T: Send + 'static, E: Send + 'static> IntoReply for Result<T, E> {
    type Response = T;
    type Error = E;

    fn into_reply(self) -> Reply<T, E> {
        self.into()
    }
}

impl<T: Send + 'static, E: Send + 'static> IntoReply for Reply<T, E> {
    type Response = T;
    type Error = E;

    fn into_reply(self) -> Reply<T, E> {
        self
    }
}

/// What a handler says after a request: the answer, and perhaps an instruction about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T, E> {
    /// The answer to the request.
    pub answer: Answer<T, E>,
    /// What is to become of the handler.
    pub instruction: Option<Instruction>,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<T, E> {
    /// The service did what it was asked.
    Success(T),
    /// The service says it failed.
    Failure(E),
    /// The service took the request and dropped it without an answer.
    Unanswered,
    /// The service has ended and did not answer.
    Gone,
}

/// What is to become of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Instruction {
    /// Give it no more work: what is in flight ends, then its pool does.
    Terminate,
    /// Give it no work for this long. What is in flight goes on.
    Hold(Duration),
}

impl<T, E> Reply<T, E> {
    /// The service did what it was asked.
    pub fn success(response: T) -> Self {
        Answer::Success(response).into()
    }

    /// The service says it failed.
    pub fn failure(error: E) -> Self {
        Answer::Failure(error).into()
    }

    /// The service has ended and did not answer: the work has failed, and the handler is made anew where Kanaloa
    /// made it, or else gets no more work.
    pub fn gone() -> Self {
        Answer::Gone.into()
    }

    /// The same reply, and the handler is to get no more work.
    #[must_use]
    pub fn terminate(self) -> Self {
        Reply { instruction: Some(Instruction::Terminate), ..self }
    }

    /// The same reply, and the handler is to get no work for this long.
    #[must_use]
    pub fn hold(self, pause: Duration) -> Self {
        Reply { instruction: Some(Instruction::Hold(pause)), ..self }
    }
}

impl<T, E> From<Answer<T, E>> for Reply<T, E> {
    fn from(answer: Answer<T, E>) -> Self {
        Reply { answer, instruction: None }
    }
}

impl<T, E> From<Result<T, E>> for Reply<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(response) => Self::success(response),
            Err(error) => Self::failure(error),
        }
    }
}
