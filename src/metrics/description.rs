//! What metrics are called where names have underscores and units, and what they mean.

use super::MetricName;

/// What a metric is called in Prometheus and through the `metrics` facade, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Its name, with the unit at the end. Several metrics may have the same, told apart by their label.
    pub name: &'static str,
    /// What it tells, for people.
    pub help: &'static str,
    /// The label that it has beside `dispatcher` and `handler`, and the label's value.
    pub label: Option<(&'static str, &'static str)>,
}

const ATTEMPTS: (&str, &str) =
    ("kanaloa_handler_attempts_total", "Attempts at the handler that have ended, by outcome.");

impl MetricName {
    /// What it is called in Prometheus and through the `metrics` facade.
    pub fn description(self) -> Description {
        let attempts = |outcome| (ATTEMPTS.0, ATTEMPTS.1, Some(("outcome", outcome)));
        let (name, help, label) = match self {
            Self::Received => ("kanaloa_works_received_total", "Works submitted, refused ones included.", None),
            Self::Completed => ("kanaloa_works_completed_total", "Works that the service answered with success.", None),
            Self::Failed => ("kanaloa_works_failed_total", "Works that failed at the service.", None),
            Self::TimedOut => ("kanaloa_works_timed_out_total", "Works that nobody answered in time.", None),
            Self::Rejected => ("kanaloa_works_rejected_total", REJECTED, None),
            Self::RejectedBecause(reason) => {
                ("kanaloa_works_rejected_total", REJECTED, Some(("reason", reason.name())))
            }
            Self::Shed => {
                ("kanaloa_works_shed_total", "Of the rejected works, those that had been queued first.", None)
            }
            Self::Abandoned => ("kanaloa_works_abandoned_total", "Works whose caller left before the end.", None),
            Self::QueueLength => ("kanaloa_queue_length", "Works waiting.", None),
            Self::InFlight => ("kanaloa_works_in_flight", "Works at a handler.", None),
            Self::DropRate => ("kanaloa_drop_ratio", "Share of the works refused lately, 0 to 1.", None),
            Self::BurstMode => {
                ("kanaloa_burst_mode", "1 while more than the capacity is let through for a moment, else 0.", None)
            }
            Self::ExpectedWait => (
                "kanaloa_expected_wait_seconds",
                "How long a work that came now would wait; 0 while that is not known.",
                None,
            ),
            Self::WaitTime => ("kanaloa_wait_time_seconds", "Time from receipt to the first handler.", None),
            Self::HandlerCompleted => attempts("completed"),
            Self::HandlerFailed => attempts("failed"),
            Self::HandlerTimedOut => attempts("timed_out"),
            Self::HandlerCancelled => attempts("cancelled"),
            Self::HandlerRetried => (
                "kanaloa_handler_retries_total",
                "Attempts, begun, of works that had failed or timed out before.",
                None,
            ),
            Self::HandlerHedged => (
                "kanaloa_handler_hedges_total",
                "Attempts, begun, with copies of works that are at other handlers.",
                None,
            ),
            Self::ProcessTime => {
                ("kanaloa_handler_process_time_seconds", "Time that the handler took for a success.", None)
            }
            Self::ConcurrencyLimit => {
                ("kanaloa_handler_concurrency_limit", "Works that the handler is given at once at most.", None)
            }
            Self::Busy => ("kanaloa_handler_in_flight", "Works at the handler.", None),
            Self::Circuit => (
                "kanaloa_handler_circuit_state",
                "1 for the state that the handler's circuit breaker is in, 0 for the others.",
                None,
            ),
            Self::CircuitOpened => {
                ("kanaloa_handler_circuit_openings_total", "How often the handler's circuit breaker has opened.", None)
            }
        };
        Description { name, help, label }
    }
}

const REJECTED: &str = "Works that were not handed to the service, by reason, shed ones included.";
