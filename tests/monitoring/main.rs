//! What real monitoring servers make of what is reported: StatsD and Graphite, Prometheus, and the queries of the
//! dashboards in `grafana/`.
//!
//! `tests/monitoring/install.sh target/monitoring` installs them, and `KANALOA_MONITORING=target/monitoring` says where they
//! are. What is not there is left out, and that is said.
#![cfg(unix)]

mod dashboards;
mod graphite;
mod prometheus;
mod statsd;
mod support;
mod traffic;
