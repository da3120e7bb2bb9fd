//! How far it is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::cli::console;

/// How often a line is printed where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// How often the bar moves while no run ends.
const TICK: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Progress {
    /// `None` when standard error is not a terminal.
    bar: Option<ProgressBar>,
    done: usize,
    of: usize,
    next_line: Instant,
}

impl Progress {
    pub(super) fn new(of: usize) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(of as u64), ProgressDrawTarget::stderr()).with_style(
                ProgressStyle::with_template("{spinner} {bar:20} {pos} of {len} runs, {elapsed}  {wide_msg}")
                    .expect("the template is well-formed"),
            );
            bar.enable_steady_tick(TICK);
            bar
        });
        Progress { bar, done: 0, of, next_line: Instant::now() + LINE_INTERVAL }
    }

    /// One more run is complete.
    pub(super) fn advance(&mut self, run: &str) {
        self.done += 1;
        if let Some(bar) = &self.bar {
            bar.set_message(run.to_owned());
            bar.set_position(self.done as u64);
        } else if Instant::now() >= self.next_line && self.done < self.of {
            self.next_line = Instant::now() + LINE_INTERVAL;
            console::note(format!("{} of {} runs, the last of {run}", self.done, self.of));
        }
    }
}

/// Takes the bar away.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
