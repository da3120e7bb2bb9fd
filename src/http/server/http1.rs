//! HTTP/1 with one client.
//!
//! hyper keeps some 20 KB for a connection, idle or not. So an idle connection is taken from hyper, which is begun anew when
//! the client sends something: at once where there are many connections, else after a while, for it takes a microsecond.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use log::debug;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::activity::HeadWatch;
use super::alarm::Alarm;
use super::service::Answerer;
use super::stream::Stream;
use super::{Serve, Server, Terms};
use crate::http::settings::ServerSettings;

/// How long a connection is idle before it is taken from hyper. One under load never is for so long.
const PARK_AFTER: Duration = Duration::from_millis(500);

/// How often it is looked whether a client has left whose body nobody reads yet. hyper does not read then, and so does
/// not notice, though such a request may wait for long.
const ASK_AFTER: Duration = Duration::from_millis(500);

/// With more connections than this at hyper, one that becomes idle is taken from it at once. That a while would be
/// enough is not: what thousands of connections have used for a while the allocator keeps.
const WARM: usize = 512;

/// What hyper allows for without memory of its own for each request.
const USUAL_MAX_HEADERS: usize = 100;

/// Only to have hyper start the timer that [`HeadWatch`] listens for.
const ANY_TIMEOUT: Duration = Duration::from_secs(1);

/// What is kept of a body on its way, each way. hyper begins with little, and takes that much for fast clients.
const BUFFER: usize = 128 << 10;

/// How long a client is listened to after the last answer. With what it has still to send unread, the system would take
/// the answer back (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// The most of that; a client with more gets a reset.
const LINGER_BYTES: usize = 4 << 20;

const TIMEOUT_ANSWER: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// From when a connection waits for a request.
#[derive(Clone, Copy)]
struct Waiting {
    since: Instant,
    /// Whether it has never had one.
    is_first: bool,
}

/// What becomes of a connection.
enum Next {
    /// It is idle.
    Park(Stream),
    /// The head of a request is late.
    Late(Stream),
    /// hyper has ended it in good order; `None` if it has been upgraded.
    Closed(Option<Stream>),
    /// hyper has given it up. The stream is there if it has told the client why.
    Failed(hyper::Error, Option<Stream>),
}

/// Serves until the connection ends, or somebody else has it.
pub(super) async fn serve<S: Serve>(
    server: Arc<Server>,
    terms: Arc<Terms>,
    mut stream: Stream,
    answerer: Answerer<S>,
    since: Instant,
) {
    let client = answerer.client().address;
    let settings = &terms.settings;
    let mut waiting = Waiting { since, is_first: true };
    loop {
        match Box::pin(drive(&server, &terms, stream, answerer.clone(), &mut waiting)).await {
            Next::Park(idle) => stream = idle,
            Next::Late(stream) => {
                debug!("{client}: took more than {:?} for the head of a request", settings.header_timeout);
                return Box::pin(refuse(stream)).await;
            }
            Next::Closed(Some(stream)) => return Box::pin(linger(stream)).await,
            Next::Closed(None) => return,
            Next::Failed(error, stream) => {
                debug!("{client}: {error}");
                if let Some(stream) = stream {
                    Box::pin(linger(stream)).await;
                }
                return;
            }
        }
        let idle_timeout = if waiting.is_first { settings.header_timeout } else { settings.idle_timeout };
        tokio::select! {
            biased;
            readable = poll_fn(|cx| stream.poll_readable(cx)) => if let Err(error) = readable {
                return debug!("{client}: {error}");
            },
            () = sleep_until(waiting.since + idle_timeout) => return close(stream).await,
            () = server.grace_over(waiting.since) => return close(stream).await,
        }
    }
}

