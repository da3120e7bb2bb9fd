//! Who may answer a work that is under way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use slab::Slab;
use smallvec::SmallVec;
use tokio::task::coop::unconstrained;

use super::error::{CallError, CopyFailure, Timeout, all_failed};
use super::ticket::Ticket;
use crate::config::MOST_COPIES;
use crate::panics::drop_quietly;

/// What a carrier of a work holds: the right to answer it, alone or together with others.
///
/// A work has several carriers when copies of it go to several handlers, or when it goes out again while the service still
/// works on it. The first success answers it; a failure does so only if no other carrier is left, and then the caller is
/// told what became of each copy.
#[derive(Debug)]
pub(crate) enum Claim<Res, Err> {
    Sole(Ticket<Res, Err>),
    Joint(Share<Res, Err>),
}

impl<Res: Send + 'static, Err: Send + 'static> Claim<Res, Err> {
    /// The carrier goes to a handler.
    pub(crate) fn enter_service(&mut self) {
        match self {
            Claim::Sole(ticket) => ticket.enter_service(),
            Claim::Joint(share) => share.enter_service(),
        }
    }

    /// The carrier goes back to the queue.
    pub(crate) fn return_to_queue(&mut self) {
        match self {
            Claim::Sole(ticket) => ticket.return_to_queue(),
            Claim::Joint(share) => share.leave_service(),
        }
    }

    /// Whether an answer is of no use any more: the caller has left, or another carrier has answered.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Claim::Sole(ticket) => ticket.is_abandoned(),
            Claim::Joint(share) => share.is_over(),
        }
    }

    /// Whether another carrier has ended the work.
    pub(crate) fn is_answered(&self) -> bool {
        match self {
            Claim::Sole(_) => false,
            Claim::Joint(share) => share.joint.state.lock().ticket.is_none(),
        }
    }

    /// Ready when [`Claim::is_over`].
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Claim::Sole(ticket) => ticket.poll_abandoned(cx),
            Claim::Joint(share) => share.poll_over(cx),
        }
    }

    /// Ends the carrier with this answer, and the work unless others may still do better. Returns the places of carriers
    /// that wait in vain then.
    pub(crate) fn end(self, answer: Result<Res, CallError<Err>>) -> Places {
        match self {
            Claim::Sole(ticket) => {
                ticket.end(answer);
                Places::new()
            }
            Claim::Joint(share) => share.end(answer),
        }
    }

    /// As [`Claim::end`] for a copy of a work whose attempts came to these failures, of which there is one at least.
    pub(crate) fn fail(self, failures: Vec<CopyFailure<Err>>) -> Places {
        match self {
            Claim::Sole(ticket) => {
                if let Some(error) = all_failed(failures) {
                    ticket.end(Err(error));
                }
                Places::new()
            }
            Claim::Joint(share) => share.fail(failures),
        }
    }

    /// As [`Claim::end`], for a work that [is over](Claim::is_over).
    pub(crate) fn abandon(self) -> Places {
        match self {
            Claim::Sole(ticket) => {
                ticket.abandon();
                Places::new()
            }
            Claim::Joint(share) => share.abandon(),
        }
    }

    /// The carrier waits at this place among those that go out again.
    pub(crate) fn waits_at(&mut self, place: u64) {
        if let Claim::Joint(share) = self {
            share.waits_at(place);
        }
    }

    /// Makes another carrier, which waits in the queue.
    pub(crate) fn fork(&mut self) -> Self {
        match self {
            Claim::Joint(share) => Claim::Joint(share.another()),
            Claim::Sole(ticket) => {
                let share = Share::of(ticket.take());
                let other = share.another();
                *self = Claim::Joint(share);
                Claim::Joint(other)
            }
        }
    }
}

/// Where carriers wait that go out again.
pub(crate) type Places = SmallVec<[u64; 2]>;

/// A work that has several carriers.
#[derive(Debug)]
struct Joint<Res, Err> {
    state: Mutex<State<Res, Err>>,
}

