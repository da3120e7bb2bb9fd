//! What a request costs where no limit is in play: Kanaloa beside a plain hyper proxy, nginx, HAProxy and Envoy.

use std::io;
use std::time::Duration;

use serde_json::json;

use crate::Options;
use crate::candidates::{Candidate, Setup};
use crate::closed::Closed;
use crate::process::{Cores, Program, Scratch, Usage, free_address};
use crate::report::{Report, median, megabytes, milliseconds, percentile, thousands};
use crate::role::Role;

const CONNECTIONS: usize = 64;
const LEAD: Duration = Duration::from_millis(300);
/// Of a plain hyper proxy's requests a second.
const OF_HYPER: f64 = 0.9;
/// Of Envoy's.
const OF_ENVOY: f64 = 2.3;
/// A proxy that works less than this share of the time waits for the load, or for others on the machine.
const SATURATED: f64 = 0.95;

/// Kanaloa's, for a limit that is never reached.
pub(crate) const NO_LIMIT: &str = "kanaloa.default-dispatcher {
  worker-pool.starting-pool-size = 1000
  autothrottle.algorithm = fixed
}
";

struct Row {
    name: String,
    candidate: Option<Candidate>,
    program: Option<Program>,
    rounds: Vec<Round>,
    /// What was answered that was not 200, in words: it does not count.
    faults: Vec<String>,
    usage: Usage,
}

struct Round {
    per_second: f64,
    cpu_us: f64,
    busy: f64,
    p50_ms: f64,
    p99_ms: f64,
}

pub(crate) fn run(options: &Options, scratch: &Scratch, report: &mut Report) -> io::Result<()> {
    let (rounds, time) = if options.short { (3, Duration::from_secs(1)) } else { (5, Duration::from_secs(2)) };
    let cores = Cores::find()?;
    report.progress(&format!(
        "throughput: {CONNECTIONS} connections, closed loop, {rounds} rounds of {time:?}; {}",
        cores.describe()
    ));
    cores.stay_off()?;
    let upstream = free_address();
    let upstream =
        Program::start("upstream", Role::Empty.command(&std::env::current_exe()?, upstream), upstream, scratch)?;
    let mut rows = start(&upstream, &cores, scratch, report)?;
    for round in 1..=rounds {
        for row in &mut rows {
            report.progress(&format!("round {round} of {rounds}: {}", row.name));
            row.measure(&upstream, time)?;
        }
    }
    cores.anywhere()?;
    tell(&rows, report);
    Ok(())
}

fn start(upstream: &Program, cores: &Cores, scratch: &Scratch, report: &Report) -> io::Result<Vec<Row>> {
    let row = |name: &str, candidate, program| Row {
        name: name.to_owned(),
        candidate,
        program,
        rounds: Vec::new(),
        faults: Vec::new(),
        usage: Usage::default(),
    };
    let mut rows = vec![row("direct", None, None)];
    for candidate in Candidate::ALL {
        if let Err(missing) = candidate.find() {
            report.line(&format!("skipped: {missing}"));
            continue;
        }
        let setup = Setup { upstreams: vec![upstream.address()], one_thread: true, ..Setup::default() };
        let no_limit = Setup { settings: (candidate == Candidate::Kanaloa).then_some(NO_LIMIT), ..setup.clone() };
        let program = match cores.measured(|| candidate.start(&no_limit, scratch))? {
            Ok(program) => program,
            Err(error) => {
                report.line(&format!("skipped: {error}"));
                continue;
            }
        };
        rows.push(row(candidate.name(), Some(candidate), Some(program)));
        if candidate == Candidate::Kanaloa {
            let program = cores.measured(|| candidate.start(&setup, scratch))??;
            rows.push(row("kanaloa, default settings", None, Some(program)));
        }
    }
    Ok(rows)
}

