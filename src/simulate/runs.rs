//! Many runs on as many threads as there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kanaloa::lab::{self, Outcome, RunError, Scenario};
use tokio::runtime;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::error::SimulateError;
use super::progress::Progress;
use crate::cli::interrupt::Interrupt;

/// What came of runs.
#[derive(Debug, PartialEq)]
pub(super) struct Runs<T> {
    /// In the order of the scenarios; `None` for those that were not complete when it was interrupted.
    pub(super) results: Vec<Option<T>>,
}

impl<T> Runs<T> {
    pub(super) fn complete(&self) -> usize {
        self.results.iter().flatten().count()
    }

    pub(super) fn all_complete(&self) -> bool {
        self.complete() == self.results.len()
    }
}

/// Runs every scenario and keeps what `digest` makes of each by its index. Ctrl-C ends it with what is complete.
///
/// # Errors
///
/// When threads cannot be started, one dies, or a scenario cannot be run.
pub(super) fn run_all<T: Send + 'static>(
    scenarios: Vec<Scenario>,
    digest: impl Fn(usize, &Scenario, Outcome) -> T + Send + Sync + 'static,
) -> Result<Runs<T>, SimulateError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(SimulateError::Start)?;
    runtime.block_on(async {
        let interrupt = Interrupt::on_ctrl_c();
        let scenarios = Arc::new(scenarios);
        let done = start(Arc::clone(&scenarios), digest)?;
        let runs = gather(done, &scenarios, interrupt.clone()).await?;
        match runs.results.iter().position(Option::is_none) {
            Some(index) if !interrupt.happened() => Err(SimulateError::Died(named(&scenarios[index]))),
            _ => Ok(runs),
        }
    })
}

/// How many runs are made at once: one on each core.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The result of the scenario of this index.
type Done<T> = (usize, Result<T, RunError>);

/// The threads are not waited for: nothing can end a run early but the end of the process.
fn start<T: Send + 'static>(
    scenarios: Arc<Vec<Scenario>>,
    digest: impl Fn(usize, &Scenario, Outcome) -> T + Send + Sync + 'static,
) -> Result<UnboundedReceiver<Done<T>>, SimulateError> {
    let (sender, done) = mpsc::unbounded_channel();
    let next = Arc::new(AtomicUsize::new(0));
    let digest = Arc::new(digest);
    for _ in 0..threads().min(scenarios.len()) {
        let (scenarios, next, digest, sender) =
            (Arc::clone(&scenarios), Arc::clone(&next), Arc::clone(&digest), sender.clone());
        thread::Builder::new()
            .name("simulation".to_owned())
            .spawn(move || work(&scenarios, &next, &*digest, &sender))
            .map_err(SimulateError::Start)?;
    }
    Ok(done)
}

fn work<T>(
    scenarios: &[Scenario],
    next: &AtomicUsize,
    digest: &impl Fn(usize, &Scenario, Outcome) -> T,
    sender: &UnboundedSender<Done<T>>,
) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(scenario) = scenarios.get(index) else { return };
        let result = lab::run(scenario).map(|outcome| digest(index, scenario, outcome));
        if sender.send((index, result)).is_err() {
            return;
        }
    }
}

async fn gather<T>(
    mut done: UnboundedReceiver<Done<T>>,
    scenarios: &[Scenario],
    mut interrupt: Interrupt,
) -> Result<Runs<T>, SimulateError> {
    let mut results: Vec<Option<T>> = scenarios.iter().map(|_| None).collect();
    let mut progress = Progress::new(scenarios.len());
    loop {
        let received = tokio::select! {
            biased;
            () = interrupt.wait() => None,
            received = done.recv() => received,
        };
        let Some((index, result)) = received else { return Ok(Runs { results }) };
        let run = named(&scenarios[index]);
        results[index] = Some(result.map_err(|source| SimulateError::Run { scenario: run.clone(), source })?);
        progress.advance(&run);
    }
}

fn named(scenario: &Scenario) -> String {
    format!("{} with seed {}", scenario.name, scenario.seed)
}

#[cfg(test)]
mod tests {
    use super::super::source::seeded;
    use super::*;
    use crate::simulate::fixture::scenario;

    #[test]
    fn results_are_in_the_order_of_the_scenarios() {
        let scenarios = seeded(&scenario(), 5).unwrap();
        let seeds: Vec<_> = scenarios.iter().map(|scenario| Some(scenario.seed)).collect();
        let runs = run_all(scenarios, |_, _, outcome| outcome.seed).unwrap();
        assert_eq!(runs.results, seeds);
        assert!(runs.all_complete());
    }

    #[test]
    fn an_interrupt_ends_it_with_what_is_complete() {
        let scenarios = seeded(&scenario(), 3).unwrap();
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (sender, done) = mpsc::unbounded_channel();
        let (interrupt, trigger) = Interrupt::by_hand();
        sender.send((2, Ok("last"))).unwrap();
        let runs = runtime.block_on(async {
            tokio::join!(gather(done, &scenarios, interrupt), async {
                tokio::task::yield_now().await;
                trigger.send_replace(true);
            })
            .0
            .unwrap()
        });
        assert_eq!(runs.results, [None, None, Some("last")]);
        assert_eq!((runs.complete(), runs.all_complete()), (1, false));
    }
}
