//! A scenario and its outcome by hand, for tests.

use std::time::Duration;

use kanaloa::config::DispatcherSettings;
use kanaloa::lab::{
    Answer, Arrivals, Discipline, Distribution, Ending, Latency, Limit, OnCancel, Outcome, Phase, PhaseOutcome,
    Process, Received, Record, Scenario, Service, ServiceTime, Start, Step, Totals, Wait,
};

pub(super) fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        slots: 2,
        discipline: Discipline::Fifo,
        penalty: 0.0,
        network: Duration::ZERO,
        queue: 100_000,
        error_rate: 0.0,
        error_time: Duration::from_millis(1),
        straggler_share: 0.0,
        straggler_factor: 10.0,
        on_cancel: OnCancel::Stop,
        service_time: ServiceTime { mean: Duration::from_millis(100), distribution: Distribution::Fixed },
        slow: 1.0,
        unresponsive: false,
        present: true,
    }
}

/// A second at 10 requests a second on 20, and half a second at 40 on 40.
pub(super) fn scenario() -> Scenario {
    let classes = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let calm = Phase { duration: Duration::from_secs(1), rate: 10.0, classes, services: vec![service("a")] };
    let busy = Phase {
        duration: Duration::from_millis(500),
        rate: 40.0,
        classes,
        services: vec![Service { slots: 4, ..service("a") }],
    };
    Scenario {
        name: "by-hand".to_owned(),
        seed: 1,
        warm_up: Duration::ZERO,
        kanaloas: 1,
        arrivals: Arrivals {
            process: Process::Uniform,
            deadline: Duration::from_secs(1),
            told: true,
            users: 1,
            heavy_user: None,
        },
        phases: vec![calm, busy],
        dispatcher: DispatcherSettings::default(),
    }
}

pub(super) fn phase() -> PhaseOutcome {
    PhaseOutcome {
        offered_per_s: 40.0,
        capacity_per_s: 40.0,
        good_per_s: 30.0,
        goodput_ratio: Some(0.75),
        rejected_per_s: 8.0,
        failed_per_s: 2.0,
        timed_out_per_s: 0.0,
        attempts_per_s: 35.0,
        attempts_per_request: Some(0.875),
        latency_ms: Latency { p50: Some(100.0), p90: Some(150.0), p99: Some(1_500.0), p999: Some(1_500.0) },
        wait_ms: Wait { p50: Some(0.4), p99: Some(50.0) },
        limit: Limit { mean: 4.5, min: 4, max: 6 },
        converged_after_s: None,
        groups: Vec::new(),
    }
}

/// Each step has one request, and one answer in its middle that took as many tenths of a second as its number.
pub(super) fn outcome() -> Outcome {
    let step = |index: usize| Step {
        offered: 1,
        good: 1,
        good_by_kanaloa: vec![1],
        attempts_by_service: vec![1],
        limit_by_service: vec![index + 1],
        limit_by_kanaloa: vec![index + 1],
        in_flight_by_service: vec![1],
        drop_rate: 0.25,
        ..Step::default()
    };
    let middle = |index: usize| index as f64 / 10.0 + 0.05;
    let calm = PhaseOutcome { goodput_ratio: Some(1.0), offered_per_s: 10.0, converged_after_s: Some(0.5), ..phase() };
    Outcome {
        scenario: "by-hand".to_owned(),
        seed: 1,
        phases: vec![calm, phase()],
        totals: Totals { received: 30, completed: 24, rejected: 4, failed: 2, attempts: 26, ..Totals::default() },
        record: Record {
            steps: (0..15).map(step).collect(),
            answers: (0..15).map(|i| Answer { at: middle(i), latency: (i + 1) as f64 / 10.0 }).collect(),
            starts: (0..15).map(|i| Start { at: middle(i), wait: 0.01 }).collect(),
            received: (0..15)
                .map(|i| Received {
                    at: middle(i),
                    took: (i + 1) as f64 / 10.0,
                    user: 0,
                    class: 3,
                    ending: Ending::Completed,
                })
                .collect(),
        },
    }
}
