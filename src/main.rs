//! The program `kanaloa`: see `kanaloa help`.

mod cli;
mod demo;
mod report;
mod simulate;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
