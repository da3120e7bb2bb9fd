//! What is outside of the dispatchers: services and those who wait for their answers.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};

use super::model::{Chance, Job, Nanos, Server, Verdict, nanos};
use super::outcome::Start;
use super::scenario::{OnCancel, Service};
use crate::handler::{CallContext, Handler, OnCancel as Cancelling, Reply};
use crate::time::Instant;

/// What goes through the dispatchers.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) arrived: Nanos,
    /// Its number among the requests.
    pub(super) number: u64,
}

/// The service failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

/// Services at work, shared by the handlers of all dispatchers and what drives the simulation. All are on one thread;
/// the lock is there because handlers are made by factories that may move between threads.
#[derive(Debug, Clone)]
pub(super) struct World(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    start: Instant,
    servers: Vec<Server>,
    calls: HashMap<Job, Call>,
    next_job: Job,
    /// Calls begun since they were last taken, by service.
    begun: Vec<u32>,
    /// Calls not answered yet, by service.
    open: Vec<usize>,
    starts: Vec<Start>,
    /// How often each request has been at a service.
    asked: Vec<u32>,
    /// Who must know when something is to happen earlier than it was.
    driver: Option<Waker>,
}

/// Somebody waits for an answer.
#[derive(Debug)]
struct Call {
    server: usize,
    verdict: Option<Verdict>,
    waker: Option<Waker>,
}

impl World {
    pub(super) fn new(services: &[Service], chances: impl Iterator<Item = Chance>) -> Self {
        let mut chances: Vec<_> = chances.take(services.len() * 2).collect();
        let of_copies = chances.split_off(services.len());
        let chances = chances.into_iter().zip(of_copies);
        let servers: Vec<_> = services
            .iter()
            .zip(chances)
            .map(|(service, (chance, of_copies))| Server::new(service, chance, of_copies))
            .collect();
        World(Arc::new(Mutex::new(State {
            start: Instant::now(),
            begun: vec![0; servers.len()],
            open: vec![0; servers.len()],
            servers,
            calls: HashMap::new(),
            next_job: 0,
            starts: Vec::new(),
            asked: Vec::new(),
            driver: None,
        })))
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Nanos {
        self.state().now()
    }

    pub(super) fn start(&self) -> Instant {
        self.state().start
    }

    /// The services change.
    pub(super) fn become_like(&self, services: &[Service]) {
        let state = &mut *self.state();
        let now = state.now();
        state.servers.iter_mut().zip(services).for_each(|(server, service)| server.become_like(now, service));
    }

    /// Hands out the answers that have arrived by `now`. `driver` is woken when the next is earlier than this says.
    pub(super) fn answer(&self, now: Nanos, driver: &Waker) -> Option<Nanos> {
        let state = &mut *self.state();
        for server in &mut state.servers {
            while let Some((job, verdict)) = server.answer(now) {
                if let Some(call) = state.calls.get_mut(&job) {
                    call.verdict = Some(verdict);
                    call.waker.take().into_iter().for_each(Waker::wake);
                }
            }
        }
        if !state.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            state.driver = Some(driver.clone());
        }
        state.servers.iter_mut().filter_map(Server::next).min()
    }

    /// Calls begun since the last time, by service.
    pub(super) fn take_begun(&self) -> Vec<u32> {
        let state = &mut *self.state();
        let none = vec![0; state.begun.len()];
        std::mem::replace(&mut state.begun, none)
    }

    /// Calls that wait for an answer now, by service.
    pub(super) fn in_flight(&self) -> Vec<usize> {
        self.state().open.clone()
    }

    /// When each request first got to a service.
    pub(super) fn take_starts(&self) -> Vec<Start> {
        std::mem::take(&mut self.state().starts)
    }

    /// Calls begun since the start.
    pub(super) fn attempts(&self) -> u64 {
        self.state().next_job
    }

    /// A handler that is the service of this number.
    pub(super) fn handler(&self, service: usize, name: String) -> Model {
        Model { world: self.clone(), service, name }
    }

    fn call(&self, server: usize, request: &Request) -> Conversation {
        let state = &mut *self.state();
        let now = state.now();
        let is_copy = state.note_start(now, request);
        let job = state.next_job;
        state.next_job += 1;
        state.begun[server] += 1;
        state.open[server] += 1;
        state.calls.insert(job, Call { server, verdict: None, waker: None });
        state.servers[server].call(now, job, is_copy);
        // What it does next may be earlier than what the driver waits for.
        state.driver.iter().for_each(Waker::wake_by_ref);
        Conversation { world: self.clone(), job }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl State {
    fn now(&self) -> Nanos {
        nanos(Instant::now().saturating_duration_since(self.start))
    }

    /// Whether it has been at a service before.
    fn note_start(&mut self, now: Nanos, request: &Request) -> bool {
        let number = request.number as usize;
        if self.asked.len() <= number {
            self.asked.resize(number + 1, 0);
        }
        self.asked[number] += 1;
        if self.asked[number] > 1 {
            return true;
        }
        let wait = now.saturating_sub(request.arrived);
        self.starts.push(Start { at: now as f64 / 1e9, wait: wait as f64 / 1e9 });
        false
    }
}

/// A model as a handler of a dispatcher.
#[derive(Debug)]
pub(super) struct Model {
    world: World,
    service: usize,
    name: String,
}

impl Handler for Model {
    type Request = Request;
    type Response = ();
    type Error = Failed;

    fn name(&self) -> &str {
        &self.name
    }

    async fn handle(&self, request: Request, _: CallContext) -> Reply<(), Failed> {
        match self.world.call(self.service, &request).await {
            Verdict::Served => Ok(()),
            Verdict::Failed => Err(Failed),
        }
        .into()
    }

    fn on_cancel(&self) -> Cancelling {
        match self.world.state().servers[self.service].service().on_cancel {
            OnCancel::Stop => Cancelling::Stop,
            OnCancel::RunOn => Cancelling::RunOn,
        }
    }
}

/// Waits for an answer. Dropped before, it stops the service's work on it.
#[derive(Debug)]
struct Conversation {
    world: World,
    job: Job,
}

impl Future for Conversation {
    type Output = Verdict;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let state = &mut *self.world.state();
        match state.calls.get_mut(&self.job) {
            Some(Call { verdict: Some(verdict), .. }) => Poll::Ready(*verdict),
            Some(call) => {
                call.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let state = &mut *self.world.state();
        let now = state.now();
        let Some(Call { server, verdict, .. }) = state.calls.remove(&self.job) else { return };
        state.open[server] -= 1;
        if verdict.is_none() {
            state.servers[server].stop(now, self.job);
            // Its slot may now go to another, which ends earlier than the driver knows.
            state.driver.iter().for_each(Waker::wake_by_ref);
        }
    }
}
