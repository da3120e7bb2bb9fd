//! The scenarios that come with the crate.

use crate::config::document::{Source, Texts};

/// A scenario that comes with the crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its file, which may include others that are built in too.
    pub text: &'static str,
}

macro_rules! scenarios {
    ($($name:literal),* $(,)?) => {
        &[$(BuiltIn { name: $name, text: include_str!(concat!("../scenarios/", $name, ".conf")) }),*]
    };
}

macro_rules! parts {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../scenarios/", $file)))),*]
    };
}

const SCENARIOS: &[BuiltIn] = scenarios!["overload-2x"];

/// What several scenarios include.
const PARTS: Texts = parts!["common/backend.conf", "common/overload.conf"];

/// All scenarios that come with the crate.
pub fn built_in() -> &'static [BuiltIn] {
    SCENARIOS
}

impl BuiltIn {
    /// What it shows: the comment at the head of its file, up to the first line that is empty or none.
    pub fn description(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source::BuiltIn { name: self.name, text: self.text, parts: PARTS }
    }
}
