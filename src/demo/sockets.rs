//! How many requests this process may have in flight: both ends of each connection are sockets of its own.

use super::error::DemoError;
use super::plan::{GOOD_WITHIN, Plan};

/// Files that are open for other purposes: standard streams, the report, three runtimes, listeners.
const OTHER_FILES: u64 = 100;
const SOCKETS_PER_REQUEST: u64 = 2;

/// Raises the limit of open files as far as the system allows and says how many requests that is enough for.
pub(crate) fn most_in_flight() -> u64 {
    // Where the limit cannot be had, sockets may run out; requests then fail with the system's reason.
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    requests(files)
}

fn requests(files: u64) -> u64 {
    files.saturating_sub(OTHER_FILES) / SOCKETS_PER_REQUEST
}

fn files(requests: u64) -> u64 {
    requests * SOCKETS_PER_REQUEST + OTHER_FILES
}

/// What the user must know if that is less than the plan needs.
///
/// # Errors
///
/// When so few could wait that answers would be good for want of sockets. The lack would protect the service as
/// Kanaloa does, and the comparison would be worthless.
pub(crate) fn check(plan: &Plan, most_in_flight: u64) -> Result<Option<String>, DemoError> {
    let enough = files(plan.most_in_flight());
    // Twice as many as can be answered while an answer is good.
    let floor = plan.most_in_flight().min(2 * u64::from(plan.capacity) * GOOD_WITHIN.as_secs());
    if most_in_flight < floor {
        return Err(DemoError::TooFewSockets { requests: most_in_flight, enough });
    }
    Ok((most_in_flight < plan.most_in_flight()).then(|| {
        format!(
            "warning: this process may open sockets for {most_in_flight} requests at once, and the run without \
             Kanaloa needs up to {}: the rest is not sent and counts as failed. Raise the limit with: ulimit -n {enough}",
            plan.most_in_flight()
        )
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PLAN: Plan = Plan { rate: 400, capacity: 200, duration: Duration::from_secs(30) };

    #[test]
    fn the_limit_that_is_advised_is_enough() {
        assert_eq!(requests(files(2000)), 2000);
        assert_eq!(check(&PLAN, 2000).ok(), Some(None));
    }

    #[test]
    fn too_low_a_limit_is_a_warning_that_says_what_to_do() {
        let warning = check(&PLAN, requests(1024)).ok().flatten().unwrap();
        assert!(warning.contains("for 462 requests at once") && warning.ends_with("ulimit -n 4100"), "{warning}");
    }

    #[test]
    fn a_limit_so_low_that_it_protects_the_service_is_an_error() {
        assert!(check(&PLAN, 399).is_err());
        assert!(check(&PLAN, 400).is_ok());
        assert_eq!(requests(64), 0);
    }
}
