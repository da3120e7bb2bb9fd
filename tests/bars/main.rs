//! The bars: what the default settings must reach in the lab, scenario by scenario.
//!
//! ```text
//! cargo test --release --test bars                         one fixed seed each, as in CI
//! cargo test --release --test bars -- --seeds 20           median and worst of 20 seeds, as the bars are meant
//! cargo test --release --test bars -- --only overload      scenarios whose names contain the word
//! cargo test --release --test bars -- --set dispatcher.autothrottle.algorithm=gradient2
//! ```
//!
//! A bar is met if the median over the seeds reaches it and the worst seed is within 5 % of it; of a single seed, only the
//! latter is asked. Ends with status 1 if one is not met that is not known to be missed.

mod bars;
mod copies;
mod measures;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kanaloa::lab::{self, Override, Scenario};

use self::bars::{Bar, bars};

struct Args {
    seeds: u64,
    only: String,
    overrides: Vec<Override>,
}

fn args() -> Result<Args, String> {
    let mut args = Args { seeds: 1, only: String::new(), overrides: Vec::new() };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--seeds" => args.seeds = value.parse().map_err(|_| format!("--seeds {value}: not a number"))?,
            "--only" => args.only = value,
            "--set" => args.overrides.push(value.parse().map_err(|error| format!("--set {value}: {error}"))?),
            _ => return Err(format!("{name}: there are --seeds, --only and --set")),
        }
    }
    if args.seeds == 0 { Err("--seeds 0: at least 1".to_string()) } else { Ok(args) }
}

fn main() -> ExitCode {
    let args = match args() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let bars: Vec<Bar> = bars().into_iter().filter(|bar| bar.scenario.contains(&args.only)).collect();
    let figures = measure_all(&bars, &args);
    println!("{:<46} {:<36} {:>9} {:>9} {:>9}", "scenario", "figure", "bar", "median", "worst");
    let (mut missed, mut known) = (0, 0);
    for (bar, mut figures) in bars.iter().zip(figures) {
        figures.sort_by(f64::total_cmp);
        let verdict = bar.judge(&figures);
        println!("{verdict}");
        missed += usize::from(verdict.is_a_failure());
        known += usize::from(verdict.is_a_known_miss());
    }
    if missed == 0 {
        println!(
            "{} of {} bars are met, {} seed(s) each; the other {known} are known to be missed",
            bars.len() - known,
            bars.len(),
            args.seeds
        );
        ExitCode::SUCCESS
    } else {
        println!(
            "{missed} of {} bars are missed that should be met, and {known} that are known to be missed",
            bars.len()
        );
        ExitCode::FAILURE
    }
}

/// The figures of each bar, by seed. A scenario runs once for all of its bars.
fn measure_all(bars: &[Bar], args: &Args) -> Vec<Vec<f64>> {
    let mut names: Vec<&str> = bars.iter().map(|bar| bar.scenario.as_str()).collect();
    names.dedup();
    let jobs: Vec<(&str, u64)> =
        names.iter().flat_map(|name| (1..=args.seeds).map(move |seed| (*name, seed))).collect();
    let (next, figures) = (AtomicUsize::new(0), Mutex::new(vec![Vec::new(); bars.len()]));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut scenario = Scenario::built_in(name, &args.overrides).expect("a built-in scenario");
                    scenario.seed = *seed;
                    let outcome = lab::run(&scenario).expect("it runs");
                    let measured = bars.iter().enumerate().filter(|(_, bar)| bar.scenario == *name);
                    for (number, bar) in measured {
                        let figure = (bar.measure)(&scenario, &outcome);
                        figures.lock().expect("nobody panicked")[number].push(figure);
                    }
                }
            });
        }
    });
    figures.into_inner().expect("nobody panicked")
}
