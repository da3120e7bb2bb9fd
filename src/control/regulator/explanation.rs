//! What an admission decides, in words.

use std::fmt;
use std::time::Duration;

use crate::control::words::{Number, Percent, Time};

/// What an [`Admission`](super::Admission) lets in now, and why. It writes itself as one phrase.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Explanation {
    /// Lets everything in whose deadline has not passed.
    Open,
    /// The time that each work would wait decides, but no process time is known to tell it by.
    Unknown {
        /// How many may wait.
        places: usize,
        /// The share of works that was refused lately: 0 to 1.
        drop_rate: f64,
    },
    /// The time that each work would wait decides.
    ExpectedWait {
        /// How long a work of the ordinary class without a deadline of its own may wait. One that finds none waiting is let
        /// in however long that takes.
        allowed: Duration,
        /// How long the next one would wait.
        wait: Duration,
        /// The part of it in which no handler takes work.
        pause: Duration,
        /// Works that leave the queue, per second.
        leaving_rate: f64,
        /// Whether more and more of them leave, since the concurrency limits are still being found.
        doubles: bool,
        /// See [`Admission::is_burst`](super::Admission::is_burst).
        is_burst: bool,
        /// The share of works that was refused lately: 0 to 1.
        drop_rate: f64,
    },
    /// A share of the works is dropped.
    Drops {
        /// The share in force: 0 to 1.
        drop_rate: f64,
        /// Whether chance decides which ones; else they are evenly spread.
        by_chance: bool,
        /// How long works wait.
        wait: Duration,
        /// How long they are to wait.
        goal: Duration,
        /// See [`Admission::is_burst`](super::Admission::is_burst).
        is_burst: bool,
    },
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Explanation::Open => f.write_str("lets everything in: no handler to regulate for, or back-pressure is off"),
            Explanation::Unknown { places, drop_rate } => {
                write!(f, "no process time is known yet: lets in up to {places} works{}", Refused(drop_rate))
            }
            Explanation::ExpectedWait { allowed, wait, pause, leaving_rate, doubles, is_burst, drop_rate } => {
                let (allowed, wait, rate) = (Time(allowed), Time(wait), Number(leaving_rate));
                let grows = if doubles { ", soon more" } else { "" };
                write!(f, "lets in what waits no longer than {allowed}; one that came now would wait {wait}")?;
                if !pause.is_zero() {
                    write!(f, ", for no handler takes work for {}", Time(pause))?;
                }
                write!(f, "; with every slot taken {rate} works would leave each second{grows}")?;
                if is_burst {
                    f.write_str("; a burst is let through")?;
                }
                write!(f, "{}", Refused(drop_rate))
            }
            Explanation::Drops { drop_rate, by_chance, wait, goal, is_burst } => {
                let (share, wait, goal) = (Percent(drop_rate), Time(wait), Time(goal));
                if is_burst {
                    write!(f, "drops nothing while a burst is let through")?;
                } else if drop_rate > 0.0 {
                    write!(f, "drops {share} {}", if by_chance { "by chance" } else { "evenly spread" })?;
                } else {
                    f.write_str("drops nothing")?;
                }
                write!(f, ": works wait {wait}, {goal} is the goal")
            }
        }
    }
}

/// What was refused lately, if anything was.
struct Refused(f64);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0.0 { write!(f, "; {} were refused lately", Percent(self.0)) } else { Ok(()) }
    }
}
