//! What tests start from.

use std::time::Duration;

use super::scenario::{
    Arrivals, CLASSES, Discipline, Distribution, OnCancel, Phase, Process, Scenario, Service, ServiceTime,
};
use crate::config::{AutothrottleAlgorithm, DispatcherSettings};

/// All of one class.
pub(super) const ORDINARY: [f64; CLASSES] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// 20 slots, 100 ms a request: 200/s.
pub(super) fn service() -> Service {
    Service {
        name: "a".to_string(),
        slots: 20,
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

/// Ten seconds of 100/s in front of it, default settings.
pub(super) fn scenario() -> Scenario {
    Scenario {
        name: "example".to_string(),
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
        phases: vec![Phase {
            duration: Duration::from_secs(10),
            rate: 100.0,
            classes: ORDINARY,
            services: vec![service()],
        }],
        dispatcher: DispatcherSettings::default(),
    }
}

/// Settings under which a limit stays where it is.
pub(super) fn fixed(limit: usize) -> DispatcherSettings {
    let mut settings = DispatcherSettings::default();
    settings.worker_pool.starting_pool_size = limit;
    if let Some(autothrottle) = &mut settings.autothrottle {
        autothrottle.algorithm = AutothrottleAlgorithm::Fixed;
    }
    settings
}
