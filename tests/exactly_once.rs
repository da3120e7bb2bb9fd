//! Whatever happens, every work ends exactly once, the counters add up, and no worker and no wake-up is lost.

#[path = "actors/support.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

use std::cell::Cell;
use std::future::{Future, pending};
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::join_all;
use kanaloa::config::{AutothrottleAlgorithm, ConcurrentDelay, QueueOrder};
use kanaloa::{
    Answer, Call, CallContext, CallError, CircuitState, DispatcherHandle, Handler, HandlerSource, IntoHandler,
    OnCancel, PoolState, Priority, PushingDispatcher, Reply, Shutdown, Totals, Work,
};
use proptest::prelude::*;
use support::*;
use tokio::time::Instant;

/// What a handler does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Answer(u64),
    AnswerAtOnce,
    Fail(u64),
    PanicAtOnce,
    PanicLater(u64),
    PanicWhenDropped(u64),
    Hang,
    LeaveUnanswered(u64),
    GoAway(u64),
    Terminate(u64),
    Hold(u64, u64),
}

const AS_PLANNED: &str = "as planned";

/// What is in service now.
type Running = Arc<AtomicUsize>;

struct InService {
    running: Running,
    panics: bool,
}

impl Drop for InService {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        if self.panics && !std::thread::panicking() {
            panic!("{AS_PLANNED}");
        }
    }
}

struct Actor {
    name: String,
    on_cancel: OnCancel,
    running: Running,
    /// Makes it one that could not be sent to another thread.
    served: Rc<Cell<u32>>,
}

/// Becomes an [`Actor`] where that is to live.
struct MakesActor {
    name: String,
    on_cancel: OnCancel,
    running: Running,
}

impl IntoHandler for MakesActor {
    type Handler = Actor;

    fn into_handler(self) -> Actor {
        let MakesActor { name, on_cancel, running } = self;
        Actor { name, on_cancel, running, served: Rc::default() }
    }
}

impl Handler for Actor {
    type Request = Act;
    type Response = u32;
    type Error = &'static str;

    fn name(&self) -> &str {
        &self.name
    }

    fn on_cancel(&self) -> OnCancel {
        self.on_cancel
    }

