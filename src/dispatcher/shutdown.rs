//! How a dispatcher ends.

use std::time::Duration;

use crate::time::Instant;
use actix::{Message, SpawnHandle};
use tokio::sync::oneshot;

/// What a shutdown came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// All that had been let in was done with.
    Finished,
    /// The time was over before that: the rest was refused, or cut off at its handler. Every caller was answered.
    CutOff {
        /// Works that were still waiting.
        queued: u64,
        /// Works that were at a handler.
        in_flight: u64,
    },
    /// The dispatcher had ended already, or its actix System ended before it could finish.
    Stopped,
}

/// Take no more work, finish what there is, and end.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct ShutDown {
    /// How long that may take; `None`: the settings say so.
    pub(super) within: Option<Duration>,
    pub(super) reply_to: oneshot::Sender<Shutdown>,
}

/// What a dispatcher has to do with its end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) life: Life,
    /// Who wants to know how it ended.
    pub(super) askers: Vec<oneshot::Sender<Shutdown>>,
    /// When the rest is cut off.
    pub(super) deadline: Option<(Instant, SpawnHandle)>,
    /// What was left when the time was over.
    pub(super) cut_off: Option<Shutdown>,
}

/// Where a dispatcher is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Life {
    #[default]
    Serving,
    /// No more work is taken; what there is gets done.
    Draining,
    Over,
}

impl Ending {
    /// Tells everybody who asked.
    pub(super) fn announce(&mut self, result: Shutdown) {
        for asker in self.askers.drain(..) {
            // An error means that nobody waits for it any more.
            let _ = asker.send(result);
        }
    }
}
