//! What Prometheus has is what happened.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use actix::System;
use kanaloa::http::ReverseProxy;
use kanaloa::http::settings::{CommandLine, ProxySettings};
use kanaloa::metrics::{Monitor, PROMETHEUS_MEDIA_TYPE};
use serde_json::Value;

use crate::statsd::{assert_every_outcome, assert_is_what_happened, run};
use crate::support::{Installed, Prometheus, Statsd, StatsdPorts, get, get_json, node, promtool, settled, until};
use crate::traffic::{Happened, Scene, many_handlers, of_every_outcome, thousands};

/// Answers each request on a thread of its own with status, media type and body, for as long as the test runs.
fn serve(answer: impl Fn(&str) -> (u16, &'static str, String) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let one = move |mut stream: TcpStream| -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        while !lines.next().unwrap_or_else(|| Ok(String::new()))?.is_empty() {}
        let (status, media_type, body) = answer(first.split(' ').nth(1).unwrap_or_default());
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} A\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    thread::spawn(move || {
        for stream in listener.incoming() {
            let one = one.clone();
            // Who leaves early has no use for the rest.
            thread::spawn(move || _ = one(stream.unwrap()));
        }
    });
    address
}

/// As the admin address of a proxy does.
fn serve_metrics(monitor: &Monitor) -> SocketAddr {
    let monitor = monitor.clone();
    serve(move |_| (200, PROMETHEUS_MEDIA_TYPE, monitor.prometheus()))
}

fn assert_clean(installed: &Installed, exposition: &str) {
    assert_eq!(promtool(installed, exposition), (true, String::new()), "{exposition}");
}

/// By name and label, what a query comes to for a dispatcher.
fn numbers(prometheus: &Prometheus, names: &str, dispatcher: &str, label: &str) -> BTreeMap<String, u64> {
    let answers = prometheus.query(&format!("{{__name__=~\"{names}\", dispatcher=\"{dispatcher}\"}}"));
    let text = |metric: &Value, key: &str| metric[key].as_str().unwrap_or_default().to_owned();
    let name = |metric: &Value| format!("{} {}", text(metric, "__name__"), text(metric, label)).trim_end().to_owned();
    answers.iter().map(|(metric, value)| (name(metric), *value as u64)).collect()
}

/// What Prometheus is to have of a dispatcher.
fn works_of(happened: &Happened) -> BTreeMap<String, u64> {
    let counters = happened.counters();
    let count = |name: &str| counters.get(name).copied().unwrap_or_default();
    let named = |(theirs, statsd): (&str, &str)| (format!("kanaloa_works_{theirs}"), count(&format!("work.{statsd}")));
    [
        ("received_total", "received"),
        ("completed_total", "completed"),
        ("failed_total", "failed"),
        ("timed_out_total", "timedOut"),
        ("abandoned_total", "abandoned"),
        ("shed_total", "shedded"),
        ("rejected_total over_capacity", "rejectedBy.overCapacity"),
        ("rejected_total waited_too_long", "rejectedBy.waitedTooLong"),
        ("rejected_total queue_full", "rejectedBy.queueFull"),
        ("rejected_total deadline_cannot_be_met", "rejectedBy.deadlineCannotBeMet"),
        ("rejected_total no_handlers", "rejectedBy.noHandlers"),
        ("rejected_total shutting_down", "rejectedBy.shuttingDown"),
    ]
    .into_iter()
    .map(named)
    .collect()
}