    fn handle(&self, act: Act, _: CallContext) -> impl Future<Output = Reply<u32, &'static str>> {
        assert!(act != Act::PanicAtOnce, "{AS_PLANNED}");
        self.running.fetch_add(1, Ordering::Relaxed);
        let panics = matches!(act, Act::PanicWhenDropped(_));
        let in_service = InService { running: Arc::clone(&self.running), panics };
        async move {
            let _in_service = in_service;
            self.served.set(self.served.get() + 1);
            let success = Reply::success(self.served.get());
            match act {
                Act::AnswerAtOnce | Act::PanicAtOnce => return success,
                // What cannot be stopped must end by itself, or it holds its slot for ever.
                Act::Hang if self.on_cancel == OnCancel::RunOn => sleep_ms(1_000).await,
                Act::Hang => pending().await,
                Act::Answer(after)
                | Act::Fail(after)
                | Act::PanicLater(after)
                | Act::PanicWhenDropped(after)
                | Act::LeaveUnanswered(after)
                | Act::GoAway(after)
                | Act::Terminate(after)
                | Act::Hold(after, _) => sleep_ms(after).await,
            }
            match act {
                Act::Fail(_) => Reply::failure("failed"),
                Act::PanicLater(_) => panic!("{AS_PLANNED}"),
                Act::LeaveUnanswered(_) => Answer::Unanswered.into(),
                Act::GoAway(_) => Reply::gone(),
                Act::Terminate(_) => success.terminate(),
                Act::Hold(_, pause) => success.hold(ms(pause)),
                _ => success,
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Arrival {
    after: u64,
    act: Act,
    class: u8,
    deadline: Option<u64>,
    user: Option<u8>,
    /// How many copies it asks for itself.
    copies: Option<usize>,
    way: Way,
}

/// How a work comes in, and whether its caller stays.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Call,
    CallAndLeaveAfter(u64),
    Tell,
    Message,
    MessageAndLeaveAfter(u64),
}

#[derive(Debug, Clone)]
struct HandlerPlan {
    runs_on: bool,
    /// `None`: there is one. Otherwise it is made, and making it fails so often.
    failures: Option<u32>,
    /// How long making it takes.
    takes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// All is waited for.
    Quiet,
    /// The last handle is dropped after so long.
    Dropped(u64),
    /// It is shut down after so long, with so long to finish; and once more a little later.
    ShutDown(u64, u64),
    /// The System ends after so long.
    System(u64),
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Add { runs_on: bool },
    Remove(usize),
}

#[derive(Debug, Clone)]
struct Plan {
    limit: usize,
    plumb: bool,
    back_pressure: bool,
    capacity: usize,
    service_timeout: u64,
    request_timeout: Option<u64>,
    at_least_once: bool,
    work_retry: u32,
    breaker: bool,
    /// How many copies, and how long after each other.
    copies: (usize, u64),
    /// Whether copies go out as the answers' own times say.
    by_percentile: bool,
    /// Whether there is hardly any budget for what goes out again.
    is_frugal: bool,
    order: QueueOrder,
    shutdown_timeout: u64,
    handlers: Vec<HandlerPlan>,
    /// What happens to the handlers while work comes, each so long after the one before.
    changes: Vec<(u64, Change)>,
    arrivals: Vec<Arrival>,
    end: End,
}

fn act() -> impl Strategy<Value = Act> {
    let time = 0..60u64;
    prop_oneof![
        12 => time.clone().prop_map(Act::Answer),
        4 => Just(Act::AnswerAtOnce),
        3 => time.clone().prop_map(Act::Fail),
        1 => Just(Act::PanicAtOnce),
        2 => time.clone().prop_map(Act::PanicLater),
        1 => time.clone().prop_map(Act::PanicWhenDropped),
        2 => Just(Act::Hang),
        1 => time.clone().prop_map(Act::LeaveUnanswered),
        1 => time.clone().prop_map(Act::GoAway),
        1 => time.clone().prop_map(Act::Terminate),
        1 => (time.clone(), time).prop_map(|(after, pause)| Act::Hold(after, pause)),
    ]
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let way = prop_oneof![
        4 => Just(Way::Call),
        2 => (0..80u64).prop_map(Way::CallAndLeaveAfter),
        1 => Just(Way::Tell),
        1 => Just(Way::Message),
        // A sender that leaves before its message has been read takes it back: it is never received.
        1 => (1..80u64).prop_map(Way::MessageAndLeaveAfter),
    ];
    let after = prop_oneof![2 => Just(0), 1 => 0..20u64];
    let (deadline, user) = (proptest::option::weighted(0.3, 0..150u64), proptest::option::weighted(0.3, 0..4u8));
    let copies = proptest::option::weighted(0.1, 0..4usize);
    (after, act(), 0..6u8, deadline, user, copies, way).prop_map(|(after, act, class, deadline, user, copies, way)| {
        Arrival { after, act, class, deadline, user, copies, way }
    })
}

prop_compose! {
    fn plan()(
        limit in 1..5usize,
        plumb: bool,
        back_pressure: bool,
        capacity in prop_oneof![1..8usize, Just(1000)],
        service_timeout in 5..100u64,
        request_timeout in proptest::option::weighted(0.3, 1..100u64),
        handlers in proptest::collection::vec(
            (any::<bool>(), proptest::option::of(0..4u32), prop_oneof![Just(0), 0..200u64])
                .prop_map(|(runs_on, failures, takes)| HandlerPlan { runs_on, failures, takes }),
            0..4,
        ),
        (at_least_once, work_retry, breaker, shutdown_timeout) in
            (proptest::bool::weighted(0.3), prop_oneof![2 => Just(0), 1 => 1..4u32], any::<bool>(), 1..100u64),
        copies in (prop_oneof![3 => Just(1), 1 => 2..4usize], prop_oneof![Just(0), 0..40u64]),
        (by_percentile, is_frugal) in any::<(bool, bool)>(),
        order in prop_oneof![Just(QueueOrder::Fifo), Just(QueueOrder::Lifo), Just(QueueOrder::ByClass)],
        changes in proptest::collection::vec(
            (0..100u64, prop_oneof![
                any::<bool>().prop_map(|runs_on| Change::Add { runs_on }),
                (0..4usize).prop_map(Change::Remove),
            ]),
            0..4,
        ),
        arrivals in proptest::collection::vec(arrival(), 0..60),
        end in prop_oneof![
            3 => Just(End::Quiet),
            1 => (0..300u64, 0..200u64).prop_map(|(after, within)| End::ShutDown(after, within)),
            1 => (0..300u64).prop_map(End::Dropped),
            1 => (0..300u64).prop_map(End::System),
        ],
    ) -> Plan {
        // What must be done at least once would otherwise be tried for ever.
        let copies = (copies.0, copies.1.min(service_timeout - 1));
        let request_timeout = request_timeout.or(at_least_once.then_some(50)).map(|more| service_timeout + more);
        Plan {
            limit, plumb, back_pressure, capacity, service_timeout, request_timeout, at_least_once, work_retry, breaker, copies,
            by_percentile, is_frugal, order, shutdown_timeout, handlers, changes, arrivals, end,
        }
    }
}

type Dispatcher = DispatcherHandle<Act, u32, &'static str>;
type Outcome = Result<u32, CallError<&'static str>>;

fn start(plan: &Plan, running: &Running) -> Dispatcher {
    let mut settings = fixed(plan.limit);
    if !plan.back_pressure {
        settings.back_pressure = None;
    }
    if let Some(autothrottle) = settings.autothrottle.as_mut().filter(|_| plan.plumb) {
        autothrottle.algorithm = AutothrottleAlgorithm::Plumb;
    }
    settings.queue.capacity = plan.capacity;
    settings.worker_pool.max_pool_size = 8;
    settings.worker_pool.replenish_speed = ms(50);
    settings.work.service_timeout = ms(plan.service_timeout);
    settings.work.request_timeout = plan.request_timeout.map(ms);
    settings.work.at_least_once = plan.at_least_once;
    settings.work.work_retry = plan.work_retry;
    let delay =
        if plan.by_percentile { ConcurrentDelay::Percentile95 } else { ConcurrentDelay::After(ms(plan.copies.1)) };
    (settings.work.concurrent_calls, settings.work.concurrent_delay) = (plan.copies.0, delay);
    if let (true, Some(copies), Some(retries)) =
        (plan.is_frugal, &mut settings.work.concurrent_budget, &mut settings.work.retry_budget)
    {
        (copies.per_second, copies.window, copies.calm_after_refusal) = (5.0, ms(200), ms(50));
        (retries.ratio, retries.per_second, retries.window) = (0.1, 5.0, ms(200));
    }
    settings.queue.order = plan.order;
    settings.worker_pool.default_shutdown_timeout = ms(plan.shutdown_timeout);
    match settings.circuit_breaker.as_mut().filter(|_| plan.breaker) {
        None => settings.circuit_breaker = None,
        Some(breaker) => {
            breaker.open_duration_base = ms(30);
            breaker.timeout_count_threshold = 1;
            breaker.minimum_calls = 3;
        }
    }
    let builder = PushingDispatcher::builder("any").settings(settings).clock(ms(0)).clone_requests();
    let mut builder = builder.check(|n: u32| {
        // Now and then the check fails or panics.
        assert!(!n.is_multiple_of(31), "{AS_PLANNED}");
        if n.is_multiple_of(13) { Err("unchecked") } else { Ok(n) }
    });
    for (index, handler) in plan.handlers.iter().enumerate() {
        let on_cancel = if handler.runs_on { OnCancel::RunOn } else { OnCancel::Stop };
        let running = Arc::clone(running);
        let make = move || MakesActor { name: format!("handler-{index}"), on_cancel, running: Arc::clone(&running) };
        let Some(failures) = handler.failures else {
            builder = builder.handler(make());
            continue;
        };
        let (takes, tries) = (handler.takes, AtomicU32::new(0));
        builder = builder.handler_factory(format!("handler-{index}"), move || {
            let tried = tries.fetch_add(1, Ordering::Relaxed);
            assert!(tried >= failures || tried.is_multiple_of(2), "{AS_PLANNED}");
            let made = if tried < failures { Err("not yet") } else { Ok(make()) };
            async move {
                if takes > 0 {
                    sleep_ms(takes).await;
                }
                made
            }
        });
    }
    builder.start().unwrap()
}

/// Adds and removes handlers. Every attempt is answered, whatever else goes on.
async fn change(changes: Vec<(u64, Change)>, handle: DispatcherHandle<Act, u32, &'static str>, running: Running) {
    let mut answers = Vec::new();
    for (number, (after, change)) in changes.into_iter().enumerate() {
        sleep_ms(after).await;
        let (handle, running) = (handle.clone(), Arc::clone(&running));
        answers.push(actix::spawn(async move {
            match change {
                Change::Add { runs_on } => {
                    let on_cancel = if runs_on { OnCancel::RunOn } else { OnCancel::Stop };
                    // Every second one has a name that is taken at times.
                    let name = format!("handler-{}", number / 2);
                    drop(handle.add_handler(HandlerSource::new(MakesActor { name, on_cancel, running })).await);
                }
                Change::Remove(index) => drop(handle.remove_handler(format!("handler-{index}")).await),
            }
        }));
    }
    drop(handle);
    for answer in join_all(answers).await {
        answer.unwrap();
    }
}

/// A call whose caller may leave.
type Caller = std::pin::Pin<Box<dyn Future<Output = Option<Outcome>>>>;

fn leave_after(answer: impl Future<Output = Outcome> + 'static, after: u64) -> Caller {
    Box::pin(async move { tokio::time::timeout(ms(after), answer).await.ok() })
}

/// What callers saw, as the totals would count it.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    completed: u64,
    failed: u64,
    timed_out: u64,
    rejected: u64,
}

impl Seen {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(_) => self.completed += 1,
            Err(CallError::Failed(_)) => self.failed += 1,
            Err(CallError::TimedOut(_)) => self.timed_out += 1,
            Err(CallError::Rejected(_)) => self.rejected += 1,
        }
    }
}

