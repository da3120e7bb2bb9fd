//! The command line.

mod check_config;
pub(crate) mod console;
pub(crate) mod interrupt;
pub(crate) mod proxy;
mod signals;

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
    /// Stand in front of an HTTP service as a reverse proxy
    ///
    /// Finds out how many requests each upstream handles best at once, keeps that many in flight, holds a short queue and
    /// refuses the rest at once with 503. SIGHUP reads the files again; SIGTERM and Ctrl-C finish what is under way and end.
    ///
    /// Ends with status 0 when everything was finished; 2 if the settings make no sense; 1 if it cannot listen, or if
    /// requests had to be cut off at the end.
    Proxy(proxy::ProxyArgs),
    /// See it work: the same overload without Kanaloa and with it
    ///
    /// Starts a small HTTP service on this machine, sends it more than it can do, first straight and then through a
    /// Kanaloa dispatcher that is told nothing about it, and compares. Takes a little over twice --seconds.
    Demo(crate::demo::DemoArgs),
    /// Say what Kanaloa would do with a service and its traffic
    ///
    /// Runs real dispatchers in virtual time between models of services and their callers, as a scenario describes
    /// them, and shows for each phase what became of the requests, how long they took and where the concurrency limit
    /// went. The same seed gives the same run.
    ///
    /// Ends with status 0; 2 if what is asked for makes no sense; 1 if the result could not be written; 130 after
    /// Ctrl-C, which shows the runs that are complete.
    Simulate(crate::simulate::SimulateArgs),
    /// Say what settings files come to, and where each value comes from
    ///
    /// Prints the settings of every dispatcher that the files name and of all others, with the line that set each; or
    /// everything that is wrong with the files, and ends with status 2. Variables of the environment that are named
    /// CONFIG_FORCE_kanaloa_... count too, as they do for a service.
    CheckConfig(check_config::CheckConfigArgs),
}

/// Does what the command line says. Ends the process with status 2 when it cannot be understood.
pub(crate) fn run() -> ExitCode {
    let command = Cli::parse().command;
    // A server says what happens to it; the other commands print what they were asked for.
    let filter = if matches!(command, Command::Proxy(_)) { "warn,kanaloa=info" } else { "error" };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(filter)).init();
    match command {
        Command::Proxy(args) => proxy::run(&args),
        Command::Demo(args) => crate::demo::run(&args),
        Command::Simulate(args) => crate::simulate::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
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
