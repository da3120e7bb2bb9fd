//! What a dashboard tells of dispatchers, to the second.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kanaloa::config::{DispatcherSettings, Settings};
use kanaloa::dashboard::{Dashboard, Events, MOST_DISPATCHERS, MOST_HANDLERS, MOST_VIEWERS, TooManyViewers};
use kanaloa::metrics::Monitor;
use kanaloa::{DispatcherHandle, HandlerSource, PushingDispatcher, handler_fn};
use serde_json::{Value, json};

fn virtual_time<F: Future>(test: F) -> F::Output {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix::System::with_tokio_rt(runtime).block_on(test)
}

async fn sleep_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Two at a time, two that wait, and no control.
fn settings(more: &str) -> DispatcherSettings {
    let text = format!(
        "kanaloa.default-dispatcher {{
           worker-pool.starting-pool-size = 2, queue.capacity = 2, work-settings.service-timeout = 90ms
           autothrottle.algorithm = fixed, back-pressure.enabled = off, circuit-breaker.enabled = off
           {more}
         }}"
    );
    Settings::parse("test", &text).unwrap().dispatcher("shop")
}

type Shop = DispatcherHandle<u64, u64, String>;

/// Answers `n` after `n` ms; odd ones fail.
fn till(name: &str) -> HandlerSource<u64, u64, String> {
    let handle = |n: u64| async move {
        sleep_ms(n).await;
        if n.is_multiple_of(2) { Ok(n) } else { Err(format!("{n} is odd")) }
    };
    HandlerSource::new(handler_fn(name, handle))
}

fn shop(monitor: &Monitor) -> Shop {
    let builder = PushingDispatcher::builder("shop").settings(settings("")).monitor(monitor);
    builder.handler_from(till("till")).start().unwrap()
}

/// The kind and data of the next event.
async fn next(events: &mut Events) -> (String, Value) {
    let event = events.next().await.expect("it goes on");
    let text = std::str::from_utf8(&event).unwrap();
    let (_, kind) = text.split_once("event: ").unwrap_or_else(|| panic!("{text}"));
    let (kind, data) = kind.split_once("\ndata: ").unwrap();
    (kind.to_owned(), serde_json::from_str(data).unwrap())
}

/// Those of a viewer that has had the history.
async fn viewer(dashboard: &Dashboard) -> (Events, Value) {
    let mut events = dashboard.events(None).unwrap();
    assert_eq!(events.next().await.unwrap(), "retry: 1000\n\n");
    let (kind, history) = next(&mut events).await;
    assert_eq!(kind, "history");
    (events, history)
}

async fn tick(events: &mut Events) -> Value {
    let (kind, tick) = next(events).await;
    assert_eq!(kind, "tick");
    tick
}

/// These of its figures.
fn of(now: &Value, keys: &[&str]) -> Vec<Value> {
    keys.iter().map(|key| now[key].clone()).collect()
}

const WORKS: [&str; 7] = ["received", "completed", "failed", "timed_out", "abandoned", "rejected", "shed"];

