use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Wire, soon};

/// Clients that ask again as soon as they are answered, each on a connection that it keeps. Each answer is to be of a service,
/// to the request that was sent.
pub(crate) struct Load {
    answered: watch::Receiver<usize>,
    stops: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr, clients: usize, path: &'static str) -> Self {
        let (answered, receiver) = watch::channel(0);
        let stops = Arc::new(AtomicBool::new(false));
        let mut load = Self { answered: receiver, stops, clients: JoinSet::new() };
        for client in 0..clients {
            let (answered, stops) = (answered.clone(), Arc::clone(&load.stops));
            load.clients.spawn(async move {
                let mut wire = Wire::connect(address).await;
                for number in 0.. {
                    let path = format!("{path}/{client}/{number}");
                    let answer = wire.get(&path).await;
                    assert_eq!(answer.status(), 200, "{answer:?}");
                    assert_eq!(answer.text().split_once(' ').map(|(_, said)| said), Some(&*format!("GET {path}")));
                    answered.send_modify(|count| *count += 1);
                    if answer.closes() {
                        return wire.end().await;
                    }
                    if stops.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        load
    }

    /// Waits for that many more answers.
    pub(crate) async fn further(&mut self, count: usize) {
        let until = *self.answered.borrow() + count;
        let answered = soon("answers under load", self.answered.wait_for(|answered| *answered >= until)).await;
        assert!(answered.is_ok(), "the clients have ended");
    }

    /// Ends it when each client has had its answer, or has been told to close. How many answers there were.
    pub(crate) async fn stop(self) -> usize {
        self.stops.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits until each client has been told to close. How many answers there were.
    pub(crate) async fn ended(mut self) -> usize {
        soon("the end of all clients", async {
            while let Some(client) = self.clients.join_next().await {
                client.unwrap();
            }
        })
        .await;
        *self.answered.borrow()
    }
}
