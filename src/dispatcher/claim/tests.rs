use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::task::{ArcWake, waker};
use tokio::sync::oneshot;

use super::*;
use crate::config::DispatcherSettings;
use crate::dispatcher::shared::Shared;
use crate::dispatcher::totals::Totals;
use crate::dispatcher::{Failure, Rejection};

type Answer = Result<u32, CallError<u32>>;

#[derive(Default)]
struct Woken(AtomicUsize);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Fixture {
    shared: Arc<Shared>,
    reply: Option<oneshot::Receiver<Answer>>,
}

impl Fixture {
    /// Two carriers of a work: one at a handler, the other waiting.
    fn new() -> (Self, Claim<u32, u32>, Claim<u32, u32>) {
        let shared = Arc::new(Shared::new(10, &DispatcherSettings::default().work));
        shared.take_place().unwrap();
        let (reply_to, reply) = oneshot::channel();
        let mut claim = Claim::Sole(Ticket::queued(Arc::clone(&shared), Some(reply_to)));
        claim.enter_service();
        let second = claim.fork();
        (Fixture { shared, reply: Some(reply) }, claim, second)
    }

    fn answer(&mut self) -> Option<Answer> {
        self.reply.as_mut().and_then(|reply| reply.now_or_never()).map(|answer| answer.expect("it answers"))
    }

    /// Queued, in flight, and ended works.
    fn counts(&self) -> (u64, u64, u64) {
        let Totals { received, queued, in_flight, .. } = self.shared.totals();
        (queued, in_flight, received - queued - in_flight)
    }
}

fn failed(n: u32) -> Answer {
    Err(CallError::Failed(Failure::Service(n)))
}

#[test]
fn the_first_success_answers_and_ends_the_others() {
    let (mut fixture, first, mut second) = Fixture::new();
    second.enter_service();
    let woken = Arc::new(Woken::default());
    assert!(second.poll_over(&mut Context::from_waker(&waker(Arc::clone(&woken)))).is_pending());
    first.end(Ok(1));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(second.is_over());
    second.end(Ok(2));
    assert_eq!((fixture.answer(), fixture.counts()), (Some(Ok(1)), (0, 0, 1)));
    assert_eq!(fixture.shared.totals().completed, 1);
}

#[test]
fn a_failure_answers_only_when_no_other_is_left() {
    let (mut fixture, first, second) = Fixture::new();
    first.end(failed(1));
    // The other still waits.
    assert_eq!((fixture.answer(), fixture.counts()), (None, (1, 0, 0)));
    second.end(failed(2));
    assert_eq!((fixture.answer(), fixture.counts()), (Some(failed(2)), (0, 0, 1)));
}

#[test]
fn one_that_is_refused_hides_no_failure() {
    let refused = || Err(CallError::Rejected(Rejection::NoHandlers));
    let (mut fixture, first, second) = Fixture::new();
    first.end(failed(1));
    second.end(refused());
    assert_eq!(fixture.answer(), Some(failed(1)));
    let (mut fixture, first, second) = Fixture::new();
    second.end(refused());
    first.end(failed(1));
    assert_eq!(fixture.answer(), Some(failed(1)));
}

#[test]
fn nor_does_one_that_is_dropped() {
    let (mut fixture, first, second) = Fixture::new();
    first.end(failed(1));
    drop(second);
    assert_eq!(fixture.answer(), Some(failed(1)));
}

#[test]
fn the_caller_s_own_limit_is_final() {
    let (mut fixture, first, second) = Fixture::new();
    second.end(Err(CallError::TimedOut(Timeout::Deadline)));
    assert_eq!((fixture.answer(), fixture.counts()), (Some(Err(CallError::TimedOut(Timeout::Deadline))), (0, 0, 1)));
    assert!(first.is_over());
}

#[test]
fn who_ends_a_work_learns_where_others_wait_for_it() {
    let (_fixture, first, mut second) = Fixture::new();
    second.waits_at(7);
    assert_eq!(first.end(Ok(1)).as_slice(), [7]);
    let (_fixture, first, mut second) = Fixture::new();
    second.waits_at(7);
    assert!(first.end(failed(1)).is_empty());
}

#[test]
fn a_work_is_in_flight_while_any_carrier_is() {
    let (fixture, mut first, mut second) = Fixture::new();
    assert_eq!(fixture.counts(), (0, 1, 0));
    second.enter_service();
    first.return_to_queue();
    assert_eq!(fixture.counts(), (0, 1, 0));
    second.return_to_queue();
    assert_eq!(fixture.counts(), (1, 0, 0));
    first.enter_service();
    assert_eq!(fixture.counts(), (0, 1, 0));
}

#[test]
fn a_caller_that_leaves_wakes_every_carrier() {
    let (mut fixture, mut first, mut second) = Fixture::new();
    second.enter_service();
    let woken = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    for (claim, woken) in [&mut first, &mut second].into_iter().zip(&woken) {
        assert!(claim.poll_over(&mut Context::from_waker(&waker(Arc::clone(woken)))).is_pending());
    }
    fixture.reply = None;
    assert!(woken.iter().all(|woken| woken.0.load(Ordering::Relaxed) == 1));
    assert!(first.is_over() && second.is_over());
    first.abandon();
    assert_eq!((fixture.counts(), fixture.shared.totals().abandoned), ((0, 0, 1), 1));
    second.abandon();
    assert_eq!((fixture.counts(), fixture.shared.totals().abandoned), ((0, 0, 1), 1));
}

#[test]
fn dropped_carriers_leave_the_answer_to_the_last() {
    let (mut fixture, first, second) = Fixture::new();
    drop(first);
    assert_eq!((fixture.answer(), fixture.counts()), (None, (1, 0, 0)));
    drop(second);
    let refused = Err(CallError::Rejected(Rejection::ShuttingDown));
    assert_eq!((fixture.answer(), fixture.counts()), (Some(refused), (0, 0, 1)));
    // At a handler, it failed there.
    let (mut fixture, first, second) = Fixture::new();
    drop(second);
    drop(first);
    assert_eq!(fixture.answer(), Some(Err(CallError::Failed(Failure::HandlerGone))));
}

#[test]
fn nothing_is_kept_when_all_have_ended() {
    let (mut fixture, mut first, second) = Fixture::new();
    let woken = Arc::new(Woken::default());
    assert!(first.poll_over(&mut Context::from_waker(&waker(Arc::clone(&woken)))).is_pending());
    let Claim::Joint(Share { joint, .. }) = &first else { panic!("it was split") };
    let joint = Arc::downgrade(joint);
    second.end(Ok(1));
    first.abandon();
    assert_eq!(fixture.answer(), Some(Ok(1)));
    fixture.reply = None;
    assert!(joint.upgrade().is_none());
}
