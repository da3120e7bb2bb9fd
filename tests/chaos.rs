//! Handlers that are killed, panic, hang, become slow, flap, come and go in any order while work keeps coming: nothing is
//! lost, nothing goes out twice that was not to, the counters add up, and afterwards all is as before.

#[path = "actors/support.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, Once};

use futures::future::join_all;
use kanaloa::{
    CallError, DispatcherHandle, HandlerSource, PoolState, ProviderControl, PushingDispatcher, Reply, Totals,
    controlled_provider, handler_fn,
};
use proptest::prelude::*;
use support::*;
use tokio::time::Instant;

/// What a handler does with what it gets.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Well,
    /// It is gone, and cannot be made again.
    Killed,
    Panics,
    Fails,
    Hangs,
    Slow,
    /// Well and not, in turn, for so many milliseconds each.
    Flaps(u64),
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Becomes(usize, Mode),
    Add(usize),
    Remove(usize),
}

#[derive(Debug, Clone)]
struct Plan {
    limit: usize,
    plumb: bool,
    back_pressure: bool,
    work_retry: u32,
    at_least_once: bool,
    /// Each so long after the one before.
    events: Vec<(u64, Event)>,
    /// Milliseconds between two works.
    every: u64,
}

const HANDLERS: usize = 5;
const AS_PLANNED: &str = "as planned";

/// Within that a handler that is well again is noticed: one that could not be made is tried again every 10 s, and a
/// circuit is open for 3 s at most, after which a few probes go out.
const NOTICED: u64 = 15_000;

prop_compose! {
    fn event()(handler in 0..HANDLERS, kind in 0..16u8, flap in 5..2_000u64) -> Event {
        match kind {
            0..4 => Event::Becomes(handler, Mode::Well),
            4..6 => Event::Becomes(handler, Mode::Killed),
            6 => Event::Becomes(handler, Mode::Panics),
            7 => Event::Becomes(handler, Mode::Fails),
            8 => Event::Becomes(handler, Mode::Hangs),
            9 => Event::Becomes(handler, Mode::Slow),
            10 => Event::Becomes(handler, Mode::Flaps(flap)),
            11..14 => Event::Add(handler),
            _ => Event::Remove(handler),
        }
    }
}

prop_compose! {
    fn plan()(
        limit in 1..6usize,
        plumb: bool,
        back_pressure: bool,
        work_retry in prop_oneof![3 => Just(0), 1 => 1..3u32],
        at_least_once in proptest::bool::weighted(0.2),
        events in proptest::collection::vec((prop_oneof![Just(0), 0..400u64], event()), 0..40),
        every in 1..20u64,
    ) -> Plan {
        Plan { limit, plumb, back_pressure, work_retry, at_least_once, events, every }
    }
}

/// What the service sees of each work.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    started: u32,
    succeeded: u32,
}

#[derive(Clone)]
struct Service {
    since: Instant,
    modes: Arc<Mutex<[Mode; HANDLERS]>>,
    seen: Arc<Mutex<HashMap<u32, Seen>>>,
}

type Dispatcher = DispatcherHandle<u32, u32, &'static str>;
type Control = ProviderControl<u32, u32, &'static str>;

impl Service {
    fn new() -> Self {
        Service { since: Instant::now(), modes: Arc::new(Mutex::new([Mode::Well; HANDLERS])), seen: Arc::default() }
    }

    fn mode(&self, number: usize) -> Mode {
        match self.modes.lock().unwrap()[number] {
            Mode::Flaps(ms) if (elapsed_ms(self.since) / ms).is_multiple_of(2) => Mode::Fails,
            Mode::Flaps(_) => Mode::Well,
            mode => mode,
        }
    }

    fn handler(&self, number: usize) -> HandlerSource<u32, u32, &'static str> {
        let service = self.clone();
        HandlerSource::factory(format!("h{number}"), move || {
            let (service, is_killed) = (service.clone(), service.mode(number) == Mode::Killed);
            let handler = handler_fn("any", move |id: u32| {
                let service = service.clone();
                service.seen.lock().unwrap().entry(id).or_default().started += 1;
                async move { service.serve(number, id).await }
            });
            async move { if is_killed { Err("killed") } else { Ok(handler) } }
        })
    }

    async fn serve(&self, number: usize, id: u32) -> Reply<u32, &'static str> {
        let takes = if self.mode(number) == Mode::Slow { 300 } else { 5 + u64::from(id % 7) };
        if matches!(self.mode(number), Mode::Well | Mode::Slow) {
            sleep_ms(takes).await;
        }
        match self.mode(number) {
            Mode::Well | Mode::Slow => {
                self.seen.lock().unwrap().entry(id).or_default().succeeded += 1;
                Reply::success(id)
            }
            Mode::Killed => Reply::gone(),
            Mode::Panics => panic!("{AS_PLANNED}"),
            Mode::Hangs => pending().await,
            Mode::Fails | Mode::Flaps(_) => Reply::failure("fails"),
        }
    }
}

