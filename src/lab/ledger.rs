//! Keeps the books of a run.

use super::model::Nanos;
use super::outcome::{Answer, Ending, Received, Record, STEP, Start, Step, Totals};
use super::run::is_handler_of;
use super::scenario::Scenario;
use super::traffic::Arrival;
use crate::dispatcher::{CallError, DispatcherStatus};

impl Ending {
    pub(super) fn of<T, E>(answer: &Result<T, CallError<E>>) -> Self {
        match answer {
            Ok(_) => Ending::Completed,
            Err(CallError::Failed(_)) => Ending::Failed,
            Err(CallError::TimedOut(_)) => Ending::TimedOut,
            Err(CallError::Rejected(_)) => Ending::Rejected,
        }
    }
}

/// The books of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) record: Record,
    pub(super) totals: Totals,
    /// Seconds after which an answer is of no use.
    deadline: f64,
}

impl Ledger {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let services = scenario.phases[0].services.len();
        let blank = Step {
            good_by_kanaloa: vec![0; scenario.kanaloas],
            attempts_by_service: vec![0; services],
            limit_by_service: vec![0; services],
            limit_by_kanaloa: vec![0; scenario.kanaloas],
            in_flight_by_service: vec![0; services],
            ..Step::default()
        };
        let steps = (scenario.duration().as_secs_f64() / STEP).round() as usize;
        let record = Record { steps: vec![blank; steps], ..Record::default() };
        Ledger { record, totals: Totals::default(), deadline: scenario.arrivals.deadline.as_secs_f64() }
    }

    pub(super) fn arrived(&mut self, arrival: &Arrival) {
        self.totals.received += 1;
        self.at(arrival.at, |step| step.offered += 1);
        let Arrival { at, class, user, .. } = *arrival;
        // Until it ends nobody has answered.
        self.record.received.push(Received { at: seconds(at), took: 0.0, user, class, ending: Ending::Abandoned });
    }

    pub(super) fn ended(&mut self, arrival: &Arrival, now: Nanos, ending: Ending) {
        let latency = seconds(now.saturating_sub(arrival.at));
        if let Some(received) = self.record.received.get_mut(arrival.number as usize) {
            (received.took, received.ending) = (latency, ending);
        }
        let totals = &mut self.totals;
        match ending {
            Ending::Completed => {
                totals.completed += 1;
                let (at, good) = (seconds(now), latency <= self.deadline);
                self.record.answers.push(Answer { at, latency });
                if good {
                    self.at(now, |step| {
                        step.good += 1;
                        step.good_by_kanaloa[arrival.kanaloa] += 1;
                    });
                }
            }
            Ending::Failed => {
                totals.failed += 1;
                self.at(now, |step| step.failed += 1);
            }
            Ending::TimedOut => {
                totals.timed_out += 1;
                self.at(now, |step| step.timed_out += 1);
            }
            Ending::Rejected => {
                totals.rejected += 1;
                self.at(now, |step| step.rejected += 1);
            }
            Ending::Abandoned => {
                totals.abandoned += 1;
                self.at(now, |step| step.abandoned += 1);
            }
        }
    }

    /// What the services saw in a step, and hold at its end.
    pub(super) fn end_step(&mut self, step: usize, attempts: Vec<u32>, in_flight: Vec<usize>) {
        if let Some(step) = self.record.steps.get_mut(step) {
            step.attempts_by_service = attempts;
            step.in_flight_by_service = in_flight;
        }
    }

    /// What a dispatcher says of itself at the end of a step.
    pub(super) fn reported(&mut self, scenario: &Scenario, step: usize, kanaloa: usize, status: &DispatcherStatus) {
        let Some(step) = self.record.steps.get_mut(step) else { return };
        step.queued += status.totals.queued as usize;
        step.drop_rate += status.drop_rate / scenario.kanaloas as f64;
        let names = scenario.phases[0].services.iter().map(|service| service.name.as_str());
        for (service, name) in names.enumerate() {
            let limit: usize =
                status.pools.iter().filter(|pool| is_handler_of(&pool.handler, name)).map(|pool| pool.limit).sum();
            step.limit_by_service[service] += limit;
            step.limit_by_kanaloa[kanaloa] += limit;
        }
    }

    /// What the services saw in all.
    pub(super) fn close(&mut self, starts: Vec<Start>, attempts: u64) {
        self.record.starts = starts;
        self.totals.attempts = attempts;
    }

    fn at(&mut self, now: Nanos, note: impl FnOnce(&mut Step)) {
        // A step is 10⁸ ns; in floating point an event on a boundary could fall on either side.
        if let Some(step) = self.record.steps.get_mut((now / 100_000_000) as usize) {
            note(step);
        }
    }
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}
