//! What the benchmarks share: how a run is timed, how runs are compared, and the dispatchers that are measured.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use kanaloa::config::{AutothrottleAlgorithm, DispatcherSettings};
use kanaloa::{DispatcherBuilder, DispatcherHandle, PushingDispatcher, handler_fn};
use rustix::time::{ClockId, clock_gettime};

/// Measures the processor time of this process, all threads together.
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch(cpu_time())
    }

    /// Nanoseconds since the start for each of so many operations.
    pub(crate) fn ns_per(&self, operations: u64) -> f64 {
        (cpu_time() - self.0).as_nanos() as f64 / operations as f64
    }
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The middle one of several figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Runs the candidates in turn, `rounds` times, so that a machine that changes its speed does so for all of them, and
/// returns the figures of each.
pub(crate) fn in_turn<const N: usize>(rounds: usize, candidates: [&dyn Fn() -> f64; N]) -> [Vec<f64>; N] {
    let mut figures = [(); N].map(|()| Vec::new());
    for _ in 0..rounds {
        for (figures, candidate) in figures.iter_mut().zip(candidates) {
            figures.push(candidate());
        }
    }
    figures
}

/// The median of the ratios of figures that were measured side by side.
pub(crate) fn ratio(figures: &[f64], to: &[f64]) -> f64 {
    let ratios: Vec<f64> = figures.iter().zip(to).map(|(figure, to)| figure / to).collect();
    median(&ratios)
}

/// One line of the result: what was asked for, what was found, and whether that is enough.
pub(crate) fn verdict(what: &str, found: String, bar: &str, met: bool) {
    println!("{what:<62} {found:<34} {bar:<20} {}", if met { "met" } else { "NOT MET" });
}

/// As [`verdict`], where nothing is asked for.
pub(crate) fn report(what: &str, found: String) {
    println!("{what:<62} {found}");
}

pub(crate) type Handle = DispatcherHandle<u64, u64, Infallible>;

/// The default settings with a concurrency limit that stays at `limit`.
pub(crate) fn fixed(limit: usize) -> DispatcherSettings {
    let mut settings = DispatcherSettings::default();
    settings.worker_pool.starting_pool_size = limit;
    if let Some(autothrottle) = &mut settings.autothrottle {
        autothrottle.algorithm = AutothrottleAlgorithm::Fixed;
    }
    settings
}

/// A dispatcher in front of a service that answers at once, or after it has let others run.
pub(crate) fn dispatcher(settings: DispatcherSettings, waits: bool) -> DispatcherBuilder<u64, u64, Infallible> {
    PushingDispatcher::builder("bench").settings(settings).handler(handler_fn("bench", move |n| serve(n, waits)))
}

/// A dispatcher in front of so many instances of a service that answers after it has let others run.
pub(crate) fn dispatcher_with(
    settings: DispatcherSettings,
    handlers: usize,
) -> DispatcherBuilder<u64, u64, Infallible> {
    let builder = PushingDispatcher::builder("bench").settings(settings);
    (0..handlers).fold(builder, |builder, n| builder.handler(handler_fn(format!("bench-{n}"), |n| serve(n, true))))
}

/// A dispatcher in front of a service that never answers.
pub(crate) fn stuck(settings: DispatcherSettings) -> DispatcherBuilder<u64, u64, Infallible> {
    let never = handler_fn("never", |_: u64| std::future::pending::<Result<u64, Infallible>>());
    PushingDispatcher::builder("stuck").settings(settings).handler(never)
}

/// The service: answers at once, or after it has let others run.
pub(crate) async fn serve(request: u64, waits: bool) -> Result<u64, Infallible> {
    if waits {
        yield_once().await;
    }
    Ok(request + 1)
}

/// A future before which others run.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub(crate) fn in_system<T>(run: impl Future<Output = T>) -> T {
    actix::System::new().block_on(run)
}

/// Lets what has been started come to rest.
pub(crate) async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
