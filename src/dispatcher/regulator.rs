//! The actor that decides which work is let in.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler, Message};

use super::Stop;
use super::shared::Shared;
use crate::config::{BackPressureAlgorithm, BackPressureSettings};
use crate::control::regulator::{ExpectedWait, QueueSample, Regulator};

impl Message for QueueSample {
    type Result = ();
}

/// There is a handler: from now on it is known where work goes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Begin;

/// Turns samples of the queue into the published admission.
#[derive(Debug)]
pub(crate) struct RegulatorActor {
    shared: Arc<Shared>,
    law: Box<dyn Regulator>,
    has_begun: bool,
}

impl RegulatorActor {
    pub(crate) fn new(shared: Arc<Shared>, settings: &BackPressureSettings) -> Self {
        let law = match settings.algorithm {
            BackPressureAlgorithm::ExpectedWait | BackPressureAlgorithm::Pie | BackPressureAlgorithm::Kanaloa => {
                Box::new(ExpectedWait::new(settings.reference_delay))
            }
        };
        RegulatorActor { shared, law, has_begun: false }
    }
}

impl Actor for RegulatorActor {
    type Context = Context<Self>;
}

impl Handler<Begin> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, _: Begin, _: &mut Self::Context) {
        self.has_begun = true;
    }
}

impl Handler<QueueSample> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, sample: QueueSample, _: &mut Self::Context) {
        let admission = self.law.sample(&sample);
        self.shared.set_at_rest(self.law.is_at_rest());
        if self.has_begun {
            self.shared.publish(admission);
        }
    }
}

impl Handler<Stop> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
