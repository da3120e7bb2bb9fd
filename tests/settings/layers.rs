//! Which of several values holds.

use std::time::Duration;

use kanaloa::config::{AutothrottleAlgorithm, DispatcherSettings, Settings};

use crate::{Files, parsed};

#[test]
fn a_later_file_wins_key_by_key() {
    let files = Files::new("later");
    let first =
        files.with("first.conf", "kanaloa.default-dispatcher.worker-pool { minPoolSize = 2, max-pool-size = 90 }");
    let second = files.with("second.conf", "kanaloa.default-dispatcher.worker-pool.min-pool-size = 3");
    let pool = Settings::load([&first, &second]).unwrap().dispatcher("any").worker_pool;
    assert_eq!((pool.min_pool_size, pool.max_pool_size), (3, 90));
    let pool = Settings::load([&second, &first]).unwrap().dispatcher("any").worker_pool;
    assert_eq!((pool.min_pool_size, pool.max_pool_size), (2, 90));
}

#[test]
fn the_later_of_two_spellings_wins() {
    let capacity = |text: &str| parsed(text).dispatcher("any").worker_pool.starting_pool_size;
    assert_eq!(
        capacity(
            "kanaloa.default-dispatcher.worker-pool.starting-pool-size = 3
             kanaloa.defaultDispatcher.workerPool.startingPoolSize = 4"
        ),
        4
    );
    assert_eq!(
        capacity(
            "kanaloa.defaultDispatcher.workerPool.startingPoolSize = 4
             kanaloa.default-dispatcher.worker-pool.starting-pool-size = 3"
        ),
        3
    );
}

#[test]
fn a_dispatcher_overrides_the_default_for_itself_alone() {
    let settings = parsed(
        "kanaloa {
           default-dispatcher.work-settings.service-timeout = 10s
           dispatchers {
             search.work-settings.service-timeout = 2s
             \"my.shop\" { workTimeout = 3s }
             camelCase { workTimeout = 4s }
           }
         }",
    );
    let timeout = |name| settings.dispatcher(name).work.service_timeout.as_secs();
    assert_eq!(["search", "my.shop", "camelCase", "camel-case", "other"].map(timeout), [2, 3, 4, 10, 10]);
    let mut expected = DispatcherSettings::default();
    expected.work.service_timeout = Duration::from_secs(2);
    assert_eq!(settings.dispatcher("search"), expected);
}

#[test]
fn a_pulling_dispatcher_stands_between() {
    let settings = parsed(
        "kanaloa {
           default-dispatcher { queue.capacity = 10, initial-grace-period = 5s }
           default-pulling-dispatcher { queue.capacity = 20, worker-pool.starting-pool-size = 7 }
           dispatchers.a { worker-pool.starting-pool-size = 8, back-pressure.enabled = on }
         }",
    );
    let of = |s: DispatcherSettings| {
        (
            s.queue.capacity,
            s.initial_grace_period.as_secs(),
            s.worker_pool.starting_pool_size,
            s.back_pressure.is_some(),
        )
    };
    assert_eq!(of(settings.dispatcher("a")), (10, 5, 8, true));
    assert_eq!(of(settings.pulling_dispatcher("a")), (20, 5, 8, true));
    assert_eq!(of(settings.dispatcher("b")), (10, 5, 80, true));
    assert_eq!(of(settings.pulling_dispatcher("b")), (20, 5, 7, false));
}

#[test]
fn the_resize_interval_follows_an_update_interval_from_any_file() {
    let files = Files::new("follows");
    let first = files.with("first.conf", "kanaloa.default-dispatcher.autothrottle.algorithm = fixed");
    let second = files.with("second.conf", "kanaloa.defaultDispatcher.updateInterval = 200ms");
    let throttle = Settings::load([first, second]).unwrap().dispatcher("any").autothrottle.unwrap();
    assert_eq!(throttle.algorithm, AutothrottleAlgorithm::Fixed);
    assert_eq!(throttle.resize_interval, Duration::from_millis(200));
}

#[test]
fn the_resize_interval_follows_the_default_dispatcher_not_the_named_one() {
    let settings = parsed("kanaloa.dispatchers.a.update-interval = 200ms").dispatcher("a");
    assert_eq!(settings.update_interval, Duration::from_millis(200));
    assert_eq!(settings.autothrottle.unwrap().resize_interval, Duration::from_millis(500));
}

#[test]
fn references_reach_across_layers_and_spellings() {
    let settings = parsed(
        "kanaloa.dispatchers.a = ${common}
         kanaloa.dispatchers.b = ${kanaloa.dispatchers.a} { queue.capacity = 9 }
         kanaloa.dispatchers.a.update-interval = ${kanaloa.defaultDispatcher.workTimeout}
         common { queue { capacity = 8 }, worker-pool.min-pool-size = 2 }",
    );
    let (a, b) = (settings.dispatcher("a"), settings.dispatcher("b"));
    assert_eq!((a.queue.capacity, a.worker_pool.min_pool_size, a.update_interval.as_secs()), (8, 2, 60));
    assert_eq!((b.queue.capacity, b.worker_pool.min_pool_size, b.update_interval.as_secs()), (9, 2, 60));
}

#[test]
fn an_optional_reference_without_a_value_leaves_what_was_there() {
    let settings = parsed(
        "kanaloa.default-dispatcher.queue.capacity = 8
         kanaloa.default-dispatcher.queue.capacity = ${?KANALOA_TEST_VARIABLE_THAT_IS_NOT_SET}",
    );
    assert_eq!(settings.dispatcher("any").queue.capacity, 8);
}

#[test]
fn settings_of_others_in_the_same_file_are_left_alone() {
    let text = "akka { actor.default-dispatcher = [1, 2], workerPool = 3 }\nlist += 1\nlist += 2";
    assert_eq!(parsed(text), Settings::reference());
}

#[test]
fn the_example_in_the_readme_is_accepted() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```hocon\nkanaloa {").expect("there is one");
    let (example, _) = rest.split_once("```").expect("it ends");
    let settings = parsed(&format!("kanaloa {{{example}"));
    assert_eq!(settings.dispatcher("any").work.service_timeout, Duration::from_secs(10));
    assert_eq!(settings.dispatcher("search").worker_pool.max_pool_size, 50);
}

#[cfg(feature = "proxy")]
#[test]
fn the_proxy_of_the_readme_is_accepted() {
    use kanaloa::http::settings::{CommandLine, ProxySettings};

    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```hocon\nkanaloa.proxy {").expect("there is one");
    let (example, _) = rest.split_once("```").expect("it ends");
    let settings = ProxySettings::parse("README.md", &format!("kanaloa.proxy {{{example}"), &CommandLine::default());
    let routes: Vec<_> = settings.unwrap().routes;
    let shown: Vec<_> = routes.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "/orders/* -> http://10.0.0.1:9000, http://10.0.0.2:9000 (dispatcher orders)",
            "/search/* -> dns http://search.internal:8080 (dispatcher search)",
        ]
    );
    assert_eq!(routes[0].settings.work.work_retry, 1);
    assert_eq!(routes[1].settings.work.concurrent_calls, 2);
}