impl Row {
    fn measure(&mut self, upstream: &Program, time: Duration) -> io::Result<()> {
        let address = self.program.as_ref().unwrap_or(upstream).address();
        let program = self.program.as_ref();
        let usage = || program.map_or(Ok(Usage::default()), Program::usage);
        let (mut answered, before, after) =
            Closed { address, connections: CONNECTIONS, lead: LEAD, time }.run(usage)?;
        self.faults.extend(answered.faults());
        let (before, after) = (before?, after?);
        let cpu = (after.cpu - before.cpu).as_secs_f64();
        self.usage = after;
        self.rounds.push(Round {
            per_second: answered.statuses.get(&200).copied().unwrap_or(0) as f64 / answered.seconds,
            cpu_us: cpu * 1e6 / answered.latencies.len() as f64,
            busy: cpu / answered.seconds,
            p50_ms: milliseconds(percentile(&mut answered.latencies, 0.5)),
            p99_ms: milliseconds(percentile(&mut answered.latencies, 0.99)),
        });
        Ok(())
    }

    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure).collect())
    }
}

fn tell(rows: &[Row], report: &mut Report) {
    report.line("");
    report.line(&format!(
        "{:<26} {:>10} {:>12} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "", "requests/s", "CPU µs each", "busy", "p50 ms", "p99 ms", "RSS MB", "peak MB"
    ));
    let mut figures = Vec::new();
    let mut unsaturated = Vec::new();
    for row in rows {
        let (per_second, cpu_us, busy) =
            (row.median(|r| r.per_second), row.median(|r| r.cpu_us), row.median(|r| r.busy));
        let (p50, p99) = (row.median(|r| r.p50_ms), row.median(|r| r.p99_ms));
        let (rss, peak) = (megabytes(row.usage.resident), megabytes(row.usage.peak));
        let of_proxy = if row.program.is_some() {
            (format!("{cpu_us:.1}"), format!("{:.0} %", busy * 100.0), format!("{rss:.1}"), format!("{peak:.1}"))
        } else {
            Default::default()
        };
        report.line(&format!(
            "{:<26} {:>10} {:>12} {:>7} {p50:>9.2} {p99:>9.2} {:>9} {:>9}",
            row.name,
            thousands(per_second),
            of_proxy.0,
            of_proxy.1,
            of_proxy.2,
            of_proxy.3
        ));
        figures.push(json!({
            "proxy": row.name, "requests_per_second": per_second, "cpu_us_per_request": cpu_us, "busy": busy,
            "p50_ms": p50, "p99_ms": p99, "rss_bytes": row.usage.resident, "peak_bytes": row.usage.peak,
            "faults": row.faults,
            "rounds": row.rounds.iter().map(|round| round.per_second).collect::<Vec<_>>(),
        }));
        if row.program.is_some() && busy < SATURATED {
            unsaturated.push(row.name.as_str());
        }
    }
    for row in rows.iter().filter(|row| !row.faults.is_empty()) {
        report.line(&format!("{}: not answered 200, a round: {}", row.name, row.faults.join("; ")));
    }
    if !unsaturated.is_empty() {
        report.line(&format!(
            "less than 95 % busy, as the load is slower or others use this machine, so it could do more: {}",
            unsaturated.join(", ")
        ));
    }
    report.line("");
    report.record("throughput", figures.into());
    for (other, wanted) in [(Candidate::Hyper, OF_HYPER), (Candidate::Envoy, OF_ENVOY)] {
        let find = |candidate| rows.iter().find(|row| row.candidate == Some(candidate));
        let (Some(kanaloa), Some(other_row)) = (find(Candidate::Kanaloa), find(other)) else {
            report.line(&format!("no ratio to {}, as one of the two is missing", other.name()));
            continue;
        };
        let pairs = || kanaloa.rounds.iter().zip(&other_row.rounds);
        let per_second = median(pairs().map(|(one, other)| one.per_second / other.per_second).collect());
        let cpu = median(pairs().map(|(one, other)| other.cpu_us / one.cpu_us).collect());
        let name = other.name();
        report.line(&format!("Kanaloa's to {name}'s: requests/s {per_second:.2}, requests per CPU second {cpu:.2}"));
        // Alone on its processor a proxy is busy all the time, and the two are the same. Where others take time from it,
        // the first says who was lucky.
        let alone = [kanaloa, other_row].iter().all(|row| row.median(|round| round.busy) >= SATURATED);
        let (ratio, unit) = if alone { (per_second, "requests/s") } else { (cpu, "requests per CPU s") };
        let what = format!("throughput: {unit}, Kanaloa's to {name}'s");
        report.bar(&what, &format!("{ratio:.2}"), &format!("≥ {wanted}"), ratio >= wanted);
    }
}
