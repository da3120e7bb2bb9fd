//! Whatever happens, each item that was taken has one result, and is acknowledged or handed back, once, and the former
//! only after a success.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, ready};

use kanaloa::config::{AutothrottleAlgorithm, QueueOrder};
use kanaloa::{Answer, HandBack, HandlerSource, ItemResult, PullingDispatcher, Reply, RunEnd, Source, handler_fn};
use proptest::prelude::*;

use crate::support::*;

const AS_PLANNED: &str = "as planned";

/// What a handler does with an item.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer(u64),
    AnswerAtOnce,
    Fail(u64),
    Panic(u64),
    Hang,
    LeaveUnanswered,
    GoAway(u64),
    Terminate(u64),
    Hold(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let time = 0..60u64;
    prop_oneof![
        10 => time.clone().prop_map(Act::Answer),
        10 => Just(Act::AnswerAtOnce),
        3 => time.clone().prop_map(Act::Fail),
        2 => time.clone().prop_map(Act::Panic),
        1 => Just(Act::Hang),
        1 => Just(Act::LeaveUnanswered),
        1 => time.clone().prop_map(Act::GoAway),
        1 => time.clone().prop_map(Act::Terminate),
        1 => time.prop_map(Act::Hold),
    ]
}

#[derive(Debug, Clone, Copy)]
enum End {
    Exhausted,
    /// After so long, with so long to finish.
    ShutDown(u64, u64),
    /// The handle is dropped after so long, and so is the System after a while.
    System(u64),
    /// Whoever takes the results leaves after so many.
    ResultsGone(u64),
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Add,
    Remove(usize),
}

#[derive(Debug, Clone)]
struct Plan {
    limit: usize,
    plumb: bool,
    order: QueueOrder,
    capacity: usize,
    service_timeout: u64,
    request_timeout: Option<u64>,
    at_least_once: bool,
    work_retry: u32,
    copies: usize,
    breaker: bool,
    waits_for_handlers: bool,
    shutdown_timeout: u64,
    handlers: usize,
    changes: Vec<(u64, Change)>,
    /// Each with how long the source takes to give it.
    items: Vec<(u64, Act)>,
    in_order: bool,
    window: usize,
    end: End,
}

prop_compose! {
    fn plan()(
        (limit, plumb, capacity) in (1..6usize, any::<bool>(), prop_oneof![1..4usize, Just(1_000)]),
        order in prop_oneof![Just(QueueOrder::Fifo), Just(QueueOrder::Lifo)],
        (service_timeout, request_timeout) in (5..100u64, proptest::option::weighted(0.3, 101..200u64)),
        (at_least_once, work_retry, copies) in
            (proptest::bool::weighted(0.3), prop_oneof![2 => Just(0), 1 => 1..3u32], prop_oneof![3 => Just(1), 1 => 2..4usize]),
        (breaker, waits_for_handlers, shutdown_timeout) in (any::<bool>(), proptest::bool::weighted(0.2), 1..100u64),
        handlers in 0..4usize,
        changes in proptest::collection::vec(
            (0..100u64, prop_oneof![Just(Change::Add), (0..4usize).prop_map(Change::Remove)]), 0..5),
        items in proptest::collection::vec((prop_oneof![3 => Just(0), 1 => 0..30u64], act()), 0..80),
        (in_order, window) in (any::<bool>(), prop_oneof![1..5usize, Just(1_000)]),
        end in prop_oneof![
            3 => Just(End::Exhausted),
            3 => (0..300u64, 0..200u64).prop_map(|(after, within)| End::ShutDown(after, within)),
            1 => (0..300u64).prop_map(End::System),
            1 => (0..20u64).prop_map(End::ResultsGone),
        ],
    ) -> Plan {
        let request_timeout = request_timeout.or(at_least_once.then_some(300));
        Plan {
            limit, plumb, order, capacity, service_timeout, request_timeout, at_least_once, work_retry, copies, breaker,
            waits_for_handlers, shutdown_timeout, handlers, changes, items, in_order, window, end,
        }
    }
}

type Job = (u32, Act);

/// The items that a handler has succeeded with.
type Successes = Arc<Mutex<HashSet<u32>>>;

