//! A worker: it pulls a work, hands it to the handler, answers the caller, and pulls the next.

mod again;
mod carried;

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{self, Poll};
use std::time::Duration;

use crate::time::Instant;
use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context};
use futures::FutureExt;

use carried::Carried;

use super::meter::{Meter, Moment};
use super::slow_timer::SlowTimer;
use super::station::Station;
use super::worker_pool::{HandlerIs, WorkerGone};
use crate::control::Outcome;
use crate::dispatcher::{CallError, Claim, Failure, Queued, earlier};
use crate::handler::{Answer, CallContext, Handler, Instruction, OnCancel, Reply, Tail, TailReport};
use crate::panics::{drop_quietly, message_of};
use crate::queue::{Pull, Seat, Waiting};

/// The work that a pool's workers pull.
pub(crate) type QueuedFor<H> = Queued<<H as Handler>::Request, <H as Handler>::Response, <H as Handler>::Error>;

type ClaimFor<H> = Claim<<H as Handler>::Response, <H as Handler>::Error>;

type AnswerOf<H> = Result<<H as Handler>::Response, CallError<<H as Handler>::Error>>;

/// How many works a worker serves before it lets others of its thread run, and other handlers have their turn: one that
/// answers at once would otherwise get all there is.
const BUDGET: u32 = 64;

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
    /// Nobody wants the answer any more.
    Over,
    TimedOut,
    /// The time to end is over.
    CutOff,
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
        let mut now = self.station.meter.now();
        loop {
            let (mut pulled, mut has_slept) = (Pull::Idle, false);
            poll_fn(|cx| {
                if has_slept {
                    now = self.station.meter.now();
                }
                pulled = if served_in_a_row < BUDGET {
                    self.seat.pull(cx.waker(), now.at)
                } else {
                    self.seat.make_way(cx.waker(), now.at)
                };
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
                Some(handler) if self.is_worth_serving(&work, now.at) => {
                    now = self.serve(work, &handler, more, now, &mut timer).await;
                    drop_quietly(handler);
                }
                _ => self.turn_away(work, now.at),
            }
            served_in_a_row += 1;
        }
    }

    /// Serves one work and returns the time at its end.
    async fn serve(
        &self,
        work: QueuedFor<H>,
        handler: &Rc<H>,
        more: bool,
        started: Moment,
        timer: &mut SlowTimer,
    ) -> Moment {
        let station = &*self.station;
        let Queued { request, claim, priority, mut times, course } = work;
        times.since.get_or_insert(started.at);
        let is_first = course.as_ref().is_none_or(|course| !course.has_been_out);
        if is_first {
            station.meter.waited(times.waited(started.at));
        } else if course.as_ref().is_some_and(|course| course.last.is_some()) {
            station.meter.retried();
        } else {
            station.meter.hedged();
        }
        let (copies, spare) = if station.redelivery.concerns(course.as_deref()) {
            if is_first {
                station.redelivery.extras.began(started.at, station.shared.refusals());
            }
            station.redelivery.spare(&request, course.as_deref())
        } else {
            (0, None)
        };
        let shown = station.shown(&request);
        let times_out = station.times_out(started.at, &times);
        let context = CallContext { priority, gives_up_at: times_out };
        let mut carried =
            Carried { duty: self, claim: Some(claim), priority, times: &times, course, copies, spare, shown };
        carried.claim.as_mut().into_iter().for_each(Claim::enter_service);
        let slot = Slot::take(&station.meter);
        // In a block of its own, so that a handler that panics before it returns its future is caught too.
        let call = async {
            let reply = handler.handle(request, context).await;
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
        let mut at_once = true;
        let event: Event<H> = match poll_fn(|cx| Poll::Ready(poll_call(cx))).await {
            Poll::Ready(called) => Event::Replied(called),
            Poll::Pending => {
                at_once = false;
                if more {
                    self.seat.pass_on();
                }
                if let Some(breaker) = &station.breaker {
                    breaker.watch();
                }
                let mut copy_due = carried.copy_due(started.at);
                loop {
                    let first = earlier(copy_due, times_out);
                    // Nothing has happened when it is time for the next copy.
                    let event = poll_fn(|cx| {
                        if let Poll::Ready(called) = poll_call(cx) {
                            return Poll::Ready(Some(Event::Replied(called)));
                        }
                        if carried.claim.as_mut().is_some_and(|claim| claim.poll_over(cx).is_ready()) {
                            return Poll::Ready(Some(Event::Over));
                        }
                        if station.is_cut_off.get() {
                            return Poll::Ready(Some(Event::CutOff));
                        }
                        let Some(at) = first else { return Poll::Pending };
                        let event = || (times_out == Some(at)).then_some(Event::TimedOut);
                        if at <= started.at { Poll::Ready(event()) } else { timer.poll(at, cx).map(|()| event()) }
                    });
                    match event.await {
                        Some(event) => break event,
                        None => carried.send_copy(Instant::now()),
                    }
                    copy_due = None;
                }
            }
        };
        let mut event = event;
        let mut now = station.meter.now();
        let tail = match &mut event {
            Event::Replied(Ok(Reply { answer: Answer::Success(response), .. })) => handler.tail(response),
            _ => None,
        };
        if let Some(tail) = tail {
            if let Event::Replied(called) = event {
                // The caller need not wait for the rest.
                let answer = self.follow(called, handler);
                self.begin_answer(&mut carried, answer, is_first && copies > 0, started, now);
            }
            let _ = catch_unwind(AssertUnwindSafe(|| call.set(None)));
            let TailReport { outcome, held_up } = self.attend(tail).await;
            now = station.meter.now();
            self.record(started.held_up(held_up), now, outcome, at_once);
            drop(slot);
            return now;
        }
        let outcome = match &event {
            Event::Replied(Ok(Reply { answer: Answer::Success(_), .. })) => Outcome::Success,
            Event::Replied(_) => Outcome::Failure,
            Event::Over | Event::CutOff => Outcome::Cancelled,
            Event::TimedOut => Outcome::Timeout,
        };
        self.record(started, now, outcome, at_once);
        if is_first && copies > 0 {
            carried.note_response_time(outcome, started.at, now.at);
        }
        let late = match event {
            Event::Replied(called) => {
                match self.follow(called, handler) {
                    Ok(response) => carried.end(Ok(response), now.at),
                    Err(error) => carried.fail(error, now.at),
                }
                None
            }
            // Asked while the work is still carried: if the handler panics, it goes out again as one whose worker is lost.
            Event::Over => {
                if carried.claim.as_ref().is_some_and(Claim::is_answered) {
                    station.meter.outrun(now);
                }
                let on_cancel = handler.on_cancel();
                carried.abandon(now.at);
                Some((on_cancel, None))
            }
            Event::TimedOut => {
                let on_cancel = handler.on_cancel();
                let error = CallError::TimedOut(station.which_timeout(now.at, &times));
                Some((on_cancel, carried.give_up(error, on_cancel, now.at)))
            }
            Event::CutOff => {
                station.meter.cut_off();
                carried.fail(CallError::Failed(Failure::CutOff), now.at);
                None
            }
        };
        let runs_on = matches!(late, Some((OnCancel::RunOn, _)));
        if let Some((OnCancel::RunOn, claim)) = late {
            // The service still works: the slot stays taken.
            let called = poll_fn(|cx| match poll_call(cx) {
                Poll::Pending if station.is_cut_off.get() => Poll::Ready(None),
                called => called.map(Some),
            });
            if let Some(called) = called.await {
                let answer = self.follow(called, handler);
                match claim {
                    Some(claim) => self.discard(&claim.end(answer), Instant::now()),
                    None => drop_quietly(answer),
                }
            }
        }
        // A destructor that panics must not take the worker along.
        let _ = catch_unwind(AssertUnwindSafe(|| call.set(None)));
        let has_waited = outcome == Outcome::Failure && self.hold_off(started.at, now.at, timer).await;
        drop(slot);
        if runs_on || has_waited { station.meter.now() } else { now }
    }

    /// An attempt has come to its outcome.
    fn record(&self, started: Moment, now: Moment, outcome: Outcome, at_once: bool) {
        let station = &*self.station;
        if !at_once && self.seat.is_fed() {
            station.meter.refilled();
        }
        if let Some(circuit) = station.meter.record(started, now, outcome)
            && let Some(breaker) = &station.breaker
        {
            self.seat.set_circuit(circuit.state, circuit.open_until);
            breaker.changed(circuit);
        }
    }

    /// Answers the caller of a work whose answer has a [`Tail`].
    #[cold]
    fn begin_answer(
        &self,
        carried: &mut Carried<'_, H>,
        answer: AnswerOf<H>,
        may_be_copied: bool,
        started: Moment,
        now: Moment,
    ) {
        self.seat.answering(now.at);
        if may_be_copied {
            carried.note_response_time(Outcome::Success, started.at, now.at);
        }
        carried.end(answer, now.at);
    }

    /// Waits until the service has sent everything, or the time to end is over.
    #[cold]
    async fn attend(&self, mut tail: Tail) -> TailReport {
        poll_fn(|cx| match tail.poll_end(cx) {
            Poll::Pending if self.station.is_cut_off.get() => {
                Poll::Ready(TailReport { outcome: Outcome::Cancelled, held_up: Duration::ZERO })
            }
            ended => ended,
        })
        .await
    }

    fn is_worth_serving(&self, work: &QueuedFor<H>, now: Instant) -> bool {
        !work.claim.is_over() && !work.has_expired(now, self.station.shared.patience())
    }

    /// Answers a work that is not worth serving any more.
    fn turn_away(&self, work: QueuedFor<H>, now: Instant) {
        if work.claim.is_over() {
            self.discard(&work.abandon(), now);
        } else {
            work.expire(now, self.station.shared.patience(), self.station.shared.admission().drop_rate());
        }
    }

    /// Takes out carriers that wait in vain.
    fn discard(&self, places: &[u64], now: Instant) {
        if !places.is_empty() {
            self.seat.discard(places, now);
        }
    }

    /// Follows the handler's instruction, and returns what the caller is to be told.
    fn follow(&self, called: Called<H>, handler: &Rc<H>) -> AnswerOf<H> {
        let Reply { answer, instruction } = match called {
            Ok(reply) => reply,
            Err(panic) => return Err(CallError::Failed(Failure::Panicked(message_of(panic)))),
        };
        let is_gone = matches!(answer, Answer::Gone);
        if instruction.is_some() || is_gone {
            self.obey(instruction, is_gone, handler);
        }
        match answer {
            Answer::Success(response) => Ok(response),
            Answer::Failure(error) => Err(CallError::Failed(Failure::Service(error))),
            Answer::Unanswered => Err(CallError::Failed(Failure::Unanswered)),
            Answer::Gone => Err(CallError::Failed(Failure::HandlerGone)),
        }
    }

    /// Does with the handler what it says, if it is still the one there is.
    #[cold]
    fn obey(&self, instruction: Option<Instruction>, is_gone: bool, handler: &Rc<H>) {
        let is_current = self.station.handler.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, handler));
        if !is_current {
            return;
        }
        // The gate changes here and now, so that nobody pulls before the pool has read its message.
        let said = match instruction {
            Some(Instruction::Terminate) => HandlerIs::Terminated,
            _ if is_gone => HandlerIs::Gone,
            Some(Instruction::Hold(pause)) => match Instant::now().checked_add(pause) {
                Some(until) => HandlerIs::Held(until),
                None => HandlerIs::Terminated,
            },
            None => return,
        };
        match said {
            HandlerIs::Held(until) => self.seat.hold(until),
            HandlerIs::Terminated | HandlerIs::Gone => self.seat.shut(),
        }
        self.station.pool.do_send(said);
    }

    /// A handler that fails faster than it serves would pull ever more work away from the others: where there are
    /// others, its slot stays taken for as long as a success takes on average. Returns whether that was so.
    async fn hold_off(&self, started: Instant, now: Instant, timer: &mut SlowTimer) -> bool {
        let mean = self.station.meter.process_time().or_else(|| self.seat.process_time_elsewhere());
        let Some(until) = mean.and_then(|mean| started.checked_add(mean)) else { return false };
        if until <= now || !self.seat.holds_off() {
            return false;
        }
        poll_fn(|cx| if self.seat.holds_off() { timer.poll(until, cx) } else { Poll::Ready(()) }).await;
        true
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
