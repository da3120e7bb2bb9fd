//! Plumb: holds the queue inside the service just above nothing.

mod base;
mod dips;
mod drive;
mod headroom;
mod intake;
mod mode;
mod proof;
mod reasons;
mod scale;
mod silence;
mod steering;
mod window;

#[cfg(test)]
mod tests;

use std::time::Duration;

use self::base::Base;
use self::dips::Dips;
use self::drive::Drive;
use self::headroom::Headroom;
use self::intake::{Intake, Part, is_pause};
use self::mode::{Check, Mode, Phase};
use self::proof::Proof;
use self::scale::{FirstTimes, Scale};
use self::silence::Silence;
use self::window::{Reading, Window};
use super::{Reason, Throttle};
use crate::control::{Attempt, Outcome};

/// A start begins low: to grow from 4 to the knee takes a few process times, to empty a queue takes longer.
const HIGHEST_START: usize = 4;

/// Process times count as at least a nanosecond, the resolution of the clock: rates stay finite.
const SHORTEST_TIME: f64 = 1e-9;

/// Fewest successes to decide from.
const SMALLEST_WINDOW: f64 = 8.0;
/// Successes to decide from, in limits. Two let the queue that the limit made settle, and the noise fall.
const WINDOW: f64 = 2.0;
/// The same while growing fast or checking, where speed counts more.
const QUICK_WINDOW: f64 = 1.0;

/// The queue to hold, in √limit at [`GOAL_SLOTS`]: enough to keep all slots busy between a reply and the next call.
const GOAL: f64 = 0.3;
const GOAL_SLOTS: f64 = 20.0;
/// Bounds of what the size of the limit does to the goal.
const GOAL_FACTORS: (f64, f64) = (0.3, 3.0);

/// Queue in √limit below which a window that does not fill the limit means a lack of demand.
const STARVED_BELOW: f64 = 0.75;

/// Queue in √limit that ends a window half-way, beyond what headroom lets in. Twice the alarm, as half a window has
/// more noise.
const EARLY_ALARM: f64 = 3.0;