/// What has happened so far; read after the System has ended too.
#[derive(Default)]
struct Record {
    seen: Mutex<Seen>,
    submitted: AtomicUsize,
    staying: Mutex<Vec<Call<u32, &'static str>>>,
}

async fn submit(handle: &Dispatcher, arrival: &Arrival, record: &Record) -> Option<Caller> {
    let mut work = Work::new(arrival.act).priority(Priority::try_from(arrival.class).unwrap());
    if let Some(deadline) = arrival.deadline {
        work = work.deadline(Instant::now() + ms(deadline));
    }
    if let Some(user) = arrival.user {
        work = work.user(user);
    }
    if let Some(copies) = arrival.copies {
        work = work.concurrent_calls(copies);
    }
    record.submitted.fetch_add(1, Ordering::Relaxed);
    match arrival.way {
        Way::Call => {
            record.staying.lock().unwrap().push(handle.call(work));
            None
        }
        Way::CallAndLeaveAfter(after) => Some(leave_after(handle.call(work), after)),
        Way::Tell => {
            if let Err(reason) = handle.tell(work) {
                record.seen.lock().unwrap().add(&Err(CallError::Rejected(reason)));
            }
            None
        }
        Way::Message => {
            let request = handle.addr().send(work);
            Some(Box::pin(async move { Some(request.await.expect("it is handled")) }))
        }
        Way::MessageAndLeaveAfter(after) => {
            let request = handle.addr().send(work);
            Some(leave_after(async move { request.await.expect("it is handled") }, after))
        }
    }
}

