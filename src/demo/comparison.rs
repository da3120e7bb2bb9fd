//! Both runs side by side.

use std::time::Duration;

use serde_json::{Value, json};

use super::plan::{GOOD_WITHIN, PATIENCE, Plan, STEADY_AFTER};
use super::run::{Measured, Side};
use super::summary::Summary;
use crate::report::Table;
use crate::report::text::{rate, time};

#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) plan: Plan,
    pub(crate) without: Measured,
    /// `None` when it was interrupted before.
    pub(crate) with: Option<Measured>,
}

impl Comparison {
    /// Whether it was interrupted before there was anything to compare.
    pub(crate) fn is_empty(&self) -> bool {
        self.without.sent.observations.is_empty() && self.with.is_none()
    }

    /// Whether both runs were run to their ends.
    pub(crate) fn complete(&self) -> bool {
        self.with.as_ref().is_some_and(|with| with.summary.complete)
    }

    /// What the reader must know of a run that was interrupted.
    pub(crate) fn partial(&self) -> Option<String> {
        let seconds = |measured: &Measured| measured.sent.duration.as_secs_f64();
        match &self.with {
            None => Some(format!(
                "Partial: interrupted {:.1} s into the run without Kanaloa; there was no run with it.",
                seconds(&self.without)
            )),
            Some(with) if !with.summary.complete => {
                Some(format!("Partial: interrupted {:.1} s into the run with Kanaloa.", seconds(with)))
            }
            Some(_) => None,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "without": self.without.summary.to_json(),
            "with": self.with.as_ref().map(|with| with.summary.to_json()),
        })
    }

    /// The table and what must be said with it, for a terminal.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("\n{}", self.table().to_text());
        for note in self.notes() {
            text.push_str(&format!("\n{note}"));
        }
        text
    }

    pub(crate) fn table(&self) -> Table {
        let with = self.with.as_ref().map(|with| &with.summary);
        let row = |name: String, cell: &dyn Fn(&Summary) -> String| {
            let cells = [Some(&self.without.summary), with];
            (name, cells.map(|summary| summary.map_or_else(|| "–".to_string(), cell)).to_vec())
        };
        let rates = |name: &str, of: fn(&Summary) -> f64| row(name.to_string(), &|summary| rate(of(summary)));
        let times =
            |name: String, of: fn(&Summary) -> Option<Duration>| row(name, &|summary: &Summary| time(of(summary)));
        let steady = format!("accepted: p99 but for the first {} s", STEADY_AFTER.as_secs());
        let mut rows = vec![
            rates("requests per second", |summary| summary.offered),
            row(format!("  good: answered within {} s", GOOD_WITHIN.as_secs()), &|summary| rate(summary.good)),
            rates("  late", |summary| summary.late),
            rates("  rejected", |summary| summary.rejected),
            rates("  failed", |summary| summary.failed),
            times("accepted: p50".to_string(), |summary| summary.p50),
            times("accepted: p90".to_string(), |summary| summary.p90),
            times("accepted: p99".to_string(), |summary| summary.p99),
            times(steady, |summary| summary.steady_p99),
            times("rejected: p50".to_string(), |summary| summary.rejection_p50),
            times("rejected: p99".to_string(), |summary| summary.rejection_p99),
        ];
        if !self.complete() {
            rows.push(row("unanswered when interrupted".to_string(), &|summary| summary.unanswered.to_string()));
        }
        Table { columns: [Side::Without, Side::With].map(|side| side.name().to_string()).to_vec(), rows }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "Times count from the moment a request was due.".to_string(),
            format!(
                "Accepted is what was not rejected. Clients give up after {0} s: they count as failed, and among the \
                 accepted as {0} s.",
                PATIENCE.as_secs()
            ),
        ];
        for (side, measured) in [(Side::Without, Some(&self.without)), (Side::With, self.with.as_ref())] {
            if let Some(reason) = measured.and_then(|measured| measured.first_failure.as_ref()) {
                notes.push(format!("First failure {}: {reason}.", side.name()));
            }
        }
        notes.extend(self.partial());
        notes
    }
}