/// Has hyper serve until the connection is idle or ends.
async fn drive<S: Serve>(
    server: &Server,
    terms: &Terms,
    stream: Stream,
    answerer: Answerer<S>,
    waiting: &mut Waiting,
) -> Next {
    let _warm = Warm::new(&server.warm);
    let ServerSettings { header_timeout, idle_timeout, .. } = terms.settings;
    let park_after = PARK_AFTER.min(idle_timeout);
    let activity = stream.activity().clone();
    let mut connection = builder(&terms.settings, HeadWatch::new(activity.clone()))
        .serve_connection(TokioIo::new(stream), answerer)
        .with_upgrades();

    // What hyper waits for first is what the caller has waited for already.
    let mut awaited = activity.last_awaited() + 1;
    let mut head_since = waiting.is_first.then_some(waiting.since);
    // Until when it goes unnoticed if the client leaves.
    let mut deaf_until = None;
    let mut alarm = Alarm::default();
    let ended = poll_fn(|cx| {
        if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
            return Poll::Ready(Some(ended));
        }
        let Some(head) = activity.awaits() else {
            // While a request is served there is no hurry. An alarm of before may go off, and finds nothing to do.
            if activity.is_listening() {
                deaf_until = None;
                return Poll::Pending;
            }
            let deadline = *deaf_until.get_or_insert_with(|| Instant::now() + ASK_AFTER);
            if alarm.poll(deadline, cx).is_ready() {
                deaf_until = None;
                activity.ask_whether_left();
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        };
        deaf_until = None;
        if head != awaited {
            awaited = head;
            head_since = None;
            *waiting = Waiting { since: Instant::now(), is_first: false };
        }
        let deadline = if activity.has_received() {
            *head_since.get_or_insert_with(Instant::now) + header_timeout
        } else if activity.is_blocked() {
            Instant::now() + PARK_AFTER
        } else if server.warm.load(Ordering::Relaxed) > WARM {
            return Poll::Ready(None);
        } else {
            waiting.since + park_after
        };
        alarm.poll(deadline, cx).map(|()| None)
    })
    .await;

    let rest = connection.into_parts().map(|parts| (parts.io.into_inner(), parts.read_buf));
    match (ended, rest) {
        (None, Some((stream, _))) if activity.has_received() => Next::Late(stream),
        (None, Some((mut stream, rest))) => {
            // What hyper returns holds its whole buffer, empty or not.
            stream.put_back(Bytes::copy_from_slice(&rest));
            Next::Park(stream)
        }
        (Some(Err(error)), rest) => {
            // hyper has answered what it could not read, and that answer is to arrive.
            let stream = rest.filter(|_| error.is_parse()).map(|(stream, _)| stream);
            Next::Failed(error, stream)
        }
        (_, rest) => Next::Closed(rest.map(|(stream, _)| stream)),
    }
}

/// hyper answers by itself what it cannot read, with an empty body and closing the connection: 400, 431 beyond these
/// limits, 414 beyond 65,534 bytes. A request with both `Transfer-Encoding` and `Content-Length` it takes by its chunks,
/// removes the length and closes the connection after the answer, as RFC 9112, section 6.3 demands of who does not
/// refuse it. Nothing in the request tells of it then.
///
/// `half_close` stays off. A client that has left altogether and one that has only finished sending look the same until
/// something is written to them. The first are many, and to go on working for them is what this crate is against. nginx
/// decides likewise.
fn builder(settings: &ServerSettings, watch: HeadWatch) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(watch)
        .header_read_timeout(ANY_TIMEOUT)
        .max_header_size(settings.max_header_size)
        .max_buf_size(BUFFER.max(settings.max_header_size));
    if settings.max_headers != USUAL_MAX_HEADERS {
        builder.max_headers(settings.max_headers);
    }
    builder
}

/// Says why no request is read any more.
async fn refuse(mut stream: Stream) {
    let said = async {
        stream.write_all(TIMEOUT_ANSWER).await?;
        stream.shutdown().await
    };
    // A client that does not listen misses nothing that it wants.
    if let Ok(Ok(())) = timeout(LINGER, said).await {
        linger(stream).await;
    }
}

async fn close(mut stream: Stream) {
    // With TLS something is said, and a client that does not listen is not waited for.
    let _ = timeout(LINGER, stream.shutdown()).await;
}

/// Listens to a client that has had its last answer, for as long as it takes to arrive.
async fn linger(mut stream: Stream) {
    if stream.activity().has_ended() {
        return;
    }
    let _ = timeout(LINGER, async {
        let mut buffer = vec![0; 8 << 10];
        let mut left = LINGER_BYTES;
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            left = match left.checked_sub(read) {
                Some(left) => left,
                None => return,
            };
        }
    })
    .await;
}

/// Counts one connection at hyper.
struct Warm<'a>(&'a AtomicUsize);

impl<'a> Warm<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Warm<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
