//! The dashboards in `grafana/`, and what starts them, as far as that shows without a server.

use crate::support::{Installed, node};

#[test]
fn they_are_valid_and_show_all_that_is_reported() {
    let Some(installed) = Installed::with(&["npm/installed"]) else { return };
    node("checks.mjs", [installed.directory()]);
}
