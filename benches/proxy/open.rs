//! The open loop: each request is sent when it is due, whatever became of the others, as people do who do not know of
//! each other.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::wire::{self, Answer, Connection};

/// An answer later than this is worth nothing.
pub(crate) const GOOD_WITHIN: Duration = Duration::from_secs(1);
/// A client that has waited so long hangs up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

const SEED: u64 = 7;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) address: SocketAddr,
    /// Requests a second.
    pub(crate) rate: u32,
    pub(crate) time: Duration,
    /// At random moments, rather than evenly spaced.
    pub(crate) random: bool,
}

/// What became of one request.
#[derive(Debug)]
pub(crate) struct Observation {
    /// When it was due, counted from the start.
    pub(crate) due: Duration,
    /// How much later it was sent, which is this program's fault, or that of a machine with too much to do.
    pub(crate) late: Duration,
    /// From when it was due to the last byte of the answer.
    pub(crate) latency: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Status(u16),
    GaveUp,
    Error(String),
}

impl Observation {
    pub(crate) fn good(&self) -> bool {
        self.outcome == Outcome::Status(200) && self.latency <= GOOD_WITHIN
    }
}

/// The connections that are open and idle, the latest used last.
type Idle = RefCell<Vec<Connection>>;

impl Open {
    /// Sends the load from a thread of its own.
    pub(crate) fn start(self) -> JoinHandle<io::Result<Vec<Observation>>> {
        thread::spawn(move || self.run())
    }

    fn run(self) -> io::Result<Vec<Observation>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let observations = Rc::new(RefCell::new(Vec::new()));
        runtime.block_on(LocalSet::new().run_until(async {
            let idle = Rc::new(Idle::default());
            let request: Rc<[u8]> = wire::get(self.address, "/").into();
            let in_flight = Rc::new(Cell::new(0_u64));
            let start = Instant::now();
            for due in self.schedule() {
                sleep_until(start + due).await;
                let late = (start + due).elapsed();
                let (idle, request) = (Rc::clone(&idle), Rc::clone(&request));
                let (observations, in_flight) = (Rc::clone(&observations), Rc::clone(&in_flight));
                in_flight.set(in_flight.get() + 1);
                tokio::task::spawn_local(async move {
                    let answer = timeout_at(start + due + PATIENCE, send(self.address, &request, &idle)).await;
                    let outcome = match answer {
                        Ok(Ok(answer)) => Outcome::Status(answer.status),
                        Ok(Err(error)) => Outcome::Error(error.to_string()),
                        Err(_) => Outcome::GaveUp,
                    };
                    let latency = (start + due).elapsed();
                    observations.borrow_mut().push(Observation { due, late, latency, outcome });
                    in_flight.set(in_flight.get() - 1);
                });
            }
            // Nobody waits longer than that.
            let end = Instant::now() + PATIENCE + Duration::from_millis(100);
            while in_flight.get() > 0 && Instant::now() < end {
                sleep_until(Instant::now() + Duration::from_millis(10)).await;
            }
        }));
        Ok(observations.take())
    }

    /// When requests are due.
    fn schedule(self) -> impl Iterator<Item = Duration> {
        let rate = f64::from(self.rate);
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let mut at = 0.0;
        (0_u64..)
            .map(move |number| {
                if self.random {
                    at += -(1.0 - chance.random::<f64>()).ln() / rate;
                    return Duration::from_secs_f64(at);
                }
                Duration::from_secs_f64(number as f64 / rate)
            })
            .take_while(move |due| *due < self.time)
    }
}

/// Sends a request on an idle connection, or on a new one. A connection that was closed while it was idle costs another
/// try, as with any client.
async fn send(address: SocketAddr, request: &[u8], idle: &Idle) -> io::Result<Answer> {
    loop {
        let reused = idle.borrow_mut().pop();
        let mut connection = match reused {
            Some(connection) => connection,
            None => Connection::open(address).await?,
        };
        match connection.exchange(request).await {
            Ok(answer) => {
                if !answer.closes {
                    idle.borrow_mut().push(connection);
                }
                return Ok(answer);
            }
            Err(_) if connection.used => {}
            Err(error) => return Err(error),
        }
    }
}
