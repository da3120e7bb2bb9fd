//! The traffic.

use std::time::Duration;

use super::LONGEST;
use crate::config::document::{Document, Node};
use crate::config::section::{Bounds, Section};
use crate::lab::scenario::{Arrivals, CLASSES, Process};

const KEYS: &[&str] = &["process", "deadline", "told", "classes", "users", "heavy-user"];

const PROCESSES: &[(&str, Process)] = &[("uniform", Process::Uniform), ("poisson", Process::Poisson)];

/// Each may have a place in a table.
const MOST_USERS: u64 = 1_000_000;
/// How far shares may be from adding up to 1 and still be meant to.
const ROUNDING: f64 = 1e-6;
/// The class of traffic without classes.
const ONLY_CLASS: usize = 3;

impl Default for Arrivals {
    /// What a file has that says nothing of them.
    fn default() -> Self {
        Self { process: Process::Uniform, deadline: Duration::from_secs(1), told: true, users: 1, heavy_user: None }
    }
}

/// What is said of classes before any phase.
pub(super) struct Classes {
    pub(super) shares: [f64; CLASSES],
    /// Where it is said, if anything is.
    pub(super) at: Option<Node>,
}

impl Default for Classes {
    fn default() -> Self {
        let mut shares = [0.0; CLASSES];
        shares[ONLY_CLASS] = 1.0;
        Self { shares, at: None }
    }
}

pub(super) fn read(document: &mut Document, at: Option<&Node>) -> (Arrivals, Classes) {
    let (default, mut classes) = (Arrivals::default(), Classes::default());
    let Some(mut section) = at.and_then(|at| Section::open(document, at, KEYS)) else { return (default, classes) };
    classes.at = section.node("classes");
    if let Some(shares) = classes.at.as_ref().and_then(|at| shares(section.document, at)) {
        classes.shares = shares;
    }
    let arrivals = Arrivals {
        process: section.word("process", PROCESSES).unwrap_or(default.process),
        deadline: section.duration("deadline", Bounds::above(Duration::ZERO, LONGEST)).unwrap_or(default.deadline),
        told: section.switch("told").unwrap_or(default.told),
        users: section.whole("users", Bounds::from(1, MOST_USERS)).unwrap_or(default.users),
        heavy_user: section.number("heavy-user", Bounds::from(0.0, 1.0)),
    };
    if arrivals.heavy_user.is_some()
        && arrivals.users < 2
        && let Some(at) = section.node("heavy-user")
    {
        section.document.refuse_found(&at, "users of at least 2, of whom one is heavy", arrivals.users.to_string());
    }
    (arrivals, classes)
}

fn shares(document: &mut Document, at: &Node) -> Option<[f64; CLASSES]> {
    let (shares, all_read) =
        by_class(document, at, "an object with shares of classes", Bounds::from(0.0, 1.0), "a share from 0 to 1")?;
    let sum: f64 = shares.iter().sum();
    if all_read && (sum - 1.0).abs() > ROUNDING {
        document.refuse_found(at, "shares that add up to 1", format!("a sum of {sum}"));
    }
    Some(shares)
}

/// A number for each class, 0 where nothing is said, and whether all that is said could be read. `None`, which is
/// reported, if it is no object.
pub(super) fn by_class(
    document: &mut Document,
    at: &Node,
    object: &str,
    bounds: Bounds<f64>,
    number: &str,
) -> Option<([f64; CLASSES], bool)> {
    let Some(nodes) = at.keys() else {
        document.refuse(at, object);
        return None;
    };
    let mut numbers = [0.0; CLASSES];
    let mut all_read = true;
    for node in nodes {
        let value = node.number().filter(|value| bounds.hold(*value));
        let class = node.key().parse::<usize>().ok().and_then(|class| numbers.get_mut(class));
        all_read &= class.is_some() && value.is_some();
        match (class, value) {
            (Some(of_class), Some(value)) => *of_class = value,
            (Some(_), None) => document.refuse(&node, number),
            (None, _) => document.refuse_found(&node, format!("a class from 0 to {}", CLASSES - 1), node.key()),
        }
    }
    Some((numbers, all_read))
}
