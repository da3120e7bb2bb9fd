//! The closed loop: so many connections, each of which asks again as soon as it was answered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::wire::{self, Connection};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Before anything counts.
    pub(crate) lead: Duration,
    pub(crate) time: Duration,
}

/// What came of it after the lead.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) seconds: f64,
    pub(crate) latencies: Vec<Duration>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// What Kanaloa said to those that had something else than 200.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Those that ended a connection, and the first of them.
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
}

impl Answered {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// Everything but 200, in words; `None` if there was nothing else.
    pub(crate) fn faults(&self) -> Option<String> {
        let mut faults: Vec<String> = self
            .statuses
            .iter()
            .filter(|(status, _)| **status != 200)
            .map(|(status, n)| format!("{n} × {status}"))
            .collect();
        faults.extend(self.reasons.iter().map(|(reason, n)| format!("{n} for {reason}")));
        faults.extend(self.first_error.iter().map(|first| format!("{} errors, the first: {first}", self.errors)));
        (!faults.is_empty()).then(|| faults.join(", "))
    }
}

impl Closed {
    /// Sends requests, and calls `look` when the lead is over and again at the end.
    pub(crate) fn run<T>(self, mut look: impl FnMut() -> T) -> io::Result<(Answered, T, T)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answered = Rc::new(RefCell::new(Answered::default()));
        let (before, after) = runtime.block_on(LocalSet::new().run_until(async {
            let begin = Instant::now() + self.lead;
            let end = begin + self.time;
            let clients: Vec<_> = (0..self.connections)
                .map(|_| {
                    let answered = Rc::clone(&answered);
                    tokio::task::spawn_local(async move { self.client(begin, end, &answered).await })
                })
                .collect();
            sleep_until(begin).await;
            let before = look();
            sleep_until(end).await;
            let after = look();
            for client in clients {
                client.await.map_err(io::Error::other)?;
            }
            io::Result::Ok((before, after))
        }))?;
        let mut answered = Rc::into_inner(answered).map(RefCell::into_inner).unwrap_or_default();
        answered.seconds = self.time.as_secs_f64();
        Ok((answered, before, after))
    }

    async fn client(self, begin: Instant, end: Instant, answered: &RefCell<Answered>) {
        let request = wire::get(self.address, "/");
        while let Err(error) = self.connection(&request, begin, end, answered).await {
            let mut answered = answered.borrow_mut();
            answered.errors += 1;
            answered.first_error.get_or_insert_with(|| error.to_string());
            if answered.errors > 10_000 {
                return;
            }
        }
    }

    /// Uses one connection until the end, or until it closes.
    async fn connection(
        self,
        request: &[u8],
        begin: Instant,
        end: Instant,
        answered: &RefCell<Answered>,
    ) -> io::Result<()> {
        let mut connection = Connection::open(self.address).await?;
        let mut sent = Instant::now();
        while sent < end {
            let answer = connection.exchange(request).await?;
            let now = Instant::now();
            if (begin..end).contains(&now) {
                let mut answered = answered.borrow_mut();
                answered.latencies.push(now - sent);
                *answered.statuses.entry(answer.status).or_default() += 1;
                if let Some(reason) = connection.reason.take() {
                    *answered.reasons.entry(reason).or_default() += 1;
                }
            }
            if answer.closes {
                connection = Connection::open(self.address).await?;
            }
            sent = now;
        }
        Ok(())
    }
}
