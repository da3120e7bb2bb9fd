//! More requests than the service can answer: how much of its capacity is still put to use, and how long who is served
//! and who is refused waits.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Options;
use crate::candidates::{Candidate, Setup};
use crate::open::{Observation, Open, Outcome};
use crate::process::{Program, Scratch, free_address};
use crate::report::{Report, milliseconds, percentile};
use crate::role::Role;
use crate::station::ServiceTime;

const SLOTS: usize = 20;
const MEAN: Duration = Duration::from_millis(100);
/// What so many slots of that time answer a second.
const CAPACITY: f64 = 200.0;
const RATES: [u32; 2] = [400, 1000];
/// What is found out about the service in this time need not be right yet.
const LEAD: Duration = Duration::from_secs(5);
const GOODPUT: f64 = 0.96;
const REFUSED_WITHIN_MS: f64 = 10.0;
const CONTRAST_SECONDS: u64 = 10;

struct Kind {
    name: &'static str,
    exponential: bool,
    penalty: f64,
    accepted_within_ms: f64,
}

const KINDS: [Kind; 3] = [
    Kind { name: "fifo", exponential: false, penalty: 0.0, accepted_within_ms: 320.0 },
    Kind { name: "contention", exponential: false, penalty: 0.6, accepted_within_ms: 320.0 },
    Kind { name: "exponential", exponential: true, penalty: 0.0, accepted_within_ms: 650.0 },
];

pub(crate) fn run(options: &Options, scratch: &Scratch, report: &mut Report) -> io::Result<()> {
    let time = LEAD + Duration::from_secs(if options.short { 5 } else { 30 });
    let kinds = if options.short { &KINDS[..1] } else { &KINDS[..] };
    let mut figures = Vec::new();
    for kind in kinds {
        // Each rate has a proxy and a service of its own, and together they leave most of a processor idle.
        let runs = RATES.map(|rate| Run::start(options.proxy, kind, rate, time, options, scratch));
        report.progress(&format!("overload: {} at {RATES:?} requests/s for {time:?}", kind.name));
        for run in runs {
            figures.push(run?.finish(Some(kind), options.proxy, report)?);
        }
    }
    if options.proxy == Candidate::Kanaloa {
        let time = LEAD + Duration::from_secs(CONTRAST_SECONDS);
        report.progress(&format!("overload: the same without Kanaloa, behind a plain proxy, for {time:?}"));
        for kind in &kinds[..kinds.len().min(2)] {
            let run = Run::start(Candidate::Hyper, kind, RATES[0], time, options, scratch)?;
            figures.push(run.finish(None, Candidate::Hyper, report)?);
        }
    }
    report.record("overload", figures.into());
    Ok(())
}

/// A load that is under way.
struct Run {
    name: String,
    open: Open,
    load: std::thread::JoinHandle<io::Result<Vec<Observation>>>,
    _upstream: Program,
    _proxy: Program,
}

impl Run {
    fn start(
        proxy: Candidate,
        kind: &Kind,
        rate: u32,
        time: Duration,
        options: &Options,
        scratch: &Scratch,
    ) -> io::Result<Self> {
        let upstream = service(SLOTS, MEAN, kind.exponential, kind.penalty, scratch)?;
        let proxy = proxy.start(&Setup { upstreams: vec![upstream.address()], ..Setup::default() }, scratch)?;
        let open = Open { address: proxy.address(), rate, time, random: options.random };
        let name = format!("{} at {rate}/s", kind.name);
        Ok(Run { name, open, load: open.start(), _upstream: upstream, _proxy: proxy })
    }

    /// Waits for the end and says what came of it.
    fn finish(self, asked: Option<&Kind>, proxy: Candidate, report: &mut Report) -> io::Result<Value> {
        wait_for(&self.load);
        let observations = self.load.join().map_err(|_| io::Error::other("the load's thread has panicked"))??;
        let mut summary = Summary::of(&observations, self.open.time);
        let name = &self.name;
        let without = if asked.is_none() { "without Kanaloa: " } else { "" };
        report.line(&format!("{without}{name}: {}", summary.in_words(CAPACITY)));
        if let Some(kind) = asked {
            let of_kanaloa = proxy == Candidate::Kanaloa;
            let goodput = summary.good_per_second / CAPACITY;
            report.bar_if(
                of_kanaloa,
                &format!("{name}: goodput after {} s, of capacity", LEAD.as_secs()),
                &format!("{goodput:.3}"),
                &format!("≥ {GOODPUT}"),
                goodput >= GOODPUT,
            );
            let accepted = milliseconds(percentile(&mut summary.accepted, 0.99));
            report.bar_if(
                of_kanaloa,
                &format!("{name}: p99 of accepted"),
                &format!("{accepted:.0} ms"),
                &format!("≤ {:.0} ms", kind.accepted_within_ms),
                accepted <= kind.accepted_within_ms,
            );
            let refused = milliseconds(percentile(&mut summary.refused, 0.99));
            report.bar_if(
                of_kanaloa,
                &format!("{name}: p99 of refusals"),
                &format!("{refused:.1} ms"),
                &format!("≤ {REFUSED_WITHIN_MS:.0} ms"),
                refused <= REFUSED_WITHIN_MS,
            );
        }
        Ok(summary.as_json(&format!("{without}{name}"), proxy))
    }
}

