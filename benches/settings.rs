//! What reading settings costs, in processor time, and a bar: those of 1,000 dispatchers within 200 ms.
//!
//! ```text
//! cargo bench --bench settings
//! ```

mod support;

use std::fmt::Write;

use kanaloa::config::Settings;
use support::Stopwatch;

const BAR_MS: f64 = 200.0;
const ROUNDS: usize = 5;

fn main() {
    // What is read once in a process is no part of it.
    let _ = Settings::reference();
    let mut passed = true;
    for dispatchers in [100, 1_000, 10_000] {
        for (layout, text) in [("nested", nested(dispatchers)), ("dotted", dotted(dispatchers))] {
            let fastest = (0..ROUNDS).map(|_| time(&text, dispatchers)).fold(f64::INFINITY, f64::min);
            println!("{dispatchers:>6} dispatchers, {layout}: {fastest:>8.1} ms");
            passed &= dispatchers != 1_000 || fastest <= BAR_MS;
        }
    }
    if !passed {
        println!("1000 dispatchers took more than {BAR_MS} ms");
        std::process::exit(1);
    }
}

/// Milliseconds for one reading.
fn time(text: &str, dispatchers: usize) -> f64 {
    let start = Stopwatch::start();
    let settings = Settings::parse("bench.conf", text).expect("the text is sound");
    let took = start.ns_per(1) / 1e6;
    assert_eq!(settings.names().count(), dispatchers);
    took
}

fn nested(dispatchers: usize) -> String {
    let mut text = "common = 5\nkanaloa.dispatchers {\n".to_owned();
    for i in 0..dispatchers {
        let _ = writeln!(
            text,
            "  d{i} {{\n    workTimeout = 3s\n    worker-pool {{ min-pool-size = 2, max-pool-size = 90 }}\n    \
             autothrottle.algorithm = kanaloa\n    queue.capacity = ${{common}}\n  }}"
        );
    }
    text + "}\n"
}

fn dotted(dispatchers: usize) -> String {
    let mut text = "common = 5\n".to_owned();
    let settings = [
        "workTimeout = 3s",
        "worker-pool.min-pool-size = 2",
        "worker-pool.max-pool-size = 90",
        "autothrottle.algorithm = kanaloa",
        "queue.capacity = ${common}",
    ];
    for i in 0..dispatchers {
        for setting in settings {
            let _ = writeln!(text, "kanaloa.dispatchers.d{i}.{setting}");
        }
    }
    text
}
