//! One run: a fresh service, the load, and samples while it lasts.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::client::HttpClient;
use super::error::DemoError;
use super::load::{Load, Sent};
use super::plan::Plan;
use super::progress::Progress;
use super::protected::Protected;
use super::sample::{SAMPLE_INTERVAL, Sample};
use super::service::Service;
use super::summary::Summary;
use super::tally::Tally;
use super::target::{Direct, Target};
use crate::cli::interrupt::Interrupt;

/// From the moment everything is set up to the first request.
const LEAD_TIME: Duration = Duration::from_millis(50);

/// The two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Without,
    With,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Side::Without => "without Kanaloa",
            Side::With => "with Kanaloa",
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) sent: Sent,
    pub(crate) samples: Vec<Sample>,
    pub(crate) summary: Summary,
    /// Why the first request failed that did.
    pub(crate) first_failure: Option<String>,
}

/// Runs the plan.
pub(crate) async fn run(
    side: Side,
    plan: Plan,
    max_in_flight: usize,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> Result<Measured, DemoError> {
    let service = Service::start(plan.slots()).map_err(DemoError::Service)?;
    let tally = Arc::new(Tally::default());
    let start = Instant::now() + LEAD_TIME;
    progress.begin(side);
    match side {
        Side::Without => {
            let target = Direct(HttpClient::new(service.uri()));
            let load = Load { plan, target, tally, max_in_flight, start, interrupt: interrupt.clone() };
            measure(load, &service, progress).await
        }
        Side::With => {
            let target = Protected::start(service.uri())?;
            let load = Load { plan, target, tally, max_in_flight, start, interrupt: interrupt.clone() };
            measure(load, &service, progress).await
        }
    }
}

async fn measure<T: Target>(load: Load<T>, service: &Service, progress: &mut Progress) -> Result<Measured, DemoError> {
    let (plan, tally, start) = (load.plan, Arc::clone(&load.tally), load.start);
    let (interrupt, target) = (load.interrupt.clone(), load.target.clone());
    let mut sent = on_its_own_thread(load)?;
    let mut samples = Vec::new();
    let mut ticks = interval_at(start, SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let sent = loop {
        tokio::select! {
            sent = &mut sent => break sent.map_err(|_| DemoError::LoadDied)?,
            now = ticks.tick() => {
                let at = now.saturating_duration_since(start);
                if at <= plan.duration {
                    // A dispatcher that does not say in time leaves a gap, and the others' samples are not delayed.
                    let dispatcher = timeout(SAMPLE_INTERVAL, target.sample()).await.ok().flatten();
                    samples.push(Sample { at, clients: tally.in_flight(), service: service.load(), dispatcher });
                }
                progress.advance(at, &tally);
            }
        }
    };
    progress.end(&tally);
    let complete = !interrupt.happened();
    let summary = Summary::new(&sent.observations, sent.duration, sent.unanswered, complete);
    Ok(Measured { sent, samples, summary, first_failure: tally.first_failure().map(str::to_string) })
}

/// Nothing else may delay the load.
fn on_its_own_thread<T: Target>(load: Load<T>) -> Result<oneshot::Receiver<Sent>, DemoError> {
    let (done, sent) = oneshot::channel();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(DemoError::Load)?;
    thread::Builder::new()
        .name("load".to_string())
        .spawn(move || drop(done.send(runtime.block_on(load.send()))))
        .map_err(DemoError::Load)?;
    Ok(sent)
}
