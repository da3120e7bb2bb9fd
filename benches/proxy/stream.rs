//! Large bodies, down and up: how fast, and whether the proxy keeps them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::Options;
use crate::candidates::{Candidate, Setup};
use crate::process::{Program, Scratch, free_address};
use crate::report::{Report, megabytes};
use crate::role::{PIECE, Role, write_zeros};
use crate::wire::{self, Connection};

const SMALL: u64 = 10_000_000;
const LARGE: u64 = 1_000_000_000;
/// The peak may grow by so much: a hundredth of what would be kept if a tenth of the body were.
const FLAT: u64 = 1_000_000;

pub(crate) fn run(options: &Options, scratch: &Scratch, report: &mut Report) -> io::Result<()> {
    let large = if options.short { LARGE / 5 } else { LARGE };
    report.progress(&format!("stream: {:.0} MB down and up, after {:.0} MB", megabytes(large), megabytes(SMALL)));
    let upstream = free_address();
    let upstream =
        Program::start("upstream", Role::Bulk.command(&std::env::current_exe()?, upstream), upstream, scratch)?;
    let proxy = options.proxy.start(&Setup { upstreams: vec![upstream.address()], ..Setup::default() }, scratch)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut figures = Vec::new();
    for (name, down) in [("down", true), ("up", false)] {
        let address = proxy.address();
        let transfer = |bytes| {
            runtime.block_on(async move { if down { get(address, bytes).await } else { post(address, bytes).await } })
        };
        transfer(SMALL)?;
        let before = proxy.usage()?.peak;
        let took = transfer(large)?;
        let after = proxy.usage()?.peak;
        let growth = after.saturating_sub(before);
        let per_second = megabytes(large) / took.as_secs_f64();
        report.line(&format!(
            "stream {name}: {:.0} MB at {per_second:.0} MB/s; peak RSS {:.1} MB, after {:.0} MB it was {:.1} MB",
            megabytes(large),
            megabytes(after),
            megabytes(SMALL),
            megabytes(before)
        ));
        report.bar_if(
            options.proxy == Candidate::Kanaloa,
            &format!("stream {name}: growth of the peak"),
            &format!("{:.2} MB", megabytes(growth)),
            &format!("≤ {:.0} MB", megabytes(FLAT)),
            growth <= FLAT,
        );
        figures.push(json!({
            "direction": name, "proxy": options.proxy.name(), "bytes": large, "mb_per_second": per_second,
            "peak_bytes": after, "growth_bytes": growth,
        }));
    }
    report.record("stream", figures.into());
    Ok(())
}

async fn get(proxy: SocketAddr, bytes: u64) -> io::Result<Duration> {
    let mut connection = Connection::open(proxy).await?;
    let start = Instant::now();
    connection.stream().write_all(&wire::get(proxy, &format!("/{bytes}"))).await?;
    let (answer, mut read) = connection.read_head().await?;
    if answer.status != 200 || answer.length != bytes {
        return Err(io::Error::other(format!("expected {bytes} bytes and had {answer:?}")));
    }
    let mut piece = vec![0; PIECE];
    while read < bytes {
        match connection.stream().read(&mut piece).await? {
            0 => return Err(io::Error::other(format!("the body ended after {read} of {bytes} bytes"))),
            more => read += more as u64,
        }
    }
    Ok(start.elapsed())
}

async fn post(proxy: SocketAddr, bytes: u64) -> io::Result<Duration> {
    let mut connection = Connection::open(proxy).await?;
    let start = Instant::now();
    let head = format!("POST /upload HTTP/1.1\r\nHost: {proxy}\r\nContent-Length: {bytes}\r\n\r\n");
    connection.stream().write_all(head.as_bytes()).await?;
    write_zeros(connection.stream(), bytes).await?;
    let (answer, _) = connection.read_head().await?;
    if answer.status != 200 {
        return Err(io::Error::other(format!("expected 200 and had {answer:?}")));
    }
    Ok(start.elapsed())
}
