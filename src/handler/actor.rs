//! Actors as handlers.

use actix::{MailboxError, Message, Recipient};

use super::{Answer, CallContext, Handler, IntoReply, Reply};

/// An actor as a handler; made by [`actor_handler`].
pub struct ActorHandler<M>
where
    M: Message + Send,
    M::Result: Send,
{
    name: String,
    recipient: Recipient<M>,
}

/// Makes a handler of an actor, given its `Addr` or `Recipient`. The requests are its messages; a message's result is a
/// `Result` or a whole [`Reply`].
///
/// When the actor's mailbox closes, the handler gets no more work. A message that waits in the mailbox is taken back
/// when its answer is no longer wanted; one that is being handled is handled to the end.
pub fn actor_handler<M>(name: impl Into<String>, recipient: impl Into<Recipient<M>>) -> ActorHandler<M>
where
    M: Message + Send,
    M::Result: IntoReply + Send,
{
    ActorHandler { name: name.into(), recipient: recipient.into() }
}

impl<M> Handler for ActorHandler<M>
where
    M: Message + Send + 'static,
    M::Result: IntoReply + Send,
{
    type Request = M;
    type Response = <M::Result as IntoReply>::Response;
    type Error = <M::Result as IntoReply>::Error;

    fn name(&self) -> &str {
        &self.name
    }

    async fn handle(&self, request: M, _: CallContext) -> Reply<Self::Response, Self::Error> {
        match self.recipient.send(request).await {
            Ok(result) => result.into_reply(),
            // An actor that lives may still drop a message unanswered.
            Err(MailboxError::Closed) if self.recipient.connected() => Answer::Unanswered.into(),
            Err(_) => Reply::gone(),
        }
    }
}
