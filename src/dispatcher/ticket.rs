//! The one place where a work ends.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::error::{CallError, Failure, Rejection};
use super::pulling::Answers;
use super::shared::{Ending, Shared};
use crate::panics::drop_quietly;

/// Where an answer is waited for.
#[derive(Debug)]
pub(crate) enum ReplyTo<Res, Err> {
    /// By a caller of its own, who may leave.
    Caller(oneshot::Sender<Result<Res, CallError<Err>>>),
    /// Among those of all that was taken from a source; `key` tells the item.
    Taker { answers: Arc<Answers<Res, Err>>, key: u32 },
}

impl<Res, Err> ReplyTo<Res, Err> {
    fn is_closed(&self) -> bool {
        matches!(self, ReplyTo::Caller(caller) if caller.is_closed())
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            ReplyTo::Caller(caller) => caller.poll_closed(cx),
            ReplyTo::Taker { .. } => Poll::Pending,
        }
    }

    /// Gives the answer back if nobody is there to take it.
    fn send(self, answer: Result<Res, CallError<Err>>) -> Result<(), Result<Res, CallError<Err>>> {
        match self {
            ReplyTo::Caller(caller) => caller.send(answer),
            ReplyTo::Taker { answers, key } => answers.push(key, answer),
        }
    }
}

impl<Res, Err> From<oneshot::Sender<Result<Res, CallError<Err>>>> for ReplyTo<Res, Err> {
    fn from(caller: oneshot::Sender<Result<Res, CallError<Err>>>) -> Self {
        ReplyTo::Caller(caller)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    InService,
    Ended,
}

/// The right to answer one work, and the duty: dropping it answers too, whatever happened. It also keeps the books,
/// so that every work that was let in is counted in exactly one place at any time.
#[derive(Debug)]
pub(crate) struct Ticket<Res, Err> {
    stage: Stage,
    /// `None` for work that nobody waits for.
    reply_to: Option<ReplyTo<Res, Err>>,
    shared: Arc<Shared>,
}

impl<Res, Err> Ticket<Res, Err> {
    /// For a work that has just [taken its place](Shared::take_place) in the queue.
    pub(crate) fn queued(shared: Arc<Shared>, reply_to: Option<impl Into<ReplyTo<Res, Err>>>) -> Self {
        Ticket { stage: Stage::Queued, reply_to: reply_to.map(Into::into), shared }
    }

    /// The work goes to a handler.
    pub(crate) fn enter_service(&mut self) {
        debug_assert_eq!(self.stage, Stage::Queued);
        self.shared.leave_queue();
        self.stage = Stage::InService;
    }

    /// The work goes back to the queue: it will be handed to a handler once more.
    pub(crate) fn return_to_queue(&mut self) {
        debug_assert_eq!(self.stage, Stage::InService);
        self.shared.return_to_queue();
        self.stage = Stage::Queued;
    }

    /// Whether its caller has left.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply_to.as_ref().is_some_and(ReplyTo::is_closed)
    }

    /// Ready when its caller leaves; never for work that nobody waits for.
    pub(crate) fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reply_to.as_mut().map_or(Poll::Pending, |reply_to| reply_to.poll_closed(cx))
    }

    /// Ends the work with this answer.
    pub(crate) fn end(mut self, answer: Result<Res, CallError<Err>>) {
        self.finish(answer);
    }

    /// Ends a work whose caller has left.
    pub(crate) fn abandon(mut self) {
        self.reply_to = None;
        self.leave(Ending::Abandoned);
    }

    fn finish(&mut self, answer: Result<Res, CallError<Err>>) {
        if self.stage == Stage::Ended {
            return;
        }
        // Counted before it is sent, so that a caller who has the answer finds it in the totals.
        self.leave(match &answer {
            _ if self.is_abandoned() => Ending::Abandoned,
            Ok(_) => Ending::Completed,
            Err(CallError::Failed(_)) => Ending::Failed,
            Err(CallError::TimedOut(_)) => Ending::TimedOut,
            Err(CallError::Rejected(rejection)) => Ending::Rejected(rejection.reason()),
        });
        if let Some(reply_to) = self.reply_to.take() {
            // An error means that the caller left in this very moment: nobody misses the answer.
            if let Err(answer) = reply_to.send(answer) {
                drop_quietly(answer);
            }
        } else {
            drop_quietly(answer);
        }
    }
}

impl<Res, Err> Ticket<Res, Err> {
    /// The ticket itself, in whose place one stays that has nothing to say.
    pub(crate) fn take(&mut self) -> Self {
        let husk = Ticket { stage: Stage::Ended, reply_to: None, shared: Arc::clone(&self.shared) };
        std::mem::replace(self, husk)
    }

    pub(crate) fn is_in_service(&self) -> bool {
        self.stage == Stage::InService
    }

    fn leave(&mut self, ending: Ending) {
        match self.stage {
            Stage::Queued => self.shared.leave_queue(),
            Stage::InService => {}
            Stage::Ended => return,
        }
        self.stage = Stage::Ended;
        self.shared.count_end(ending);
    }
}

impl<Res, Err> Drop for Ticket<Res, Err> {
    fn drop(&mut self) {
        match self.stage {
            Stage::Queued => self.finish(Err(CallError::Rejected(Rejection::ShuttingDown))),
            Stage::InService => {
                let failure = if self.shared.is_cut_off() { Failure::CutOff } else { Failure::HandlerGone };
                self.finish(Err(CallError::Failed(failure)));
            }
            Stage::Ended => {}
        }
    }
}
