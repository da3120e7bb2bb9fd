//! The requests of one HTTP/2 connection.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::service::Service;
use hyper::{Request, Response};
use log::debug;
use tokio::time::{Duration, Instant};

use super::alarm::Alarm;
use super::service::Answering;
use super::{Client, Serve};

/// Has the requests of one connection answered, and runs what hyper has running for them: one future each. It knows since
/// when there is none, and drops one whose client takes nothing of the answer.
#[derive(Clone)]
pub(super) struct Streams(Rc<Shared>);

struct Shared {
    write_timeout: Duration,
    client: Client,
    open: Cell<usize>,
    idle_since: Cell<Instant>,
    /// hyper asks for an answer and then, before it does anything else, has the future of the stream run. The latter is of
    /// hyper's own making; this says whose it is.
    called: RefCell<Option<Rc<Handed>>>,
}

impl Streams {
    pub(super) fn new(client: Client, write_timeout: Duration) -> Self {
        Self(Rc::new(Shared {
            write_timeout,
            client,
            open: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
            called: RefCell::new(None),
        }))
    }

    /// Since when no stream is open; `None` while one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.0.open.get() == 0).then(|| self.0.idle_since.get())
    }
}

/// One stream, for as long as it is open.
struct Open(Rc<Shared>);

impl Open {
    fn new(shared: Rc<Shared>) -> Self {
        shared.open.set(shared.open.get() + 1);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.idle_since.set(Instant::now());
    }
}

impl<F: Future + 'static> Executor<F> for Streams {
    fn execute(&self, future: F) {
        let open = Open::new(self.0.clone());
        let handed = self.0.called.take();
        tokio::task::spawn_local(async move {
            let mut future = pin!(future);
            let mut alarm = Alarm::default();
            poll_fn(|cx| {
                if future.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                let Some(since) = handed.as_ref().and_then(|handed| handed.since.get()) else { return Poll::Pending };
                ready!(alarm.poll(since + open.0.write_timeout, cx));
                debug!("{}: took too little of an answer within {:?}", open.0.client.address, open.0.write_timeout);
                Poll::Ready(())
            })
            .await;
        });
    }
}

/// What hyper has been handed of an answer and the client has yet to take.
#[derive(Default)]
struct Handed {
    /// Since when there is something.
    since: Cell<Option<Instant>>,
}

/// Answers requests, and says whose the stream is that follows.
pub(super) struct StreamAnswerer<S: Serve> {
    serve: S,
    connection: S::Connection,
    streams: Streams,
}

impl<S: Serve> StreamAnswerer<S> {
    pub(super) fn new(serve: S, streams: Streams) -> Self {
        let connection = serve.connected(streams.0.client);
        Self { serve, connection, streams }
    }
}

impl<S: Serve> Service<Request<Incoming>> for StreamAnswerer<S> {
    type Response = Response<HandedBody<S::Body>>;
    type Error = Infallible;
    type Future = Answering<HandedBody<S::Body>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let answer = self.serve.serve(request, &self.connection);
        let handed = Rc::<Handed>::default();
        self.streams.0.called.replace(Some(handed.clone()));
        Box::pin(async move { Ok(answer.await.map(|body| HandedBody { body: Box::pin(body), handed })) })
    }
}

/// The body of an answer. hyper asks for more of it when the client has taken what there was, or can take more.
pub(super) struct HandedBody<B> {
    body: Pin<Box<B>>,
    handed: Rc<Handed>,
}

impl<B: Body<Data = Bytes>> Body for HandedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.handed.since.set(None);
        let frame = ready!(self.body.as_mut().poll_frame(cx));
        self.handed.since.set(Some(Instant::now()));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