#[derive(Debug)]
struct State<Res, Err> {
    /// Until the work has ended.
    ticket: Option<Ticket<Res, Err>>,
    /// The carriers that are left.
    carriers: Slab<Carrier>,
    in_service: usize,
    /// What the copies that failed came to.
    failures: Vec<CopyFailure<Err>>,
    /// What the last carrier that ended otherwise came to: it is told if no copy failed.
    other: Option<CallError<Err>>,
}

impl<Res, Err> State<Res, Err> {
    /// What the caller is told if no copy succeeds. A work that has failed at a handler cannot be said not to have been
    /// at one.
    fn failure(&mut self) -> Option<CallError<Err>> {
        all_failed(std::mem::take(&mut self.failures)).or_else(|| self.other.take())
    }
}

/// How a carrier ends.
enum End<Res, Err> {
    Answer(Result<Res, CallError<Err>>),
    Failures(Vec<CopyFailure<Err>>),
    /// There is no use in an answer.
    Abandon,
}

#[derive(Debug, Default)]
struct Carrier {
    /// Wakes it, if it is at a handler.
    waker: Option<Waker>,
    /// Where it waited last.
    place: Option<u64>,
}

impl<Res: Send + 'static, Err: Send + 'static> Wake for Joint<Res, Err> {
    /// The caller has left: all who work for it are told. Its channel knows one waker only.
    fn wake(self: Arc<Self>) {
        let wakers = take_wakers(&mut self.state.lock());
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn take_wakers<Res, Err>(state: &mut State<Res, Err>) -> Vec<Waker> {
    state.carriers.iter_mut().filter_map(|(_, carrier)| carrier.waker.take()).collect()
}

/// One carrier's share in a work.
#[derive(Debug)]
pub(crate) struct Share<Res, Err> {
    joint: Arc<Joint<Res, Err>>,
    key: usize,
    is_in_service: bool,
    has_ended: bool,
}

impl<Res: Send + 'static, Err: Send + 'static> Share<Res, Err> {
    fn of(ticket: Ticket<Res, Err>) -> Self {
        let is_in_service = ticket.is_in_service();
        let mut carriers = Slab::new();
        let key = carriers.insert(Carrier::default());
        let state = State {
            ticket: Some(ticket),
            carriers,
            in_service: usize::from(is_in_service),
            failures: Vec::new(),
            other: None,
        };
        Share { joint: Arc::new(Joint { state: Mutex::new(state) }), key, is_in_service, has_ended: false }
    }

    fn another(&self) -> Self {
        let key = self.joint.state.lock().carriers.insert(Carrier::default());
        Share { joint: Arc::clone(&self.joint), key, is_in_service: false, has_ended: false }
    }

    fn enter_service(&mut self) {
        let state = &mut *self.joint.state.lock();
        self.is_in_service = true;
        state.in_service += 1;
        if let Some(ticket) = state.ticket.as_mut().filter(|_| state.in_service == 1) {
            ticket.enter_service();
        }
    }

    fn leave_service(&mut self) {
        let state = &mut *self.joint.state.lock();
        leave_service(state, &mut self.is_in_service);
    }

    fn is_over(&self) -> bool {
        self.joint.state.lock().ticket.as_ref().is_none_or(Ticket::is_abandoned)
    }

    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.joint.state.lock();
        let Some(ticket) = &mut state.ticket else { return Poll::Ready(()) };
        let all = Waker::from(Arc::clone(&self.joint));
        // Where a handler has used up the task's budget, tokio may wake at once what asks for more, here within our lock.
        let abandoned = pin!(unconstrained(poll_fn(|cx| ticket.poll_abandoned(cx))));
        if abandoned.poll(&mut Context::from_waker(&all)).is_ready() {
            return Poll::Ready(());
        }
        if let Some(carrier) = state.carriers.get_mut(self.key) {
            carrier.waker.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        }
        Poll::Pending
    }

    fn waits_at(&mut self, place: u64) {
        if let Some(carrier) = self.joint.state.lock().carriers.get_mut(self.key) {
            carrier.place = Some(place);
        }
    }
}

impl<Res, Err> Share<Res, Err> {
    fn end(mut self, answer: Result<Res, CallError<Err>>) -> Places {
        self.finish(End::Answer(answer))
    }

