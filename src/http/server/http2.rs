//! HTTP/2 with one client.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use log::debug;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant, sleep_until};

use super::service::Answerer;
use super::stream::Stream;
use super::{GRACE, Serve, Server, Terms};
use crate::http::settings::ServerSettings;

/// A client that has vanished without a word is noticed after as much as both together.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Streams that a client may have begun and reset before they are looked at. More of them at once are an attack (rapid
/// reset, CVE-2023-44487), and end the connection.
const MAX_PENDING_RESETS: usize = 32;

/// Streams that may be reset for what a client has done wrong in them, before the connection ends (CVE-2025-8671).
const MAX_ERROR_RESETS: usize = 256;

/// What is kept of the body of one answer when the client is slower than the upstream.
const SEND_BUFFER: usize = 128 << 10;

/// Serves until the connection ends.
pub(super) async fn serve<S: Serve>(server: Arc<Server>, terms: Arc<Terms>, stream: Stream, answerer: Answerer<S>) {
    let client = answerer.client().address;
    let idle_timeout = terms.settings.idle_timeout;
    let streams = Streams::default();
    let mut connection = pin!(builder(&terms.settings, &streams).serve_connection(TokioIo::new(stream), answerer));
    let mut draining = pin!(server.draining());
    // Since when the client knows that this ends.
    let mut closing = None;
    let mut alarm = pin!(sleep_until(Instant::now() + idle_timeout));

    let ended = poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        if closing.is_none() && draining.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            closing = Some(now);
            connection.as_mut().graceful_shutdown();
            alarm.as_mut().reset(now + GRACE);
            cx.waker().wake_by_ref();
        }
        while alarm.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let idle_since = streams.idle_since().unwrap_or(now);
            let deadline = match closing {
                Some(closing) => idle_since.max(closing) + GRACE,
                None => idle_since + idle_timeout,
            };
            if deadline > now {
                alarm.as_mut().reset(deadline);
            } else if closing.is_some() {
                return Poll::Ready(None);
            } else {
                // Nothing that comes across is lost: hyper says first that it is about to say goodbye.
                closing = Some(now);
                connection.as_mut().graceful_shutdown();
                alarm.as_mut().reset(now + GRACE);
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    })
    .await;

    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => debug!("{client}: {error}"),
        None => debug!("{client}: said goodbye, and it does not close"),
    }
}

fn builder(settings: &ServerSettings, streams: &Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_concurrent_streams)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_header_list_size(u32::try_from(settings.max_header_size).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Runs what hyper has running, which is one future a stream, on this thread; and knows since when there is none.
#[derive(Clone)]
struct Streams(Arc<Counts>);

struct Counts {
    open: AtomicUsize,
    idle_since: Mutex<Instant>,
}

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Counts { open: AtomicUsize::new(0), idle_since: Mutex::new(Instant::now()) }))
    }
}

impl Streams {
    fn idle_since(&self) -> Option<Instant> {
        (self.0.open.load(Ordering::Relaxed) == 0).then(|| *self.0.idle_since.lock())
    }
}

/// One stream, for as long as it is open.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.0.idle_since.lock() = Instant::now();
        }
    }
}

impl<F: Future + 'static> Executor<F> for Streams {
    fn execute(&self, future: F) {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(self.0.clone());
        tokio::task::spawn_local(async move {
            future.await;
            drop(open);
        });
    }
}
