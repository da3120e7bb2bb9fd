//! Where reports wait for the thread that sends them.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// The packets of one report.
pub(super) type Report = Vec<String>;

/// More reports than that do not wait: one is being sent, one is ready when that is done.
const MOST_WAITING: usize = 2;

/// Where reports wait for the thread that sends them.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    reports: VecDeque<Report>,
    /// No more reports come.
    is_closed: bool,
    /// Nobody sends any more.
    is_left: bool,
}

impl Mailbox {
    pub(super) fn has_room(&self) -> bool {
        let state = self.state.lock();
        state.reports.len() < MOST_WAITING && !state.is_left
    }

    /// Whoever posts asks first whether there is room, except for the last report.
    pub(super) fn post(&self, report: Report) {
        self.state.lock().reports.push_back(report);
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits until all has been done that can be, but no longer than this. Returns whether it has.
    pub(super) fn wait_until_left(&self, longest: Duration) -> bool {
        let mut state = self.state.lock();
        !self.changed.wait_while_for(&mut state, |state| !state.is_left, longest).timed_out()
    }

    /// Waits for the next report; `None` when none comes any more.
    pub(super) fn next(&self) -> Option<Report> {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| state.reports.is_empty() && !state.is_closed);
        state.reports.pop_front()
    }

    /// Lets time pass, unless no more reports come.
    pub(super) fn pause(&self, time: Duration) {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| !state.is_closed, time);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    pub(super) fn leave(&self) {
        let mut state = self.state.lock();
        state.is_left = true;
        state.reports.clear();
        self.changed.notify_all();
    }
}
