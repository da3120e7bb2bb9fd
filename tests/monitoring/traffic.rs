//! Works of every outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use kanaloa::config::Settings;
use kanaloa::metrics::Monitor;
use kanaloa::{
    Call, CallError, DispatcherHandle, HandlerSource, PushingDispatcher, Rejection, Shutdown, Totals, Work, handler_fn,
};
use tokio::time::Instant;

use crate::support::PATIENCE;

pub(crate) type Shop = DispatcherHandle<u64, u64, u64>;

/// What became of the works of a dispatcher: as it counts them, and as its callers do.
#[derive(Debug)]
pub(crate) struct Happened {
    pub(crate) dispatcher: &'static str,
    pub(crate) totals: Totals,
    seen: BTreeMap<String, u64>,
    /// At all of its handlers together.
    pub(crate) attempts: &'static [(&'static str, u64)],
}

impl Happened {
    /// What StatsD is to have of the dispatcher. What has not happened is not reported.
    pub(crate) fn counters(&self) -> BTreeMap<String, u64> {
        let Totals { received, completed, failed, timed_out, rejected, shed, abandoned, .. } = self.totals;
        let counted = [
            ("received", received),
            ("completed", completed),
            ("failed", failed),
            ("timedOut", timed_out),
            ("rejected", rejected),
            ("shedded", shed),
            ("abandoned", abandoned),
        ];
        let counted = counted.into_iter().filter(|(_, count)| *count > 0);
        let mut counters: BTreeMap<_, _> = counted.map(|(name, count)| (format!("work.{name}"), count)).collect();
        for (name, count) in &self.seen {
            let counted = counters.entry(name.clone()).or_insert(*count);
            assert_eq!(*counted, *count, "{name} of {self:?}");
        }
        counters
    }
}

/// A dispatcher whose callers take note of what they get.
pub(crate) struct Watched {
    name: &'static str,
    pub(crate) shop: Shop,
    seen: BTreeMap<String, u64>,
}

impl Watched {
    pub(crate) fn start(name: &'static str, scene: &Scene, own: &str, handlers: &[&str]) -> Self {
        let settings = Settings::parse("test", &scene.settings(own)).unwrap().dispatcher(name);
        let builder = PushingDispatcher::builder(name).settings(settings).clone_requests().monitor(&scene.monitor);
        let builder = handlers.iter().fold(builder, |builder, handler| builder.handler_from(till(handler)));
        Self { name, shop: builder.start().unwrap(), seen: BTreeMap::new() }
    }

    fn see(&mut self, what: &str) {
        *self.seen.entry(format!("work.{what}")).or_default() += 1;
    }

    /// Waits for an answer, and takes note of it.
    async fn take(&mut self, call: Call<u64, u64>) {
        let answer = tokio::time::timeout(PATIENCE, call).await.expect("it ends");
        self.note(answer);
    }

    /// Asks, and leaves unless it is refused at once.
    fn leave(&mut self, n: u64) {
        match self.shop.call(n).now_or_never() {
            Some(answer) => self.note(answer),
            None => self.see("abandoned"),
        }
    }

    fn note(&mut self, answer: Result<u64, CallError<u64>>) {
        match answer {
            Ok(_) => self.see("completed"),
            Err(CallError::Failed(_)) => self.see("failed"),
            Err(CallError::TimedOut(_)) => self.see("timedOut"),
            Err(CallError::Rejected(rejection)) => {
                self.see("rejected");
                self.see(&format!("rejectedBy.{}", reason(rejection)));
            }
        }
    }

    pub(crate) async fn all(&mut self, works: impl IntoIterator<Item = u64>) {
        let calls: Vec<_> = works.into_iter().map(|n| self.shop.call(n)).collect();
        for call in calls {
            self.take(call).await;
        }
    }

    fn rejected_by(&self, reason: &str) -> u64 {
        self.seen.get(&format!("work.rejectedBy.{reason}")).copied().unwrap_or_default()
    }

