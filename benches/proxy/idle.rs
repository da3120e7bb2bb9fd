//! Many clients that keep their connections and ask nothing.

use std::io;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::Options;
use crate::candidates::{Candidate, Setup};
use crate::process::{Program, Scratch, free_address};
use crate::report::{Report, megabytes, thousands};
use crate::role::Role;
use crate::wire::{self, Connection};

const CONNECTIONS: usize = 10_000;
/// How many ask at once while the connections are opened.
const AT_ONCE: usize = 64;
const MOST_BYTES: u64 = 150_000_000;
/// Files that are open for other purposes.
const OTHER_FILES: u64 = 500;

pub(crate) fn run(options: &Options, scratch: &Scratch, report: &mut Report) -> io::Result<()> {
    let files = raise_limit_of_files();
    let connections = CONNECTIONS.min(files.saturating_sub(OTHER_FILES) as usize);
    if connections < CONNECTIONS {
        report.line(&format!(
            "idle: only {connections} connections, as this process may have {files} files open; raise it with: ulimit -n {}",
            CONNECTIONS as u64 + OTHER_FILES
        ));
    }
    report.progress(&format!("idle: {} connections, one request on each", thousands(connections as f64)));
    let upstream = free_address();
    let upstream =
        Program::start("upstream", Role::Empty.command(&std::env::current_exe()?, upstream), upstream, scratch)?;
    let proxy = options.proxy.start(&Setup { upstreams: vec![upstream.address()], ..Setup::default() }, scratch)?;
    let before = proxy.usage()?.resident;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (open, not_ok) = runtime.block_on(open(proxy.address(), connections, report))?;
    sleep(Duration::from_secs(2));
    let after = proxy.usage()?;
    drop(open);
    let each = after.resident.saturating_sub(before) / connections.max(1) as u64;
    report.line(&format!(
        "idle: RSS {:.1} MB before, {:.1} MB with {} idle connections ({} bytes each), peak {:.1} MB; {not_ok} were not answered 200",
        megabytes(before),
        megabytes(after.resident),
        thousands(connections as f64),
        thousands(each as f64),
        megabytes(after.peak),
    ));
    report.bar_if(
        options.proxy == Candidate::Kanaloa,
        &format!("idle: RSS with {} connections", thousands(CONNECTIONS as f64)),
        &format!("{:.1} MB", megabytes(after.resident)),
        &format!("≤ {:.0} MB", megabytes(MOST_BYTES)),
        connections == CONNECTIONS && after.resident <= MOST_BYTES,
    );
    report.record(
        "idle",
        json!({
            "proxy": options.proxy.name(), "connections": connections, "rss_before_bytes": before,
            "rss_bytes": after.resident, "peak_bytes": after.peak, "not_ok": not_ok,
        }),
    );
    Ok(())
}

async fn open(proxy: SocketAddr, connections: usize, report: &Report) -> io::Result<(Vec<Connection>, u64)> {
    let request = wire::get(proxy, "/");
    let mut open = Vec::with_capacity(connections);
    let mut not_ok = 0;
    while open.len() < connections {
        let next = (open.len()..connections).take(AT_ONCE).map(|_| ask(proxy, &request));
        for (connection, refused) in futures::future::try_join_all(next).await? {
            open.push(connection);
            not_ok += u64::from(refused);
        }
        if open.len() % (AT_ONCE * 32) == 0 {
            report.progress(&format!("idle: {} are open", thousands(open.len() as f64)));
        }
    }
    Ok((open, not_ok))
}

/// Opens a connection and asks once. A refusal is an answer too: the connection stays.
async fn ask(proxy: SocketAddr, request: &[u8]) -> io::Result<(Connection, bool)> {
    let mut connection = Connection::open(proxy).await?;
    let answer = connection.exchange(request).await?;
    if answer.closes {
        return Err(io::Error::other(format!("expected a connection that stays, and had {answer:?}")));
    }
    Ok((connection, answer.status != 200))
}

/// Raises the limit of open files, for this process and what it starts, as far as the system allows, and returns it.
pub(crate) fn raise_limit_of_files() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let enough = CONNECTIONS as u64 * 2 + OTHER_FILES;
    // Only a privileged process may have more than its hard limit.
    let wanted = now.maximum.map(|maximum| maximum.max(enough));
    let tries = [wanted, now.maximum];
    let raised =
        tries.iter().any(|files| setrlimit(Resource::Nofile, Rlimit { current: *files, maximum: *files }).is_ok());
    let files = if raised { getrlimit(Resource::Nofile) } else { now };
    files.current.unwrap_or(u64::MAX)
}
