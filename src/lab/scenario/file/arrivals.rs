//! The traffic.

use std::time::Duration;

use super::LONGEST;
use super::section::{Bounds, Section};
use crate::config::document::{Document, Node};
use crate::lab::scenario::{Arrivals, CLASSES, Process};

const KEYS: &[&str] = &["process", "deadline", "told", "classes", "users"];

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
        let mut classes = [0.0; CLASSES];
        classes[ONLY_CLASS] = 1.0;
        Self { process: Process::Uniform, deadline: Duration::from_secs(1), told: true, classes, users: 1 }
    }
}

pub(super) fn read(document: &mut Document, at: Option<&Node>) -> Arrivals {
    let default = Arrivals::default();
    let Some(mut section) = at.and_then(|at| Section::open(document, at, KEYS)) else { return default };
    Arrivals {
        process: section.word("process", PROCESSES).unwrap_or(default.process),
        deadline: section.duration("deadline", Bounds::above(Duration::ZERO, LONGEST)).unwrap_or(default.deadline),
        told: section.switch("told").unwrap_or(default.told),
        users: section.whole("users", Bounds::from(1, MOST_USERS)).unwrap_or(default.users),
        classes: section.node("classes").and_then(|at| classes(section.document, &at)).unwrap_or(default.classes),
    }
}

fn classes(document: &mut Document, at: &Node) -> Option<[f64; CLASSES]> {
    let Some(nodes) = at.keys() else {
        document.refuse(at, "an object with shares of classes");
        return None;
    };
    let mut shares = [0.0; CLASSES];
    let mut all_read = true;
    for node in nodes {
        let share = node.number().filter(|share| (0.0..=1.0).contains(share));
        let class = node.key().parse::<usize>().ok().and_then(|class| shares.get_mut(class));
        all_read &= class.is_some() && share.is_some();
        match (class, share) {
            (Some(of_class), Some(share)) => *of_class = share,
            (Some(_), None) => document.refuse(&node, "a share from 0 to 1"),
            (None, _) => document.refuse_found(&node, format!("a class from 0 to {}", CLASSES - 1), node.key()),
        }
    }
    let sum: f64 = shares.iter().sum();
    if all_read && (sum - 1.0).abs() > ROUNDING {
        document.refuse_found(at, "shares that add up to 1", format!("a sum of {sum}"));
    }
    Some(shares)
}
