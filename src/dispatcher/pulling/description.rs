//! How a dispatcher that pulls is described and started.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle};
use futures::Sink;
use futures::future::LocalBoxFuture;
use tokio::sync::mpsc::Sender;
use tokio::sync::{oneshot, watch};

use super::board::Board;
use super::control::Control;
use super::delivery::Delivery;
use super::feed::Feed;
use super::feeder::{Feeder, Parts};
use super::handle::PullingHandle;
use super::outlet::{Callback, Channel, IntoSink, ItemResult, Outlet};
use crate::config::Settings;
use crate::dispatcher::builder::{DispatcherBuilder, Ended, StartError, on_thread};
use crate::dispatcher::handle::DispatcherHandle;
use crate::queue::Backlog;

/// Describes a dispatcher that pulls its work and starts it; made by [`PullingDispatcher`](crate::PullingDispatcher).
pub type PullingBuilder<Req, Res, Err> = DispatcherBuilder<Req, Res, Err, Pull<Req, Res, Err>>;

/// The dispatcher takes its work from a source.
pub struct Pull<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    prepare: Prepare<Req, Res, Err>,
    outlet: Option<Box<dyn Outlet<Res, Err>>>,
    in_order: bool,
    window: usize,
    total: Option<u64>,
}

/// Prepares the source, which may take a thread; its type is known in here only.
type Prepare<Req, Res, Err> = Box<dyn FnOnce(&str) -> io::Result<Run<Req, Res, Err>> + Send>;

type Run<Req, Res, Err> = Box<dyn FnOnce(Parts<Req, Res, Err>) -> LocalBoxFuture<'static, ()> + Send>;

/// As many results wait for others, or for those who take them.
const DEFAULT_WINDOW: usize = 1024;

/// Describes a dispatcher for this source.
pub(super) fn describe<F, Res, Err>(
    name: String,
    source: impl FnOnce(&str) -> io::Result<F> + Send + 'static,
) -> PullingBuilder<F::Item, Res, Err>
where
    F: Feed + Send,
    Res: Send + 'static,
    Err: Send + 'static,
{
    let prepare: Prepare<F::Item, Res, Err> = Box::new(move |name| {
        let feed = source(name)?;
        Ok(Box::new(move |parts| Box::pin(Feeder::new(feed, parts))))
    });
    let settings = Settings::reference().pulling_dispatcher(&name);
    let kind = Pull { prepare, outlet: None, in_order: false, window: DEFAULT_WINDOW, total: None };
    DispatcherBuilder::new(name, settings, kind)
}

impl<Req, Res, Err> DispatcherBuilder<Req, Res, Err, Pull<Req, Res, Err>>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Sends results to a sink, with its back-pressure: while it is not ready, they wait in the [window](Self::window).
    /// It is closed at the end. If it fails or panics, the run ends as by [`PullingHandle::shutdown`].
    ///
    /// A run has one place for its results: of `into_sink`, [`into_channel`](Self::into_channel) and
    /// [`for_each`](Self::for_each) the one called last replaces the others. Without any, results are counted and dropped.
    pub fn into_sink<S>(self, sink: S) -> Self
    where
        S: Sink<ItemResult<Res, Err>> + Send + 'static,
        S::Error: Display,
    {
        self.into_outlet(IntoSink::new(sink))
    }

    /// As [`into_sink`](Self::into_sink), with a channel. That its receiver was dropped is noticed with the next result.
    /// Replaces a sink or a callback that was given before.
    pub fn into_channel(self, sender: Sender<ItemResult<Res, Err>>) -> Self {
        self.into_outlet(Channel::new(sender))
    }

    /// As [`into_sink`](Self::into_sink), with a function that is called with each result. It is called on the
    /// dispatcher's arbiter and must not block. Replaces a sink, a channel or a callback that was given before.
    pub fn for_each(self, callback: impl FnMut(ItemResult<Res, Err>) + Send + 'static) -> Self {
        self.into_outlet(Callback(callback))
    }

    fn into_outlet(mut self, outlet: impl Outlet<Res, Err> + 'static) -> Self {
        self.kind.outlet = Some(Box::new(outlet));
        self
    }

    /// Sends results in the order in which the items were taken, rather than as they come.
    pub fn in_input_order(mut self) -> Self {
        self.kind.in_order = true;
        self
    }

    /// How many results may wait, 1,024 unless said, at least 1. In the order in which they come: while so many wait for
    /// who takes them, no item is taken, so that there are no more than these and one for each worker. In input order:
    /// from the first item without a delivered result on, no more than so many are taken, so that a window smaller than
    /// the concurrency limit holds up workers.
    pub fn window(mut self, results: usize) -> Self {
        self.kind.window = results;
        self
    }

    /// How many items there are, for [`Progress::eta`](crate::Progress::eta), where the source cannot tell.
    pub fn expected_items(mut self, total: u64) -> Self {
        self.kind.total = Some(total);
        self
    }

    /// Starts the dispatcher on this thread's arbiter.
    ///
    /// # Errors
    ///
    /// [`StartError`] if there is no actix System here, if the settings cannot be followed, or if there is no thread for
    /// an iterator.
    pub fn start(self) -> Result<PullingHandle<Req, Res, Err>, StartError> {
        let arbiter = Arbiter::try_current().ok_or(StartError::NoSystem)?;
        self.start_on(&arbiter)
    }

    /// Starts the dispatcher on an arbiter. If that has ended, so has the run.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the settings cannot be followed, or if there is no thread for an iterator.
    pub fn start_on(self, arbiter: &ArbiterHandle) -> Result<PullingHandle<Req, Res, Err>, StartError> {
        self.begin(arbiter).map(|(handle, _)| handle)
    }

    /// Starts the dispatcher on a thread of its own, which needs nothing of the caller's: for plain tokio, or for no
    /// runtime at all. The thread ends with the run.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the settings cannot be followed or there is no thread to be had.
    pub fn start_on_thread(self) -> Result<PullingHandle<Req, Res, Err>, StartError> {
        let name = self.name.clone();
        on_thread(&name, |arbiter| self.begin(arbiter))
    }

    fn begin(self, arbiter: &ArbiterHandle) -> Result<(PullingHandle<Req, Res, Err>, Ended), StartError> {
        let (name, capacity) = (self.name.clone(), self.settings.queue.capacity);
        let default_shutdown_timeout = self.settings.worker_pool.default_shutdown_timeout;
        let (started, kind) = self.spawn(arbiter, Backlog::pulled)?;
        let Pull { prepare, outlet, in_order, window, total } = kind;
        let run = prepare(&name).map_err(|source| StartError::Thread { dispatcher: name.clone(), source })?;
        let (control, board) = (Arc::<Control>::default(), Arc::new(Board::new(total)));
        let (summary_to, summary) = watch::channel(None);
        let (over, is_over) = oneshot::channel();
        let dispatcher = DispatcherHandle::new(started.door.clone(), started.addr.clone());
        let parts = Parts {
            name,
            started,
            delivery: Delivery::new(outlet, in_order, window),
            capacity,
            default_shutdown_timeout,
            control: Arc::clone(&control),
            board: Arc::clone(&board),
            summary_to,
            _over: over,
        };
        arbiter.spawn_fn(move || {
            actix::spawn(run(parts));
        });
        let handle = PullingHandle::new(dispatcher, default_shutdown_timeout, control, board, summary);
        Ok((handle, is_over))
    }
}

impl<Req, Res, Err> std::fmt::Debug for Pull<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pull").field("in_order", &self.in_order).field("window", &self.window).finish_non_exhaustive()
    }
}