#[test]
fn each_second_is_told_as_it_was() {
    virtual_time(async {
        let monitor = Monitor::new();
        let dashboard = Dashboard::start(&monitor);
        let (mut events, history) = viewer(&dashboard).await;
        assert_eq!((&history["dispatchers"], &history["tick"]["dispatchers"]), (&json!([]), &json!([])));

        let shop = shop(&monitor);
        settle().await;
        for n in [20, 20, 40, 1, 100] {
            let _ = shop.call(n).await;
        }
        let abandoned = shop.call(50);
        settle().await;
        drop(abandoned);
        // Two are served, two wait, one is refused.
        let served = [shop.call(10), shop.call(10)];
        settle().await;
        let others = [shop.call(10), shop.call(10), shop.call(10)];
        futures::future::join_all(served.into_iter().chain(others)).await;
        let told = tick(&mut events).await;
        let told = &told["dispatchers"][0];
        assert_eq!((&told["name"], &told["state"]), (&json!("shop"), &json!("running")));
        assert_eq!(json!(of(&told["now"], &WORKS)), json!([11, 7, 1, 1, 1, 1, 0]));
        assert_eq!(told["rejected_by"], json!({"queue_full": 1}));
        assert_eq!(told["totals"]["received"], 11);
        let till = &told["handlers"][0];
        assert_eq!((&till["name"], &till["handlers"]), (&json!("till"), &json!(1)));
        let attempts =
            ["completed", "failed", "timed_out", "cancelled", "retried", "hedged", "limit", "in_flight", "circuit"];
        assert_eq!(json!(of(&till["now"], &attempts)), json!([7, 1, 1, 1, 0, 0, 2, 0, 0]));
        // To within a sixteenth of a doubling.
        let times = of(&till["now"], &["process_p50_ms", "process_p95_ms"]);
        let within = |time: &Value, of: f64| (time.as_f64().unwrap() / of - 1.0).abs() <= 0.032;
        assert!(within(&times[0], 10.0) && within(&times[1], 40.0), "{times:?}");

        // A second in which nothing comes, and two are under way.
        let under_way = [shop.call(80), shop.call(80)];
        sleep_ms(1).await;
        futures::future::join_all(under_way).await;
        tick(&mut events).await;
        let told = tick(&mut events).await;
        let told = &told["dispatchers"][0];
        assert_eq!(json!(of(&told["now"], &WORKS)), json!([0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(told["rejected_by"], json!({}));
        assert_eq!(json!(of(&told["now"], &["wait_p50_ms", "wait_p99_ms"])), json!([null, null]));
        assert_eq!(told["handlers"][0]["now"]["process_p50_ms"], Value::Null);
        assert_eq!(told["totals"]["received"], 13);
    });
}

/// What was before it began to look happened in no second of its own.
#[test]
fn the_first_second_is_not_all_that_was_before() {
    virtual_time(async {
        let monitor = Monitor::new();
        let shop = shop(&monitor);
        shop.call(10).await.unwrap();
        let dashboard = Dashboard::start(&monitor);
        let (mut events, history) = viewer(&dashboard).await;
        let told = &history["tick"]["dispatchers"][0];
        assert_eq!(
            json!(of(&told["now"], &["received", "wait_p50_ms", "queue", "in_flight"])),
            json!([null, null, 0, 0])
        );
        assert_eq!(told["totals"]["completed"], 1);
        assert_eq!(json!(of(&told["handlers"][0]["now"], &["completed", "limit"])), json!([null, 2]));
        assert_eq!(history["dispatchers"][0]["series"]["received"], json!([null]));
        shop.call(10).await.unwrap();
        let told = tick(&mut events).await;
        assert_eq!(told["dispatchers"][0]["now"]["completed"], 1);
    });
}

/// After a stall, rates are those of the time that has passed.
#[test]
fn a_rate_is_by_the_second_however_late_it_is_looked() {
    virtual_time(async {
        let monitor = Monitor::new();
        let shop = shop(&monitor);
        settle().await;
        let dashboard = Dashboard::start(&monitor);
        let (mut events, _) = viewer(&dashboard).await;
        for _ in 0..5 {
            shop.call(0).await.unwrap();
        }
        // Nothing is run meanwhile.
        tokio::time::advance(Duration::from_millis(2500)).await;
        assert_eq!(tick(&mut events).await["dispatchers"][0]["now"]["completed"], 2);
        shop.call(0).await.unwrap();
        // Half a second later it is in step again.
        assert_eq!(tick(&mut events).await["dispatchers"][0]["now"]["completed"], 2);
    });
}

#[test]
fn dispatchers_and_handlers_come_and_go() {
    virtual_time(async {
        let monitor = Monitor::new();
        let dashboard = Dashboard::start(&monitor);
        let (mut events, _) = viewer(&dashboard).await;
        let names = |tick: &Value| -> Vec<Value> {
            let handlers =
                |of: &Value| of["handlers"].as_array().unwrap().iter().map(|handler| handler["name"].clone()).collect();
            let dispatchers = tick["dispatchers"].as_array().unwrap().iter();
            dispatchers.map(|told| json!([told["name"], Value::Array(handlers(told))])).collect()
        };
        // Two of the same name are two.
        let [one, other] = [shop(&monitor), shop(&monitor)];
        settle().await;
        let told = tick(&mut events).await;
        assert_eq!(names(&told), [json!(["shop", ["till"]]), json!(["shop", ["till"]])]);
        assert_ne!(told["dispatchers"][0]["id"], told["dispatchers"][1]["id"]);

        one.add_handler(till("new")).await.unwrap();
        other.shutdown_within(Duration::ZERO).await;
        assert_eq!(names(&tick(&mut events).await), [json!(["shop", ["till", "new"]])]);

        // What it still did in its last second is told, and then it is gone.
        let last: Vec<_> = (0..2).map(|_| one.call(2)).collect();
        futures::future::join_all(last).await;
        one.remove_handler("till").await.unwrap();
        let told = tick(&mut events).await;
        let till = |told: &Value| {
            let handlers = told["dispatchers"][0]["handlers"].as_array().unwrap().clone();
            handlers.into_iter().find(|handler| handler["name"] == "till")
        };
        let done = till(&told).expect("it did something");
        assert_eq!((&done["handlers"], &done["now"]["limit"]), (&json!(0), &json!(0)));
        assert!(done["now"]["completed"].as_u64() >= Some(1), "{done}");
        assert_eq!(till(&tick(&mut events).await), None);
    });
}

/// A viewer that does not ask gets what it has missed when it does, and the history where that is too much.
#[test]
fn a_slow_viewer_gets_what_it_has_missed() {
    virtual_time(async {
        let monitor = Monitor::new();
        let _shop = shop(&monitor);
        let dashboard = Dashboard::start(&monitor);
        let (mut events, _) = viewer(&dashboard).await;
        sleep_ms(5_500).await;
        for _ in 0..5 {
            assert!(next(&mut events).now_or_never().is_some_and(|(kind, _)| kind == "tick"));
        }
        assert!(events.next().now_or_never().is_none());
        sleep_ms(70_000).await;
        assert!(next(&mut events).now_or_never().is_some_and(|(kind, told)| {
            kind == "history" && told["t"].as_array().is_some_and(|times| times.len() == 76)
        }));
        assert!(events.next().now_or_never().is_none());
    });
}

#[test]
fn it_ends_with_its_last_clone_or_when_it_is_closed() {
    virtual_time(async {
        let monitor = Monitor::new();
        let dashboard = Dashboard::start(&monitor);
        let clone = dashboard.clone();
        let (mut events, _) = viewer(&clone).await;
        drop(dashboard);
        tick(&mut events).await;
        drop(clone);
        assert!(events.next().now_or_never().expect("it ends at once").is_none());

        let dashboard = Dashboard::start(&monitor);
        let (mut events, _) = viewer(&dashboard).await;
        dashboard.close();
        assert!(events.next().now_or_never().expect("it ends at once").is_none());
        let mut late = dashboard.events(None).unwrap();
        assert_eq!(late.next().await.unwrap(), "retry: 1000\n\n");
        assert!(late.next().now_or_never().expect("it ends at once").is_none());
    });
}

#[test]
fn there_may_be_so_many_viewers() {
    virtual_time(async {
        let dashboard = Dashboard::start(&Monitor::new());
        let mut viewers: Vec<_> = (0..MOST_VIEWERS).map(|_| dashboard.events(None).unwrap()).collect();
        assert_eq!(dashboard.viewers(), MOST_VIEWERS);
        assert_eq!(dashboard.events(None).unwrap_err(), TooManyViewers);
        viewers.pop();
        assert!(dashboard.events(None).is_ok());
    });
}

/// Those that come later are counted, and a thousand handlers are as many as are reported each by itself.
#[test]
fn what_is_too_much_is_left_off_and_said() {
    virtual_time(async {
        let monitor = Monitor::new();
        let thousand = PushingDispatcher::builder("thousand").settings(settings("")).monitor(&monitor);
        let thousand = (0..1000).fold(thousand, |builder, n| builder.handler_from(till(&format!("till {n}"))));
        let thousand = thousand.start().unwrap();
        let all: Vec<_> = (0..MOST_DISPATCHERS).map(|_| shop(&monitor)).collect();
        settle().await;
        let dashboard = Dashboard::start(&monitor);
        let (mut events, _) = viewer(&dashboard).await;
        let told = tick(&mut events).await;
        assert_eq!(told["left_off"], json!({"dispatchers": 1, "handlers": 1}));
        assert_eq!(told["dispatchers"].as_array().unwrap().len(), MOST_DISPATCHERS);
        let handlers = told["dispatchers"][0]["handlers"].as_array().unwrap();
        assert_eq!(handlers.len(), 101);
        assert_eq!((&handlers[100]["name"], &handlers[100]["handlers"]), (&json!("other"), &json!(900)));
        assert_eq!(handlers[100]["now"]["limit"], 1800);

        // One that was left off has done much by the time that there is room for it, and none of it then.
        all[MOST_DISPATCHERS - 1].call(2).await.unwrap();
        all[0].shutdown_within(Duration::ZERO).await;
        let told = tick(&mut events).await;
        let newest = &told["dispatchers"][MOST_DISPATCHERS - 1];
        assert_eq!((&newest["now"]["completed"], &newest["totals"]["completed"]), (&Value::Null, &json!(1)));
        assert_eq!(told["left_off"], Value::Null);

        let wide = |n| {
            let text = "metrics.max-handlers = 1000, queue.capacity = 2000";
            let builder = PushingDispatcher::builder("wide").settings(settings(text)).monitor(&monitor);
            (0..n).fold(builder, |builder, n| builder.handler_from(till(&format!("till {n}")))).start().unwrap()
        };
        drop(all);
        let wide = wide(MOST_HANDLERS);
        settle().await;
        let told = tick(&mut events).await;
        let shown: usize =
            told["dispatchers"].as_array().unwrap().iter().map(|told| told["handlers"].as_array().unwrap().len()).sum();
        assert_eq!(shown, MOST_HANDLERS);
        assert_eq!(told["left_off"], json!({"dispatchers": 0, "handlers": 101}));

        // Nor is what handlers have done that were left off what they did in the second in which there is room for them.
        futures::future::join_all((0..2 * MOST_HANDLERS).map(|_| wide.call(2))).await;
        thousand.shutdown_within(Duration::ZERO).await;
        let told = tick(&mut events).await;
        let handlers = told["dispatchers"][0]["handlers"].as_array().unwrap();
        assert_eq!((handlers.len(), &told["left_off"]), (MOST_HANDLERS, &Value::Null));
        let completed: Vec<_> = handlers.iter().map(|handler| &handler["now"]["completed"]).collect();
        assert_eq!(completed.iter().filter(|completed| completed.is_null()).count(), 101);
        assert!(completed[..MOST_HANDLERS - 101].iter().all(|completed| !completed.is_null()));
    });
}

/// The size of what is sent: see the lines that it prints.
#[test]
#[ignore = "measures"]
fn sizes() {
    virtual_time(async {
        let monitor = Monitor::new();
        let builder = PushingDispatcher::builder("shop").monitor(&monitor);
        let handle = |n: u64| async move {
            sleep_ms(10 + n % 7 * 3).await;
            Ok::<_, Infallible>(n)
        };
        let builder = builder.handler(handler_fn("one", handle)).handler(handler_fn("two", handle));
        let shop = builder.start().unwrap();
        let dashboard = Dashboard::start(&monitor);
        let (mut events, _) = viewer(&dashboard).await;
        let mut ticks = 0;
        for second in 0..600 {
            // Nothing is refused at first, then much.
            let calls: Vec<_> = (0..second * 5).map(|n| shop.call(n)).collect();
            futures::future::join_all(calls).await;
            ticks += events.next().await.unwrap().len();
        }
        sleep_ms(100).await;
        let mut whole = dashboard.events(None).unwrap();
        whole.next().await.unwrap();
        let history = whole.next().await.unwrap().len();
        println!("1 dispatcher, 2 handlers, 10 minutes: history {history} bytes, a tick {} bytes", ticks / 600);
    });
}
