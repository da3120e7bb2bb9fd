//! Programs that are measured: started, watched and ended.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Below those that the system gives to clients, which could take one of them at the wrong moment.
const FIRST_PORT: u16 = 21_000;
const PORTS: u16 = 9_000;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const TIME_TO_LISTEN: Duration = Duration::from_secs(20);
const TIME_TO_END: Duration = Duration::from_secs(3);

/// A directory for configurations and logs, until it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("kanaloa-bench-proxy-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An address of this machine where nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(PORTS)) as u16;
    loop {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST_PORT + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Which processors a measurement may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    all: CpuSet,
    /// That of what is measured, and those of the rest; `None` where there is only one.
    apart: Option<(CpuSet, CpuSet)>,
}

impl Cores {
    pub(crate) fn find() -> io::Result<Self> {
        let all = sched_getaffinity(None)?;
        // Interrupts tend to be on the first.
        let last = (0..CpuSet::MAX_CPU).rfind(|cpu| all.is_set(*cpu));
        let apart = last.filter(|_| all.count() > 1).map(|last| {
            let (mut measured, mut rest) = (CpuSet::new(), all);
            measured.set(last);
            rest.unset(last);
            (measured, rest)
        });
        Ok(Cores { all, apart })
    }

    /// Keeps this thread, and what it starts from now on, off the processor of what is measured.
    pub(crate) fn stay_off(&self) -> io::Result<()> {
        sched_setaffinity(None, &self.apart.map_or(self.all, |(_, rest)| rest))?;
        Ok(())
    }

    /// Lets this thread go anywhere again.
    pub(crate) fn anywhere(&self) -> io::Result<()> {
        sched_setaffinity(None, &self.all)?;
        Ok(())
    }

    /// Runs something on the processor of what is measured, and what it starts stays there.
    pub(crate) fn measured<T>(&self, run: impl FnOnce() -> T) -> io::Result<T> {
        let before = sched_getaffinity(None)?;
        sched_setaffinity(None, &self.apart.map_or(self.all, |(measured, _)| measured))?;
        let result = run();
        sched_setaffinity(None, &before)?;
        Ok(result)
    }

    pub(crate) fn describe(&self) -> String {
        match self.apart {
            Some((_, rest)) => {
                format!("proxy on a processor of its own, load and upstream on {} other(s)", rest.count())
            }
            None => "one processor for all: figures are those of the load as well".to_owned(),
        }
    }
}

/// What a process and its children have used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Bytes in memory now.
    pub(crate) resident: u64,
    /// The most there ever were.
    pub(crate) peak: u64,
}

/// A program that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    log: PathBuf,
    address: SocketAddr,
}

impl Program {
    /// Starts a program and waits until it listens at `address`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends at once, or does not listen; with what it said.
    pub(crate) fn start(name: &str, mut command: Command, address: SocketAddr, scratch: &Scratch) -> io::Result<Self> {
        let log = scratch.path().join(format!("{name}-{}.log", address.port()));
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().map_err(|error| io::Error::other(format!("cannot start {command:?}: {error}")))?;
        let mut program = Program { name: name.to_owned(), child, log, address };
        program.wait_until_it_listens()?;
        Ok(program)
    }

    fn wait_until_it_listens(&mut self) -> io::Result<()> {
        for _ in 0..TIME_TO_LISTEN.as_millis() / LOOK_AGAIN.as_millis() {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("ended with {status}")));
            }
            sleep(LOOK_AGAIN);
        }
        Err(self.failure(&format!("does not listen at {} after {TIME_TO_LISTEN:?}", self.address)))
    }

    fn failure(&self, what: &str) -> io::Error {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        io::Error::other(format!("{} {what}; it said:\n{said}", self.name))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it and its children have used until now.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        for pid in family(self.child.id())? {
            // A child may have ended meanwhile.
            let (Ok(stat), Ok(status)) = (read(pid, "stat"), read(pid, "status")) else { continue };
            let ticks: u64 = fields(&stat).skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
            usage.cpu += Duration::from_secs(ticks) / clock_ticks_per_second() as u32;
            usage.resident += kilobytes(&status, "VmRSS:") * 1024;
            usage.peak += kilobytes(&status, "VmHWM:") * 1024;
        }
        Ok(usage)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..TIME_TO_END.as_millis() / LOOK_AGAIN.as_millis() {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            sleep(LOOK_AGAIN);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process and its children.
fn family(parent: u32) -> io::Result<Vec<u32>> {
    let mut family = vec![parent];
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = read(pid, "stat") else { continue };
        if fields(&stat).nth(1).is_some_and(|field| field.parse() == Ok(parent)) {
            family.push(pid);
        }
    }
    Ok(family)
}

fn read(pid: u32, file: &str) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
}

/// The fields of a `stat` from the third on: the name before them may have spaces.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace()
}

fn kilobytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}
