//! What this program is when it starts itself again: upstreams and the plain proxy, so that each is a process of its own,
//! whose processor time and memory can be told.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::baseline;
use crate::station::{self, Job, ServiceTime};
use crate::wire;

/// The hidden first argument.
pub(crate) const ARGUMENT: &str = "--role";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";
/// How much of a large body is read or written at once.
pub(crate) const PIECE: usize = 64 * 1024;
/// How long the quick service takes, in seconds.
const QUICK: std::ops::Range<f64> = 0.000_2..0.000_9;

/// What a process of this program is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Role {
    /// A reverse proxy of hyper and nothing else, to these.
    Baseline(Vec<SocketAddr>),
    /// Answers at once.
    Empty,
    /// Answers each request from 0.2 to 0.9 ms after it.
    Quick,
    /// Answers when the service in front of which it is has done the work.
    Slots(usize, ServiceTime),
    /// `GET /BYTES` has so many; anything else is read to its end.
    Bulk,
}

impl Role {
    /// The command that runs it.
    pub(crate) fn command(&self, program: &Path, listen: SocketAddr) -> Command {
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(listen.to_string());
        match self {
            Role::Baseline(upstreams) => command.arg("baseline").args(upstreams.iter().map(SocketAddr::to_string)),
            Role::Empty => command.arg("empty"),
            Role::Quick => command.arg("quick"),
            Role::Slots(slots, time) => command.arg("slots").args([
                slots.to_string(),
                time.mean.as_nanos().to_string(),
                time.exponential.to_string(),
                time.penalty.to_string(),
            ]),
            Role::Bulk => command.arg("bulk"),
        };
        command
    }

    fn parse(words: &[String]) -> Option<Self> {
        let (name, rest) = words.split_first()?;
        Some(match (name.as_str(), rest) {
            ("baseline", upstreams) => {
                Role::Baseline(upstreams.iter().map(|one| one.parse().ok()).collect::<Option<_>>()?)
            }
            ("empty", []) => Role::Empty,
            ("quick", []) => Role::Quick,
            ("slots", [slots, mean, exponential, penalty]) => {
                let mean = Duration::from_nanos(mean.parse().ok()?);
                let time = ServiceTime { mean, exponential: exponential.parse().ok()?, penalty: penalty.parse().ok()? };
                Role::Slots(slots.parse().ok()?, time)
            }
            ("bulk", []) => Role::Bulk,
            _ => return None,
        })
    }
}

/// Is what the arguments after [`ARGUMENT`] say, until it is ended.
pub(crate) fn run(words: &[String]) -> io::Result<()> {
    // Whatever becomes of the benchmark, nothing of it is left behind.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parsed = words.split_first().and_then(|(listen, role)| Some((listen.parse().ok()?, Role::parse(role)?)));
    let (listen, role) = parsed.ok_or_else(|| io::Error::other(format!("no such role: {words:?}")))?;
    if role == Role::Quick {
        return quick(listen);
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
        match role {
            Role::Baseline(upstreams) => baseline::serve(listen, &upstreams).await,
            Role::Empty => each(listen, async |stream| empty(stream).await).await,
            Role::Slots(slots, time) => {
                let service = station::start(slots, time);
                each(listen, async move |stream| after_work(stream, service.clone()).await).await
            }
            Role::Bulk => each(listen, async |stream| bulk(stream).await).await,
            Role::Quick => Ok(()),
        }
    })
}

/// Serves each connection.
async fn each(
    listen: SocketAddr,
    serve: impl AsyncFn(TcpStream) -> io::Result<()> + Clone + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    tokio::task::LocalSet::new()
        .run_until(async {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let serve = serve.clone();
                // The proxy may close a connection whenever it likes.
                tokio::task::spawn_local(async move { drop(serve(stream).await) });
            }
        })
        .await
}

async fn empty(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if let Some(end) = wire::end_of_head(&buffer[..filled]) {
            buffer.copy_within(end..filled, 0);
            filled -= end;
            stream.write_all(ANSWER).await?;
        }
    }
}

async fn after_work(mut stream: TcpStream, service: Sender<Job>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if let Some(end) = wire::end_of_head(&buffer[..filled]) {
            buffer.copy_within(end..filled, 0);
            filled -= end;
            let (job, done) = oneshot::channel();
            service.send(job).map_err(io::Error::other)?;
            done.await.map_err(io::Error::other)?;
            stream.write_all(ANSWER).await?;
        }
    }
}

/// A thread for each connection: a thread sleeps as long as it is told, to some 50 microseconds, and timers of tokio at
/// least a millisecond.
fn quick(listen: SocketAddr) -> io::Result<()> {
    for (number, stream) in (0..).zip(std::net::TcpListener::bind(listen)?.incoming()) {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(number);
        thread::Builder::new().stack_size(128 * 1024).spawn(move || {
            let mut buffer = [0; 4096];
            let mut filled = 0;
            while let Ok(read @ 1..) = stream.read(&mut buffer[filled..]) {
                filled += read;
                if let Some(end) = wire::end_of_head(&buffer[..filled]) {
                    buffer.copy_within(end..filled, 0);
                    filled -= end;
                    thread::sleep(Duration::from_secs_f64(chance.random_range(QUICK)));
                    if stream.write_all(ANSWER).is_err() {
                        return;
                    }
                }
            }
        })?;
    }
    Ok(())
}

async fn bulk(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let Some(end) = wire::end_of_head(&buffer[..filled]) else { continue };
        let head = &buffer[..end];
        let wanted =
            std::str::from_utf8(head).ok().and_then(|head| head.strip_prefix("GET /")?.split_once(' ')?.0.parse().ok());
        if let Some(bytes) = wanted {
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").as_bytes()).await?;
            write_zeros(&mut stream, bytes).await?;
        } else {
            let mut missing = wire::number(head, b"content-length").unwrap_or(0).saturating_sub((filled - end) as u64);
            while missing > 0 {
                let read = stream.read(&mut buffer).await?;
                if read == 0 {
                    return Ok(());
                }
                missing = missing.saturating_sub(read as u64);
            }
            stream.write_all(ANSWER).await?;
        }
        filled = 0;
    }
}

/// Writes so many bytes, a piece at a time.
pub(crate) async fn write_zeros(stream: &mut TcpStream, mut bytes: u64) -> io::Result<()> {
    let piece = vec![0; PIECE];
    while bytes > 0 {
        let next = bytes.min(PIECE as u64);
        stream.write_all(&piece[..next as usize]).await?;
        bytes -= next;
    }
    Ok(())
}
