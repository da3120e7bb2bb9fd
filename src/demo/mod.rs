//! `kanaloa demo`: the same overload twice, straight at a service and through a dispatcher.
//!
//! ```text
//! load generator ──────────────────────► mock service     without
//! load generator ──► dispatcher ──► HTTP client ──► mock service     with
//! ```
//!
//! Each of these runs on a thread of its own, so that none is slow because another is busy.

mod args;
mod client;
mod comparison;
mod error;
mod live;
mod load;
mod observation;
mod page;
mod plan;
mod progress;
mod protected;
mod run;
mod sample;
mod service;
mod slots;
mod sockets;
mod summary;
mod tally;
mod target;
mod timeline;

use std::process::ExitCode;

use tokio::runtime;

pub(crate) use self::args::DemoArgs;
use self::comparison::Comparison;
use self::error::DemoError;
use self::plan::Plan;
use self::progress::Progress;
use self::run::Side;
use crate::cli::console;
use crate::cli::interrupt::{INTERRUPTED, Interrupt};
use crate::report::ReportFile;

/// Runs the demo. What went wrong is said on standard error.
pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    match try_run(args) {
        Ok(status) => status,
        Err(error) => {
            console::note(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn try_run(args: &DemoArgs) -> Result<ExitCode, DemoError> {
    let plan = args.plan();
    if let Some(address) = args.live {
        return live::run(address, &plan).map(|()| ExitCode::SUCCESS);
    }
    let unwritable = |source| DemoError::Report { path: args.out.clone(), source };
    // Found out now, not after a minute.
    let report = ReportFile::in_directory(&args.out).map_err(unwritable)?;
    let max_in_flight = sockets::most_in_flight();
    if let Some(warning) = sockets::check(&plan, max_in_flight)? {
        console::note(warning);
    }
    let max_in_flight = usize::try_from(max_in_flight).unwrap_or(usize::MAX);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(DemoError::Load)?;
    let comparison = runtime.block_on(compare(plan, max_in_flight))?;
    if comparison.is_empty() {
        console::note("Interrupted before anything was measured. No report was written.");
        return Ok(ExitCode::from(INTERRUPTED));
    }

    let printed = if args.json { console::print(comparison.to_json()) } else { console::print(comparison.to_text()) };
    // What was measured is not lost because it could not be printed, and the other way round.
    let reported = report.write(&page::page(&comparison).to_html());
    printed.map_err(DemoError::Print)?;
    reported.map_err(unwritable)?;
    let written = format!("Report: {}", report.path().display());
    if args.json {
        console::note(written);
    } else {
        console::print(written).map_err(DemoError::Print)?;
    }
    Ok(if comparison.complete() { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) })
}

async fn compare(plan: Plan, max_in_flight: usize) -> Result<Comparison, DemoError> {
    let interrupt = Interrupt::on_ctrl_c();
    console::note(format!(
        "Two runs of {} s: {} requests/s meet a service that can do {}/s.",
        plan.duration.as_secs(),
        plan.rate,
        plan.capacity
    ));
    let mut progress = Progress::new(plan);
    let without = run::run(Side::Without, plan, max_in_flight, &mut progress, &interrupt).await?;
    let with = if interrupt.happened() {
        None
    } else {
        Some(run::run(Side::With, plan, max_in_flight, &mut progress, &interrupt).await?)
    };
    progress.clear();
    Ok(Comparison { plan, without, with })
}
