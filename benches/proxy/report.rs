//! What is printed, and which bars were missed.

use std::time::Duration;

use serde_json::{Map, Value};

/// What the benchmark has to say. Progress goes to standard error, results to standard output.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    parts: Map<String, Value>,
    bars: Vec<Value>,
    missed: usize,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Report { json, parts: Map::new(), bars: Vec::new(), missed: 0 }
    }

    pub(crate) fn progress(&self, what: &str) {
        eprintln!("# {what}");
    }

    pub(crate) fn line(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    /// Something that was asked for, and what was found.
    pub(crate) fn bar(&mut self, what: &str, found: &str, wanted: &str, met: bool) {
        self.line(&format!("{what:<58} {found:<28} {wanted:<14} {}", if met { "met" } else { "NOT MET" }));
        self.bars.push(serde_json::json!({ "what": what, "found": found, "wanted": wanted, "met": met }));
        self.missed += usize::from(!met);
    }

    /// The same for a proxy of which nothing is asked.
    pub(crate) fn bar_if(&mut self, asked: bool, what: &str, found: &str, wanted: &str, met: bool) {
        if asked {
            self.bar(what, found, wanted, met);
        } else {
            self.line(&format!("{what:<58} {found:<28} (wanted of Kanaloa: {wanted})"));
        }
    }

    pub(crate) fn record(&mut self, part: &str, figures: Value) {
        self.parts.insert(part.to_owned(), figures);
    }

    /// Ends the report and says whether all bars were met.
    pub(crate) fn end(self) -> bool {
        if self.json {
            println!("{:#}", serde_json::json!({ "parts": self.parts, "bars": self.bars }));
        } else if !self.bars.is_empty() {
            println!("\n{} of {} bars met", self.bars.len() - self.missed, self.bars.len());
        }
        self.missed == 0
    }
}

/// The figure below which `share` of them are, by nearest rank; `None` of none.
pub(crate) fn percentile(figures: &mut [Duration], share: f64) -> Option<Duration> {
    let rank = (figures.len() as f64 * share).ceil().max(1.0) as usize - 1;
    (rank < figures.len()).then(|| *figures.select_nth_unstable(rank).1)
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn milliseconds(time: Option<Duration>) -> f64 {
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// A whole number with commas.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
