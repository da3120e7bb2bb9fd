//! The actor that reports what happens at a dispatcher.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Context, Handler, Message};
use tokio::sync::oneshot;

use super::observed::Observed;
use super::{Report, Reporter};
use crate::time::{Timers, timeout};

/// A dispatcher that ends waits no longer than that for its last report to be passed on: whoever ends it waits with it.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// Report for the last time, and end. The answer comes when that is where it belongs, or could not be brought there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Finish(pub(crate) oneshot::Sender<()>);

/// Has what happens at a dispatcher reported, once per interval.
pub(crate) struct Reporting {
    observed: Arc<Observed>,
    interval: Duration,
    reporter: Box<dyn Reporter>,
    has_finished: bool,
}

impl Reporting {
    pub(crate) fn new(observed: Arc<Observed>, interval: Duration, reporter: Box<dyn Reporter>) -> Self {
        Reporting { observed, interval, reporter, has_finished: false }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.report(false);
        ctx.later(self.interval, Self::tick);
    }

    fn report(&mut self, is_last: bool) {
        let mut snapshot = self.observed.snapshot();
        if is_last {
            snapshot.ended();
        }
        let (dispatcher, metrics) = (&**self.observed.name(), &*snapshot.metrics());
        self.reporter.report(&Report { dispatcher, metrics, is_last });
    }

    fn finish(&mut self) {
        if !std::mem::replace(&mut self.has_finished, true) {
            self.report(true);
        }
    }
}

impl Actor for Reporting {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.later(self.interval, Self::tick);
    }
}

impl Drop for Reporting {
    /// The System may end before anybody says so.
    fn drop(&mut self) {
        self.finish();
    }
}

impl Handler<Finish> for Reporting {
    type Result = ();

    fn handle(&mut self, Finish(reply_to): Finish, ctx: &mut Self::Context) {
        self.finish();
        let finished = self.reporter.finish();
        actix::spawn(async move {
            // What takes longer is given up.
            let _ = timeout(LAST_REPORT, finished).await;
            // An error means that nobody waits for it any more.
            let _ = reply_to.send(());
        });
        ctx.stop();
    }
}
