//! A logger that remembers.

use std::sync::{Mutex, Once};

use log::{Level, LevelFilter, Log, Metadata, Record};
use tokio::time::Instant;

/// A record, and when it was written on the clock of the thread that wrote it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
    pub(crate) at: Instant,
}

struct Memory(Mutex<Vec<Line>>);

static MEMORY: Memory = Memory(Mutex::new(Vec::new()));

impl Log for Memory {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let line = Line { level: record.level(), text: record.args().to_string(), at: Instant::now() };
        self.0.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&MEMORY).unwrap();
        log::set_max_level(LevelFilter::Debug);
    });
}

/// What was written that has this in it, with the times.
pub(crate) fn timed_lines(part: &str) -> Vec<Line> {
    let lines = MEMORY.0.lock().unwrap();
    lines.iter().filter(|line| line.text.contains(part)).cloned().collect()
}

/// What was written that has this in it.
pub(crate) fn lines(part: &str) -> Vec<(Level, String)> {
    timed_lines(part).into_iter().map(|line| (line.level, line.text)).collect()
}

/// What was written above `debug` that begins with this, without it.
pub(crate) fn told(start: &str) -> Vec<(Level, String)> {
    let lines = timed_lines(start).into_iter().filter(|line| line.level < Level::Debug);
    lines.filter_map(|line| Some((line.level, line.text.strip_prefix(start)?.to_string()))).collect()
}

pub(crate) fn owned(lines: &[(Level, &str)]) -> Vec<(Level, String)> {
    lines.iter().map(|(level, text)| (*level, (*text).to_string())).collect()
}
