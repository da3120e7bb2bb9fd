//! A worker: it pulls a work, hands it to the handler, answers the caller, and pulls the next.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context};
use futures::FutureExt;
use tokio::time::Instant;

use super::meter::Meter;
use super::slow_timer::SlowTimer;
use super::worker_pool::{HandlerIs, WorkerGone, WorkerPool};
use crate::control::Outcome;
use crate::dispatcher::{CallError, Failure, Queued, Shared, Ticket, Timeout};
use crate::handler::{Answer, Handler, Instruction, OnCancel, Reply};
use crate::panics::{drop_quietly, message_of};
use crate::queue::{Pull, Seat, Waiting};

/// Decides from a response whether it counts as success.
pub(crate) type Check<Res, Err> = Arc<dyn Fn(Res) -> Result<Res, Err> + Send + Sync>;

/// The work that a pool's workers pull.
pub(crate) type QueuedFor<H> = Queued<<H as Handler>::Request, <H as Handler>::Response, <H as Handler>::Error>;

type TicketFor<H> = Ticket<<H as Handler>::Response, <H as Handler>::Error>;

/// How many works a worker serves before it lets others of its thread run.
const BUDGET: u32 = 64;

/// What the workers of a pool share, on the pool's arbiter.
pub(crate) struct Station<H: Handler> {
    /// There is one whenever the gate is open; it changes when it is made anew.
    pub(crate) handler: RefCell<Option<Rc<H>>>,
    pub(crate) meter: Meter,
    pub(crate) check: Option<Check<H::Response, H::Error>>,
    pub(crate) service_timeout: Duration,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Addr<WorkerPool<H>>,
}

/// One slot of a pool. Its whole life is one future, which sleeps when there is no work.
pub(crate) struct Worker<H: Handler> {
    duty: Option<Duty<H>>,
}

impl<H: Handler> Worker<H> {
    pub(crate) fn new(seat: Seat<QueuedFor<H>>, station: Rc<Station<H>>) -> Self {
        Worker { duty: Some(Duty { seat, station, is_dismissed: false }) }
    }
}

impl<H: Handler> Actor for Worker<H> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(duty) = self.duty.take() {
            ctx.spawn(wrap_future::<_, Self>(duty.run()).map(|(), _, ctx| ctx.stop()));
        }
    }
}

/// The worker's future. Whatever ends it, its seat is left and its pool is told.
struct Duty<H: Handler> {
    seat: Seat<QueuedFor<H>>,
    station: Rc<Station<H>>,
    is_dismissed: bool,
}

impl<H: Handler> Drop for Duty<H> {
    fn drop(&mut self) {
        self.station.pool.do_send(WorkerGone { was_dismissed: self.is_dismissed });
    }
}

/// What a call at the handler came to.
type Called<H> = Result<Reply<<H as Handler>::Response, <H as Handler>::Error>, Box<dyn Any + Send>>;

/// What happened first while a call was under way.
enum Event<H: Handler> {
    Replied(Called<H>),
    Abandoned,
    TimedOut,
}

/// A slot that is taken, as the meter counts it.
struct Slot<'a>(&'a Meter);

impl<'a> Slot<'a> {
    fn take(meter: &'a Meter) -> Self {
        meter.started();
        Slot(meter)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}

impl<H: Handler> Duty<H> {
    async fn run(mut self) {
        let mut timer = SlowTimer::default();
        let mut served_in_a_row = 0;
        // The end of one work is the start of the next: reading the clock is not for nothing.
        let mut now = Instant::now();
        loop {
            let (mut pulled, mut has_slept) = (Pull::Idle, false);
            poll_fn(|cx| {
                if has_slept {
                    now = Instant::now();
                }
                pulled = self.seat.pull(cx.waker(), now);
                if !matches!(pulled, Pull::Idle) {
                    return Poll::Ready(());
                }
                (has_slept, served_in_a_row) = (true, 0);
                Poll::Pending
            })
            .await;
            let Pull::Work { work, more } = pulled else {
                self.is_dismissed = true;
                return;
            };
            // There is a handler while the gate is open.
            let handler = self.station.handler.borrow().clone();
            match handler {
                Some(handler) if self.is_worth_serving(&work, now) => {
                    now = self.serve(work, &handler, more, now, &mut timer).await;
                    drop_quietly(handler);
                }
                _ => self.turn_away(work, now),
            }
            served_in_a_row += 1;
            if served_in_a_row == BUDGET {
                yield_now().await;
                (served_in_a_row, now) = (0, Instant::now());
            }
        }
    }