    /// Ends it: all that has happened has been sent.
    pub(crate) async fn end(self, attempts: &'static [(&'static str, u64)]) -> Happened {
        assert_eq!(self.shop.shutdown().await, Shutdown::Finished);
        self.ended(attempts)
    }

    fn ended(self, attempts: &'static [(&'static str, u64)]) -> Happened {
        Happened { dispatcher: self.name, totals: self.shop.totals(), seen: self.seen, attempts }
    }
}

fn reason(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::OverCapacity { .. } => "overCapacity",
        Rejection::WaitedTooLong { .. } => "waitedTooLong",
        Rejection::QueueFull { .. } => "queueFull",
        Rejection::DeadlineCannotBeMet { .. } => "deadlineCannotBeMet",
        Rejection::NoHandlers => "noHandlers",
        Rejection::ShuttingDown => "shuttingDown",
        other => panic!("{other} is new"),
    }
}

/// One that never answers.
const SILENT: &str = "silent";

/// Fails at odd numbers, never answers 0, and answers others after so many milliseconds.
pub(crate) fn till(name: &str) -> HandlerSource<u64, u64, u64> {
    let is_silent = name == SILENT;
    HandlerSource::new(handler_fn(name, move |n: u64| async move {
        match n {
            n if n == 0 || is_silent => std::future::pending().await,
            n if n % 2 == 1 => Err(n),
            n => {
                tokio::time::sleep(Duration::from_millis(n)).await;
                Ok(n)
            }
        }
    }))
}

/// Who is told what happens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scene {
    /// Where StatsD is, if it is told.
    pub(crate) statsd: Option<u16>,
    pub(crate) monitor: Monitor,
    /// Settings below `kanaloa`.
    pub(crate) more: String,
}

impl Scene {
    pub(crate) fn with_statsd(port: u16) -> Self {
        Self { statsd: Some(port), ..Self::default() }
    }

    /// Settings under which nothing is decided but what `own` says.
    fn settings(&self, own: &str) -> String {
        let Self { statsd, more, .. } = self;
        let (enabled, port) = (if statsd.is_some() { "on" } else { "off" }, statsd.unwrap_or(8125));
        format!(
            "kanaloa {{
               statsD {{ host = 127.0.0.1, port = {port} }}
               default-dispatcher {{
                 update-interval = 100ms
                 metrics {{ enabled = {enabled}, statsD.event-sample-rate = 1 }}
                 worker-pool.starting-pool-size = 4
                 autothrottle.algorithm = fixed
                 back-pressure.enabled = off
                 circuit-breaker.enabled = off
                 work-settings.service-timeout = 10s
                 {own}
               }}
               {more}
             }}"
        )
    }
}

/// Has works end in each way there is, at dispatchers of their own.
pub(crate) async fn of_every_outcome(scene: &Scene) -> Vec<Happened> {
    vec![
        answered(scene).await,
        repeated(scene).await,
        hedged(scene).await,
        opened(scene).await,
        full(scene).await,
        over_capacity(scene).await,
        without_handlers(scene).await,
    ]
}

/// Names have what StatsD and Graphite give a meaning.
async fn answered(scene: &Scene) -> Happened {
    let mut shop =
        Watched::start("Käse.eu", scene, "work-settings.service-timeout = 500ms", &["till.1", "till:2|€ @/"]);
    shop.all((0..40).map(|n| 2 * (n % 10) + 2)).await;
    shop.all([1, 3, 5, 7, 9]).await;
    shop.all([0, 0, 0]).await;
    // Each is at a handler when its caller leaves.
    for _ in 0..2 {
        let left = shop.shop.call(10_000);
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(left);
        shop.see("abandoned");
    }
    shop.end(&[("completed", 40), ("failed", 5), ("timedOut", 3), ("cancelled", 2)]).await
}

async fn repeated(scene: &Scene) -> Happened {
    let mut shop = Watched::start("again", scene, "work-settings.work-retry = 1", &["till"]);
    shop.all([1, 2]).await;
    shop.end(&[("completed", 1), ("failed", 2), ("retried", 1)]).await
}

async fn hedged(scene: &Scene) -> Happened {
    let mut shop = Watched::start(
        "copies",
        scene,
        "work-settings { concurrent-calls = 2, concurrent-delay = 10ms, concurrent-budget.enabled = off }",
        &[SILENT, "till"],
    );
    shop.all([200]).await;
    shop.end(&[("completed", 1), ("hedged", 1), ("cancelled", 1)]).await
}

