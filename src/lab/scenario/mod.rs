//! What a scenario says: services, traffic, and how both change.
//!
//! ```text
//! file, built-in text, overrides ─► config::document ─► file: read every key, collect what is wrong ─► Scenario
//!                                                          changes of services and rate ─► phases written out
//! ```

mod arrivals;
mod built_in;
mod error;
mod file;
mod overrides;
mod phase;
mod service;

use std::path::Path;
use std::time::Duration;

use crate::config::DispatcherSettings;
use crate::config::document::{Source, nearest};

pub use arrivals::{Arrivals, CLASSES, Process};
pub use built_in::{BuiltIn, built_in};
pub use error::ScenarioError;
pub use overrides::{NoOverride, Override};
pub use phase::Phase;
pub use service::{Discipline, Distribution, OnCancel, Service, ServiceTime};

/// A service, its traffic, and the settings of what stands between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, in kebab-case.
    pub name: String,
    /// What all that is random in it starts from.
    pub seed: u64,
    /// Answers in this time from the start count in no figure but convergence and the totals.
    pub warm_up: Duration,
    /// How many dispatchers, which know nothing of each other, share the services and the traffic. At least 1.
    pub kanaloas: usize,
    /// The traffic.
    pub arrivals: Arrivals,
    /// What holds one after the other, repetitions written out: at least one.
    pub phases: Vec<Phase>,
    /// The settings of each dispatcher.
    pub dispatcher: DispatcherSettings,
}

impl Scenario {
    /// Reads a file, with `overrides` laid over it, the later over the earlier. Files that it includes are found beside
    /// it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file and the overrides.
    pub fn load(path: impl AsRef<Path>, overrides: &[Override]) -> Result<Self, ScenarioError> {
        file::read(&Source::File(path.as_ref()), overrides)
    }

    /// Reads a text, with `overrides` laid over it. Problems are reported under `origin`; files that it includes are found
    /// from where the program runs.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text and the overrides.
    ///
    /// # Examples
    ///
    /// ```
    /// use kanaloa::lab::Scenario;
    ///
    /// let text = "scenario {
    ///   name = overload
    ///   services = [{ name = a, slots = 20, service-time.mean = 100ms }]
    ///   phases = [{ duration = 30s, rate = 400 }]
    /// }";
    /// let scenario = Scenario::parse(text, "overload.conf", &["services.a.slots=40".parse()?])?;
    /// assert_eq!(scenario.phases[0].capacity(), 400.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(text: &str, origin: &str, overrides: &[Override]) -> Result<Self, ScenarioError> {
        file::read(&Source::Text { name: origin, text }, overrides)
    }

    /// The [built-in](built_in()) scenario of a name, with `overrides` laid over it.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::NoSuchName`], or everything that is wrong with the overrides.
    pub fn built_in(name: &str, overrides: &[Override]) -> Result<Self, ScenarioError> {
        match built_in().iter().find(|scenario| scenario.name == name) {
            Some(scenario) => file::read(&scenario.source(), overrides),
            None => {
                let suggestion = nearest(name, built_in().iter().map(|scenario| scenario.name));
                Err(ScenarioError::NoSuchName { name: name.to_owned(), suggestion })
            }
        }
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(|phase| phase.duration).sum()
    }
}
