//! A live page: what dispatchers do and why, over the last ten minutes.
//!
//! ```text
//! Monitor ──once a second──► sampler ──► history ──► server-sent events ──► the page, in any number of browsers
//! ```
//!
//! `kanaloa proxy` has it at `/dashboard/` of its admin address. A program without a proxy has it on an address of its own
//! with `kanaloa::http::AdminServer` (feature `proxy`), or in its own actix-web application with `Dashboard::at` (feature
//! `actix-web`). With any other server, answer `GET` with [`Dashboard::page`] at a path that ends in `/`, and with
//! [`Dashboard::events`] at `events` below that:
//!
//! ```
//! use futures::StreamExt;
//! use kanaloa::dashboard::Dashboard;
//! use kanaloa::metrics::Monitor;
//! use kanaloa::{PushingDispatcher, handler_fn};
//!
//! # actix::System::new().block_on(async {
//! let monitor = Monitor::new();
//! let half = handler_fn("half", |n: u32| async move { Ok::<_, String>(n / 2) });
//! let dispatcher = PushingDispatcher::builder("numbers").monitor(&monitor).handler(half).start().unwrap();
//! dispatcher.call(8).await.unwrap();
//!
//! let dashboard = Dashboard::start(&monitor);
//! // GET /dashboard/
//! assert!(Dashboard::page().starts_with("<!DOCTYPE html>"));
//! // GET /dashboard/events, with what the request has as Last-Event-ID
//! let mut events = dashboard.events(None).unwrap();
//! assert_eq!(events.next().await.unwrap(), "retry: 1000\n\n");
//! let history = events.next().await.unwrap();
//! assert!(String::from_utf8_lossy(&history).contains(r#""name":"numbers""#));
//! # });
//! ```
//!
//! It is read-only, and asks nobody but its own server for anything.
//!
//! # What it costs
//!
//! Once a second the counters of all dispatchers are read, and written as JSON once for all viewers; nothing else of a
//! dispatcher is touched. With two handlers that is 0.02 % of a core, and another 0.002 % for each viewer.
//!
//! In memory the last ten minutes take 36 KB for each dispatcher and 29 KB for each handler that was there all the time; what
//! was sent in the last minute is kept beside that, which is at most 4 MB, and the last reading of the counters, up to 9 KB
//! for each. At most [100 dispatchers](MOST_DISPATCHERS) and [1000 handlers](MOST_HANDLERS) are told of, so that it is 50 MB
//! at most, whatever a program starts; how many more there are the page says. Whoever opens the page is sent the ten minutes
//! as JSON, which all who do so within a second share: 80 KB for a dispatcher with two handlers, and 20 to 30 KB for each
//! handler.

#[cfg(feature = "actix-web")]
mod actix_web;
mod events;
mod history;
mod page;
mod sampler;
mod series;
#[cfg(test)]
mod tests;
mod tick;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use log::warn;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use self::events::Board;
pub use self::events::{Events, TooManyViewers};
use self::history::History;
use self::sampler::Sampler;
use crate::metrics::Monitor;

/// How often it is looked how things stand.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many ticks are kept: ten minutes.
const KEPT: usize = 600;

/// Most dispatchers that a dashboard tells of: those that came first.
pub const MOST_DISPATCHERS: usize = 100;

/// Most handlers, of all dispatchers together, that a dashboard tells of.
pub const MOST_HANDLERS: usize = 1000;

/// Most viewers that a dashboard has at once.
pub const MOST_VIEWERS: usize = 64;

/// A live page that shows what dispatchers do: see the [module](self). A clone is the same one.
///
/// It lives as long as one of its clones does, or until it is [closed](Self::close); then its viewers' streams end.
#[derive(Debug, Clone)]
pub struct Dashboard(Arc<Running>);

#[derive(Debug)]
struct Running {
    board: Arc<Board>,
    sampling: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.board.end();
        self.sampling.abort();
    }
}

impl Dashboard {
    /// What goes with the page: nothing but itself may be loaded by it, and no other site may frame it.
    pub const PAGE_HEADERS: [(&'static str, &'static str); 5] = [
        ("content-type", "text/html; charset=utf-8"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        ),
        // Another version of the program has another page.
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];

    /// What goes with the events; the last has nginx pass each on at once.
    pub const EVENTS_HEADERS: [(&'static str, &'static str); 4] = [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-accel-buffering", "no"),
    ];

    /// Watches the dispatchers that `monitor` watches, now at first and then once a second.
    ///
    /// # Panics
    ///
    /// Where there is no tokio runtime with its timer on: it runs as a task of the current one, and ends with it. An actix
    /// System is one.
    pub fn start(monitor: &Monitor) -> Self {
        let mut history = History::new(RandomState::new().hash_one(SystemTime::now()));
        let mut sampler = Sampler::default();
        history.push(&sampler.sample(monitor.dispatchers(), unix_ms(), Instant::now()));
        let board = Board::new(history);
        let sampling = tokio::spawn(sample(Arc::clone(&board), monitor.clone(), sampler)).abort_handle();
        Dashboard(Arc::new(Running { board, sampling }))
    }

    /// The page, as HTML in UTF-8: to be served with [`Dashboard::PAGE_HEADERS`] at a path that ends in `/`.
    pub fn page() -> &'static str {
        page::page()
    }

    /// What a viewer is sent, with [`Dashboard::EVENTS_HEADERS`]: the history, and then a tick each second. A viewer that
    /// comes back tells as `last_event_id` what its header `Last-Event-ID` says, and gets what it has missed.
    ///
    /// # Errors
    ///
    /// If there are [64](MOST_VIEWERS) already: answer with 503.
    pub fn events(&self, last_event_id: Option<&str>) -> Result<Events, TooManyViewers> {
        Events::new(&self.0.board, last_event_id)
    }

    /// How many streams of events there are.
    pub fn viewers(&self) -> usize {
        self.0.board.viewers()
    }

    /// Ends all streams of events, those of clones included, and looks no more. A server that waits for its connections to
    /// end is to call this first: viewers do not leave by themselves.
    pub fn close(&self) {
        self.0.board.end();
        self.0.sampling.abort();
    }
}

async fn sample(board: Arc<Board>, monitor: Monitor, mut sampler: Sampler) {
    // Also if the runtime ends, or a snapshot panics.
    let board = Ending(board);
    let mut was_told = false;
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let tick = sampler.sample(monitor.dispatchers(), unix_ms(), Instant::now());
        if let Some(more) = tick.left_off.filter(|_| !was_told) {
            was_told = true;
            warn!(
                "the dashboard leaves off {} dispatchers and {} handlers: there are too many",
                more.dispatchers, more.handlers
            );
        }
        board.0.history.lock().push(&tick);
        board.0.has_more();
    }
}

struct Ending(Arc<Board>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn unix_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