/// The sum of what the works have come to, seen and unseen.
fn assert_fits(totals: Totals, seen: Seen, submitted: u64) {
    assert_adds_up(totals);
    assert_eq!(totals.received, submitted);
    assert!(
        seen.completed <= totals.completed
            && seen.failed <= totals.failed
            && seen.timed_out <= totals.timed_out
            && seen.rejected <= totals.rejected,
        "{seen:?} {totals:?}"
    );
}

fn run(plan: &Plan) {
    let running = Running::default();
    let record = Arc::new(Record::default());
    let handle = virtual_time(drive(plan, Arc::clone(&running), Arc::clone(&record)));
    // The System is gone now: whatever had not ended has.
    let staying = std::mem::take(&mut *record.staying.lock().unwrap());
    for call in staying {
        let mut call = call;
        match call.poll_unpin(&mut Context::from_waker(futures::task::noop_waker_ref())) {
            Poll::Ready(outcome) => record.seen.lock().unwrap().add(&outcome),
            Poll::Pending => panic!("a call is not answered"),
        }
    }
    assert_eq!(running.load(Ordering::Relaxed), 0);
    if let Some(handle) = handle {
        let totals = handle.totals();
        assert_eq!((totals.queued, totals.in_flight), (0, 0));
        let seen = *record.seen.lock().unwrap();
        assert_fits(totals, seen, record.submitted.load(Ordering::Relaxed) as u64);
    }
}

