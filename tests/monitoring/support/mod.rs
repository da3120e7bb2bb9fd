//! What all of these tests stand on.

mod graphite;
mod http;
mod installed;
mod prometheus;
mod server;
mod statsd;

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use graphite::Graphite;
pub(crate) use http::{get, get_json};
pub(crate) use installed::{Installed, generated, node};
pub(crate) use prometheus::{Prometheus, promtool};
pub(crate) use server::{Directory, Server};
pub(crate) use statsd::{Names, Statsd, StatsdPorts};

/// Whatever is waited for happens within that, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Looks now and then until it finds something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Looks until it is as expected, or for long: what there is then.
pub(crate) fn settled<T: PartialEq>(expected: &T, mut look: impl FnMut() -> T) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found == *expected || Instant::now() > end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
