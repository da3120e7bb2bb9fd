//! Every file of a directory through a service, at the speed that the service has: what `PullingDispatcher` is for.
//!
//! ```text
//! cargo run --release --example send_directory [DIRECTORY]
//! ```

use std::error::Error;
use std::fmt::Display;
use std::fs::{self, ReadDir};
use std::io::{self, IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kanaloa::{Progress, PullingDispatcher, PullingHandle, RunEnd, Summary, handler_fn};
use tokio::signal::ctrl_c;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{interval, sleep};

const USAGE: &str = "\
Sends every file of a directory to a service that is made up, and reads nothing but their lengths.

Usage: send_directory [DIRECTORY]

Without a directory it is this crate's src. Ctrl-C finishes what is under way; once more, it ends at once.
The exit code is 0 if all was sent, 1 if not, 2 for a wrong call, and 130 after Ctrl-C.";

/// A bar is drawn anew, and where there is no terminal a line is written, each so many ticks.
const TICK: Duration = Duration::from_millis(100);
const TICKS_PER_LINE: u64 = 50;

/// As `println`, which panics when nobody reads any more: `send_directory | head -1`.
fn say(line: impl Display) {
    let _ = writeln!(stdout(), "{line}");
}

fn complain(line: impl Display) {
    let _ = writeln!(stderr(), "{line}");
}

/// The service takes four files at a time, 5 ms each. Nobody tells Kanaloa.
static SLOTS: Semaphore = Semaphore::const_new(4);

/// What the service does with a file; a real one would be somewhere else.
async fn send(file: PathBuf) -> Result<u64, String> {
    let _slot = SLOTS.acquire().await.map_err(|closed| closed.to_string())?;
    let length = fs::metadata(&file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    sleep(Duration::from_millis(5)).await;
    Ok(length)
}

/// The files below a directory, read as they are asked for. It blocks, and so runs on a thread of its own.
struct Files {
    open: Vec<(PathBuf, ReadDir)>,
    /// Is told of what cannot be read.
    unread: mpsc::UnboundedSender<String>,
}

impl Files {
    fn below(directory: &Path, unread: mpsc::UnboundedSender<String>) -> io::Result<Self> {
        Ok(Files { open: vec![(directory.to_owned(), fs::read_dir(directory)?)], unread })
    }

    /// Left out, and told.
    fn leave_out(&self, path: &Path, error: &io::Error) {
        // An error means that nobody wants to know.
        let _ = self.unread.send(format!("cannot read {}: {error}", path.display()));
    }
}

impl Iterator for Files {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            let (directory, entries) = self.open.last_mut()?;
            let Some(entry) = entries.next() else {
                self.open.pop();
                continue;
            };
            let found = entry.map_err(|error| (directory.clone(), error)).and_then(|entry| {
                let kind = entry.file_type().map_err(|error| (entry.path(), error))?;
                let below = kind.is_dir().then(|| fs::read_dir(entry.path())).transpose();
                Ok((entry.path(), kind, below.map_err(|error| (entry.path(), error))?))
            });
            match found {
                Ok((path, _, Some(below))) => self.open.push((path, below)),
                Ok((path, kind, None)) if kind.is_file() => return Some(path),
                Ok(_) => {}
                Err((path, error)) => self.leave_out(&path, &error),
            }
        }
    }
}

/// Ctrl-C takes no further file and finishes what is under way; once more, it cuts that off.
async fn end_when_interrupted(run: PullingHandle<PathBuf, u64, String>, bar: ProgressBar) {
    if ctrl_c().await.is_ok() {
        bar.suspend(|| complain("finishing what is under way; Ctrl-C once more ends it at once"));
        tokio::select! {
            _ = run.shutdown() => {}
            Ok(()) = ctrl_c() => {
                run.shutdown_within(Duration::ZERO).await;
            }
        }
    }
}

fn speed(progress: &Progress) -> String {
    let left = progress.eta.map_or_else(|| "?".to_owned(), |eta| format!("{:.0}", eta.as_secs_f64()));
    format!("{:.0} a second, {left} s left", progress.rate)
}

/// What the run came to, and how much could not be read.
async fn send_all(directory: &Path) -> Result<(Summary, u64), Box<dyn Error>> {
    let (unread, mut left_out) = mpsc::unbounded_channel();
    let read = |unread| {
        Files::below(directory, unread)
            .map_err(|error| format!("cannot read the directory {}: {error}", directory.display()))
    };
    // Counted first, so that the bar knows how long it is.
    let count = read(mpsc::unbounded_channel().0)?.count() as u64;

    let (results, mut sent) = mpsc::channel(100);
    let run = PullingDispatcher::from_iterator("files", read(unread)?)
        .handler(handler_fn("store", send))
        .expected_items(count)
        .into_channel(results)
        .start()?;

    let is_terminal = stderr().is_terminal();
    let bar = if is_terminal { ProgressBar::new(count) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos} of {len} files, {msg}")?);
    actix::spawn(end_when_interrupted(run.clone(), bar.clone()));
    let (mut bytes, mut unread, mut ticks, mut tick) = (0, 0, 0, interval(TICK));
    loop {
        tokio::select! {
            result = sent.recv() => match result {
                Some(file) => match file.result {
                    Ok(length) => bytes += length,
                    Err(error) => bar.suspend(|| complain(format_args!("file {}: {error}", file.index))),
                },
                None => break,
            },
            Some(error) = left_out.recv() => {
                unread += 1;
                bar.suspend(|| complain(error));
            }
            _ = tick.tick() => {
                let progress = run.progress();
                let done = progress.succeeded + progress.failed;
                bar.set_position(done);
                bar.set_message(speed(&progress));
                ticks += 1;
                if !is_terminal && ticks % TICKS_PER_LINE == 0 {
                    complain(format_args!("{done} of {count} files, {}", speed(&progress)));
                }
            }
        }
    }
    bar.finish_and_clear();
    let summary = run.summary().await;
    while let Ok(error) = left_out.try_recv() {
        unread += 1;
        complain(error);
    }
    say(format_args!("{bytes} bytes"));
    Ok((summary, unread))
}

#[actix::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let directory = match &arguments[..] {
        [] => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src"),
        [help] if help == "--help" || help == "-h" => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        [directory] if !directory.as_encoded_bytes().starts_with(b"-") => PathBuf::from(directory),
        _ => {
            complain(USAGE);
            return ExitCode::from(2);
        }
    };
    match send_all(&directory).await {
        Ok((summary, unread)) => {
            say(format_args!("files: {summary}"));
            if unread > 0 {
                say(format_args!("{unread} could not be read"));
            }
            match summary.end {
                RunEnd::ShutDown => ExitCode::from(130),
                _ if summary.is_complete() && unread == 0 => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            complain(error);
            ExitCode::FAILURE
        }
    }
}