/// Returns the handle, unless it was dropped on the way.
async fn drive(plan: &Plan, running: Running, record: Arc<Record>) -> Option<Dispatcher> {
    let handle = start(plan, &running);
    let start = Instant::now();
    let ends_at = match plan.end {
        End::Quiet => None,
        End::Dropped(after) | End::System(after) | End::ShutDown(after, _) => Some(start + ms(after)),
    };
    let changing = actix::spawn(change(plan.changes.clone(), handle.clone(), Arc::clone(&running)));
    let mut callers: Vec<Caller> = Vec::new();
    for arrival in &plan.arrivals {
        if ends_at.is_some_and(|at| Instant::now() + ms(arrival.after) >= at) {
            break;
        }
        sleep_ms(arrival.after).await;
        callers.extend(submit(&handle, arrival, &record).await);
        assert_adds_up(handle.totals());
        let totals = handle.totals();
        // Work that goes out again has a place anyhow.
        let asks_for_copies = plan.arrivals.iter().any(|arrival| arrival.copies.is_some_and(|copies| copies > 1));
        let goes_out_again = plan.at_least_once || plan.work_retry > 0 || plan.copies.0 > 1 || asks_for_copies;
        let slots = if goes_out_again { 8 * (plan.handlers.len() + plan.changes.len()) } else { 0 };
        assert!(totals.queued <= (plan.capacity + slots) as u64, "{totals:?}");
    }
    let collecting = Arc::clone(&record);
    let collect = actix::spawn(async move {
        for outcome in join_all(callers).await.into_iter().flatten() {
            collecting.seen.lock().unwrap().add(&outcome);
        }
    });
    match plan.end {
        End::Quiet => {
            changing.await.unwrap();
            collect.await.unwrap();
            let staying = std::mem::take(&mut *record.staying.lock().unwrap());
            for outcome in join_all(staying).await {
                record.seen.lock().unwrap().add(&outcome);
            }
            // Works that nobody waits for, and calls that run on, end too.
            sleep_ms(5_000).await;
            let totals = handle.totals();
            assert_eq!((totals.queued, totals.in_flight), (0, 0));
            assert_fits(totals, *record.seen.lock().unwrap(), record.submitted.load(Ordering::Relaxed) as u64);
            assert_eq!(running.load(Ordering::Relaxed), 0);
            assert_all_workers_wake(&handle, &record, &running, plan.back_pressure || plan.capacity < 1000).await;
            Some(handle)
        }
        End::Dropped(_) => {
            tokio::time::sleep_until(ends_at.unwrap_or(start)).await;
            let addr = handle.addr().downgrade();
            let watch = handle.clone();
            drop(handle);
            let totals = watch.totals();
            assert_adds_up(totals);
            drop(watch);
            // Without handlers the queue is answered when the grace period ends; what runs, by the service-timeout. But a work may
            // go out a dozen times, each of which may find the circuit breaker open once more.
            sleep_ms(60_000).await;
            collect.await.unwrap();
            let staying = std::mem::take(&mut *record.staying.lock().unwrap());
            for outcome in join_all(staying).await {
                record.seen.lock().unwrap().add(&outcome);
            }
            assert!(addr.upgrade().is_none_or(|addr| !addr.connected()), "it has not stopped");
            None
        }
        End::ShutDown(_, within) => {
            tokio::time::sleep_until(ends_at.unwrap_or(start)).await;
            let (first, second) = futures::join!(handle.shutdown_within(ms(within)), async {
                sleep_ms(3).await;
                handle.shutdown_within(ms(1_000_000)).await
            });
            let took = elapsed_ms(ends_at.unwrap_or(start));
            // What is cut off has a moment to notice.
            assert!(took <= within.max(3) + 1, "{took} > {within}");
            assert!(first != Shutdown::Stopped && (second == first || second == Shutdown::Stopped), "{second:?}");
            changing.await.unwrap();
            collect.await.unwrap();
            let totals = handle.totals();
            assert_eq!((totals.queued, totals.in_flight), (0, 0));
            // What runs on although nobody waits for it is cut off too.
            sleep_ms(plan.shutdown_timeout).await;
            settle().await;
            Some(handle)
        }
        End::System(_) => {
            tokio::time::sleep_until(ends_at.unwrap_or(start)).await;
            assert_adds_up(handle.totals());
            Some(handle)
        }
    }
}

