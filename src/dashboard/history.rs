//! The last ten minutes.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::series::{Number, OF_DISPATCHERS, OF_HANDLERS, Rows};
use super::tick::Tick;
use super::{INTERVAL, KEPT, MOST_DISPATCHERS, MOST_HANDLERS};

/// Ticks that are kept as they were sent. A viewer that has missed more gets the history, which is smaller by then.
const SENT_KEPT: usize = 60;

/// But no more than this of them, in bytes, beside the newest.
const SENT_KEPT_BYTES: usize = 4 << 20;

/// What has been told, for those who come later.
#[derive(Debug)]
pub(super) struct History {
    /// Drawn anew with each, so that nobody takes one for the continuation of another.
    boot: u64,
    /// When each tick was, in milliseconds since 1970; the last is the newest.
    times: VecDeque<u64>,
    /// The number of the next tick.
    next: u64,
    dispatchers: Vec<DispatcherPast>,
    /// As events; the last is the newest.
    sent: VecDeque<Bytes>,
    sent_bytes: usize,
    /// The newest tick as JSON.
    newest: String,
    /// All of it as an event, if somebody has asked for that since the newest tick.
    whole: Option<Bytes>,
}

#[derive(Debug)]
struct DispatcherPast {
    id: u64,
    name: Arc<str>,
    rows: Rows<{ OF_DISPATCHERS.len() }>,
    handlers: Vec<HandlerPast>,
}

#[derive(Debug)]
struct HandlerPast {
    name: Arc<str>,
    rows: Rows<{ OF_HANDLERS.len() }>,
}

/// What a viewer gets next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// Up to which tick the viewer knows all then.
    pub(super) seen: u64,
    pub(super) event: Bytes,
}

impl History {
    pub(super) fn new(boot: u64) -> Self {
        History {
            boot,
            times: VecDeque::with_capacity(KEPT),
            next: 0,
            dispatchers: Vec::new(),
            sent: VecDeque::new(),
            sent_bytes: 0,
            newest: String::new(),
            whole: None,
        }
    }

    /// Takes the next tick in.
    pub(super) fn push(&mut self, tick: &Tick) {
        let number = self.next;
        self.next += 1;
        if self.times.len() == KEPT {
            self.times.pop_front();
        }
        self.times.push_back(tick.t);
        self.remember(tick, number);
        // Plain numbers and texts always have a JSON.
        self.newest = serde_json::to_string(tick).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        let event = self.event("tick", number, &self.newest);
        self.sent_bytes += event.len();
        self.sent.push_back(event);
        while self.sent.len() > SENT_KEPT || (self.sent.len() > 1 && self.sent_bytes > SENT_KEPT_BYTES) {
            self.sent_bytes -= self.sent.pop_front().map_or(0, |event| event.len());
        }
        self.whole = None;
    }

    /// What comes for a viewer that knows all up to the tick `seen`, if anything does.
    pub(super) fn after(&mut self, seen: Option<u64>) -> Option<Next> {
        let newest = self.next.checked_sub(1)?;
        let oldest_sent = self.next - self.sent.len() as u64;
        match seen {
            Some(seen) if seen == newest => None,
            Some(seen) if seen < newest && seen + 1 >= oldest_sent => {
                let at = usize::try_from(seen + 1 - oldest_sent).ok()?;
                Some(Next { seen: seen + 1, event: self.sent.get(at)?.clone() })
            }
            _ => Some(Next { seen: newest, event: self.whole() }),
        }
    }

    /// Which tick an event of this id told of, if it was one of these.
    pub(super) fn seen(&self, id: &str) -> Option<u64> {
        let (boot, number) = id.trim().split_once('-')?;
        let is_ours = u64::from_str_radix(boot, 16).is_ok_and(|boot| boot == self.boot);
        number.parse().ok().filter(|number| is_ours && *number < self.next)
    }

    fn remember(&mut self, tick: &Tick, number: u64) {
        for dispatcher in &tick.dispatchers {
            let known = self.dispatchers.iter().position(|known| known.id == dispatcher.id);
            let at = known.unwrap_or_else(|| {
                self.dispatchers.push(DispatcherPast {
                    id: dispatcher.id,
                    name: Arc::clone(&dispatcher.name),
                    rows: Rows::new(number),
                    handlers: Vec::new(),
                });
                self.dispatchers.len() - 1
            });
            let known = &mut self.dispatchers[at];
            known.rows.push(number, dispatcher.now, KEPT);
            for (place, handler) in dispatcher.handlers.iter().enumerate() {
                // Nearly always they are in the order of the tick before.
                let is_it = |known: &HandlerPast| known.name == handler.name;
                let at = match known.handlers.get(place) {
                    Some(known) if is_it(known) => Some(place),
                    _ => known.handlers.iter().position(is_it),
                };
                let at = at.unwrap_or_else(|| {
                    known.handlers.push(HandlerPast { name: Arc::clone(&handler.name), rows: Rows::new(number) });
                    known.handlers.len() - 1
                });
                known.handlers[at].rows.push(number, handler.now, KEPT);
            }
        }
        self.forget();
    }

