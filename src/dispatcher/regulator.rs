//! The actor that decides which work is let in.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler, Message};

use super::Stop;
use super::shared::Shared;
use crate::config::{BackPressureAlgorithm, BackPressureSettings};
use crate::control::regulator::{ExpectedWait, Kanaloa, KanaloaRules, Pie, PieRules, QueueSample, Regulator};

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
    pub(crate) fn new(shared: Arc<Shared>, law: Box<dyn Regulator>) -> Self {
        RegulatorActor { shared, law, has_begun: false }
    }
}

/// The law that the settings ask for. `seed` is what its random choices start from.
pub(crate) fn law(settings: &BackPressureSettings, seed: u64) -> Box<dyn Regulator> {
    let BackPressureSettings {
        algorithm,
        reference_delay,
        delay_factor_base,
        delay_trend_factor_base,
        duration_of_burst_allowed,
        min_duration_before_burst_reset,
        weight_of_latest_metric,
    } = *settings;
    match algorithm {
        BackPressureAlgorithm::ExpectedWait => Box::new(ExpectedWait::new(reference_delay)),
        BackPressureAlgorithm::Pie => Box::new(Pie::new(PieRules {
            reference_delay,
            delay_factor_base,
            delay_trend_factor_base,
            duration_of_burst_allowed,
            min_duration_before_burst_reset,
        })),
        BackPressureAlgorithm::Kanaloa => {
            let rules = KanaloaRules {
                reference_delay,
                delay_factor_base,
                delay_trend_factor_base,
                duration_of_burst_allowed,
                min_duration_before_burst_reset,
                weight_of_latest_metric,
            };
            Box::new(Kanaloa::new(rules, seed))
        }
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
