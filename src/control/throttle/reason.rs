//! Why a concurrency limit is what it is.

use std::fmt;
use std::time::Duration;

use crate::control::words::{Number, Time};

/// Why the concurrency limit in force is what it is: what a [`Throttle`](super::Throttle) decided last.
///
/// It writes itself as one phrase, for a person who wonders about the limit. Queues are those inside the service, in
/// calls; they and the targets are estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// Too little is known to decide anything: the limit is the one that it was told to start with.
    Starting,
    /// It was told the limit, and never changes it.
    Fixed,
    /// What it would like is more than it may take.
    AtLargest {
        /// The largest limit allowed.
        largest: usize,
    },
    /// What it would like is less than it may take.
    AtSmallest {
        /// The smallest limit allowed.
        smallest: usize,
    },
    /// There is no queue, or so small a one that there may be more slots.
    Growing {
        /// The queue.
        queue: f64,
        /// Calls in flight, those in the queue included.
        in_flight: f64,
    },
    /// Growth has made a queue that cannot be overlooked, and goes back to the knee.
    GrowthEnded {
        /// The queue.
        queue: f64,
        /// The limit from which on calls only wait.
        knee: f64,
    },
    /// The limit follows the knee.
    Steering {
        /// The limit from which on calls only wait.
        knee: f64,
        /// How much queue there is to be.
        goal: f64,
        /// Whether throughput shows a queue that process times do not.
        hidden: bool,
    },
    /// Demand has come back: until it is known to last, the limit has headroom.
    Burst {
        /// The limit without headroom.
        target: f64,
    },
    /// A moment at a lower limit.
    Dip {
        /// The limit to which it goes back.
        target: f64,
    },
    /// The limit was cut to see whether process times fall with it.
    Checking {
        /// The queue, if it is one.
        queue: f64,
        /// The limit before.
        from: usize,
    },
    /// The limit was cut to see whether throughput falls with it.
    CheckingThroughput {
        /// The limit before.
        from: usize,
    },
    /// A check has shown that it was a queue.
    FewerSlots {
        /// The limit from which on calls only wait.
        knee: f64,
        /// The limit before the check.
        from: usize,
    },
    /// A check has shown that it was no queue.
    Slower {
        /// Mean process time without a queue.
        process_time: Duration,
    },
    /// The limit is not reached.
    Starved {
        /// Calls in flight, on average.
        in_flight: f64,
        /// The limit without headroom.
        target: f64,
    },
    /// More calls time out than are answered.
    Silent {
        /// The limit before the service fell silent.
        from: usize,
    },
    /// A silence is over, and what was known before it may no longer hold.
    Answering,
    /// Process times are so far from all that was known that nothing of it holds.
    StartingOver,
    /// Another limit is tried.
    Exploring {
        /// The limit before.
        from: usize,
        /// Whether fewer are tried, not more.
        down: bool,
    },
    /// The limit goes to the one that did best.
    Optimizing {
        /// The limit before.
        from: usize,
        /// The one that did best of those near it.
        best: usize,
    },
    /// The limit is not reached, but not for long enough to be lowered.
    UnderUtilized {
        /// The most slots that were taken at once.
        most_busy: usize,
    },
    /// The limit was not reached for long.
    Downsized {
        /// The most slots that were taken at once.
        most_busy: usize,
        /// For how long.
        lasted: Duration,
    },
    /// Less than half of the limit is in use, from which nothing follows.
    Resting {
        /// Calls in flight.
        in_flight: usize,
    },
    /// Process times are much as always.
    AsUsual {
        /// The last one.
        process_time: Duration,
        /// By how much it is longer than the long-term mean: 1 if it is not.
        ratio: f64,
    },
    /// Process times are longer than always.
    LongerThanUsual {
        /// The last one.
        process_time: Duration,
        /// By how much it is longer than the long-term mean.
        ratio: f64,
    },
    /// A process time was taken for that without a queue, because it is the shortest, or to measure that anew.
    Measured {
        /// The process time.
        process_time: Duration,
    },
    /// The queue is as it should be.
    QueueHeld {
        /// The queue.
        queue: f64,
    },
    /// The queue is larger than it should be.
    QueueTooLarge {
        /// The queue.
        queue: f64,
    },
    /// An answer came in time.
    Answered {
        /// Its process time.
        process_time: Duration,
    },
    /// An answer took so long that it counts as lost.
    AnsweredLate {
        /// Its process time.
        process_time: Duration,
    },
    /// A call timed out.
    TimedOut {
        /// After this time.
        process_time: Duration,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reason::Starting => f.write_str("starting: too few process times are known yet"),
            Reason::Fixed => f.write_str("fixed: this limit was told"),
            Reason::AtLargest { largest } => write!(f, "held at the largest limit allowed, {largest}"),
            Reason::AtSmallest { smallest } => write!(f, "held at the smallest limit allowed, {smallest}"),
            Reason::Growing { queue, in_flight } => growing(f, queue, in_flight),
            Reason::GrowthEnded { queue, knee } => {
                write!(f, "growth met a queue of {} inside the service: knee about {}", Number(queue), Number(knee))
            }
            Reason::Steering { knee, goal, hidden } => steering(f, knee, goal, hidden),
            Reason::Burst { target } => {
                write!(f, "burst: demand fills the limit again, with headroom above a target of {}", Number(target))
            }
            Reason::Dip { target } => {
                let target = Number(target);
                write!(f, "dip: a moment below the target of {target} to see process times without a queue")
            }
            Reason::Checking { queue, from } => {
                let queue = Number(queue);
                write!(
                    f,
                    "checking whether a queue of {queue} is one: limit cut from {from} to see if process times fall"
                )
            }
            Reason::CheckingThroughput { from } => {
                write!(f, "checking whether a queue is hidden: limit cut from {from} to see if throughput stays")
            }
            Reason::FewerSlots { knee, from } => {
                let knee = Number(knee);
                write!(f, "fewer slots than a limit of {from}: process times fell with the limit, knee about {knee}")
            }
            Reason::Slower { process_time } => {
                let time = Time(process_time);
                write!(f, "the service became slower: process times, now {time}, did not fall with the limit")
            }
            Reason::Starved { in_flight, target } => {
                let (in_flight, target) = (Number(in_flight), Number(target));
                write!(
                    f,
                    "demand is below the limit: {in_flight} in flight on average; it has headroom above the target of {target}"
                )
            }
            Reason::Silent { from } => write!(f, "service silent: timeouts prevail, the limit was {from} before"),
            Reason::Answering => f.write_str("starting anew: the service answers after a silence"),
            Reason::StartingOver => f.write_str("starting over: process times left the known range"),
            Reason::Exploring { from, down } => exploring(f, from, down),
            Reason::Optimizing { from, best } => optimizing(f, from, best),
            Reason::UnderUtilized { most_busy } => {
                write!(f, "demand is below the limit: no more than {most_busy} slots taken at once")
            }
            Reason::Downsized { most_busy, lasted } => {
                let lasted = Time(lasted);
                write!(
                    f,
                    "lowered: demand was below the limit for {lasted}, with no more than {most_busy} slots taken at once"
                )
            }
            Reason::Resting { in_flight } => {
                write!(f, "resting: less than half of the limit is in use, {in_flight} in flight")
            }
            Reason::AsUsual { process_time, ratio } => {
                write!(f, "growing: the last process time, {}, is {}", Time(process_time), Usual(ratio))
            }
            Reason::LongerThanUsual { process_time, ratio } => {
                write!(f, "held back: the last process time, {}, is {}", Time(process_time), Usual(ratio))
            }
            Reason::Measured { process_time } => {
                write!(f, "measuring: a process time of {} is taken for one without a queue", Time(process_time))
            }
            Reason::QueueHeld { queue } => {
                write!(f, "steady: a queue of {} inside the service is neither small nor large", Number(queue))
            }
            Reason::QueueTooLarge { queue } => {
                write!(f, "falling: a queue of {} inside the service is too large", Number(queue))
            }
            Reason::Answered { process_time } => {
                write!(f, "growing: the last answer came in time, after {}", Time(process_time))
            }
            Reason::AnsweredLate { process_time } => {
                write!(f, "cut: an answer took {}, which counts as lost", Time(process_time))
            }
            Reason::TimedOut { process_time } => write!(f, "cut: a call timed out after {}", Time(process_time)),
        }
    }
}

