//! The command line.

pub(crate) mod console;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Overload protection in front of a service
#[derive(Debug, Parser)]
#[command(name = "kanaloa", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: the same overload without Kanaloa and with it
    ///
    /// Starts a small HTTP service on this machine, sends it more than it can do, first straight and then through a
    /// Kanaloa dispatcher that is told nothing about it, and compares. Takes a little over twice --seconds.
    Demo(crate::demo::DemoArgs),
}

/// Does what the command line says. Ends the process with status 2 when it cannot be understood.
pub(crate) fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => crate::demo::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
