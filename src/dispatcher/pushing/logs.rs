//! What a dispatcher says of its handlers in the log.

use std::sync::Arc;

use log::Level;

use crate::dispatcher::shared::Gate;
use crate::log_limit::LogLimit;

/// What a dispatcher says of its handlers in the log.
pub(super) struct Logs {
    dispatcher: Arc<str>,
    /// For all handlers, what becomes of them.
    pub(super) handlers: LogLimit,
    /// For all handlers, what becomes of their circuit breakers.
    pub(super) breakers: LogLimit,
    /// Whether there are handlers at all.
    pub(super) presence: LogLimit,
    /// For handlers that get no pool.
    refused: LogLimit,
}

impl Logs {
    pub(super) fn new(dispatcher: Arc<str>) -> Self {
        let handlers = LogLimit::of_all(module_path!());
        Logs {
            dispatcher,
            breakers: LogLimit::of_all(module_path!()),
            presence: LogLimit::of_one(module_path!()),
            refused: handlers.within(module_path!()),
            handlers,
        }
    }

    pub(super) fn second_handler(&self, name: &str) {
        let dispatcher = &self.dispatcher;
        let text = format_args!("dispatcher {dispatcher}: handler {name}: a second of this name: it gets no work");
        self.refused.say(Level::Warn, text);
    }

    /// Says whether works find a handler, when that changes. In between, while works wait for the first handler to come,
    /// there is nothing to say.
    pub(super) fn gate_changes(&self, before: Gate, now: Gate, is_pulled: bool) {
        let dispatcher = &self.dispatcher;
        match (before, now) {
            (Gate::NoHandlers, Gate::Open) => {
                self.presence.say(Level::Info, format_args!("dispatcher {dispatcher}: there is a handler again"));
            }
            (Gate::Open, Gate::NoHandlers) => {
                let what = if is_pulled { "nothing is taken from the source" } else { "works are refused" };
                let text = format_args!("dispatcher {dispatcher}: there is no handler: {what} until one comes");
                self.presence.say(Level::Warn, text);
            }
            _ => {}
        }
    }
}
