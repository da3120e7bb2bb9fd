//! Two instances of a service, one four times slower, and more requests than both can answer.

use std::io;
use std::time::Duration;

use crate::Options;
use crate::candidates::{Candidate, Setup};
use crate::open::Open;
use crate::overload::{Summary, service, wait_for};
use crate::process::Scratch;
use crate::report::Report;

const SLOTS: usize = 20;
const FAST: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(400);
/// What both answer a second: 200 and 50.
const CAPACITY: f64 = 250.0;
const RATE: u32 = 300;
const GOOD: f64 = 245.0;

pub(crate) fn run(options: &Options, scratch: &Scratch, report: &mut Report) -> io::Result<()> {
    let time = Duration::from_secs(if options.short { 10 } else { 35 });
    report.progress(&format!("two-upstreams: {RATE} requests/s on 200/s and 50/s for {time:?}"));
    let fast = service(SLOTS, FAST, false, 0.0, scratch)?;
    let slow = service(SLOTS, SLOW, false, 0.0, scratch)?;
    let upstreams = vec![fast.address(), slow.address()];
    let proxy = options.proxy.start(&Setup { upstreams, ..Setup::default() }, scratch)?;
    let load = Open { address: proxy.address(), rate: RATE, time, random: options.random }.start();
    wait_for(&load);
    let observations = load.join().map_err(|_| io::Error::other("the load's thread has panicked"))??;
    let mut summary = Summary::of(&observations, time);
    report.line(&format!("two-upstreams: {}", summary.in_words(CAPACITY)));
    let good = summary.good_per_second;
    report.bar_if(
        options.proxy == Candidate::Kanaloa,
        "two-upstreams: good after 5 s",
        &format!("{good:.1}/s"),
        &format!("≥ {GOOD:.0}/s"),
        good >= GOOD,
    );
    let figures = summary.as_json("two-upstreams", options.proxy);
    report.record("two-upstreams", figures);
    Ok(())
}
