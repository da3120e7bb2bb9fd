//! Where each value was set, so that a problem found in the merged settings can name its file and line.

use super::path;

/// One assignment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin {
    /// Index of the source among the application's; `None` for `reference.conf`.
    pub(super) source: Option<usize>,
    /// The line in it, if it has lines.
    pub(super) line: Option<usize>,
    /// The key as its author spelt it, from the top of the settings.
    pub(super) written: String,
    /// The key in the spelling of `reference.conf`.
    pub(super) path: Vec<String>,
}

impl Origin {
    /// The key at `path`, which this assignment set by itself or with an object that it refers to. A value that the
    /// reference brought there keeps the key it was written at.
    pub(super) fn key_at(&self, path: &[String]) -> String {
        let below = path.get(self.path.len()..).filter(|_| path.starts_with(&self.path)).unwrap_or_default();
        below.iter().fold(self.written.clone(), |key, segment| path::join(&key, segment))
    }
}

/// The number of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u32);

/// All assignments, those of `reference.conf` first.
#[derive(Debug, Clone, Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    pub(super) fn add(&mut self, origin: Origin) -> Place {
        self.0.push(origin);
        // Four billion assignments do not fit into memory.
        Place(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// Those of the application, in the order they were made.
    pub(super) fn set(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter().filter(|origin| origin.source.is_some())
    }

    pub(super) fn of(&self, place: Place) -> &Origin {
        &self.0[place.0 as usize]
    }
}
