//! Where work comes in.

use std::sync::Arc;
use std::time::Duration;

use crate::time::Instant;

use super::claim::Claim;
use super::error::Rejection;
use super::queued::{Course, Queued, Times};
use super::shared::{Gate, Shared};
use super::ticket::{ReplyTo, Ticket};
use super::totals::Totals;
use super::work::{Copies, Work};
use crate::control::regulator::{Admission, Applicant, Refusal};
use crate::queue::Intake;

/// Where work comes in: it decides in the caller's thread what is let in.
pub(crate) struct Door<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    shared: Arc<Shared>,
    intake: Arc<Intake<Queued<Req, Res, Err>>>,
}

impl<Req, Res, Err> Clone for Door<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn clone(&self) -> Self {
        Door { shared: Arc::clone(&self.shared), intake: Arc::clone(&self.intake) }
    }
}

/// The times of a work that has been let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitted {
    /// Known where it matters to the decision.
    since: Option<Instant>,
    sheds_at: Option<Instant>,
}

impl<Req, Res, Err> Door<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(crate) fn new(shared: Arc<Shared>, intake: Arc<Intake<Queued<Req, Res, Err>>>) -> Self {
        Door { shared, intake }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Decides whether a work is let in. If it is, it has taken its place and must be enqueued.
    pub(crate) fn admit(&self, work: &Work<Req, Res, Err>) -> Result<Admitted, Rejection> {
        let admitted = self.decide(work);
        if let Err(rejection) = &admitted {
            self.shared.count_refused(rejection.reason());
        }
        admitted
    }

    fn decide(&self, work: &Work<Req, Res, Err>) -> Result<Admitted, Rejection> {
        let shared = &*self.shared;
        match shared.gate() {
            Gate::Open => {}
            Gate::NoHandlers => return Err(Rejection::NoHandlers),
            Gate::ShuttingDown => return Err(Rejection::ShuttingDown),
        }
        if work.deadline.is_some() || work.user.is_some() || shared.request_timeout().is_some() {
            return self.decide_by_all(work);
        }
        // Most works bring neither a time limit nor a user. One number decides on them, and the clock is not read.
        let class = work.priority.class();
        if shared.has_room(class) {
            shared.take_place()?;
            shared.let_in(class);
        } else {
            self.ask(Applicant { queued: shared.queued(), class, lean: 0.0, left: None })?;
        }
        Ok(Admitted { since: None, sheds_at: None })
    }

    /// As [`Door::decide`], for a work of which more is known than its class. Apart from it, so that the usual work pays
    /// nothing for the others.
    #[inline(never)]
    fn decide_by_all(&self, work: &Work<Req, Res, Err>) -> Result<Admitted, Rejection> {
        let shared = &*self.shared;
        let (class, since) = (work.priority.class(), Instant::now());
        let left = work.deadline.map(|deadline| deadline.saturating_duration_since(since));
        let left = [left, shared.request_timeout()].into_iter().flatten().min();
        if let Some(left) = left {
            shared.count_deadline(shared.admission().standing_delay(left));
        }
        let lean = work.user.map_or(0.0, |user| shared.users(class).lean(user));
        self.ask(Applicant { queued: shared.queued(), class, lean, left })?;
        if let Some(user) = work.user {
            shared.users(class).admitted(user, shared.since_start(since));
        }
        let sheds_at = work.deadline.map(|deadline| match shared.at_least_once() {
            true => deadline,
            false => latest_start(&shared.admission(), since, left, deadline),
        });
        Ok(Admitted { since: Some(since), sheds_at })
    }

    /// Asks the admission, and takes a place if it lets the work in. A probe need not be: now and then one of a class that
    /// gets nothing is let in whatever it says, so that no class is kept out for good.
    fn ask(&self, applicant: Applicant) -> Result<(), Rejection> {
        let shared = &*self.shared;
        match shared.admission().decide(applicant, || shared.draw()) {
            Ok(()) => {
                shared.take_place()?;
                shared.let_in(applicant.class);
                Ok(())
            }
            Err(Refusal::OverCapacity { .. }) if shared.takes_probe(applicant.class) => shared.take_place(),
            Err(refusal) => Err(rejection(refusal)),
        }
    }

    /// Puts a work that has been let in where it is fetched from.
    #[inline]
    pub(crate) fn enqueue(&self, work: Work<Req, Res, Err>, admitted: Admitted, reply_to: Option<ReplyTo<Res, Err>>) {
        let claim = Claim::Sole(Ticket::queued(Arc::clone(&self.shared), reply_to));
        let Admitted { since, sheds_at } = admitted;
        let times = Times { since, deadline: work.deadline, sheds_at };
        let Work { request, priority, copies, .. } = work;
        let course = copies.map(with_copies);
        self.intake.push(Queued { request, claim, priority, times, course });
    }
}

/// Until when a work with a deadline of its own is worth keeping in the queue.
fn latest_start(admission: &Admission, since: Instant, left: Option<Duration>, deadline: Instant) -> Instant {
    let by_wait = admission.longest_wait(left).and_then(|wait| since.checked_add(wait));
    let by_left = left.and_then(|left| since.checked_add(left));
    [by_wait, by_left].into_iter().flatten().fold(deadline, Instant::min)
}

#[inline(never)]
fn with_copies<Req, Err>(Copies { count, clone }: Copies<Req>) -> Box<Course<Req, Err>> {
    Box::new(Course::with_copies(count - 1, Some(clone)))
}

fn rejection(refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::OverCapacity { expected_wait, drop_rate } => Rejection::OverCapacity { expected_wait, drop_rate },
        Refusal::DeadlineCannotBeMet { left, expected } => Rejection::DeadlineCannotBeMet { left, expected },
    }
}