    fn fail(mut self, failures: Vec<CopyFailure<Err>>) -> Places {
        self.finish(End::Failures(failures))
    }

    fn abandon(mut self) -> Places {
        self.finish(End::Abandon)
    }

    fn finish(&mut self, end: End<Res, Err>) -> Places {
        self.has_ended = true;
        let mut guard = self.joint.state.lock();
        let state = &mut *guard;
        state.carriers.remove(self.key);
        let is_last = state.carriers.is_empty();
        let is_abandoned = state.ticket.as_ref().is_some_and(Ticket::is_abandoned);
        let decides = is_last || is_abandoned || is_final(&end);
        let ticket = if decides { state.ticket.take() } else { None };
        leave_service(state, &mut self.is_in_service);
        let others = if ticket.is_some() { take_wakers(state) } else { Vec::new() };
        let is_over = ticket.is_some();
        let places = state.carriers.iter().filter(|_| is_over).filter_map(|(_, carrier)| carrier.place).collect();
        // Destructors of answers are not ours, so they run when the lock is released.
        let mut unused = Unused { failures: Vec::new(), answers: Vec::new() };
        let answer = match end {
            End::Abandon => None,
            End::Answer(Ok(response)) => Some(Ok(response)),
            End::Answer(Err(error)) if is_over && is_final_error(&error) => Some(Err(error)),
            End::Answer(Err(error)) => {
                // A refusal tells less than what another came to.
                let tells_less = matches!(error, CallError::Rejected(_)) && state.other.is_some();
                let dropped = if tells_less { Some(error) } else { state.other.replace(error) };
                unused.answers.extend(dropped.map(Err));
                if is_over { state.failure().map(Err) } else { None }
            }
            End::Failures(failures) => {
                let room = MOST_COPIES.saturating_sub(state.failures.len());
                let mut failures = failures.into_iter();
                state.failures.extend(failures.by_ref().take(room));
                unused.failures.extend(failures);
                if is_over { state.failure().map(Err) } else { None }
            }
        };
        drop(guard);
        match (ticket, answer) {
            (Some(ticket), Some(answer)) if !is_abandoned => ticket.end(answer),
            (ticket, answer) => {
                ticket.into_iter().for_each(Ticket::abandon);
                unused.answers.extend(answer);
            }
        }
        drop_quietly(unused);
        others.into_iter().for_each(Waker::wake);
        places
    }
}

/// What no caller will see.
struct Unused<Res, Err> {
    failures: Vec<CopyFailure<Err>>,
    answers: Vec<Result<Res, CallError<Err>>>,
}

/// Whether no other carrier can do better: after the first success, or the caller's own limit.
fn is_final<Res, Err>(end: &End<Res, Err>) -> bool {
    match end {
        End::Answer(Ok(_)) => true,
        End::Answer(Err(error)) => is_final_error(error),
        End::Failures(_) | End::Abandon => false,
    }
}

fn is_final_error<Err>(error: &CallError<Err>) -> bool {
    matches!(error, CallError::TimedOut(Timeout::Request(_) | Timeout::Deadline))
}

fn leave_service<Res, Err>(state: &mut State<Res, Err>, is_in_service: &mut bool) {
    if !std::mem::take(is_in_service) {
        return;
    }
    state.in_service -= 1;
    if let Some(ticket) = state.ticket.as_mut().filter(|_| state.in_service == 0) {
        ticket.return_to_queue();
    }
}

impl<Res, Err> Drop for Share<Res, Err> {
    /// Dropped on the way: others may still answer, or else the ticket does so by itself, unless one has failed before.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut guard = self.joint.state.lock();
        let state = &mut *guard;
        state.carriers.remove(self.key);
        let is_last = state.carriers.is_empty();
        let (ticket, failure) = if is_last { (state.ticket.take(), state.failure()) } else { (None, None) };
        leave_service(state, &mut self.is_in_service);
        drop(guard);
        match (ticket, failure) {
            (Some(ticket), Some(failure)) => ticket.end(Err(failure)),
            (ticket, failure) => {
                drop(ticket);
                drop_quietly(failure);
            }
        }
    }
}

#[cfg(test)]
mod tests;
