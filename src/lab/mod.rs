//! The lab: what would Kanaloa do in front of this service, with this traffic?
//!
//! A [`Scenario`] describes services and traffic. A run puts the real dispatchers between models of them, in virtual
//! time, and yields an [`Outcome`].

mod convergence;
#[cfg(test)]
mod example;
mod figures;
mod ledger;
mod model;
mod outcome;
mod run;
mod scenario;
mod traffic;
mod world;

pub use outcome::{
    Answer, Ending, Group, GroupOutcome, Latency, Limit, Outcome, PhaseOutcome, Received, Record, STEP, Start, Step,
    Totals, Wait,
};
pub use run::{RunError, run};
pub use scenario::{
    Arrivals, BuiltIn, CLASSES, Discipline, Distribution, NoOverride, OnCancel, Override, Phase, Process, Scenario,
    ScenarioError, Service, ServiceTime, built_in,
};
