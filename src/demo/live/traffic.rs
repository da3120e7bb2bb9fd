//! Requests without end. Nothing of them is kept: the dashboard counts.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::super::plan::PATIENCE;
use super::super::target::Target;
use super::script::Script;
use crate::cli::interrupt::Interrupt;

/// Whoever is later than this, as after the machine was asleep, does not catch up.
const LATE: Duration = Duration::from_secs(1);

/// Sends what the script says, until it is interrupted. It is open-loop, as [`Load`](super::super::load::Load) is.
pub(super) async fn send(target: impl Target, script: Script, start: Instant, mut interrupt: Interrupt) {
    let mut due = start;
    loop {
        tokio::select! {
            biased;
            () = interrupt.wait() => return,
            () = sleep_until(due) => {}
        }
        let target = target.clone();
        tokio::spawn(async move { timeout(PATIENCE, target.send()).await });
        let now = Instant::now();
        if now.saturating_duration_since(due) > LATE {
            due = now;
        }
        due = start + script.next(due.saturating_duration_since(start));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::task::yield_now;
    use tokio::time::sleep;

    use super::super::super::observation::Fault;
    use super::super::super::sample::DispatcherSample;
    use super::*;

    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicU64>);

    impl Target for Counting {
        async fn send(&self) -> Result<(), Fault> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }

        async fn sample(&self) -> Option<DispatcherSample> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn as_much_is_sent_as_the_script_says() {
        let (interrupt, trigger) = Interrupt::by_hand();
        let (target, script, start) = (Counting::default(), Script { rate: 400, capacity: 200 }, Instant::now());
        let sending = tokio::spawn(send(target.clone(), script, start, interrupt));
        let mut seen = 0;
        // Calm, a rush, calm, a burst, calm.
        for (until, sent) in [(10, 1200), (20, 4000), (60, 4800), (62, 1600), (120, 6960)] {
            // The last are due within the millisecond before.
            sleep_until(start + Duration::from_secs(until) - Duration::from_millis(1)).await;
            for _ in 0..10 {
                yield_now().await;
            }
            let all = target.0.load(Ordering::Relaxed);
            assert_eq!(all - seen, sent, "until {until} s");
            seen = all;
        }
        trigger.send(true).unwrap();
        sending.await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(target.0.load(Ordering::Relaxed), seen);
    }
}
