//! One request on its way in.

use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::OnceLock;

use crate::time::Instant;
use actix::Message;
use thiserror::Error;

use super::error::CallError;
use crate::config::MOST_COPIES;
use crate::pool::CloneRequest;

/// A request with what the dispatcher should know of it; also the message that an actix application sends to the
/// dispatcher's address.
///
/// `Res` and `Err` are what the service answers; the compiler finds them from where the work is sent.
#[derive(Debug, Clone)]
pub struct Work<Req, Res, Err> {
    pub(crate) request: Req,
    pub(crate) priority: Priority,
    pub(crate) user: Option<u64>,
    pub(crate) deadline: Option<Instant>,
    /// How often its request goes out, if not as often as that of others.
    pub(super) copies: Option<Copies<Req>>,
    answer: PhantomData<fn() -> (Res, Err)>,
}

impl<Req, Res, Err> Work<Req, Res, Err> {
    /// A request of the default priority, of no particular user, with no deadline of its own.
    pub fn new(request: Req) -> Self {
        Work { request, priority: Priority::default(), user: None, deadline: None, copies: None, answer: PhantomData }
    }

    /// How important it is when not everything can be served: `Priority::try_from(0)?` to `Priority::try_from(5)?`.
    #[must_use]
    pub fn priority(self, class: Priority) -> Self {
        Work { priority: class, ..self }
    }

    /// Whose request it is: when not everything can be served, those of a class whose user has had most lately are refused
    /// first. Costs a lock of its own at admission.
    #[must_use]
    pub fn user(self, key: impl Hash) -> Self {
        static KEYS: OnceLock<RandomState> = OnceLock::new();
        Work { user: Some(KEYS.get_or_init(RandomState::new).hash_one(key)), ..self }
    }

    /// As [`user`](Self::user), by a hash of the user that is the same in each run.
    #[cfg(feature = "lab")]
    pub(crate) fn user_by_hash(self, hash: u64) -> Self {
        Work { user: Some(hash), ..self }
    }

    /// When the answer is of no use any more, on tokio's clock (`std_instant.into()` of another). It is refused if the
    /// answer cannot come before, and answered with a timeout when it does not.
    #[must_use]
    pub fn deadline(self, deadline: tokio::time::Instant) -> Self {
        Work { deadline: Some(Instant::from(deadline)), ..self }
    }
}

impl<Req: Clone, Res, Err> Work<Req, Res, Err> {
    /// Sends so many copies of this request, whatever `concurrent-calls` says for all: the first success answers it and the
    /// others are given up. They go out `concurrent-delay` after one another. From 1, for no copies, to 100; what is outside
    /// counts as the nearer of the two. Needs no [`clone_requests`](crate::DispatcherBuilder::clone_requests).
    #[must_use]
    pub fn concurrent_calls(self, count: usize) -> Self {
        let copies = Copies { count: count.clamp(1, MOST_COPIES), clone: |request: &Req| Some(request.clone()) };
        Work { copies: Some(copies), ..self }
    }
}

/// How often a request goes out.
#[derive(Debug, Clone)]
pub(super) struct Copies<Req> {
    /// At least one.
    pub(super) count: usize,
    pub(super) clone: CloneRequest<Req>,
}

impl<Req, Res, Err> From<Req> for Work<Req, Res, Err> {
    fn from(request: Req) -> Self {
        Work::new(request)
    }
}

impl<Req: 'static, Res: 'static, Err: 'static> Message for Work<Req, Res, Err> {
    type Result = Result<Res, CallError<Err>>;
}

/// A class of importance, from 0 (served best) to 5; 3 unless said otherwise. They are ordered by that number, so that the
/// highest, which is served best, is the least.
///
/// ```
/// use kanaloa::{Priority, Work};
///
/// type Search = Work<&'static str, Vec<String>, String>;
///
/// let important: Search = Work::new("pay").priority(Priority::HIGHEST);
/// let ordinary: Search = Work::new("search").priority(Priority::try_from(4)?);
/// assert_eq!(Priority::try_from(6).unwrap_err().to_string(), "no such priority class: 6, expected 0 (served best) to 5");
/// # let _ = (important, ordinary);
/// # Ok::<(), kanaloa::NoSuchPriority>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// How many classes there are.
    pub const CLASSES: usize = 6;
    /// The class that is served best.
    pub const HIGHEST: Priority = Priority(0);
    /// The class that is refused first.
    pub const LOWEST: Priority = Priority(5);

    /// The next class that is served worse; the lowest has none and stays.
    #[must_use]
    pub(crate) fn lowered(self) -> Priority {
        Priority(self.0 + 1).min(Priority::LOWEST)
    }

    /// The class as a number: 0 (best) to 5.
    pub fn class(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Priority(3)
    }
}

impl TryFrom<u8> for Priority {
    type Error = NoSuchPriority;

    fn try_from(class: u8) -> Result<Self, NoSuchPriority> {
        if usize::from(class) < Priority::CLASSES { Ok(Priority(class)) } else { Err(NoSuchPriority(class)) }
    }
}

/// A number that is not a class of importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such priority class: {0}, expected 0 (served best) to 5")]
pub struct NoSuchPriority(pub u8);