fn growing(f: &mut fmt::Formatter<'_>, queue: f64, in_flight: f64) -> fmt::Result {
    if queue < NO_QUEUE {
        return f.write_str("growing: no queue inside the service yet");
    }
    write!(f, "growing: only {} of {} in flight wait inside the service", Number(queue), Number(in_flight))
}

fn steering(f: &mut fmt::Formatter<'_>, knee: f64, goal: f64, hidden: bool) -> fmt::Result {
    let by = if hidden { " by throughput, which shows a hidden queue" } else { "" };
    write!(f, "steering{by}: knee about {}, {} of queue held on purpose", Number(knee), Number(goal))
}

fn exploring(f: &mut fmt::Formatter<'_>, from: usize, down: bool) -> fmt::Result {
    let (way, other) = if down { ("down", "fewer") } else { ("up", "more") };
    write!(f, "exploring: a step {way} from {from} while all slots are taken, to see how {other} do")
}

fn optimizing(f: &mut fmt::Formatter<'_>, from: usize, best: usize) -> fmt::Result {
    if best == from {
        return write!(f, "optimising: {best} did best of the limits near it");
    }
    write!(f, "optimising: half-way from {from} to {best}, which did best of the limits near it")
}

/// A queue of less than half a call is none.
const NO_QUEUE: f64 = 0.5;

/// Less than a twentieth more is no longer than usual.
const LONGER: f64 = 1.05;

/// How a process time compares with the usual.
struct Usual(f64);

impl fmt::Display for Usual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= LONGER {
            write!(f, "{} times the usual", Number(self.0))
        } else {
            f.write_str("no longer than usual")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_copied_with_each_decision_and_small() {
        assert!(size_of::<Reason>() <= 32, "{}", size_of::<Reason>());
    }
}
