//! HTTP/2 with one client.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use log::debug;
use tokio::time::{Duration, Instant, sleep_until};

use super::stream::Stream;
use super::streams::{StreamAnswerer, Streams};
use super::{Client, Serve, Server, Terms};
use crate::http::settings::ServerSettings;

/// A client that has vanished without a word is noticed after as much as both together.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Streams that a client may have begun and reset before they are looked at. More of them at once are an attack (rapid
/// reset, CVE-2023-44487), and end the connection.
const MAX_PENDING_RESETS: usize = 32;

/// Streams that may be reset for what a client has done wrong in them, before the connection ends (CVE-2025-8671).
const MAX_ERROR_RESETS: usize = 256;

/// What is kept of the body of one answer for a client that is slower than the upstream.
const SEND_BUFFER: usize = 128 << 10;

/// What a client may send of one body before it is asked for, and of all together: some that wait for a slot must leave room
/// for one that has it. The sum is what a connection can have a proxy hold.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// A client that takes no more than this after a goodbye, within the time to write, takes nothing: pings are sent, too.
const NO_PROGRESS: u64 = 1 << 10;

/// Serves until the connection ends.
pub(super) async fn serve<S: Serve>(server: Arc<Server>, terms: Arc<Terms>, stream: Stream, serve: S, client: Client) {
    let ServerSettings { idle_timeout, write_timeout, .. } = terms.settings;
    let activity = stream.activity().clone();
    let streams = Streams::new(client, write_timeout);
    let answerer = StreamAnswerer::new(serve, streams.clone());
    let mut connection = pin!(builder(&terms.settings, &streams).serve_connection(TokioIo::new(stream), answerer));
    let mut draining = pin!(server.draining());
    // What had been sent when it was last looked at, from when a goodbye was said.
    let mut closing = None;
    let mut alarm = pin!(sleep_until(Instant::now() + idle_timeout));

    let ended = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            let is_drained = closing.is_none() && draining.as_mut().poll(cx).is_ready();
            if !is_drained && alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let idle_since = streams.idle_since().unwrap_or(now);
            if let Some(sent) = closing {
                // It ends by itself when the client has all answers and has heard the goodbye.
                if activity.sent() - sent <= NO_PROGRESS && idle_since + write_timeout <= now {
                    return Poll::Ready(None);
                }
                closing = Some(activity.sent());
                alarm.as_mut().reset(now + write_timeout);
            } else if is_drained || idle_since + idle_timeout <= now {
                // Requests that come across the goodbye are still served.
                connection.as_mut().graceful_shutdown();
                closing = Some(activity.sent());
                alarm.as_mut().reset(now + write_timeout);
            } else {
                alarm.as_mut().reset(idle_since + idle_timeout);
            }
        }
    })
    .await;

    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => debug!("{}: {error}", client.address),
        None => debug!("{}: does not hear goodbye", client.address),
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
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
