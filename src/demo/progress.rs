//! How far it is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::observation::Outcome;
use super::plan::Plan;
use super::run::Side;
use super::tally::Tally;
use crate::cli::console;

/// How often a line is printed where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Progress {
    /// `None` when standard error is not a terminal.
    bar: Option<ProgressBar>,
    plan: Plan,
    side: Side,
    next_line: Duration,
}

impl Progress {
    pub(crate) fn new(plan: Plan) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(plan.duration.as_millis() as u64), ProgressDrawTarget::stderr());
            bar.with_style(
                ProgressStyle::with_template("{prefix:>15} {bar:20} {wide_msg}").expect("the template is well-formed"),
            )
        });
        Progress { bar, plan, side: Side::Without, next_line: LINE_INTERVAL }
    }

    pub(crate) fn begin(&mut self, side: Side) {
        self.side = side;
        self.next_line = LINE_INTERVAL;
        if let Some(bar) = &self.bar {
            bar.set_prefix(side.name());
            bar.set_position(0);
        }
    }

    /// To be called often.
    pub(crate) fn advance(&mut self, at: Duration, tally: &Tally) {
        let shown = at.min(self.plan.duration);
        if let Some(bar) = &self.bar {
            bar.set_position(shown.as_millis() as u64);
            bar.set_message(state(shown, self.plan.duration, tally));
        } else if at >= self.next_line && at <= self.plan.duration {
            self.next_line += LINE_INTERVAL;
            console::note(format!("{}: {}", self.side.name(), state(shown, self.plan.duration, tally)));
        }
    }

    /// Leaves the last state to be read.
    pub(crate) fn end(&mut self, tally: &Tally) {
        if let Some(bar) = &self.bar {
            bar.suspend(|| console::note(format!("{:>15}: {}", self.side.name(), counts(tally))));
        } else {
            console::note(format!("{}: {}", self.side.name(), counts(tally)));
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn state(at: Duration, of: Duration, tally: &Tally) -> String {
    format!("{:>2} of {} s: {}", at.as_secs(), of.as_secs(), counts(tally))
}

fn counts(tally: &Tally) -> String {
    let failed = tally.count(Outcome::TimedOut) + tally.count(Outcome::Failed);
    format!(
        "{} sent, {} good, {} late, {} rejected, {failed} failed",
        tally.sent(),
        tally.count(Outcome::Good),
        tally.count(Outcome::Late),
        tally.count(Outcome::Rejected),
    )
}

#[cfg(test)]
mod tests {
    use super::super::observation::Fault;
    use super::*;

    #[test]
    fn the_state_counts_what_timed_out_as_failed() {
        let tally = Tally::default();
        for answer in [Ok(()), Err(Fault::TimedOut), Err(Fault::Failed("reset".to_string())), Err(Fault::Rejected)] {
            tally.begin();
            tally.end(&answer, Outcome::of(&answer, Duration::ZERO));
        }
        tally.begin();
        assert_eq!(
            state(Duration::from_millis(9_900), Duration::from_secs(30), &tally),
            " 9 of 30 s: 5 sent, 1 good, 0 late, 1 rejected, 2 failed"
        );
    }
}