fn source(name: String, successes: &Successes) -> HandlerSource<Job, u32, &'static str> {
    let successes = Arc::clone(successes);
    HandlerSource::new(handler_fn(name, move |(id, act): Job| {
        let successes = Arc::clone(&successes);
        async move {
            match act {
                Act::AnswerAtOnce => {}
                Act::Hang => pending().await,
                Act::LeaveUnanswered => return Answer::Unanswered.into(),
                Act::Answer(after)
                | Act::Fail(after)
                | Act::Panic(after)
                | Act::GoAway(after)
                | Act::Terminate(after)
                | Act::Hold(after) => sleep_ms(after).await,
            }
            match act {
                Act::Fail(_) => return Reply::failure("failed"),
                Act::Panic(_) => panic!("{AS_PLANNED}"),
                Act::GoAway(_) => return Reply::gone(),
                _ => {}
            }
            successes.lock().unwrap().insert(id);
            match act {
                Act::Terminate(_) => Reply::success(id).terminate(),
                Act::Hold(pause) => Reply::success(id).hold(ms(pause)),
                _ => Reply::success(id),
            }
        }
    }))
}

/// Gives its items after a while each, and looks at what it is told of them.
struct Checked {
    items: VecDeque<(u64, Act)>,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ledger: Shared<Ledger>,
    successes: Successes,
    asked_after_end: bool,
}

impl Source for Checked {
    type Item = Job;
    type Token = u32;