/// Starts a service with slots as a process of its own.
pub(crate) fn service(
    slots: usize,
    mean: Duration,
    exponential: bool,
    penalty: f64,
    scratch: &Scratch,
) -> io::Result<Program> {
    let address: SocketAddr = free_address();
    let role = Role::Slots(slots, ServiceTime { mean, exponential, penalty });
    Program::start("service", role.command(&std::env::current_exe()?, address), address, scratch)
}

/// Shows that something goes on until the load ends.
pub(crate) fn wait_for<T>(load: &std::thread::JoinHandle<T>) {
    for second in 1.. {
        for _ in 0..20 {
            if load.is_finished() {
                eprintln!();
                return;
            }
            sleep(Duration::from_millis(50));
        }
        eprint!("{}", if second % 5 == 0 { format!(" {second} s ") } else { ".".to_owned() });
    }
}

/// What came of a load after the lead.
pub(crate) struct Summary {
    pub(crate) good_per_second: f64,
    good_per_second_in_all: f64,
    accepted: Vec<Duration>,
    refused: Vec<Duration>,
    /// How late requests were sent.
    late: Vec<Duration>,
    outcomes: BTreeMap<Outcome, u64>,
    seconds: Vec<u64>,
}

impl Summary {
    pub(crate) fn of(observations: &[Observation], time: Duration) -> Self {
        let lead = if time > LEAD { LEAD } else { Duration::ZERO };
        let mut seconds = vec![0; time.as_secs() as usize];
        let (mut accepted, mut refused, mut outcomes) = (Vec::new(), Vec::new(), BTreeMap::new());
        for observation in observations {
            *outcomes.entry(observation.outcome.clone()).or_default() += 1;
            let answered = (observation.due + observation.latency).as_secs() as usize;
            if let Some(second) = seconds.get_mut(answered).filter(|_| observation.good()) {
                *second += 1;
            }
            if observation.due >= lead {
                match observation.outcome {
                    Outcome::Status(200) => accepted.push(observation.latency),
                    Outcome::Status(503) => refused.push(observation.latency),
                    _ => {}
                }
            }
        }
        let per_second = |seconds: &[u64]| seconds.iter().sum::<u64>() as f64 / seconds.len() as f64;
        Summary {
            good_per_second: per_second(&seconds[lead.as_secs() as usize..]),
            good_per_second_in_all: per_second(&seconds),
            accepted,
            refused,
            late: observations.iter().map(|observation| observation.late).collect(),
            outcomes,
            seconds,
        }
    }

    pub(crate) fn in_words(&mut self, capacity: f64) -> String {
        let outcomes = self.outcomes.iter().map(|(outcome, count)| match outcome {
            Outcome::Status(status) => format!("{count} × {status}"),
            Outcome::GaveUp => format!("{count} gave up"),
            Outcome::Error(what) => format!("{count} errors ({what})"),
        });
        let outcomes: Vec<_> = outcomes.collect();
        let accepted = match (percentile(&mut self.accepted, 0.5), percentile(&mut self.accepted, 0.99)) {
            (Some(p50), Some(p99)) => {
                format!("accepted p50 {:.0} ms, p99 {:.0} ms", milliseconds(Some(p50)), milliseconds(Some(p99)))
            }
            _ => "none accepted".to_owned(),
        };
        format!(
            "{:.1} good/s, {:.3} of capacity ({:.1} with the first {} s, worst second {}); {accepted}; {}; sent late p99 {:.1} ms",
            self.good_per_second,
            self.good_per_second / capacity,
            self.good_per_second_in_all,
            LEAD.as_secs(),
            self.seconds.iter().skip(LEAD.as_secs() as usize).min().unwrap_or(&0),
            outcomes.join(", "),
            milliseconds(percentile(&mut self.late, 0.99)),
        )
    }

    pub(crate) fn as_json(&mut self, name: &str, proxy: Candidate) -> Value {
        let outcomes: BTreeMap<String, u64> = self
            .outcomes
            .iter()
            .map(|(outcome, count)| match outcome {
                Outcome::Status(status) => (status.to_string(), *count),
                Outcome::GaveUp => ("gave up".to_owned(), *count),
                Outcome::Error(what) => (what.clone(), *count),
            })
            .collect();
        json!({
            "run": name, "proxy": proxy.name(), "good_per_second": self.good_per_second,
            "good_per_second_in_all": self.good_per_second_in_all, "good_each_second": self.seconds,
            "accepted_p50_ms": milliseconds(percentile(&mut self.accepted, 0.5)),
            "accepted_p99_ms": milliseconds(percentile(&mut self.accepted, 0.99)),
            "refused_p99_ms": milliseconds(percentile(&mut self.refused, 0.99)),
            "sent_late_p99_ms": milliseconds(percentile(&mut self.late, 0.99)), "outcomes": outcomes,
        })
    }
}