async fn opened(scene: &Scene) -> Happened {
    let own = "work-settings.service-timeout = 50ms
               circuit-breaker { enabled = on, timeout-count-threshold = 1, open-duration-base = 10s }";
    let mut shop = Watched::start("breaker", scene, own, &["till"]);
    shop.all([0, 0]).await;
    // For a report, and for what StatsD tells each second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    shop.end(&[("timedOut", 2)]).await
}

async fn full(scene: &Scene) -> Happened {
    let mut shop = Watched::start("full", scene, "worker-pool.starting-pool-size = 1, queue.capacity = 1", &["till"]);
    shop.all([2]).await;
    shop.all([40; 5]).await;
    let late = shop.shop.call(Work::new(2).deadline(Instant::now()));
    shop.take(late).await;
    let (last, handle) = (shop.shop.call(400), shop.shop.clone());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let end = actix::spawn(async move { handle.shutdown().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    shop.all([2]).await;
    shop.take(last).await;
    assert_eq!(end.await.unwrap(), Shutdown::Finished);
    assert_eq!((shop.rejected_by("queueFull"), shop.rejected_by("shuttingDown")), (4, 1));
    shop.ended(&[("completed", 3)])
}

async fn over_capacity(scene: &Scene) -> Happened {
    let mut shop =
        Watched::start("over", scene, "worker-pool.starting-pool-size = 1, back-pressure.enabled = on", &["till"]);
    shop.all([10]).await;
    let running = shop.shop.call(2_000);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let waits = shop.shop.call(Work::new(2).deadline(Instant::now() + Duration::from_secs(1)));
    shop.take(waits).await;
    shop.take(running).await;
    assert_eq!(shop.rejected_by("waitedTooLong"), 1);
    let (end, mut calls) = (Instant::now() + PATIENCE, Vec::new());
    while shop.rejected_by("overCapacity") < 20 {
        assert!(Instant::now() < end, "nothing is refused: {:?}", shop.shop.totals());
        calls.push(shop.shop.call(20));
        tokio::time::sleep(Duration::from_millis(2)).await;
        if calls.len() == 50 {
            for call in std::mem::take(&mut calls) {
                shop.take(call).await;
            }
        }
    }
    for call in calls {
        shop.take(call).await;
    }
    shop.end(&[]).await
}

async fn without_handlers(scene: &Scene) -> Happened {
    let mut shop = Watched::start("deserted", scene, "", &["till"]);
    shop.all([2]).await;
    shop.shop.remove_handler("till").await.unwrap();
    shop.all([2, 2]).await;
    assert_eq!(shop.rejected_by("noHandlers"), 2);
    shop.end(&[("completed", 1)]).await
}

/// Works in their thousands, of every outcome that can be had at once.
pub(crate) async fn thousands(scene: &Scene, works: usize) -> Happened {
    const AT_ONCE: usize = 1000;
    let own = "work-settings.service-timeout = 20ms, worker-pool.starting-pool-size = 400, queue.capacity = 600";
    let mut shop = Watched::start("thousands", scene, own, &["one", "other"]);
    shop.all([2]).await;
    for _ in 0..works.div_ceil(AT_ONCE) {
        let mut calls = Vec::new();
        for n in 0..AT_ONCE as u64 {
            match n % 20 {
                0 => calls.push(shop.shop.call(Work::new(2).deadline(Instant::now()))),
                1 => shop.leave(10),
                2 => calls.push(shop.shop.call(0)),
                3..6 => calls.push(shop.shop.call(1)),
                _ => calls.push(shop.shop.call(2)),
            }
        }
        for call in calls {
            shop.take(call).await;
        }
    }
    shop.end(&[]).await
}

/// A dispatcher with so many handlers, between which three times as many works were shared out.
pub(crate) async fn many_handlers(scene: &Scene, count: usize) -> Watched {
    let names: Vec<_> = (0..count).map(|n| format!("handler-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut shop = Watched::start("many", scene, "worker-pool.starting-pool-size = 1", &names);
    shop.all((0..3 * count).map(|_| 2)).await;
    shop
}
