//! Work that comes as a message.

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Context, Handler};

use super::door::Door;
use super::error::CallError;
use super::pushing::PushingDispatcher;
use super::work::Work;

impl<Req, Res, Err> Handler<Work<Req, Res, Err>> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = Submission<Req, Res, Err>;

    fn handle(&mut self, work: Work<Req, Res, Err>, _: &mut Self::Context) -> Self::Result {
        Submission { work, door: self.door() }
    }
}

/// A work that came as a message. The sender's own reply channel goes with it to the worker; work that was sent with
/// `do_send` has none, and nobody waits for it.
#[doc(hidden)]
pub struct Submission<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    work: Work<Req, Res, Err>,
    door: Door<Req, Res, Err>,
}

impl<Req, Res, Err> MessageResponse<PushingDispatcher<Req, Res, Err>, Work<Req, Res, Err>> for Submission<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn handle(
        self,
        _: &mut Context<PushingDispatcher<Req, Res, Err>>,
        reply_to: Option<OneshotSender<Result<Res, CallError<Err>>>>,
    ) {
        match (self.door.admit(&self.work), reply_to) {
            (Ok(admitted), reply_to) => self.door.enqueue(self.work, admitted, reply_to.map(Into::into)),
            (Err(reason), Some(reply_to)) => {
                // An error means that the sender has left.
                let _ = reply_to.send(Err(CallError::Rejected(reason)));
            }
            (Err(_), None) => {}
        }
    }
}
