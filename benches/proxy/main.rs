//! The reverse proxy over real HTTP, beside others, with bars.
//!
//! ```text
//! benches/proxy/install.sh                          # nginx, HAProxy and Envoy, to compare with
//! cargo bench --bench proxy                         # all parts in short form
//! cargo bench --bench proxy -- throughput --json    # some parts in full
//! cargo bench --bench proxy -- all --check          # all in full; fails when a bar is missed
//! ```

mod admin;
mod baseline;
mod candidates;
mod closed;
mod idle;
mod open;
mod overload;
mod process;
mod report;
mod reported;
mod role;
mod small;
mod station;
mod stream;
mod throughput;
mod two_upstreams;
mod wire;

use std::io;
use std::process::ExitCode;

use candidates::Candidate;
use process::Scratch;
use report::Report;

const USAGE: &str = "usage: cargo bench --bench proxy -- [PART...] [OPTION...]

PART: throughput, overload, small, two-upstreams, idle, stream, reported, all. Without any: all, in short form.
  --check        fail when a bar is missed
  --json         results as JSON
  --short        the short form of the parts that are named
  --random       open loops send at random moments (Poisson), rather than evenly spaced
  --proxy NAME   kanaloa (default), hyper, nginx, haproxy or envoy in its place, in all parts but throughput
Programs are found on PATH, or where KANALOA, NGINX, HAPROXY and ENVOY say.";

type Part = fn(&Options, &Scratch, &mut Report) -> io::Result<()>;

const PARTS: [(&str, Part); 7] = [
    ("throughput", throughput::run),
    ("overload", overload::run),
    ("small", small::run),
    ("two-upstreams", two_upstreams::run),
    ("idle", idle::run),
    ("stream", stream::run),
    ("reported", reported::run),
];

/// What was asked for.
#[derive(Debug)]
struct Options {
    parts: Vec<String>,
    check: bool,
    json: bool,
    short: bool,
    random: bool,
    proxy: Candidate,
}

impl Options {
    fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            parts: Vec::new(),
            check: false,
            json: false,
            short: false,
            random: false,
            proxy: Candidate::Kanaloa,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo says that.
                "--bench" => {}
                "--check" => options.check = true,
                "--json" => options.json = true,
                "--short" => options.short = true,
                "--random" => options.random = true,
                "--proxy" => {
                    let name = words.next().unwrap_or_default();
                    let found = Candidate::ALL.into_iter().find(|candidate| candidate.name() == name);
                    options.proxy = found.ok_or_else(|| format!("no such proxy: {name:?}\n\n{USAGE}"))?;
                }
                part if part == "all" || PARTS.iter().any(|(name, _)| *name == part) => options.parts.push(word),
                _ => return Err(format!("no such part or option: {word:?}\n\n{USAGE}")),
            }
        }
        if options.parts.is_empty() {
            options.parts.push("all".to_owned());
            options.short |= !options.check;
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part || wanted == "all")
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((role::ARGUMENT, rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return exit(role::run(rest).map(|()| true));
    }
    match Options::parse(words) {
        Ok(options) => exit(run(&options).map(|met| met || !options.check)),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<bool> {
    // What is started inherits it.
    idle::raise_limit_of_files();
    let scratch = Scratch::new()?;
    let mut report = Report::new(options.json);
    for (name, part) in PARTS {
        if options.wants(name) {
            part(options, &scratch, &mut report).map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        }
    }
    Ok(report.end())
}

fn exit(result: io::Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
