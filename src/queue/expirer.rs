//! The actor that answers works which have waited too long.

use std::sync::Arc;

use crate::time::{Instant, Timers};
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};

use super::{Backlog, Patience, Waiting};
use crate::dispatcher::{Shared, Stop};
use crate::pool::Extras;

/// A work will have waited too long then, or may be pulled that was put off.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ExpireAt(pub(crate) Instant);

/// Tells the expirer when to look, but not what it knows already.
#[derive(Debug)]
pub(crate) struct ExpirerBell<T: Waiting> {
    expirer: Addr<Expirer<T>>,
    /// When the expirer looks next, as far as is known here.
    looks_at: Option<Instant>,
}

impl<T: Waiting> ExpirerBell<T> {
    pub(crate) fn new(expirer: Addr<Expirer<T>>) -> Self {
        ExpirerBell { expirer, looks_at: None }
    }

    /// Has the expirer look when the first of the backlog's works will have waited too long.
    pub(super) fn ring(&mut self, backlog: &Backlog<T>, patience: Patience, now: Instant) {
        if let Some(at) = backlog.next_expiry(|work| work.expires_at(patience))
            && self.looks_at.is_none_or(|looks_at| at < looks_at || looks_at <= now)
        {
            self.looks_at = Some(at);
            self.expirer.do_send(ExpireAt(at));
        }
    }
}

/// Answers works that have waited too long, at the millisecond in which they have, and lets go those that were put off for
/// want of a retry. It has one timer, for the work
/// whose patience ends first; the queue's own actor, which is on the path of every request, has none.
#[derive(Debug)]
pub(crate) struct Expirer<T: Waiting> {
    shared: Arc<Shared>,
    backlog: Arc<Backlog<T>>,
    extras: Arc<Extras>,
    timer: Option<(Instant, SpawnHandle)>,
}

impl<T: Waiting> Expirer<T> {
    pub(crate) fn new(shared: Arc<Shared>, backlog: Arc<Backlog<T>>, extras: Arc<Extras>) -> Self {
        Expirer { shared, backlog, extras, timer: None }
    }

    fn look_at(&mut self, at: Instant, ctx: &mut Context<Self>) {
        if let Some((set_for, timer)) = self.timer {
            if set_for <= at {
                return;
            }
            ctx.cancel_future(timer);
        }
        let wait = at.saturating_duration_since(Instant::now());
        let timer = ctx.later(wait, |expirer, ctx| {
            expirer.timer = None;
            expirer.look(ctx);
        });
        self.timer = Some((at, timer));
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let patience = self.shared.patience();
        let expired = self.backlog.take_expired(now, |work| work.has_expired(now, patience));
        if !expired.is_empty() {
            let drop_rate = self.shared.admission().drop_rate();
            expired.into_iter().for_each(|work| work.expire(now, patience, drop_rate));
        }
        let extras = &self.extras;
        self.backlog.release(now, || if extras.takes_retry(now) { Ok(()) } else { Err(extras.next_retry(now)) });
        if let Some(at) = self.backlog.next_expiry(|work| work.expires_at(patience)) {
            self.look_at(at, ctx);
        }
    }
}

impl<T: Waiting> Actor for Expirer<T> {
    type Context = Context<Self>;
}

impl<T: Waiting> Handler<ExpireAt> for Expirer<T> {
    type Result = ();

    fn handle(&mut self, ExpireAt(at): ExpireAt, ctx: &mut Self::Context) {
        self.look_at(at, ctx);
    }
}

impl<T: Waiting> Handler<Stop> for Expirer<T> {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