    /// Serves one work and returns the time at its end.
    async fn serve(
        &self,
        work: QueuedFor<H>,
        handler: &Rc<H>,
        more: bool,
        started: Instant,
        timer: &mut SlowTimer,
    ) -> Instant {
        let station = &*self.station;
        let Queued { request, mut ticket, since, deadline, .. } = work;
        let since = since.unwrap_or(started);
        ticket.enter_service();
        let slot = Slot::take(&station.meter);
        // In a block of its own, so that a handler that panics before it returns its future is caught too.
        let call = async {
            let reply = handler.handle(request).await;
            match &station.check {
                None => reply,
                Some(check) => checked(reply, &**check),
            }
        };
        let mut call = pin!(Some(AssertUnwindSafe(call).catch_unwind()));
        let mut poll_call = |cx: &mut task::Context<'_>| match call.as_mut().as_pin_mut() {
            Some(call) => call.poll(cx),
            None => Poll::Pending,
        };
        let event: Event<H> = match poll_fn(|cx| Poll::Ready(poll_call(cx))).await {
            Poll::Ready(called) => Event::Replied(called),
            Poll::Pending => {
                if more {
                    self.seat.pass_on();
                }
                let times_out = station.times_out(started, since, deadline);
                poll_fn(|cx| {
                    if let Poll::Ready(called) = poll_call(cx) {
                        return Poll::Ready(Event::Replied(called));
                    }
                    if ticket.poll_abandoned(cx).is_ready() {
                        return Poll::Ready(Event::Abandoned);
                    }
                    match times_out {
                        Some(at) => timer.poll(at, cx).map(|()| Event::TimedOut),
                        None => Poll::Pending,
                    }
                })
                .await
            }
        };
        let now = Instant::now();
        let outcome = match &event {
            Event::Replied(Ok(Reply { answer: Answer::Success(_), .. })) => Outcome::Success,
            Event::Replied(_) => Outcome::Failure,
            Event::Abandoned => Outcome::Cancelled,
            Event::TimedOut => Outcome::Timeout,
        };
        station.meter.record(started, now, outcome);
        let late = match event {
            Event::Replied(called) => {
                self.finish(called, Some(ticket), handler);
                None
            }
            Event::Abandoned => {
                ticket.abandon();
                Some(handler.on_cancel())
            }
            Event::TimedOut => {
                ticket.end(Err(CallError::TimedOut(station.which_timeout(now, since, deadline))));
                Some(handler.on_cancel())
            }
        };
        if late == Some(OnCancel::RunOn) {
            // The caller has its answer, but the service still works: the slot stays taken.
            let called = poll_fn(poll_call).await;
            self.finish(called, None, handler);
        }
        // A destructor that panics must not take the worker along.
        let _ = catch_unwind(AssertUnwindSafe(|| call.set(None)));
        drop(slot);
        if late.is_some() { Instant::now() } else { now }
    }

    fn is_worth_serving(&self, work: &QueuedFor<H>, now: Instant) -> bool {
        !work.ticket.is_abandoned() && !work.has_expired(now, self.station.shared.patience())
    }

    /// Answers a work that is not worth serving any more.
    fn turn_away(&self, work: QueuedFor<H>, now: Instant) {
        if work.ticket.is_abandoned() {
            work.abandon();
        } else {
            work.expire(now, self.station.shared.patience(), self.station.shared.admission().drop_rate());
        }
    }

    /// Follows the handler's instruction, and answers the caller, if it still waits.
    fn finish(&self, called: Called<H>, ticket: Option<TicketFor<H>>, handler: &Rc<H>) {
        let (answer, instruction) = match called {
            Ok(Reply { answer, instruction }) => (answer, instruction),
            Err(panic) => {
                if let Some(ticket) = ticket {
                    ticket.end(Err(CallError::Failed(Failure::Panicked(message_of(panic)))));
                }
                return;
            }
        };
        let is_gone = matches!(answer, Answer::Gone);
        let is_current = self.station.handler.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, handler));
        // The gate changes here and now, so that nobody pulls before the pool has read its message.
        match instruction.filter(|_| is_current) {
            Some(Instruction::Terminate) => {
                self.seat.shut();
                self.station.pool.do_send(HandlerIs::Terminated);
            }
            _ if is_gone && is_current => {
                self.seat.shut();
                self.station.pool.do_send(HandlerIs::Gone);
            }
            Some(Instruction::Hold(pause)) => {
                if let Some(until) = Instant::now().checked_add(pause) {
                    self.seat.hold(until);
                    self.station.pool.do_send(HandlerIs::Held(until));
                } else {
                    self.seat.shut();
                    self.station.pool.do_send(HandlerIs::Terminated);
                }
            }
            None => {}
        }
        if let Some(ticket) = ticket {
            ticket.end(match answer {
                Answer::Success(response) => Ok(response),
                Answer::Failure(error) => Err(CallError::Failed(Failure::Service(error))),
                Answer::Unanswered => Err(CallError::Failed(Failure::Unanswered)),
                Answer::Gone => Err(CallError::Failed(Failure::HandlerGone)),
            });
        }
    }
}

impl<H: Handler> Station<H> {
    /// When an attempt is given up.
    fn times_out(&self, started: Instant, since: Instant, deadline: Option<Instant>) -> Option<Instant> {
        let service = started.checked_add(self.service_timeout);
        let request = self.request_timeout.and_then(|timeout| since.checked_add(timeout));
        [service, request, deadline].into_iter().flatten().min()
    }

    fn which_timeout(&self, now: Instant, since: Instant, deadline: Option<Instant>) -> Timeout {
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Timeout::Deadline;
        }
        match self.request_timeout {
            Some(timeout) if timeout <= now.saturating_duration_since(since) => Timeout::Request(timeout),
            _ => Timeout::Service(self.service_timeout),
        }
    }
}

/// The reply as the checker sees it.
fn checked<T, E>(reply: Reply<T, E>, check: &dyn Fn(T) -> Result<T, E>) -> Reply<T, E> {
    let Reply { answer, instruction } = reply;
    let answer = match answer {
        Answer::Success(response) => match check(response) {
            Ok(response) => Answer::Success(response),
            Err(error) => Answer::Failure(error),
        },
        other => other,
    };
    Reply { answer, instruction }
}

/// Lets others of this thread run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