fn start(plan: &Plan) -> (Control, Dispatcher) {
    let mut settings = if plan.plumb { Default::default() } else { fixed(plan.limit) };
    if !plan.back_pressure {
        settings.back_pressure = None;
    }
    settings.work.service_timeout = ms(2_000);
    settings.work.work_retry = plan.work_retry;
    settings.work.at_least_once = plan.at_least_once;
    settings.work.request_timeout = plan.at_least_once.then_some(ms(6_000));
    let (control, provider) = controlled_provider();
    let builder = PushingDispatcher::builder("chaos").settings(settings).clone_requests().clock(ms(0)).seed(1);
    (control, builder.provider(provider).start().unwrap())
}

/// What callers were told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    completed: u64,
    failed: u64,
    timed_out: u64,
    rejected: u64,
}

impl Told {
    fn of(totals: Totals) -> Self {
        let Totals { completed, failed, timed_out, rejected, .. } = totals;
        Told { completed, failed, timed_out, rejected }
    }
}

fn run(plan: &Plan) {
    virtual_time(async {
        let service = Service::new();
        let (control, handle) = start(plan);
        let happening = actix::spawn(happen(plan.events.clone(), service.clone(), control));
        let mut calls = Vec::new();
        let mut control = None;
        let mut happening = std::pin::pin!(happening);
        while control.is_none() {
            calls.push(handle.call(calls.len() as u32));
            assert_adds_up(handle.totals());
            control = tokio::time::timeout(ms(plan.every), &mut happening).await.ok().map(Result::unwrap);
        }
        let control = control.unwrap();
        // All are well again, and there.
        *service.modes.lock().unwrap() = [Mode::Well; HANDLERS];
        for number in 0..HANDLERS {
            // One that is there already is not added again.
            control.add(service.handler(number)).unwrap();
        }
        let well_since = Instant::now();
        while elapsed_ms(well_since) < NOTICED {
            calls.push(handle.call(calls.len() as u32));
            sleep_ms(5).await;
        }
        let before = status(&handle).await;
        let first = calls.len();
        for id in first..first + 1_000 {
            calls.push(handle.call(id as u32));
            sleep_ms(5).await;
        }
        let outcomes = join_all(calls).await;
        // What nobody waits for any more has ended too.
        sleep_ms(3_000).await;
        let totals = handle.totals();
        assert_adds_up(totals);
        assert_eq!((totals.received, totals.queued, totals.in_flight), (outcomes.len() as u64, 0, 0));

        let after = status(&handle).await;
        let seen = service.seen.lock().unwrap();
        let mut told = Told::default();
        for (id, outcome) in outcomes.iter().enumerate() {
            let Seen { started, succeeded } = seen.get(&(id as u32)).copied().unwrap_or_default();
            match outcome {
                Ok(answer) => {
                    told.completed += 1;
                    assert_eq!(*answer, id as u32);
                    assert!(succeeded >= 1, "answered by nobody: {id}");
                }
                Err(CallError::Failed(_)) => told.failed += 1,
                Err(CallError::TimedOut(_)) => told.timed_out += 1,
                Err(CallError::Rejected(_)) => {
                    told.rejected += 1;
                    assert_eq!(started, 0, "refused and yet served: {id}");
                }
            }
            let most = if plan.at_least_once { u32::MAX } else { 1 + plan.work_retry };
            assert!(started <= most, "{id} went out {started} times");
            assert!(succeeded <= 1 || plan.at_least_once, "{id} was done {succeeded} times");
        }
        assert_eq!(told, Told::of(totals));

        // As if nothing had been.
        assert!(outcomes[first..].iter().all(Result::is_ok), "{:?}", outcomes[first..].iter().find(|o| o.is_err()));
        for number in 0..HANDLERS {
            let name = format!("h{number}");
            let succeeded = |status: &kanaloa::DispatcherStatus| {
                let running = status.pools.iter().find(|pool| pool.handler == name && pool.state == PoolState::Running);
                running.map(|pool| pool.succeeded)
            };
            let (before, after) = (succeeded(&before), succeeded(&after));
            assert!(after > before && before.is_some(), "{name} gets no work: {before:?} {after:?}");
        }
    });
}

/// Returns when all has happened.
async fn happen(events: Vec<(u64, Event)>, service: Service, control: Control) -> Control {
    for number in 0..3 {
        control.add(service.handler(number)).unwrap();
    }
    for (after, event) in events {
        sleep_ms(after).await;
        match event {
            Event::Becomes(number, mode) => service.modes.lock().unwrap()[number] = mode,
            Event::Add(number) => control.add(service.handler(number)).unwrap(),
            Event::Remove(number) => control.remove(format!("h{number}")).unwrap(),
        }
    }
    control
}

/// Keeps the planned panics out of the output.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<String>().is_none_or(|message| message != AS_PLANNED) {
                default(info);
            }
        }));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_doubled(plan in plan()) {
        quiet();
        run(&plan);
    }
}
