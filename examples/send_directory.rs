//! Every file of a directory through a service, at the speed that the service has: what `PullingDispatcher` is for.
//!
//! ```text
//! cargo run --release --example send_directory [DIRECTORY]
//! ```

use std::error::Error;
use std::fs::{self, ReadDir};
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kanaloa::{PullingDispatcher, Summary, handler_fn};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{interval, sleep};

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
struct Files(Vec<ReadDir>);

impl Iterator for Files {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            let Some(entry) = self.0.last_mut()?.next() else {
                self.0.pop();
                continue;
            };
            // What cannot be read is left out.
            let Some((path, kind)) = entry.ok().and_then(|entry| Some((entry.path(), entry.file_type().ok()?))) else {
                continue;
            };
            match fs::read_dir(&path) {
                Ok(below) if kind.is_dir() => self.0.push(below),
                _ if kind.is_file() => return Some(path),
                _ => {}
            }
        }
    }
}

async fn send_all(directory: &Path) -> Result<Summary, Box<dyn Error>> {
    let read = |directory: &Path| fs::read_dir(directory).map(|entries| Files(vec![entries]));
    let files =
        read(directory).map_err(|error| format!("cannot read the directory {}: {error}", directory.display()))?;
    // Counted first, so that the bar knows how long it is.
    let count = read(directory)?.count() as u64;

    let (results, mut sent) = mpsc::channel(100);
    let run = PullingDispatcher::from_iterator("files", files)
        .handler(handler_fn("store", send))
        .expected_items(count)
        .into_channel(results)
        .start()?;

    let bar = if stderr().is_terminal() { ProgressBar::new(count) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos} of {len} files, {msg}")?);
    let (mut bytes, mut ticks) = (0, interval(Duration::from_millis(100)));
    loop {
        tokio::select! {
            result = sent.recv() => match result {
                Some(file) => match file.result {
                    Ok(length) => bytes += length,
                    Err(error) => bar.suspend(|| eprintln!("file {}: {error}", file.index)),
                },
                None => break,
            },
            _ = ticks.tick() => {
                let progress = run.progress();
                bar.set_position(progress.succeeded + progress.failed);
                let left = progress.eta.map_or_else(|| "?".to_owned(), |eta| format!("{:.0}", eta.as_secs_f64()));
                bar.set_message(format!("{:.0} a second, {left} s left", progress.rate));
            }
        }
    }
    bar.finish_and_clear();
    println!("{bytes} bytes");
    Ok(run.summary().await)
}

#[actix::main]
async fn main() -> ExitCode {
    let directory =
        std::env::args_os().nth(1).map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src"), PathBuf::from);
    match send_all(&directory).await {
        Ok(summary) => {
            let Summary { succeeded, taken, elapsed, .. } = summary;
            println!("{succeeded} of {taken} files sent in {elapsed:.1?}");
            if succeeded == taken { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