#[test]
fn its_numbers_are_what_happened_and_every_query_of_the_dashboard_has_data() {
    let Some(installed) = Installed::with(&Prometheus::PARTS) else { return };
    let scene = Scene::default();
    let prometheus = Prometheus::start(&installed, serve_metrics(&scene.monitor));
    let happened = run(of_every_outcome(&scene));
    assert_every_outcome(&happened);
    assert_clean(&installed, &scene.monitor.prometheus());
    for happened in &happened {
        let expected = works_of(happened);
        let told = || numbers(&prometheus, "kanaloa_works_.+_total", happened.dispatcher, "reason");
        assert_eq!(settled(&expected, told), expected, "{happened:?}");
        let dispatcher = happened.dispatcher;
        let sum = |name: &str, labels: &str| {
            prometheus.number(&format!("sum(kanaloa_handler_{name}_total{{dispatcher=\"{dispatcher}\"{labels}}})"))
        };
        for (name, count) in happened.attempts {
            let told = match *name {
                "retried" => sum("retries", ""),
                "hedged" => sum("hedges", ""),
                "timedOut" => sum("attempts", ", outcome=\"timed_out\""),
                name => sum("attempts", &format!(", outcome=\"{name}\"")),
            };
            assert_eq!(told, Some(*count as f64), "{name} of {happened:?}");
        }
    }
    // Each success took its time, and its breaker opened once.
    let one = |query: &str| prometheus.number(query);
    assert_eq!(one("sum(kanaloa_handler_process_time_seconds_count{dispatcher=\"Käse.eu\"})"), Some(40.0));
    let seconds = one("sum(kanaloa_handler_process_time_seconds_sum{dispatcher=\"Käse.eu\"})").unwrap();
    assert!((0.44..4.0).contains(&seconds), "{seconds} s for 440 ms");
    assert_eq!(one("sum(kanaloa_handler_circuit_openings_total{dispatcher=\"breaker\"})"), Some(1.0));
    assert_eq!(
        one("max_over_time(kanaloa_handler_circuit_state{dispatcher=\"breaker\", state=\"open\"}[1m])"),
        Some(1.0)
    );

    node("queries.mjs", ["prometheus", &format!("http://{}", prometheus.at)]);
}

/// `KANALOA_MONITORING_WORKS` says how many works, if it is not to be a quick test.
#[test]
fn after_thousands_of_works_all_have_the_same_numbers() {
    let Some(installed) = Installed::with(&[Statsd::PARTS, Prometheus::PARTS].concat()) else { return };
    let works = std::env::var("KANALOA_MONITORING_WORKS").map_or(20_000, |works| works.parse().expect("a number"));
    let statsd = Statsd::keeping(&installed, StatsdPorts::free());
    let scene = Scene::with_statsd(statsd.ports.udp);
    let prometheus = Prometheus::start(&installed, serve_metrics(&scene.monitor));
    let happened = run(thousands(&scene, works));
    eprintln!("{:?}", happened.totals);
    statsd.fence();
    let counters = statsd.counters();
    assert_eq!(counters["statsd.bad_lines_seen"], 0.0);
    let expected = works_of(&happened);
    let told = || numbers(&prometheus, "kanaloa_works_.+_total", happened.dispatcher, "reason");
    assert_eq!(settled(&expected, told), expected);
    assert_is_what_happened(&counters, &[happened]);
}

#[test]
fn of_a_thousand_handlers_all_is_counted_in_few_series() {
    let Some(installed) = Installed::with(&Prometheus::PARTS) else { return };
    let scene = Scene::default();
    let prometheus = Prometheus::start(&installed, serve_metrics(&scene.monitor));
    run(async {
        let shop = many_handlers(&scene, 1000).await;
        assert_clean(&installed, &scene.monitor.prometheus());
        let completed = "sum(kanaloa_handler_attempts_total{outcome=\"completed\"})";
        assert_eq!(settled(&Some(3000.0), || prometheus.number(completed)), Some(3000.0));
        assert_eq!(prometheus.number("count(kanaloa_handler_in_flight)"), Some(101.0));
        // 35 for each handler, and 41 for the dispatcher and the version.
        let series = prometheus.number("count({__name__=~\"kanaloa_.+\"})");
        assert_eq!(series, Some(101.0 * 35.0 + 41.0));
        shop.end(&[]).await;
        assert_eq!(settled(&Some(3000.0), || prometheus.number(completed)), Some(3000.0));
    });
}