/// Finds the knee of a service that works off calls in slots, and sits just above it.
///
/// It costs about one `exp` per success, and never allocates.
///
/// # The idea
///
/// On a service with slots, throughput is X(n) = min(n/S, X̂): every concurrency limit above the knee n* = X̂·S only
/// makes a queue in the service, and every one below wastes slots. A process time R is that wait plus the service's
/// own time. With *m* the soft minimum −τ·ln(mean e^(−R/τ)) of R, and *base* what m is without a queue,
///
/// ```text
/// queue in the service   q = X·(m − base)        X = Σ in flight / Σ R   (Little)
/// knee                     = L − q               L = mean in flight
/// target                   = knee + goal         goal = 0.3·√n·clamp((20/n)^¼, 0.3, 3)
/// ```
///
/// Noise of q grows with √n, so thresholds are in units of √n. The goal grows more slowly than that, which keeps
/// the shares of several proxies in front of one service together.
///
/// The soft minimum is additive, and so shows all of the queue, where calls are served first come, first served.
/// Before a processor that all calls share it hides most of it: eight ninths if times are exponential. Little's law
/// holds there too, with a twentieth of the precision for the same number of calls. So what it proves bounds the knee:
///
/// ```text
/// knee ≤ X̂·S·(1 + 1.5·cv·√(1/cₓ + 1/cₛ))
/// ```
///
/// with X̂ the throughput at the full limit by the clock, S the mean slot time without a queue (in dips and while the
/// demand falls short), cₓ and cₛ the successes that each was averaged over, some 16 windows, and cv the coefficient
/// of variation of process times, at least ½ and about 1 until enough of them are known. There is no mode for either
/// kind of service: the queue is the one that the soft minimum shows, or the *hidden* one that throughput proves beyond
/// its goal, if that is more.
///
/// # The regimes
///
/// A window of successes (twice the limit, once when in a hurry, at least 8) is measured, then something is decided.
/// It begins and ends at a pause between successes, for those of fixed service times come in bunches, but at most a
/// limit of successes later.
///
///
/// - *Cold*: the first few process times set τ. So they do again when all have become hundreds of times τ.
/// - *High*, at the target: steers it to knee + goal. Growth doubles the limit while its drive is high and a quarter
///   of the limit is not queue yet. The drive rises while there is no queue, at once where process times hardly vary.
/// - *Low*: now and then a dip just below the knee shows the base, and S. While there is a hidden queue it goes to the
///   lowest knee that may be, and it comes four times as often until S is precise: after eight
///   dips, or two where times are equal.
/// - *Check*: a large queue means fewer slots or slower ones. The limit is cut: if m falls with it, it was a queue. If
///   m stays and process times vary, the verdict is by the slot time, which takes 64·cv² successes. A hidden queue, or
///   a dip with a slot time that refutes S, is checked so at once, at half the limit. If the slot time falls by all of
///   the cut, and what throughput proved of the knee is lower still, half of that is tried next; else the knee is the
///   limit before × the slot time now / the one before.
/// - *Starved*: the demand is below the limit. The target rests, and the limit gets headroom.
/// - *Silent*: timeouts prevail. The target is halved, and the next success starts cold.
///
/// Failures and cancelled attempts only count as holding a slot: they tell nothing about how long the service takes.
///
/// # Where it is weak
///
/// - Before a shared processor the limit is as uncertain as the mean. With exponential times of 100 ms it settles a sixth
///   above 20 slots; a start, in which it overshoots several times, and a change of capacity take it 3 to 6 s, now and
///   then 15 or more. If sharing itself costs capacity, such a limit loses a tenth.
/// - Several proxies in front of one shared processor do not hold: one that is fully served learns the queue of the
///   others as its own slot time, and the sum of the limits grows to several times the slots.
/// - A verdict by slot time is wrong now and then, which costs some seconds at a limit that is far too low: an overload
///   by exponential times loses a twelfth of its goodput or more in one of a hundred runs of half a minute.
/// - The eight process times of the second window can show a queue by chance; the limit then grows from there at the pace
///   of a few windows a doubling, and a cold start takes 3 s instead of one.
/// - Proxies of one service with slots agree on the sum of their limits; their shares drift by half over a minute. One
///   that is fully served never dips and so never learns.
/// - A service of one very slow slot is met with a limit of 4, so the start is measured inside its own queue.
/// - Capacity that changes every few seconds is followed a few windows late: doubled and halved every 10 s, the service
///   is used to 0.96 where process times hardly vary, and less where they do.
///
/// # Sources
///
/// The knee and its estimate by Little's law are those of Vegas and of Netflix's `concurrency-limits`; the score of
/// the original Kanaloa, (1−w)·ln X − w·ln R, is best at the same knee on such a service. Soft minimum, dips on a
/// common clock, the check and the bound by what throughput proves were found in simulation.
#[derive(Debug, Clone)]
pub struct Plumb {
    min: usize,
    max: usize,
    /// The limit to hold when nothing is measured: knee + goal. Within `min` and `max`.
    target: f64,
    limit: usize,
    /// Of the last decision.
    reason: Reason,
    phase: Phase,
    mode: Mode,
    intake: Intake,
    /// When the last success came.
    now: Duration,
    window: Window,
    silence: Silence,
    scale: Scale,
    base: Base,
    drive: Drive,
    headroom: Headroom,
    dips: Dips,
    proof: Proof,
    /// Whether throughput proves a queue that the soft minimum hides, as it does before a shared processor.
    queue_is_hidden: bool,
    /// The last target at which fast growth found no queue.
    last_good: f64,
    /// Average soft minimum in High windows, in seconds.
    high_soft_minimum: Option<f64>,
}

impl Plumb {
    /// Starts at `start`, but not above 4, and keeps the limit within `min..=max`. A `min` of 0 counts as 1, and a
    /// `max` below `min` as `min`.
    pub fn new(start: usize, min: usize, max: usize) -> Self {
        let min = min.max(1);
        let max = max.max(min);
        let limit = start.min(HIGHEST_START).clamp(min, max);
        Plumb {
            min,
            max,
            target: limit as f64,
            limit,
            reason: Reason::Starting,
            phase: Phase::Cold(FirstTimes::default()),
            mode: Mode::High,
            intake: Intake::after(limit),
            now: Duration::ZERO,
            window: Window::default(),
            silence: Silence::default(),
            scale: Scale::unknown(),
            base: Base::unknown(None),
            drive: Drive::full(),
            headroom: Headroom::new(),
            dips: Dips::new(),
            proof: Proof::default(),
            queue_is_hidden: false,
            last_good: limit as f64,
            high_soft_minimum: None,
        }
    }

    // ## Silent => Cold
    // ## Cold => High
    fn succeeded(&mut self, attempt: &Attempt) {
        if self.phase == Phase::Silent {
            self.reason = Reason::Answering;
            self.start_cold();
        }
        self.silence.answered();
        let process_time = attempt.process_time.as_secs_f64().max(SHORTEST_TIME);
        if let Phase::Cold(first) = &mut self.phase {
            first.add(process_time);
        }
        let after_pause = is_pause(attempt.now.saturating_sub(self.now), process_time, attempt.in_flight);
        let part = self.intake.next(after_pause, self.limit);
        if part == Part::First {
            self.begin_to_measure();
        } else if part == Part::Next && self.window_ends(after_pause) {
            self.decide();
        }
        self.now = attempt.now;
        if !self.intake.is_measuring() {
            return;
        }
        self.window.add(attempt.now, process_time, self.scale.tau(), attempt.in_flight.max(1), self.limit);
        if self.dip_is_due() {
            self.enter_low();
        } else if self.early_alarm() {
            self.decide();
        }
    }

