//! What a proxy reads in the heads of requests and responses, and what it changes there.

pub(crate) mod check;
pub(crate) mod cookies;
pub(crate) mod deadline;
pub(crate) mod filter;
pub(crate) mod forwarded;
pub(crate) mod hop_by_hop;
pub(crate) mod host;
pub(crate) mod idempotent;
pub(crate) mod priority;
pub(crate) mod retry_after;