/// What `/status` says of each dispatcher.
fn status(admin: SocketAddr) -> BTreeMap<String, Value> {
    let status = get_json(admin, "/status");
    let routes = status["routes"].as_array().unwrap();
    routes.iter().map(|route| (route["dispatcher"].as_str().unwrap().to_owned(), route.clone())).collect()
}

#[test]
fn what_a_proxy_tells_it_is_what_its_status_says() {
    let Some(installed) = Installed::with(&Prometheus::PARTS) else { return };
    let upstream = serve(|path| {
        let status = if path.contains("fail") { 500 } else { 200 };
        (status, "text/plain", String::new())
    });
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "kanaloa.proxy {{
           listen = \"127.0.0.1:0\", admin = \"127.0.0.1:0\", threads = 2
           routes = [
             {{ path-prefix = \"/shop\", dispatcher = shop, upstreams = [\"http://{upstream}\"] }}
             {{ path-prefix = \"/down\", dispatcher = down, upstreams = [\"http://{nobody}\"] }}
           ]
         }}
         kanaloa.default-dispatcher {{ circuit-breaker.enabled = off, autothrottle.enabled = off }}"
    );
    let settings = ProxySettings::parse("test.conf", &text, &CommandLine::default()).unwrap();
    System::new().block_on(async {
        let proxy = ReverseProxy::start(settings).await.unwrap();
        let (address, admin) = (proxy.address(), proxy.admin_address().unwrap());
        // Its System must not be held up by what the test waits for.
        let test = thread::spawn(move || {
            let prometheus = Prometheus::start(&installed, admin);
            until("the upstream", || (get(address, "/shop/first")?.0 == 200).then_some(()));
            for n in 0..20 {
                assert_eq!(get(address, &format!("/shop/{n}")).unwrap().0, 200);
                assert_eq!(get(address, &format!("/shop/fail/{n}")).unwrap().0, 500);
                assert_ne!(get(address, &format!("/down/{n}")).unwrap().0, 200);
            }
            let (code, exposition) = get(admin, "/metrics").unwrap();
            assert_eq!(code, 200);
            assert_clean(&installed, &exposition);
            let status = status(admin);
            assert_eq!(status.keys().collect::<Vec<_>>(), ["down", "shop"]);
            for (dispatcher, route) in status {
                let requests = &route["requests"];
                let of = |kind: &str| requests[kind].as_u64().unwrap();
                let kinds = ["received", "completed", "failed", "timed_out", "abandoned", "shed"];
                let expected = kinds.iter().map(|kind| (format!("kanaloa_works_{kind}_total"), of(kind)));
                let expected: BTreeMap<_, _> = expected.collect();
                let told = || {
                    let mut told = numbers(&prometheus, "kanaloa_works_.+_total", &dispatcher, "reason");
                    told.retain(|name, _| !name.contains("rejected"));
                    told
                };
                assert_eq!(settled(&expected, told), expected);
                let rejected = format!("sum(kanaloa_works_rejected_total{{dispatcher=\"{dispatcher}\"}})");
                assert_eq!(prometheus.number(&rejected), Some(of("rejected") as f64));
                let upstream = &route["upstreams"][0];
                let labels = format!("dispatcher=\"{dispatcher}\", handler={}", upstream["name"]);
                for (outcome, field) in [
                    ("completed", "succeeded"),
                    ("failed", "failed"),
                    ("timed_out", "timed_out"),
                    ("cancelled", "cancelled"),
                ] {
                    let query = format!("kanaloa_handler_attempts_total{{{labels}, outcome=\"{outcome}\"}}");
                    assert_eq!(prometheus.number(&query), upstream[field].as_f64(), "{query} {upstream}");
                }
                let limit = prometheus.number(&format!("kanaloa_handler_concurrency_limit{{{labels}}}"));
                assert_eq!(limit, upstream["limit"].as_f64());
            }
        });
        while !test.is_finished() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        test.join().unwrap();
    });
}