    fn window_ends(&self, after_pause: bool) -> bool {
        Intake::ends(self.window.count(), self.window_length(), after_pause, self.limit)
    }

    fn start_cold(&mut self) {
        self.phase = Phase::Cold(FirstTimes::default());
        self.drive = Drive::full();
        self.high_soft_minimum = None;
        self.intake = Intake::after(self.limit);
        self.clear();
    }

    fn begin_to_measure(&mut self) {
        if let Phase::Cold(first) = &self.phase {
            let (scale, soft_minimum) = first.scale();
            self.scale = scale;
            self.base = Base::unknown(Some(soft_minimum));
            self.phase = Phase::Measuring;
        }
        self.clear();
    }

    // ## any => Cold, because process times have left the range of the scale
    fn start_over(&mut self) {
        self.reason = Reason::StartingOver;
        self.set_target(self.target.min(HIGHEST_START as f64));
        self.limit = self.target as usize;
        self.mode = Mode::High;
        self.base = Base::unknown(None);
        self.proof = Proof::default();
        self.queue_is_hidden = false;
        self.last_good = self.target;
        self.start_cold();
    }

    // ## any => Silent
    fn timed_out(&mut self) {
        if !self.silence.timed_out(self.limit) {
            return;
        }
        self.reason = self.silent();
        self.set_target(self.target / 2.0);
        self.limit = (self.target as usize).clamp(self.min, self.max);
        self.phase = Phase::Silent;
        self.mode = Mode::High;
        self.base = Base::unknown(None);
        self.proof = Proof::default();
        self.queue_is_hidden = false;
        self.clear();
    }

    fn clear(&mut self) {
        self.window = Window::opened(self.now);
        self.silence = Silence::default();
    }

    fn window_length(&self) -> f64 {
        let limits = if self.drive.hurries() || self.mode.is_check() { QUICK_WINDOW } else { WINDOW };
        let length = (limits * self.limit as f64).max(SMALLEST_WINDOW);
        match self.mode {
            Mode::Check(Check { by_slot_time: true, .. }) => length.max(self.certain_verdict()),
            _ => length,
        }
    }

    fn dip_is_due(&mut self) -> bool {
        self.mode == Mode::High
            && !self.headroom.is_loose()
            && self.drive.allows_dips()
            && self.dips.is_due(self.now)
            && self.can_dip()
    }

    fn can_dip(&self) -> bool {
        self.target.round() > self.min as f64
    }

    /// Whether half a window already shows far too large a queue.
    fn early_alarm(&self) -> bool {
        let half = self.limit.div_ceil(2) as f64;
        if self.window.count() != half || half < SMALLEST_WINDOW || self.mode.is_check() || self.drive.hurries() {
            return false;
        }
        let reading = self.window.read(self.scale.tau());
        let headroom = (self.limit as f64 - self.target).max(0.0);
        self.queue(&reading) > EARLY_ALARM * self.noise() + headroom
    }

    /// Calls waiting inside the service; 0 as long as the base is unknown.
    fn queue(&self, reading: &Reading) -> f64 {
        self.base.get().map_or(0.0, |base| reading.throughput * (reading.soft_minimum - base))
    }

    /// √target: what the noise of a queue estimate is proportional to.
    fn noise(&self) -> f64 {
        self.target.sqrt()
    }

    /// The queue to hold.
    fn goal(&self) -> f64 {
        let (least, most) = GOAL_FACTORS;
        GOAL * self.noise() * (GOAL_SLOTS / self.target).powf(0.25).clamp(least, most)
    }

    fn set_target(&mut self, target: f64) {
        self.target = target.clamp(self.min as f64, self.max as f64);
    }
}

impl Throttle for Plumb {
    fn record(&mut self, attempt: &Attempt) -> Option<usize> {
        let before = self.limit;
        match attempt.outcome {
            Outcome::Success => self.succeeded(attempt),
            Outcome::Timeout => self.timed_out(),
            Outcome::Failure | Outcome::Cancelled => self.window.add_held(attempt.process_time.as_secs_f64()),
        }
        (self.limit != before).then_some(self.limit)
    }

    fn is_doubling(&self) -> bool {
        self.drive.hurries()
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn reason(&self) -> Reason {
        self.reason
    }
}
