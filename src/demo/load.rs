//! The load generator. It is open-loop: requests are sent when they are due, whether or not earlier ones were answered,
//! as people do who do not know of each other. A generator that waits for answers would slow down with the service and
//! hide the overload.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::observation::{Fault, Observation, Outcome};
use super::plan::{PATIENCE, Plan};
use super::tally::Tally;
use super::target::Target;
use crate::cli::interrupt::Interrupt;

/// A load that can be sent once.
#[derive(Debug)]
pub(crate) struct Load<T> {
    pub(crate) plan: Plan,
    pub(crate) target: T,
    pub(crate) tally: Arc<Tally>,
    /// Most requests in flight at once. More are not sent: they fail at once.
    pub(crate) max_in_flight: usize,
    /// When the first request is due.
    pub(crate) start: Instant,
    pub(crate) interrupt: Interrupt,
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) observations: Vec<Observation>,
    /// How long requests were sent: shorter than planned when it was interrupted.
    pub(crate) duration: Duration,
    /// Requests that were not answered when it was interrupted.
    pub(crate) unanswered: u64,
}

impl<T: Target> Load<T> {
    /// Sends all requests and waits until each has been answered or given up.
    pub(crate) async fn send(mut self) -> Sent {
        let (report, mut reports) = mpsc::unbounded_channel();
        let mut duration = self.plan.duration;
        for index in 0..self.plan.arrivals() {
            let scheduled = self.plan.scheduled(index);
            tokio::select! {
                biased;
                () = self.interrupt.wait() => {
                    duration = self.start.elapsed().min(duration);
                    break;
                }
                () = sleep_until(self.start + scheduled) => self.send_one(scheduled, &report),
            }
        }
        drop(report);
        let mut observations = Vec::new();
        loop {
            // An answer that is there counts, even when it was interrupted.
            tokio::select! {
                biased;
                observation = reports.recv() => match observation {
                    Some(observation) => observations.push(observation),
                    None => break,
                },
                () = self.interrupt.wait() => break,
            }
        }
        let unanswered = self.tally.sent() - observations.len() as u64;
        Sent { observations, duration, unanswered }
    }

    fn send_one(&self, scheduled: Duration, report: &UnboundedSender<Observation>) {
        let may_send = self.tally.in_flight() < self.max_in_flight;
        self.tally.begin();
        let (target, tally, report) = (self.target.clone(), Arc::clone(&self.tally), report.clone());
        let due = self.start + scheduled;
        tokio::spawn(async move {
            let answer = if may_send {
                timeout_at(due + PATIENCE, target.send()).await.unwrap_or(Err(Fault::TimedOut))
            } else {
                Err(Fault::Failed(
                    "not sent, as many requests are in flight as this process may have sockets for".into(),
                ))
            };
            let latency = due.elapsed();
            let outcome = Outcome::of(&answer, latency);
            tally.end(&answer, outcome);
            // Nobody listens any more when the run was interrupted.
            let _ = report.send(Observation { scheduled, latency, outcome });
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::sleep;

    use super::super::sample::DispatcherSample;
    use super::super::slots::Slots;
    use super::*;

    /// A service without HTTP, in virtual time.
    #[derive(Clone)]
    struct Local(Arc<Mutex<Slots>>);

    impl Local {
        fn new(slots: usize) -> Self {
            Local(Arc::new(Mutex::new(Slots::new(slots, Duration::from_millis(100), Instant::now()))))
        }
    }

    impl Target for Local {
        async fn send(&self) -> Result<(), Fault> {
            let done = self.0.lock().unwrap().take(Instant::now());
            sleep_until(done).await;
            Ok(())
        }

        async fn sample(&self) -> Option<DispatcherSample> {
            None
        }
    }

    fn load(rate: u32, seconds: u64, max_in_flight: usize, interrupt: Interrupt) -> Load<Local> {
        let plan = Plan { rate, capacity: 200, duration: Duration::from_secs(seconds) };
        let target = Local::new(plan.slots());
        Load { plan, target, tally: Arc::default(), max_in_flight, start: Instant::now(), interrupt }
    }

    fn count(sent: &Sent, outcome: Outcome) -> usize {
        sent.observations.iter().filter(|observation| observation.outcome == outcome).count()
    }

    #[tokio::test(start_paused = true)]
    async fn below_capacity_every_answer_takes_the_service_time() {
        let sent = load(100, 2, usize::MAX, Interrupt::never()).send().await;
        assert_eq!((sent.observations.len(), sent.unanswered), (200, 0));
        for observation in sent.observations {
            assert_eq!(observation.outcome, Outcome::Good);
            assert_eq!(observation.latency, Duration::from_millis(100));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn above_capacity_every_twenty_requests_wait_longer_than_the_twenty_before() {
        let sent = load(500, 10, usize::MAX, Interrupt::never()).send().await;
        assert_eq!(sent.observations.len(), 5000);
        for observation in sent.observations {
            // 20 slots: 20 come in 40 ms and are worked on for 100 ms.
            let round = observation.scheduled.as_millis() as u64 / 40;
            let latency = Duration::from_millis(100 + 60 * round).min(PATIENCE);
            let outcome = match round {
                0..=15 => Outcome::Good,
                16..=81 => Outcome::Late,
                _ => Outcome::TimedOut,
            };
            assert_eq!((observation.outcome, observation.latency), (outcome, latency), "{observation:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_without_a_socket_fail_at_once_and_are_counted() {
        let load = load(400, 1, 50, Interrupt::never());
        let tally = Arc::clone(&load.tally);
        let sent = load.send().await;
        assert_eq!(sent.observations.len(), 400);
        assert_eq!(count(&sent, Outcome::Good) + count(&sent, Outcome::Failed), 400);
        assert!(count(&sent, Outcome::Failed) > 0);
        assert_eq!((tally.sent(), tally.in_flight()), (400, 0));
        assert!(tally.first_failure().is_some_and(|reason| reason.starts_with("not sent")));
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_keeps_what_was_answered() {
        let (interrupt, trigger) = Interrupt::by_hand();
        let load = load(100, 60, usize::MAX, interrupt);
        tokio::spawn(async move {
            sleep(Duration::from_millis(1_005)).await;
            trigger.send(true).unwrap();
        });
        let sent = load.send().await;
        assert_eq!(sent.duration.as_millis(), 1_005);
        assert_eq!((sent.observations.len(), sent.unanswered), (91, 10));
    }
}