    /// Lets go of what is over, and, of what is no more there, of what has been gone for longest if it is too much.
    fn forget(&mut self) {
        let oldest = self.next - self.times.len() as u64;
        for dispatcher in &mut self.dispatchers {
            dispatcher.rows.forget_before(oldest);
            for handler in &mut dispatcher.handlers {
                handler.rows.forget_before(oldest);
            }
            dispatcher.handlers.retain(|handler| !handler.rows.is_empty());
        }
        self.dispatchers.retain(|dispatcher| !dispatcher.rows.is_empty());
        while self.dispatchers.len() > MOST_DISPATCHERS {
            let Some((at, _)) = self.dispatchers.iter().enumerate().min_by_key(|(_, known)| known.rows.end()) else {
                break;
            };
            self.dispatchers.remove(at);
        }
        let mut too_many = self.dispatchers.iter().map(|known| known.handlers.len()).sum::<usize>();
        while too_many > MOST_HANDLERS {
            let handlers = self.dispatchers.iter().flat_map(|known| &known.handlers);
            let Some(longest_gone) = handlers.map(|handler| handler.rows.end()).min() else { break };
            for dispatcher in &mut self.dispatchers {
                dispatcher.handlers.retain(|handler| {
                    let goes = too_many > MOST_HANDLERS && handler.rows.end() == longest_gone;
                    too_many -= usize::from(goes);
                    !goes
                });
            }
        }
    }

    fn whole(&mut self) -> Bytes {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let ticks = self.next - self.times.len() as u64..self.next;
        let past = Past {
            version: env!("CARGO_PKG_VERSION"),
            interval_ms: INTERVAL.as_millis() as u64,
            kept: KEPT,
            t: &self.times,
            dispatchers: self.dispatchers.iter().map(|past| past.over(&ticks)).collect(),
        };
        let mut json = serde_json::to_string(&past).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        // The newest tick is JSON already.
        json.pop();
        json.push_str(",\"tick\":");
        json.push_str(&self.newest);
        json.push('}');
        let event = self.event("history", ticks.end - 1, &json);
        self.whole = Some(event.clone());
        event
    }

    /// One server-sent event. JSON has no line ends in it.
    fn event(&self, kind: &str, number: u64, json: &str) -> Bytes {
        format!("id: {:x}-{number}\nevent: {kind}\ndata: {json}\n\n", self.boot).into()
    }
}

#[derive(Serialize)]
struct Past<'a> {
    version: &'static str,
    interval_ms: u64,
    kept: usize,
    t: &'a VecDeque<u64>,
    dispatchers: Vec<DispatcherSeries<'a>>,
}

#[derive(Serialize)]
struct DispatcherSeries<'a> {
    id: u64,
    name: &'a str,
    series: Series<'a, { OF_DISPATCHERS.len() }>,
    handlers: Vec<HandlerSeries<'a>>,
}

#[derive(Serialize)]
struct HandlerSeries<'a> {
    name: &'a str,
    series: Series<'a, { OF_HANDLERS.len() }>,
}

struct Series<'a, const N: usize> {
    names: &'static [&'static str; N],
    rows: &'a Rows<N>,
    ticks: Range<u64>,
}

impl DispatcherPast {
    fn over(&self, ticks: &Range<u64>) -> DispatcherSeries<'_> {
        let handlers = self.handlers.iter().map(|handler| HandlerSeries {
            name: &handler.name,
            series: Series { names: &OF_HANDLERS, rows: &handler.rows, ticks: ticks.clone() },
        });
        DispatcherSeries {
            id: self.id,
            name: &self.name,
            series: Series { names: &OF_DISPATCHERS, rows: &self.rows, ticks: ticks.clone() },
            handlers: handlers.collect(),
        }
    }
}

impl<const N: usize> Serialize for Series<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().enumerate().map(|(column, name)| (name, Column { of: self, column })))
    }
}

struct Column<'a, const N: usize> {
    of: &'a Series<'a, N>,
    column: usize,
}

impl<const N: usize> Serialize for Column<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let numbers: &mut dyn Iterator<Item = Number> = &mut self.of.rows.column(self.column, self.of.ticks.clone());
        serializer.collect_seq(numbers)
    }
}
