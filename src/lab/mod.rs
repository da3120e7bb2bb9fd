//! The lab: what would Kanaloa do in front of this service, with this traffic?
//!
//! A [`Scenario`] describes services and traffic. A run puts the real dispatchers between models of them, in virtual
//! time, and yields an [`Outcome`].

mod outcome;
mod scenario;

pub use outcome::{Answer, Latency, Limit, Outcome, PhaseOutcome, Record, STEP, Start, Step, Totals, Wait};
pub use scenario::{
    Arrivals, CLASSES, Discipline, Distribution, OnCancel, Phase, Process, Scenario, Service, ServiceTime,
};
