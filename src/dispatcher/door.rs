//! Where work comes in.

use std::sync::Arc;
use std::time::Duration;

use crate::time::Instant;

use super::claim::Claim;
use super::error::Rejection;
use super::queued::{Course, Queued, Times};
use super::shared::{Gate, Shared, Totals};
use super::ticket::{ReplyTo, Ticket};
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

    pub(crate) fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Decides whether a work is let in. If it is, it has taken its place and must be enqueued.
    pub(crate) fn admit(&self, work: &Work<Req, Res, Err>) -> Result<Admitted, Rejection> {
        let admitted = self.decide(work);
        if admitted.is_err() {
            self.shared.count_refused();
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
        let (class, request_timeout) = (work.priority.class(), shared.request_timeout());
        // Most works bring no time limit. One number decides on them, and the clock is not read.
        if work.deadline.is_none() && request_timeout.is_none() {
            if !shared.has_room(class) {
                let applicant = Applicant { queued: shared.queued(), class, left: None };
                shared.admission().decide(applicant, || shared.draw()).map_err(rejection)?;
            }
            shared.take_place()?;
            return Ok(Admitted { since: None, sheds_at: None });
        }
        let (admission, queued) = (shared.admission(), shared.queued());
        let since = Instant::now();
        let left = work.deadline.map(|deadline| deadline.saturating_duration_since(since));
        let left = [left, request_timeout].into_iter().flatten().min();
        if let Some(left) = left {
            shared.count_deadline(admission.standing_delay(left));
        }
        admission.decide(Applicant { queued, class, left }, || shared.draw()).map_err(rejection)?;
        shared.take_place()?;
        let sheds_at = work.deadline.map(|deadline| match shared.at_least_once() {
            true => deadline,
            false => latest_start(&admission, since, left, deadline),
        });
        Ok(Admitted { since: Some(since), sheds_at })
    }

    /// Puts a work that has been let in where it is fetched from.
    pub(crate) fn enqueue(&self, work: Work<Req, Res, Err>, admitted: Admitted, reply_to: Option<ReplyTo<Res, Err>>) {
        let claim = Claim::Sole(Ticket::queued(Arc::clone(&self.shared), reply_to));
        let Admitted { since, sheds_at } = admitted;
        let times = Times { since, deadline: work.deadline, sheds_at };
        let Work { request, priority, copies, .. } = work;
        let course = copies.map(|Copies { count, clone }| Box::new(Course::with_copies(count - 1, Some(clone))));
        self.intake.push(Queued { request, claim, priority, times, course });
    }
}

/// Until when a work with a deadline of its own is worth keeping in the queue.
fn latest_start(admission: &Admission, since: Instant, left: Option<Duration>, deadline: Instant) -> Instant {
    let by_wait = admission.longest_wait(left).and_then(|wait| since.checked_add(wait));
    let by_left = left.and_then(|left| since.checked_add(left));
    [by_wait, by_left].into_iter().flatten().fold(deadline, Instant::min)
}

fn rejection(refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::OverCapacity { expected_wait, drop_rate } => Rejection::OverCapacity { expected_wait, drop_rate },
        Refusal::DeadlineCannotBeMet { left, expected } => Rejection::DeadlineCannotBeMet { left, expected },
    }
}
