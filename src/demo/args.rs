//! What the command is told.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::plan::{PER_SLOT, Plan};
use crate::cli::proxy::address;

/// Above this, one thread no longer keeps to the schedule.
const RATES: RangeInclusive<u32> = 1..=10_000;
const CAPACITIES: RangeInclusive<u32> = 10..=10_000;
/// Every request is remembered until the end.
const SECONDS: RangeInclusive<u32> = 1..=600;

/// The options of `kanaloa demo`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// Requests sent per second, evenly spaced, whether or not answers come: 1 to 10000
    #[arg(long, value_name = "PER_SECOND", default_value_t = 400, value_parser = rate, allow_negative_numbers = true)]
    rate: u32,

    /// Requests per second that the service can do, in slots of 100 ms: a multiple of 10 from 10 to 10000
    #[arg(long, value_name = "PER_SECOND", default_value_t = 200, value_parser = capacity, allow_negative_numbers = true)]
    capacity: u32,

    /// How long each of the two runs lasts: 1 to 600
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = seconds, allow_negative_numbers = true)]
    seconds: u32,

    /// Show it live instead, until Ctrl-C: a dashboard in the browser [default ADDR: 127.0.0.1:8081]
    ///
    /// There is no run without Kanaloa then, and no report. Two instances of the service, called one and two, each have half
    /// of --capacity, and 60 % of that is what arrives. Every two minutes, which begin at the start:
    ///
    /// at 0:10, for 10 s: a rush, --rate requests per second arrive;
    /// at 0:30, for 20 s: instance one has half its slots;
    /// at 1:00, for 2 s: a burst, twice --rate arrives;
    /// at 1:15, for 8 s: instance two hangs, so that its circuit breaker opens.
    ///
    /// The dispatcher's settings are the default ones, but for a service-timeout of 1s.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:8081",
        conflicts_with_all = ["seconds", "json", "out"],
        verbatim_doc_comment,
        value_parser = address
    )]
    pub(crate) live: Option<SocketAddr>,

    /// Print the figures as one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Directory for the report; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "kanaloa-demo")]
    pub(crate) out: PathBuf,
}

impl DemoArgs {
    pub(crate) fn plan(&self) -> Plan {
        Plan { rate: self.rate, capacity: self.capacity, duration: Duration::from_secs(self.seconds.into()) }
    }
}

fn rate(text: &str) -> Result<u32, String> {
    whole(text, RATES, "requests per second")
}

fn capacity(text: &str) -> Result<u32, String> {
    let capacity = whole(text, CAPACITIES, "requests per second")?;
    if capacity.is_multiple_of(PER_SLOT) {
        return Ok(capacity);
    }
    let below = capacity - capacity % PER_SLOT;
    Err(format!(
        "the service has slots of 100 ms, each good for {PER_SLOT} requests per second: use {below} or {}",
        below + PER_SLOT
    ))
}

fn seconds(text: &str) -> Result<u32, String> {
    whole(text, SECONDS, "seconds")
}

fn whole(text: &str, allowed: RangeInclusive<u32>, unit: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if allowed.contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number of {unit} from {} to {}", allowed.start(), allowed.end())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_refused_in_words() {
        for text in ["0", "-1", "NaN", "inf", "1e3", "", "4.5", "10001", "99999999999999999999"] {
            assert_eq!(rate(text), Err("expected a whole number of requests per second from 1 to 10000".to_string()));
        }
        assert_eq!(seconds("0"), Err("expected a whole number of seconds from 1 to 600".to_string()));
        assert_eq!(capacity("9"), Err("expected a whole number of requests per second from 10 to 10000".to_string()));
    }

    #[test]
    fn the_edges_are_allowed() {
        assert_eq!((rate("1"), rate("10000")), (Ok(1), Ok(10_000)));
        assert_eq!((capacity("10"), capacity("10000")), (Ok(10), Ok(10_000)));
        assert_eq!((seconds("1"), seconds("600")), (Ok(1), Ok(600)));
    }

    #[test]
    fn a_capacity_between_slots_names_its_neighbours() {
        let message = capacity("125").unwrap_err();
        assert!(message.ends_with("use 120 or 130"), "{message}");
    }
}