    fn poll_next(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<Option<(Job, u32)>> {
        assert!(room > 0 && !self.asked_after_end);
        let Some(&(after, act)) = self.items.front() else {
            self.asked_after_end = true;
            return Poll::Ready(None);
        };
        if after > 0 {
            ready!(self.wait.get_or_insert_with(|| Box::pin(sleep_ms(after))).as_mut().poll(cx));
        }
        (self.wait, _) = (None, self.items.pop_front());
        let ledger = &mut *self.ledger.lock().unwrap();
        let id = ledger.taken.len() as u32;
        ledger.taken.push(id);
        ledger.most_out = ledger.most_out.max(ledger.out());
        Poll::Ready(Some(((id, act), id)))
    }

    fn ack(&mut self, id: u32) {
        assert!(self.successes.lock().unwrap().contains(&id), "{id} is acknowledged before its success");
        self.ledger.lock().unwrap().acked.push(id);
    }

    fn hand_back(&mut self, id: u32, why: HandBack) {
        self.ledger.lock().unwrap().handed_back.push((id, why));
    }
}

fn run(plan: &Plan) {
    let (ledger, successes) = (Shared::<Ledger>::default(), Successes::default());
    let (results, mut keep) = kept::<u32, &'static str>();
    let left_after = if let End::ResultsGone(after) = plan.end { after } else { u64::MAX };
    let keep = move |item: ItemResult<u32, &'static str>| {
        assert!(results_of(&item, left_after), "{AS_PLANNED}");
        keep(item);
    };
    let mut settings = pulls(plan.limit);
    if let (true, Some(autothrottle)) = (plan.plumb, &mut settings.autothrottle) {
        autothrottle.algorithm = AutothrottleAlgorithm::Plumb;
    }
    (settings.queue.order, settings.queue.capacity) = (plan.order, plan.capacity);
    settings.work.service_timeout = ms(plan.service_timeout);
    settings.work.request_timeout = plan.request_timeout.map(ms);
    (settings.work.at_least_once, settings.work.work_retry) = (plan.at_least_once, plan.work_retry);
    settings.work.concurrent_calls = plan.copies;
    settings.worker_pool.default_shutdown_timeout = ms(plan.shutdown_timeout);
    settings.worker_pool.shutdown_on_all_worker_death = !plan.waits_for_handlers;
    if !plan.breaker {
        settings.circuit_breaker = None;
    }
    let checked = Checked {
        items: plan.items.iter().copied().collect(),
        wait: None,
        ledger: Arc::clone(&ledger),
        successes: Arc::clone(&successes),
        asked_after_end: false,
    };
    let handle = virtual_time(async {
        let mut builder = PullingDispatcher::from_source("test", checked)
            .settings(settings)
            .clone_requests()
            .seed(1)
            .clock(ms(0))
            .window(plan.window)
            .for_each(keep);
        if plan.in_order {
            builder = builder.in_input_order();
        }
        for n in 0..plan.handlers {
            builder = builder.handler_from(source(format!("{n}"), &successes));
        }
        let run = builder.start().unwrap();
        let (changed, changes, adds) = (run.clone(), plan.changes.clone(), Arc::clone(&successes));
        actix::spawn(async move {
            for (n, (after, change)) in changes.into_iter().enumerate() {
                sleep_ms(after).await;
                match change {
                    Change::Add => {
                        let _ = changed.add_handler(source(format!("added {n}"), &adds)).await;
                    }
                    Change::Remove(n) => {
                        let changed = changed.clone();
                        actix::spawn(async move { changed.remove_handler(n.to_string()).await });
                    }
                }
            }
        });
        match plan.end {
            End::System(after) => {
                sleep_ms(after).await;
                return run;
            }
            End::ShutDown(after, within) => {
                sleep_ms(after).await;
                let taken = ledger.lock().unwrap().taken.len();
                let summary = run.shutdown_within(ms(within)).await;
                assert_eq!(summary.taken, taken as u64, "it takes no further item");
            }
            End::Exhausted | End::ResultsGone(_) => {
                let within = tokio::time::timeout(ms(1_000_000), run.summary()).await;
                if within.is_err() {
                    // It waits for a handler, as it was told to.
                    assert!(plan.waits_for_handlers, "{:?}", run.status().await);
                    run.shutdown().await;
                }
            }
        }
        run
    });
    let summary = futures::executor::block_on(handle.summary());
    let ledger = ledger.lock().unwrap();
    let told: Vec<u32> = ledger.acked.iter().copied().chain(ledger.handed_back.iter().map(|(id, _)| *id)).collect();
    assert_eq!(told.len(), ledger.taken.len(), "{ledger:?}");
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>().len(), told.len(), "{ledger:?}");
    assert_summary_adds_up(&summary);
    assert_eq!(summary.taken, ledger.taken.len() as u64);
    assert_eq!((summary.acked, summary.handed_back), (ledger.acked.len() as u64, ledger.handed_back.len() as u64));
    assert_eq!((summary.succeeded, summary.failed.total()), (summary.acked, summary.handed_back));
    assert_eq!(summary.delivered + summary.undelivered, summary.taken);
    let was_not_rejected = |(_, why): &(u32, HandBack)| {
        !matches!(
            why,
            HandBack::Rejected(kanaloa::Rejection::QueueFull { .. } | kanaloa::Rejection::OverCapacity { .. })
        )
    };
    assert!(ledger.handed_back.iter().all(was_not_rejected));
    let indices = indices(&results);
    assert_eq!(indices.len() as u64, summary.delivered);
    if plan.in_order {
        assert_eq!(indices, (0..summary.delivered).collect::<Vec<_>>());
    }
    assert_eq!(indices.iter().collect::<BTreeSet<_>>().len(), indices.len());
    let is_fixed = !plan.plumb && !plan.breaker && plan.changes.is_empty();
    assert!(!is_fixed || ledger.most_out <= plan.limit * plan.handlers, "{ledger:?}");
    match (plan.end, &summary.end) {
        (_, RunEnd::Exhausted) => assert_eq!(ledger.taken.len(), plan.items.len()),
        (End::ResultsGone(_), RunEnd::ResultsGone(_)) | (End::System(_), RunEnd::Stopped) => {}
        (_, RunEnd::NoHandlers) => assert!(!plan.waits_for_handlers),
        (End::ShutDown(..), RunEnd::ShutDown) => {}
        (_, RunEnd::ShutDown) => assert!(plan.waits_for_handlers),
        (_, end) => panic!("{end:?}"),
    }
}

fn results_of(item: &ItemResult<u32, &'static str>, left_after: u64) -> bool {
    item.index < left_after
}

/// Keeps panics that are part of the plan out of the output.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_planned = panic.payload().downcast_ref::<String>().is_some_and(|said| said == AS_PLANNED)
                || panic.payload().downcast_ref::<&str>().is_some_and(|said| *said == AS_PLANNED);
            if !is_planned {
                tell(panic);
            }
        }));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_item_ends_once(plan in plan()) {
        quiet();
        run(&plan);
    }
}