/// As many works at once as there are slots: each finds a worker. Where a burst might be refused, they come one by one.
async fn assert_all_workers_wake(handle: &Dispatcher, record: &Record, running: &Running, one_by_one: bool) {
    recover(handle, record).await;
    let status = status(handle).await;
    let pools = status.pools.iter().filter(|pool| pool.state == PoolState::Running);
    let slots: usize = pools.map(|pool| pool.limit).sum();
    let mut probes = Vec::new();
    for _ in 0..slots {
        record.submitted.fetch_add(1, Ordering::Relaxed);
        // One slot each, however many copies others have.
        probes.push(handle.call(Work::new(Act::Answer(5)).priority(Priority::HIGHEST).concurrent_calls(1)));
        if one_by_one {
            settle().await;
        }
    }
    settle().await;
    assert_eq!(running.load(Ordering::Relaxed), slots, "{status:?}");
    for outcome in join_all(probes).await {
        record.seen.lock().unwrap().add(&outcome);
    }
}

/// Sends work until all circuit breakers are closed again, and waits until no slot is taken: one whose handler has failed
/// stays so for a while after its work has ended.
async fn recover(handle: &Dispatcher, record: &Record) {
    for _ in 0..1_000 {
        let status = status(handle).await;
        let mut alive = status.pools.iter().filter(|pool| matches!(pool.state, PoolState::Running | PoolState::Held));
        if alive.all(|pool| pool.circuit == CircuitState::Closed) {
            if status.pools.iter().all(|pool| pool.busy == 0) {
                return;
            }
            sleep_ms(10).await;
            continue;
        }
        record.submitted.fetch_add(1, Ordering::Relaxed);
        let outcome = handle.call(Work::new(Act::Answer(1)).priority(Priority::HIGHEST)).await;
        record.seen.lock().unwrap().add(&outcome);
        sleep_ms(10).await;
    }
    panic!("it does not recover: {:?}", status(handle).await);
}

/// Keeps the planned panics out of the output.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<String>();
            if message.is_none_or(|message| message != AS_PLANNED) {
                default(info);
            }
        }));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_work_ends_exactly_once(plan in plan()) {
        quiet();
        run(&plan);
    }
}
