//! The actor that decides which work is let in.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Context, Handler, Message};

use super::Stop;
use super::shared::Shared;
use crate::config::{BackPressureAlgorithm, BackPressureSettings};
use crate::control::regulator::{
    Admission, ExpectedWait, Kanaloa, KanaloaRules, Pie, PieRules, QueueSample, Regulator,
};
use crate::pool::Extras;
use crate::time::Instant;

/// Of a class of which none is let in for so long, one is, whatever the law says.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// For a slow service that is the time in which so many works leave: probes must be few beside what it can do.
const LEAVE_BETWEEN_PROBES: f64 = 20.0;

impl Message for QueueSample {
    type Result = ();
}

/// Whether there is a handler: only then is it known where work goes. Without one everything is let in and nothing is shed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Regulate(pub(crate) bool);

/// Turns samples of the queue into the published admission.
#[derive(Debug)]
pub(crate) struct RegulatorActor {
    shared: Arc<Shared>,
    law: Box<dyn Regulator>,
    extras: Arc<Extras>,
    regulates: bool,
    probed_at: Instant,
}

impl RegulatorActor {
    pub(crate) fn new(shared: Arc<Shared>, law: Box<dyn Regulator>, extras: Arc<Extras>) -> Self {
        RegulatorActor { shared, law, extras, regulates: false, probed_at: Instant::now() }
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
        BackPressureAlgorithm::ExpectedWait => Box::new(ExpectedWait::new(reference_delay, duration_of_burst_allowed)),
        BackPressureAlgorithm::Pie => {
            let usual = PieRules::default();
            Box::new(Pie::new(PieRules {
                reference_delay,
                delay_factor_base: delay_factor_base.unwrap_or(usual.delay_factor_base),
                delay_trend_factor_base: delay_trend_factor_base.unwrap_or(usual.delay_trend_factor_base),
                duration_of_burst_allowed: duration_of_burst_allowed.unwrap_or(usual.duration_of_burst_allowed),
                min_duration_before_burst_reset,
            }))
        }
        BackPressureAlgorithm::Kanaloa => {
            // The original's gains, but not its bursts of 30 s, in which nothing is refused.
            let (usual, burst) = (KanaloaRules::default(), PieRules::default().duration_of_burst_allowed);
            let rules = KanaloaRules {
                reference_delay,
                delay_factor_base: delay_factor_base.unwrap_or(usual.delay_factor_base),
                delay_trend_factor_base: delay_trend_factor_base.unwrap_or(usual.delay_trend_factor_base),
                duration_of_burst_allowed: duration_of_burst_allowed.unwrap_or(burst),
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

impl Handler<Regulate> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, Regulate(regulates): Regulate, _: &mut Self::Context) {
        if self.regulates && !regulates {
            self.shared.publish(Admission::open());
        }
        self.regulates = regulates;
    }
}

impl Handler<QueueSample> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, sample: QueueSample, _: &mut Self::Context) {
        let admission = self.law.sample(&sample);
        self.shared.set_at_rest(self.law.is_at_rest());
        if self.regulates {
            self.shared.publish(admission);
        }
        let now = Instant::now();
        if sample.refused > 0 {
            self.extras.refused(now, self.shared.refusals());
        }
        let slow = Duration::try_from_secs_f64(LEAVE_BETWEEN_PROBES / sample.service.leaving_rate).unwrap_or_default();
        if now.saturating_duration_since(self.probed_at) >= PROBE_INTERVAL.max(slow) {
            self.probed_at = now;
            self.shared.grant_probes();
        }
    }
}

impl Handler<Stop> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
