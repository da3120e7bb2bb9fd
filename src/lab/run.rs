//! Runs a scenario: real dispatchers in virtual time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix::System;
use futures::StreamExt;
use futures::future::{AbortHandle, LocalBoxFuture};
use futures::stream::FuturesUnordered;
use thiserror::Error;
use tokio::time::{Sleep, sleep_until};

use super::figures::outcome;
use super::ledger::Ledger;
use super::model::{Agenda, Nanos, nanos, streams};
use super::outcome::{Ending, Outcome, STEP};
use super::scenario::{CLASSES, Phase, Scenario, Service};
use super::traffic::{Arrival, Traffic};
use super::world::{Failed, Request, World};
use crate::dispatcher::{
    DispatcherHandle, DispatcherStatus, HandlerSource, Priority, PushingDispatcher, StartError, Work,
};
use crate::time::dilate;

/// By what time is dilated: timers of tokio are whole milliseconds, those of a simulation whole microseconds.
const DILATION: u32 = 1000;

/// What the shared clock reads at the start of every simulation: in the year 2023.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

const STEP_NANOS: Nanos = (STEP * 1e9) as Nanos;

/// Why a scenario was not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A dispatcher does not start, for the scenario's `dispatcher` settings.
    #[error("the dispatcher does not start: {0}")]
    Start(#[from] StartError),
    /// A scenario that was made in code lacks something; those that are read do not.
    #[error("the scenario {0}")]
    Incomplete(&'static str),
    /// There was no runtime or no thread to be had.
    #[error("no thread for the simulation: {0}")]
    Thread(#[from] std::io::Error),
}

type Handle = DispatcherHandle<Request, (), Failed>;

/// Runs a scenario in virtual time, on a thread of its own, until all that arrived has ended. Several may run at once.
/// The same scenario, seed included, has the same outcome.
///
/// It costs a few microseconds per request, and some hundred bytes of memory for each.
///
/// # Errors
///
/// [`RunError`]
///
/// # Panics
///
/// If a part of the library panics.
pub fn run(scenario: &Scenario) -> Result<Outcome, RunError> {
    if let Some(lack) = lack(scenario) {
        return Err(RunError::Incomplete(lack));
    }
    std::thread::scope(|scope| {
        let simulation = std::thread::Builder::new().name("simulation".to_string()).spawn_scoped(scope, || {
            let _dilated = dilate(DILATION);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
            // actix wants a function that makes the runtime, called once.
            let mut runtime = Some(runtime);
            let system = System::with_tokio_rt(|| runtime.take().expect("called once"));
            system.block_on(Simulation::start(scenario)).map(|ledger| outcome(scenario, ledger))
        })?;
        simulation.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What keeps a scenario from being run.
fn lack(scenario: &Scenario) -> Option<&'static str> {
    let Some(first) = scenario.phases.first() else { return Some("has no phases") };
    let names = |phase: &Phase| phase.services.iter().map(|service| service.name.clone()).collect::<Vec<_>>();
    let same = scenario.phases.iter().all(|phase| names(phase) == names(first));
    match scenario.kanaloas {
        0 => Some("has no dispatcher: kanaloas is 0"),
        _ if !same => Some("does not have the same services in every phase"),
        _ => None,
    }
}

/// What is under way.
struct Simulation<'a> {
    scenario: &'a Scenario,
    world: World,
    traffic: Traffic,
    kanaloas: Vec<Kanaloa>,
    ledger: Ledger,
    /// When callers that have not said so leave.
    leaves: Agenda<u64>,
    waiting: Vec<Option<AbortHandle>>,
    callers: FuturesUnordered<LocalBoxFuture<'a, (Arrival, Ending)>>,
    /// What the dispatchers say of themselves, and at the end of which step.
    reports: FuturesUnordered<LocalBoxFuture<'a, (usize, usize, Option<DispatcherStatus>)>>,
    phase: usize,
    /// When the next phase begins, or the traffic ends.
    phase_ends: Nanos,
    step: usize,
    timer: Pin<Box<Sleep>>,
}

/// A dispatcher.
struct Kanaloa {
    handle: Handle,
    /// How often each service has come: a handler's name is not used again.
    comings: Vec<u32>,
}

impl Simulation<'_> {
    async fn start(scenario: &Scenario) -> Result<Ledger, RunError> {
        let mut streams = streams(scenario.seed);
        let mut chance = || streams.next().expect("there is no end of streams");
        let (mut seeds, traffic) = (chance(), chance());
        let services = &scenario.phases[0].services;
        let world = World::new(services, std::iter::repeat_with(chance));
        let kanaloas = (0..scenario.kanaloas).map(|_| {
            let mut builder = PushingDispatcher::builder("lab")
                .settings(scenario.dispatcher.clone())
                .clock(EPOCH)
                .seed(seeds.seed())
                .clone_requests();
            for (number, service) in services.iter().enumerate().filter(|(_, service)| service.present) {
                builder = builder.handler_from(source(&world, number, service, 0));
            }
            let handle = builder.start()?;
            Ok(Kanaloa { handle, comings: vec![0; services.len()] })
        });
        let kanaloas = kanaloas.collect::<Result<Vec<_>, StartError>>()?;
        let traffic = Traffic::new(&scenario.arrivals, scenario.kanaloas, traffic);
        let timer = Box::pin(sleep_until(world.start().as_tokio()));
        let mut simulation = Simulation {
            scenario,
            ledger: Ledger::new(scenario),
            traffic,
            kanaloas,
            leaves: Agenda::new(),
            waiting: Vec::new(),
            callers: FuturesUnordered::new(),
            reports: FuturesUnordered::new(),
            phase: 0,
            phase_ends: 0,
            step: 0,
            timer,
            world,
        };
        simulation.begin_phase(0);
        poll_fn(|cx| simulation.poll(cx)).await;
        let Simulation { mut ledger, world, .. } = simulation;
        ledger.close(world.take_starts(), world.attempts());
        Ok(ledger)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = self.world.now();
            // What has been answered comes before what arrives at the same time: it makes room.
            let next_answer = self.world.answer(now, cx.waker());
            self.hear_callers(cx);
            self.let_time_pass(now);
            self.hear_callers(cx);
            if self.is_over() && self.callers.is_empty() && self.reports.is_empty() {
                return Poll::Ready(());
            }
            let events = [next_answer, self.traffic.next(), self.leaves.next(), self.next_boundary()];
            let Some(next) = events.into_iter().flatten().min() else { return Poll::Pending };
            self.timer.as_mut().reset((self.world.start() + Duration::from_nanos(next)).as_tokio());
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Everything that is to happen outside of the services by `now`.
    fn let_time_pass(&mut self, now: Nanos) {
        while self.next_boundary().is_some_and(|at| at <= now) {
            if (self.step as Nanos + 1) * STEP_NANOS <= now {
                self.end_step();
            }
            if self.phase_ends <= now && !self.is_over() {
                self.begin_phase(self.phase + 1);
            }
        }
        while let Some(arrival) = self.traffic.arrival(now) {
            self.call(arrival);
        }
        while let Some((_, number)) = self.leaves.due(now) {
            if let Some(caller) = self.waiting[number as usize].take() {
                caller.abort();
            }
        }
    }

    fn is_over(&self) -> bool {
        self.phase >= self.scenario.phases.len()
    }

    /// When the next step or phase ends.
    fn next_boundary(&self) -> Option<Nanos> {
        let step = (self.step as Nanos + 1) * STEP_NANOS;
        (!self.is_over()).then(|| step.min(self.phase_ends))
    }

    fn begin_phase(&mut self, number: usize) {
        let began = self.phase_ends;
        self.phase = number;
        let Some(phase) = self.scenario.phases.get(number) else {
            self.traffic.become_like(began, 0.0, [0.0; CLASSES]);
            return;
        };
        self.phase_ends = began.saturating_add(nanos(phase.duration));
        self.world.become_like(&phase.services);
        self.traffic.become_like(began, phase.rate, phase.classes);
        if let Some(before) = number.checked_sub(1).and_then(|before| self.scenario.phases.get(before)) {
            for (service, (old, new)) in before.services.iter().zip(&phase.services).enumerate() {
                match (old.present, new.present) {
                    (true, false) => self.remove(service, old),
                    (false, true) => self.add(service, new),
                    _ => {}
                }
            }
        }
    }

    fn remove(&self, number: usize, service: &Service) {
        for kanaloa in &self.kanaloas {
            let (handle, name) = (kanaloa.handle.clone(), handler_name(service, kanaloa.comings[number]));
            actix::spawn(async move { handle.remove_handler(name).await });
        }
    }

    fn add(&mut self, number: usize, service: &Service) {
        for kanaloa in &mut self.kanaloas {
            kanaloa.comings[number] += 1;
            let source = source(&self.world, number, service, kanaloa.comings[number]);
            let handle = kanaloa.handle.clone();
            actix::spawn(async move { handle.add_handler(source).await });
        }
    }

    fn call(&mut self, arrival: Arrival) {
        self.ledger.arrived(&arrival);
        let Arrival { at, number, class, user, kanaloa } = arrival;
        let deadline = self.scenario.arrivals.deadline;
        let mut work =
            Work::new(Request { arrived: at, number }).priority(Priority::try_from(class).unwrap_or_default());
        if self.scenario.arrivals.users > 1 {
            // Spread over all bits, as a hash is, and the same in each run.
            work = work.user_by_hash(user.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        }
        if self.scenario.arrivals.told {
            work = work.deadline((self.world.start() + Duration::from_nanos(at) + deadline).as_tokio());
        }
        let call = self.kanaloas[kanaloa].handle.call(work);
        if self.scenario.arrivals.told {
            self.callers.push(Box::pin(async move { (arrival, Ending::of(&call.await)) }));
            return;
        }
        let (call, caller) = futures::future::abortable(call);
        self.waiting.resize(number as usize + 1, None);
        self.waiting[number as usize] = Some(caller);
        self.leaves.enter(at.saturating_add(nanos(deadline)), number);
        self.callers.push(Box::pin(async move {
            (arrival, call.await.map_or(Ending::Abandoned, |answer| Ending::of(&answer)))
        }));
    }

    /// Takes in what callers and dispatchers say.
    fn hear_callers(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some((arrival, ending))) = self.callers.poll_next_unpin(cx) {
            self.ledger.ended(&arrival, self.world.now(), ending);
        }
        while let Poll::Ready(Some((step, kanaloa, status))) = self.reports.poll_next_unpin(cx) {
            if let Some(status) = status {
                self.ledger.reported(self.scenario, step, kanaloa, &status);
            }
        }
    }

    fn end_step(&mut self) {
        self.ledger.end_step(self.step, self.world.take_begun(), self.world.in_flight());
        for (number, kanaloa) in self.kanaloas.iter().enumerate() {
            let (handle, step) = (kanaloa.handle.clone(), self.step);
            self.reports.push(Box::pin(async move { (step, number, handle.status().await.ok()) }));
        }
        self.step += 1;
    }
}

fn source(world: &World, number: usize, service: &Service, coming: u32) -> HandlerSource<Request, (), Failed> {
    HandlerSource::new(world.handler(number, handler_name(service, coming)))
}

/// Whether a service is known by this name: see [`handler_name`].
pub(super) fn is_handler_of(handler: &str, service: &str) -> bool {
    handler.strip_prefix(service).is_some_and(|coming| coming.is_empty() || coming.starts_with(" ("))
}

/// What a dispatcher knows a service by, the first time that it is there and later.
fn handler_name(service: &Service, coming: u32) -> String {
    match coming {
        0 => service.name.clone(),
        _ => format!("{} ({})", service.name, coming + 1),
    }
}

#[cfg(test)]
mod tests;
