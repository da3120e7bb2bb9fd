//! What it costs a request that everything is reported: to StatsD, to Prometheus that scrapes every second, and to a browser that
//! shows the dashboard.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::Options;
use crate::candidates::{Candidate, Setup};
use crate::closed::Closed;
use crate::process::{Cores, Program, Scratch, free_address};
use crate::report::{Report, median};
use crate::role::Role;
use crate::throughput::NO_LIMIT;

const CONNECTIONS: usize = 64;
const LEAD: Duration = Duration::from_millis(300);
/// Processor time of a request that is reported everywhere, in that of one that is not reported.
const BAR: f64 = 1.05;

pub(crate) fn run(options: &Options, scratch: &Scratch, report: &mut Report) -> io::Result<()> {
    let (rounds, time) = if options.short { (3, Duration::from_secs(1)) } else { (9, Duration::from_secs(3)) };
    let cores = Cores::find()?;
    report.progress(&format!("reported: {CONNECTIONS} connections, closed loop, {rounds} rounds of {time:?}"));
    cores.stay_off()?;
    let upstream = free_address();
    let upstream =
        Program::start("upstream", Role::Empty.command(&std::env::current_exe()?, upstream), upstream, scratch)?;
    let statsd = UdpSocket::bind("127.0.0.1:0")?;
    let settings = format!(
        "{NO_LIMIT}kanaloa {{ statsD {{ host = 127.0.0.1, port = {} }}, default-dispatcher.metrics.enabled = on }}\n",
        statsd.local_addr()?.port()
    );
    let admin = free_address();
    let off =
        Setup { upstreams: vec![upstream.address()], one_thread: true, settings: Some(NO_LIMIT), ..Setup::default() };
    // It is needed until the end anyway.
    let on = Setup { settings: Some(settings.leak()), admin: Some(admin), ..off.clone() };
    let off = cores.measured(|| Candidate::Kanaloa.start(&off, scratch))??;
    let on = cores.measured(|| Candidate::Kanaloa.start(&on, scratch))??;
    let watching = Watching::start(admin);
    let mut ratios = Vec::new();
    let mut figures = Vec::new();
    for round in 1..=rounds {
        report.progress(&format!("round {round} of {rounds}"));
        let [off, on] = [cpu_us(&off, time)?, cpu_us(&on, time)?];
        ratios.push(on / off);
        figures.push(json!({ "off_cpu_us": off, "on_cpu_us": on }));
    }
    let seen = watching.end();
    cores.anywhere()?;
    if seen.contains(&0) {
        return Err(io::Error::other(format!("scrapes and events brought {seen:?} bytes, so nothing was reported")));
    }
    let ratio = median(ratios);
    report.record("reported", json!({ "ratio": ratio, "rounds": figures, "scraped_and_shown_bytes": seen }));
    let what = "reported: CPU of a request, all reports on to all off";
    report.bar(what, &format!("{ratio:.3}"), &format!("≤ {BAR}"), ratio <= BAR);
    Ok(())
}

/// Microseconds of processor time for a request.
fn cpu_us(program: &Program, time: Duration) -> io::Result<f64> {
    let closed = Closed { address: program.address(), connections: CONNECTIONS, lead: LEAD, time };
    let (answered, before, after) = closed.run(|| program.usage())?;
    if let Some(faults) = answered.faults() {
        return Err(io::Error::other(faults));
    }
    Ok((after?.cpu - before?.cpu).as_secs_f64() * 1e6 / answered.latencies.len() as f64)
}

/// Who asks for metrics once a second, and who has the dashboard open.
struct Watching {
    is_over: Arc<AtomicBool>,
    threads: [thread::JoinHandle<usize>; 2],
}

impl Watching {
    fn start(admin: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (scraping, viewing) = (Arc::clone(&is_over), Arc::clone(&is_over));
        let scraper = thread::spawn(move || {
            let mut bytes = 0;
            while !scraping.load(Ordering::Relaxed) {
                bytes += get(admin, "/metrics", &scraping).unwrap_or(0);
                thread::sleep(Duration::from_secs(1));
            }
            bytes
        });
        let viewer = thread::spawn(move || get(admin, "/dashboard/events", &viewing).unwrap_or(0));
        Watching { is_over, threads: [scraper, viewer] }
    }

    /// How many bytes each got.
    fn end(self) -> [usize; 2] {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.map(|thread| thread.join().unwrap_or(0))
    }
}

/// Reads an answer to its end, or until it is over.
fn get(admin: SocketAddr, path: &str, is_over: &AtomicBool) -> io::Result<usize> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
    let (mut part, mut bytes) = ([0; 16_384], 0);
    while !is_over.load(Ordering::Relaxed) {
        match stream.read(&mut part)? {
            0 => break,
            length => bytes += length,
        }
    }
    Ok(bytes)
}
