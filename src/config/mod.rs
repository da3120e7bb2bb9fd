//! Settings: HOCON files in, typed values out.
//!
//! Nothing is read as if it were not there: an unknown key, a wrong type and an impossible value are errors, all
//! reported at once with file, line and key. Only what has passed is handed out, so the actors check nothing.
//!
//! ```text
//! files, environment ─► hocon: parse, spell, merge, resolve ─► judge: read the values, try the rules ─► Settings
//!                                                                └─► document: files with more than settings
//!                         known: which keys exist               origin: who set what, for the problems
//! ```

mod all;
mod bridge;
#[cfg(any(feature = "lab", feature = "proxy"))]
pub(crate) mod document;
mod effective;
mod hocon;
mod judge;
mod keys;
mod known;
mod merged;
mod nearest;
mod origin;
mod overrides;
mod path;
mod problem;
mod read;
mod rules;
#[cfg(any(feature = "lab", feature = "proxy"))]
pub(crate) mod section;
mod settings;

pub use all::Settings;
pub use effective::Effective;
pub use merged::Merged;
pub use problem::{Problem, ProblemKind, SettingsError};
pub(crate) use rules::MOST_COPIES;
pub use settings::{
    AutothrottleAlgorithm, AutothrottleSettings, BackPressureAlgorithm, BackPressureSettings, CircuitBreakerSettings,
    ConcurrentBudgetSettings, ConcurrentDelay, DispatcherSettings, MetricsSettings, QueueOrder, QueueSettings,
    RetryBudgetSettings, StatsDSettings, WorkSettings, WorkerPoolSettings,
};
