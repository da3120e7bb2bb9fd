//! What the tests of the actor system share.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use kanaloa::config::{AutothrottleAlgorithm, DispatcherSettings};
use kanaloa::{
    DispatcherBuilder, DispatcherHandle, DispatcherStatus, HandlerSource, PushingDispatcher, Totals, handler_fn,
};
use tokio::time::Instant;

/// Runs a test in an actix System whose clock stands still while anything is being done, and jumps to the next timer
/// when nothing is.
pub(crate) fn virtual_time<F: Future>(test: F) -> F::Output {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix::System::with_tokio_rt(runtime).block_on(test)
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) async fn sleep_ms(duration: u64) {
    tokio::time::sleep(ms(duration)).await;
}

/// Milliseconds of virtual time since `start`.
pub(crate) fn elapsed_ms(start: Instant) -> u64 {
    start.elapsed().as_millis() as u64
}

/// The default settings with a concurrency limit that stays at `limit`.
pub(crate) fn fixed(limit: usize) -> DispatcherSettings {
    let mut settings = DispatcherSettings::default();
    settings.worker_pool.starting_pool_size = limit;
    if let Some(autothrottle) = &mut settings.autothrottle {
        autothrottle.algorithm = AutothrottleAlgorithm::Fixed;
    }
    settings
}

/// As [`fixed`], and nothing is refused but for want of room in the queue.
pub(crate) fn fixed_and_open(limit: usize) -> DispatcherSettings {
    let mut settings = fixed(limit);
    settings.back_pressure = None;
    settings
}

/// The promise of the counters.
pub(crate) fn assert_adds_up(totals: Totals) {
    let Totals { received, completed, failed, timed_out, rejected, abandoned, queued, in_flight, .. } = totals;
    assert_eq!(received, completed + failed + timed_out + rejected + abandoned + queued + in_flight, "{totals:?}");
}

/// Lets everything happen that can happen at this instant.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub(crate) type Sleeper = DispatcherHandle<u64, u64, Infallible>;

/// Describes a dispatcher in front of a handler that answers `n` after `n` milliseconds.
pub(crate) fn sleeper(settings: DispatcherSettings) -> DispatcherBuilder<u64, u64, Infallible> {
    PushingDispatcher::builder("sleeper").settings(settings).handler(kanaloa::handler_fn(
        "sleeper",
        |n: u64| async move {
            sleep_ms(n).await;
            Ok::<_, Infallible>(n)
        },
    ))
}

/// What a call came to, and when.
pub(crate) async fn timed<T>(call: impl Future<Output = T>, start: Instant) -> (T, u64) {
    let answer = call.await;
    (answer, elapsed_ms(start))
}

pub(crate) async fn status<Req, Res, Err>(handle: &DispatcherHandle<Req, Res, Err>) -> DispatcherStatus
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    handle.status().await.expect("it is running")
}

/// Fails at odd numbers, never answers 0, and answers others after so many milliseconds.
pub(crate) fn till(name: &str) -> HandlerSource<u64, u64, u64> {
    HandlerSource::new(handler_fn(name, |n: u64| async move {
        match n {
            0 => std::future::pending().await,
            n if n % 2 == 1 => Err(n),
            n => {
                sleep_ms(n).await;
                Ok(n)
            }
        }
    }))
}
