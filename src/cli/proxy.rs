//! `kanaloa proxy`: the reverse proxy as a program.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use kanaloa::config::{AutothrottleAlgorithm, DispatcherSettings};
use kanaloa::http::settings::{CommandLine, ProxySettings, RouteSettings};
use kanaloa::http::{Drained, ReverseProxy};
use log::{error, info, warn};

use super::console::note;
use super::signals::{Signal, Signals};

/// What cannot be used ends with this status, as a command line that cannot be understood does.
const UNUSABLE: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct ProxyArgs {
    /// Where to listen for clients [default: kanaloa.proxy.listen, which is 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<SocketAddr>,

    /// Where to answer /healthz, /readyz, /status and /metrics, and to show /dashboard/ [default: kanaloa.proxy.admin, which
    /// is 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    admin: Option<SocketAddr>,

    /// An instance of the service, such as http://127.0.0.1:9000; may be given several times
    #[arg(long = "upstream", value_name = "URL")]
    upstreams: Vec<String>,

    /// How many threads to work on [default: kanaloa.proxy.threads, which is one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// HOCON files, each laid over those before it and all over reference.conf; or a KrakenD configuration
    #[arg(long = "config", value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an address with a port, such as 127.0.0.1:8080 or 0.0.0.0:8080")
}

pub(crate) fn run(args: &ProxyArgs) -> ExitCode {
    let command_line = CommandLine {
        listen: args.listen,
        admin: args.admin,
        threads: args.threads,
        upstreams: args.upstreams.clone(),
    };
    let settings = match ProxySettings::load(&args.files, &command_line) {
        Ok(settings) => settings,
        Err(error) => {
            note(&error);
            return ExitCode::from(UNUSABLE);
        }
    };
    // Each connection of a client needs a file, and so does each to an upstream.
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    let wanted = 2 * settings.server.max_connections as u64 + 100;
    if files < wanted {
        note(format!(
            "warning: this process may open {files} files at once, and max-connections = {} takes up to {wanted}: \
             connections beyond wait. Raise the limit with: ulimit -n {wanted}",
            settings.server.max_connections
        ));
    }
    actix::System::new().block_on(serve(settings, args, &command_line))
}

async fn serve(settings: ProxySettings, args: &ProxyArgs, command_line: &CommandLine) -> ExitCode {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            note(format!("error: signals cannot be listened for: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let proxy = match ReverseProxy::start(settings).await {
        Ok(proxy) => proxy,
        Err(error) => {
            note(format!("error: {error}"));
            return ExitCode::FAILURE;
        }
    };
    note(overview(&proxy));
    loop {
        match signals.next().await {
            Signal::Reload => reload(&proxy, args, command_line).await,
            Signal::End { status } => {
                let wait = proxy.settings().server.drain_timeout;
                note(format!("draining: what is under way has {wait:?} to end; a second signal ends it at once"));
                let drained = tokio::select! {
                    drained = proxy.drain() => drained,
                    () = signals.end() => return ExitCode::from(status),
                };
                return match drained {
                    Drained::Finished => {
                        note("drained: everything was finished");
                        ExitCode::SUCCESS
                    }
                    Drained::CutOff { connections, .. } => {
                        note(format!(
                            "drained: {connections} connections were cut off, for drain-timeout = {wait:?} was over"
                        ));
                        ExitCode::FAILURE
                    }
                    _ => ExitCode::SUCCESS,
                };
            }
        }
    }
}

/// A file that cannot be used changes nothing.
async fn reload(proxy: &ReverseProxy, args: &ProxyArgs, command_line: &CommandLine) {
    let settings = match ProxySettings::load(&args.files, command_line) {
        Ok(settings) => settings,
        Err(error) => return error!("not reloaded, the settings stay as they were:\n{error}"),
    };
    match proxy.reload(settings).await {
        Ok(unchanged) => {
            info!("reloaded");
            for key in unchanged {
                warn!("reloaded, but for {key}: that changes only at a restart");
            }
            note(overview(proxy));
        }
        Err(error) => error!("not reloaded, the settings stay as they were: {error}"),
    }
}

/// What it listens on, what it proxies, and with which limits.
fn overview(proxy: &ReverseProxy) -> String {
    let settings = proxy.settings();
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let mut lines = vec![format!("kanaloa {} listens on {scheme}://{}", env!("CARGO_PKG_VERSION"), proxy.address())];
    if let Some(admin) = proxy.admin_address() {
        lines.push(format!("  admin: http://{admin}, with /healthz, /readyz, /status and /metrics"));
        lines.push(format!("  dashboard: http://{admin}/dashboard/"));
    }
    let threads = settings.threads;
    lines.push(format!("  threads: {threads}, connections: at most {}", settings.server.max_connections));
    lines.extend(settings.routes.iter().map(route));
    lines.join("\n")
}

fn route(route: &RouteSettings) -> String {
    let matches = &route.matches;
    let methods: Vec<_> = matches.methods.iter().map(hyper::Method::as_str).collect();
    let methods = if methods.is_empty() { String::new() } else { methods.join(",") + " " };
    let host = matches.host.as_deref().unwrap_or_default();
    format!(
        "  {methods}{host}{} to {}\n    {}: {}",
        matches.path,
        route.upstreams,
        route.dispatcher,
        limits(&route.settings)
    )
}

/// The limits in force of a dispatcher.
fn limits(settings: &DispatcherSettings) -> String {
    let pool = &settings.worker_pool;
    let mut parts = Vec::new();
    parts.push(match &settings.autothrottle {
        Some(throttle) if throttle.algorithm != AutothrottleAlgorithm::Fixed => {
            format!("concurrency limit per upstream found by itself, {} to {}", pool.min_pool_size, pool.max_pool_size)
        }
        _ => format!("concurrency limit per upstream {}", pool.starting_pool_size),
    });
    parts.push(match &settings.back_pressure {
        Some(back) => format!("refuses what would wait for more than about {}", short(back.reference_delay)),
        None => format!("refuses when {} wait", settings.queue.capacity),
    });
    let work = &settings.work;
    parts.push(format!("service-timeout {}", short(work.service_timeout)));
    if let Some(timeout) = work.request_timeout {
        parts.push(format!("request-timeout {}", short(timeout)));
    }
    if work.work_retry > 0 {
        parts.push(format!("retries {}", work.work_retry));
    }
    if work.at_least_once {
        parts.push("at least once".to_owned());
    }
    if work.concurrent_calls > 1 {
        parts.push(format!("concurrent calls {}", work.concurrent_calls));
    }
    if settings.circuit_breaker.is_none() {
        parts.push("no circuit breaker".to_owned());
    }
    parts.join(", ")
}

fn short(time: Duration) -> String {
    format!("{time:?}")
}
