//! The crate's clock: tokio's, which the lab can dilate.
//!
//! Timers of tokio are whole milliseconds, in virtual time too. A service that answers within microseconds can still be
//! simulated if every second of the simulation is a thousand of tokio's: what [`Instant`]s are apart is divided, what is
//! slept is multiplied. All the crate's time goes through here, and clippy bans the ways around it. Without the feature
//! `lab` there is nothing to multiply.

use std::time::Duration;

use actix::{Actor, AsyncContext, SpawnHandle};
use tokio::time::Instant as TokioInstant;

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(TokioInstant);

impl Instant {
    pub(crate) fn now() -> Self {
        Instant(TokioInstant::now())
    }

    /// `None` beyond what an instant can hold.
    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(dilation::stretched(duration)).map(Instant)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Instant) -> Duration {
        dilation::shrunk(self.0.saturating_duration_since(earlier.0))
    }

    /// On tokio's clock.
    pub(crate) fn as_tokio(self) -> TokioInstant {
        self.0
    }
}

impl From<TokioInstant> for Instant {
    fn from(instant: TokioInstant) -> Self {
        Instant(instant)
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// Beyond what an instant can hold.
    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + dilation::stretched(duration))
    }
}

impl std::ops::AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// Waits for so long.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(dilation::stretched(duration)).await;
}

/// Waits for a future, but no longer than this; `None` if it takes longer.
pub(crate) async fn timeout<F: Future>(longest: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(dilation::stretched(longest), future).await.ok()
}

/// An actor's timers.
pub(crate) trait Timers<A: Actor<Context = Self>>: AsyncContext<A> {
    /// Runs `then` after `wait`, unless the actor has ended or the handle was cancelled.
    fn later(&mut self, wait: Duration, then: impl FnOnce(&mut A, &mut Self) + 'static) -> SpawnHandle {
        #[expect(clippy::disallowed_methods, reason = "it is dilated here")]
        self.run_later(dilation::stretched(wait), then)
    }
}

impl<A: Actor<Context = C>, C: AsyncContext<A>> Timers<A> for C {}

#[cfg(not(feature = "lab"))]
mod dilation {
    use std::time::Duration;

    pub(super) fn stretched(duration: Duration) -> Duration {
        duration
    }

    pub(super) fn shrunk(duration: Duration) -> Duration {
        duration
    }
}

#[cfg(feature = "lab")]
pub(crate) use dilation::dilate;

#[cfg(feature = "lab")]
mod dilation {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        /// By what this thread's time is multiplied.
        static FACTOR: Cell<u32> = const { Cell::new(1) };
    }

    /// While it lives, the time of this thread is dilated.
    #[derive(Debug)]
    #[must_use]
    pub(crate) struct Dilated(());

    /// Multiplies this thread's time until the guard is dropped. Whatever uses the crate's clock must begin and end
    /// within.
    pub(crate) fn dilate(factor: u32) -> Dilated {
        FACTOR.set(factor);
        Dilated(())
    }

    impl Drop for Dilated {
        fn drop(&mut self) {
            FACTOR.set(1);
        }
    }

    pub(super) fn stretched(duration: Duration) -> Duration {
        match FACTOR.get() {
            1 => duration,
            factor => duration.saturating_mul(factor),
        }
    }

    pub(super) fn shrunk(duration: Duration) -> Duration {
        match FACTOR.get() {
            1 => duration,
            factor => duration / factor,
        }
    }
}

#[cfg(all(test, feature = "lab"))]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_dilated_clock_tells_microseconds() {
        let _dilated = dilate(1000);
        let start = Instant::now();
        sleep(Duration::from_micros(3)).await;
        assert_eq!(Instant::now().saturating_duration_since(start), Duration::from_micros(3));
        assert_eq!(start + Duration::from_micros(3), Instant::now());
        assert_eq!(start.checked_add(Duration::from_micros(3)), Some(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tokios_own_again_afterwards() {
        drop(dilate(1000));
        let start = Instant::now();
        sleep(Duration::from_millis(3)).await;
        assert_eq!(start.as_tokio() + Duration::from_millis(3), tokio::time::Instant::now());
    }
}
