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

const SCENARIOS: &[BuiltIn] = scenarios![
    "overload-2x-fixed-fifo",
    "overload-2x-fixed-fifo-30s-told",
    "overload-2x-fixed-fifo-1s-untold",
    "overload-2x-fixed-sharing",
    "overload-2x-fixed-sharing-30s-told",
    "overload-2x-fixed-sharing-1s-untold",
    "overload-2x-exponential-fifo",
    "overload-2x-exponential-fifo-30s-told",
    "overload-2x-exponential-fifo-1s-untold",
    "overload-2x-exponential-sharing",
    "overload-2x-exponential-sharing-30s-told",
    "overload-2x-exponential-sharing-1s-untold",
    "overload-5x-fixed-fifo",
    "overload-5x-fixed-fifo-30s-told",
    "overload-5x-fixed-fifo-1s-untold",
    "overload-5x-fixed-sharing",
    "overload-5x-fixed-sharing-30s-told",
    "overload-5x-fixed-sharing-1s-untold",
    "overload-5x-exponential-fifo",
    "overload-5x-exponential-fifo-30s-told",
    "overload-5x-exponential-fifo-1s-untold",
    "overload-5x-exponential-sharing",
    "overload-5x-exponential-sharing-30s-told",
    "overload-5x-exponential-sharing-1s-untold",
    "overload-20x-fixed-fifo",
    "overload-20x-fixed-fifo-30s-told",
    "overload-20x-fixed-fifo-1s-untold",
    "overload-20x-fixed-sharing",
    "overload-20x-fixed-sharing-30s-told",
    "overload-20x-fixed-sharing-1s-untold",
    "overload-20x-exponential-fifo",
    "overload-20x-exponential-fifo-30s-told",
    "overload-20x-exponential-fifo-1s-untold",
    "overload-20x-exponential-sharing",
    "overload-20x-exponential-sharing-30s-told",
    "overload-20x-exponential-sharing-1s-untold",
    "demo",
    "contention-fixed",
    "contention-exponential",
    "positive-oversaturation",
    "negative-oversaturation",
    "capacity-steps",
    "capacity-steps-exponential",
    "capacity-steps-sharing",
    "capacity-steps-exponential-sharing",
    "capacity-steps-5000",
    "capacity-steps-5000-exponential",
    "capacity-steps-5000-sharing",
    "capacity-steps-5000-exponential-sharing",
    "capacity-steps-500-slots",
    "capacity-steps-500-slots-exponential",
    "service-time-steps",
    "service-time-steps-exponential",
    "service-time-steps-sharing",
    "service-time-steps-exponential-sharing",
    "service-time-steps-5000",
    "load-30",
    "load-30-exponential",
    "load-70",
    "load-70-exponential",
    "load-95",
    "load-95-exponential",
    "sub-millisecond",
    "bursts",
    "cold-start-70",
    "one-of-two-4x-slower",
    "one-of-two-4x-slower-exponential",
    "unresponsive-and-back",
    "one-of-two-unresponsive",
    "one-of-two-leaves",
    "errors-that-answer-fast",
    "twenty-services",
    "slow-answers",
    "slow-answers-3-calls",
    "slow-answers-hedged",
    "slow-answers-fixed",
    "slow-answers-fixed-3-calls",
    "slow-answers-exponential",
    "slow-answers-exponential-3-calls",
    "slow-answers-exponential-hedged",
    "errors-10-percent",
    "errors-10-percent-2-calls",
    "errors-10-percent-3-calls",
    "happy-service",
    "sad-service",
    "flood-200",
    "flood-200-exponential",
    "flood-5000",
    "flood-5000-exponential",
    "one-user-floods",
    "three-kanaloas",
    "three-kanaloas-fixed",
    "three-kanaloas-sharing",
    "one-slow-slot",
    "flapping",
    "flapping-between-two",
    "lognormal",
    "lognormal-sharing",
    "bimodal",
    "bimodal-sharing",
    "pareto",
    "pareto-sharing",
    "network",
    "run-on",
    "idle-then-busy",
];

/// What several scenarios include.
const PARTS: Texts = parts![
    "common/backend.conf",
    "common/capacity-steps-5000.conf",
    "common/capacity-steps-500-slots.conf",
    "common/capacity-steps.conf",
    "common/flood.conf",
    "common/hedged.conf",
    "common/overload.conf",
    "common/service-time-steps.conf",
    "common/three-kanaloas.conf",
    "common/two-services.conf",
    "common/with-room.conf",
];

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
