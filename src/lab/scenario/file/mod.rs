//! From a file to a scenario, or to everything that is wrong with it.
//!
//! A value that is wrong is reported, and the default stands in for it, so that all the others are looked at too; what
//! comes of it is thrown away at the end.

mod arrivals;
mod phases;
mod service;

use std::time::Duration;

use super::{Override, Scenario, ScenarioError};
use crate::config::DispatcherSettings;
use crate::config::document::{Document, Node, Source};
use crate::config::section::{Bounds, Section};

const KEYS: &[&str] =
    &["name", "seed", "warm-up", "kanaloas", "repeat", "services", "arrivals", "phases", "dispatcher"];

/// Each is a set of actors.
const MOST_KANALOAS: u64 = 1_000;
/// Beyond any use.
const MOST_REPETITIONS: u64 = 10_000;
/// The most that may be simulated.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Requests that a scenario may have on average. What became of each is kept until the end.
const MOST_REQUESTS: f64 = 1e7;

pub(super) fn read(source: &Source<'_>, overrides: &[Override]) -> Result<Scenario, ScenarioError> {
    let laid: Vec<_> = overrides.iter().map(Override::laid).collect();
    let mut document = Document::read(source, &laid);
    let scenario = document.top().and_then(|top| scenario(&mut document, &top));
    match scenario {
        Some(scenario) if document.is_sound() => Ok(scenario),
        _ => Err(ScenarioError::Wrong(document.into_problems())),
    }
}

fn scenario(document: &mut Document, top: &Node) -> Option<Scenario> {
    let mut section = Section::open(document, top, KEYS)?;
    let name = section.value("name", NAME, |node| node.word().filter(|name| is_name(name)).map(str::to_owned));
    section.require("name", NAME);
    section.require("services", "a list of services");
    section.require("phases", "a list of phases");
    let seed = section.whole("seed", Bounds::from(0, u64::MAX)).unwrap_or(1);
    let warm_up = section.duration("warm-up", Bounds::from(Duration::ZERO, LONGEST)).unwrap_or(Duration::ZERO);
    let kanaloas = section.whole("kanaloas", Bounds::from(1, MOST_KANALOAS)).unwrap_or(1);
    let repeat = section.whole("repeat", Bounds::from(1, MOST_REPETITIONS)).unwrap_or(1);
    let [warm_up_at, services, arrivals, phases, dispatcher] =
        ["warm-up", "services", "arrivals", "phases", "dispatcher"].map(|key| section.node(key));

    let (arrivals, classes) = arrivals::read(document, arrivals.as_ref());
    let services = services.map(|at| service::all(document, &at)).unwrap_or_default();
    let phases = phases.map(|at| phases::all(document, &at, services, &classes, repeat, kanaloas)).unwrap_or_default();
    let total: Duration = phases.iter().map(|phase| phase.duration).sum();
    if let Some(at) = &warm_up_at {
        if warm_up >= total && !phases.is_empty() {
            document.refuse(at, format!("less than the {total:?} that the phases last"));
        } else if !phases::is_whole(warm_up) {
            document.refuse(at, "a multiple of 100ms, in which figures are taken");
        }
    }
    let dispatcher = settings(document, dispatcher.as_ref())?;
    Some(Scenario { name: name?, seed, warm_up, kanaloas, arrivals, phases, dispatcher })
}

/// What names of scenarios and services are. That of a scenario becomes one of files.
const NAME: &str = "a name of letters, digits, - and _ that starts with a letter";

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

fn settings(document: &mut Document, at: Option<&Node>) -> Option<DispatcherSettings> {
    let settings = document.dispatcher()?;
    let below = |node: &Node, key: &str| node.keys()?.into_iter().find(|node| node.key() == key);
    // What comes along with an application's settings does no harm while it is off.
    let written = at.and_then(|at| below(&below(at, "metrics")?, "statsD")).filter(|node| !node.is_brought());
    let switch = settings.metrics.as_ref().and_then(|_| document.dispatcher_setting("metrics.enabled"));
    if let Some(node) = written.or(switch) {
        document.refuse(&node, "no metrics, since the lab reports nothing to StatsD");
    }
    Some(settings)
}
