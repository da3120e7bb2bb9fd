//! The actor that decides which work is let in.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Context, Handler, Message};
use log::info;

use super::Stop;
use super::overload::{FIRST_LOOK, Over, Overload};
use super::shared::{Gate, Shared};
use crate::config::{BackPressureAlgorithm, BackPressureSettings};
use crate::control::regulator::{
    Admission, ExpectedWait, Kanaloa, KanaloaRules, Pie, PieRules, QueueSample, Regulator,
};
use crate::pool::Extras;
use crate::time::{Instant, Timers};

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

/// Works are refused for want of handlers from now on, whatever the load.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Unmanned;

/// Turns samples of the queue into the published admission.
#[derive(Debug)]
pub(crate) struct RegulatorActor {
    /// The dispatcher's name.
    owner: Arc<str>,
    shared: Arc<Shared>,
    law: Box<dyn Regulator>,
    extras: Arc<Extras>,
    regulates: bool,
    /// Whether works may have been refused for want of handlers since the last sample.
    was_unmanned: bool,
    probed_at: Instant,
    overload: Overload,
    /// Whether no handler takes work for a while: each is held, or its circuit breaker is open.
    is_held: bool,
}

impl RegulatorActor {
    /// `owner`: the dispatcher's name.
    pub(crate) fn new(owner: Arc<str>, shared: Arc<Shared>, law: Box<dyn Regulator>, extras: Arc<Extras>) -> Self {
        RegulatorActor {
            owner,
            shared,
            law,
            extras,
            regulates: false,
            was_unmanned: false,
            probed_at: Instant::now(),
            overload: Overload::default(),
            is_held: false,
        }
    }

    /// Says when an overload begins.
    fn follow_overload(&mut self, sample: &QueueSample, now: Instant, ctx: &mut Context<Self>) {
        self.is_held = !sample.service.pause.is_zero();
        let is_open = self.shared.gate() == Gate::Open;
        let was_unmanned = self.was_unmanned;
        self.was_unmanned &= !is_open;
        // Without handlers, and where no more work is taken, works are refused for that and not for their number.
        let refused = if is_open && self.regulates && !was_unmanned { sample.refused } else { 0 };
        if self.overload.sample(sample.arrived, refused, now) {
            ctx.later(FIRST_LOOK, Self::tell_overload);
        }
    }

    fn tell_overload(&mut self, ctx: &mut Context<Self>) {
        if let Some(percent) = self.overload.percent() {
            let why = if self.is_held { ", for no handler takes work" } else { "" };
            info!("dispatcher {}: overloaded: refusing {percent} % of works{why}", self.owner);
            self.look_for_calm(ctx);
        }
    }

    /// Says when the overload is over. By a timer, for there are no samples where nothing arrives.
    fn look_for_calm(&mut self, ctx: &mut Context<Self>) {
        match self.overload.calm_in(Instant::now()) {
            Some(Duration::ZERO) => self.overload_is_over("no longer overloaded"),
            Some(wait) => {
                ctx.later(wait, Self::look_for_calm);
            }
            None => {}
        }
    }

    fn overload_is_over(&mut self, what: &str) {
        let Some(Over { lasted, refused }) = self.overload.end() else { return };
        let seconds = lasted.as_secs_f64();
        info!("dispatcher {}: {what} after {seconds:.1} s, {refused} works were refused", self.owner);
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

impl Handler<Unmanned> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, _: Unmanned, _: &mut Self::Context) {
        self.was_unmanned = true;
    }
}

impl Handler<QueueSample> for RegulatorActor {
    type Result = ();

    fn handle(&mut self, sample: QueueSample, ctx: &mut Self::Context) {
        let admission = self.law.sample(&sample);
        self.shared.set_at_rest(self.law.is_at_rest());
        if self.regulates {
            self.shared.publish(admission);
        }
        let now = Instant::now();
        self.follow_overload(&sample, now, ctx);
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
        self.overload_is_over("stopped while overloaded,");
        ctx.stop();
    }
}
