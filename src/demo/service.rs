//! The mock service: HTTP on loopback in front of [`Slots`].

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::plan::SERVICE_TIME;
use super::slots::{ServiceLoad, Slots};

/// How long to wait before the next connection when one could not be accepted, for want of sockets as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// A service that runs on a thread of its own, on a free port, until it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    address: SocketAddr,
    slots: Arc<Mutex<Slots>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts it with this many slots.
    pub(crate) fn start(slots: usize) -> io::Result<Self> {
        let slots = Arc::new(Mutex::new(Slots::new(slots, SERVICE_TIME, Instant::now())));
        let (stop, stopped) = oneshot::channel();
        let (started, start) = mpsc::channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let served = Arc::clone(&slots);
        let thread = thread::Builder::new().name("service".to_string()).spawn(move || {
            runtime.block_on(async {
                match bind().await {
                    Ok((listener, address)) => {
                        let _ = started.send(Ok(address));
                        tokio::select! {
                            () = accept(listener, served) => {}
                            _ = stopped => {}
                        }
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        })?;
        let address = start.recv().map_err(|_| io::Error::other("its thread ended"))??;
        Ok(Service { address, slots, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn uri(&self) -> Uri {
        format!("http://{}/", self.address).parse().expect("a socket address and a slash make a URI")
    }

    /// Gives it this many slots from now on, of which there must be one.
    pub(crate) fn resize(&self, slots: usize) {
        lock(&self.slots, |all, now| all.resize(slots, now));
    }

    /// Has it begin with nothing before then.
    pub(crate) fn hang_until(&self, until: Instant) {
        lock(&self.slots, |slots, _| slots.hang_until(until));
    }

    /// How busy it is now.
    pub(crate) fn load(&self) -> ServiceLoad {
        lock(&self.slots, |slots, now| slots.load(now))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept(listener: TcpListener, slots: Arc<Mutex<Slots>>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&slots)))),
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn serve(stream: TcpStream, slots: Arc<Mutex<Slots>>) {
    // Only a matter of speed, and loopback has no delay to speak of.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |_: Request<Incoming>| {
        let done = lock(&slots, Slots::take);
        async move {
            sleep_until(done).await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"done\n"))))
        }
    });
    // It ends with an error when the client leaves, which clients do.
    let _ = http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), answer).await;
}

fn lock<T>(slots: &Mutex<Slots>, use_slots: impl FnOnce(&mut Slots, Instant) -> T) -> T {
    // The clock is read under the lock, so that no request starts before an earlier one.
    use_slots(&mut slots.lock().unwrap_or_else(PoisonError::into_inner), Instant::now())
}
