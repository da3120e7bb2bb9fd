//! A service that answers within a millisecond, and clients that ask again at once: nothing to protect it from.

use std::io;
use std::time::Duration;

use serde_json::json;

use crate::Options;
use crate::admin;
use crate::candidates::{Candidate, Setup};
use crate::closed::Closed;
use crate::process::{Program, Scratch, free_address};
use crate::report::{Report, milliseconds, percentile, thousands};
use crate::role::Role;

const CONNECTIONS: usize = 64;
const LEAD: Duration = Duration::from_millis(0);

pub(crate) fn run(options: &Options, scratch: &Scratch, report: &mut Report) -> io::Result<()> {
    let time = Duration::from_secs(if options.short { 3 } else { 20 });
    report.progress(&format!(
        "small: {CONNECTIONS} connections, closed loop, on a service of 0.2 to 0.9 ms, for {time:?}"
    ));
    let upstream = free_address();
    let upstream =
        Program::start("upstream", Role::Quick.command(&std::env::current_exe()?, upstream), upstream, scratch)?;
    let admin = free_address();
    let setup = Setup { upstreams: vec![upstream.address()], admin: Some(admin), ..Setup::default() };
    let proxy = options.proxy.start(&setup, scratch)?;
    let closed = Closed { address: proxy.address(), connections: CONNECTIONS, lead: LEAD, time };
    let (mut answered, _, status) = closed.run(|| admin::status(admin))?;
    let of_kanaloa = options.proxy == Candidate::Kanaloa;
    let (p50, p99) = (percentile(&mut answered.latencies, 0.5), percentile(&mut answered.latencies, 0.99));
    report.line(&format!(
        "small: {} requests/s, p50 {:.2} ms, p99 {:.2} ms; at the end {}",
        thousands(answered.per_second()),
        milliseconds(p50),
        milliseconds(p99),
        if of_kanaloa { admin::limits(status) } else { "nobody tells a limit".to_owned() },
    ));
    let faults = answered.faults();
    report.bar_if(of_kanaloa, "small: anything but 200", faults.as_deref().unwrap_or("none"), "none", faults.is_none());
    report.record(
        "small",
        json!({
            "requests_per_second": answered.per_second(), "p50_ms": milliseconds(p50), "p99_ms": milliseconds(p99),
            "statuses": answered.statuses, "reasons": answered.reasons, "errors": answered.errors,
        }),
    );
    Ok(())
}
