//! Sources of the crate `config`.

use config::{Config, Map, Source, Value, ValueKind};
use kanaloa::config::{Merged, Settings};

use crate::{Files, parsed};

/// A source of single values, as an application may write one.
#[derive(Debug, Clone)]
struct Lines(&'static [(&'static str, &'static str)]);

impl Source for Lines {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let value = |text: &str| Value::new(Some(&"lines.txt".to_owned()), text);
        Ok(self.0.iter().map(|(key, text)| ((*key).to_owned(), value(text))).collect())
    }
}

fn built(text: &str, lines: &'static [(&'static str, &'static str)]) -> Config {
    let files = Merged::parse("app.conf", text).unwrap_or_else(|error| panic!("{error}"));
    Config::builder().add_source(files).add_source(Lines(lines)).build().unwrap()
}

fn refused(text: &str, lines: &'static [(&'static str, &'static str)]) -> String {
    Settings::from_config(&built(text, lines)).unwrap_err().to_string()
}

#[test]
fn files_alone_give_what_they_give_without_the_crate() {
    let text = "kanaloa {
       default-dispatcher { updateInterval = 200ms, metrics.enabled = on, workTimeout = 1500 }
       default-dispatcher.autothrottle { algorithm = kanaloa, exploration-ratio = 1, weight-of-latency = 0.25 }
       dispatchers { \"my.shop\" = ${common}, b {} }
       statsD.host = \"10.0.0.7\"
     }
     common { queue.capacity = 7, circuit-breaker.enabled = off, work-settings.request-timeout = null }";
    let config = built(text, &[]);
    let settings = Settings::from_config(&config).unwrap();
    for name in ["my.shop", "b", "other"] {
        assert_eq!(settings.dispatcher(name), parsed(text).dispatcher(name), "{name}");
        assert_eq!(settings.pulling_dispatcher(name), parsed(text).pulling_dispatcher(name), "{name}");
    }
    assert_eq!(config.get_int("common.queue.capacity").unwrap(), 7);
    assert_eq!(config.get_string("kanaloa.default-dispatcher.initial-grace-period").unwrap(), "1s");
}

#[test]
fn nothing_gives_the_reference() {
    assert_eq!(Settings::from_config(&Config::default()).unwrap(), Settings::reference());
}

#[test]
fn a_later_source_lies_over_the_files_in_either_spelling() {
    let lines: &[_] = &[
        ("kanaloa.dispatchers.a.queue.capacity", "8"),
        ("kanaloa.dispatchers.b.workTimeout", "3s"),
        ("kanaloa.defaultDispatcher.updateInterval", "300ms"),
    ];
    let settings = Settings::from_config(&built("kanaloa.dispatchers.a.queue.capacity = 7", lines)).unwrap();
    assert_eq!(settings.dispatcher("a").queue.capacity, 8);
    assert_eq!(settings.dispatcher("b").work.service_timeout.as_secs(), 3);
    let settings = settings.dispatcher("other");
    assert_eq!(settings.update_interval.as_millis(), 300);
    assert_eq!(settings.autothrottle.unwrap().resize_interval.as_millis(), 300);
}

#[test]
fn numbers_and_switches_of_other_formats() {
    let value = |kind: ValueKind| Value::new(None, kind);
    let config = Config::builder()
        .set_override("kanaloa.default-dispatcher.queue.capacity", value(ValueKind::U64(5)))
        .and_then(|it| it.set_override("kanaloa.default-dispatcher.autothrottle.enabled", false))
        .and_then(|it| it.set_override("kanaloa.default-dispatcher.back-pressure.delay-factor-base", 0.125))
        .and_then(|it| it.set_override("kanaloa.default-dispatcher.update-interval", 250))
        .and_then(|it| it.build())
        .unwrap();
    let settings = Settings::from_config(&config).unwrap().dispatcher("any");
    assert_eq!((settings.queue.capacity, settings.autothrottle.is_none()), (5, true));
    assert_eq!(settings.back_pressure.unwrap().delay_factor_base, Some(0.125));
    assert_eq!(settings.update_interval.as_millis(), 250);
}

#[test]
fn problems_name_the_origin_that_the_source_gives() {
    let cases: &[(&'static [(&str, &str)], &str)] = &[
        (
            &[("kanaloa.default-dispatcher.queue.capasity", "8")],
            "lines.txt: kanaloa.default-dispatcher.queue.capasity: unknown key; did you mean capacity?",
        ),
        (
            &[("kanaloa.default-dispatcher.queue.capacity", "many")],
            "lines.txt: kanaloa.default-dispatcher.queue.capacity: expected a whole number of at least 1, found \"many\"",
        ),
        (
            &[("kanaloa.dispatchers.a.worker-pool.max-pool-size", "1")],
            "lines.txt: kanaloa.dispatchers.a.worker-pool.max-pool-size: \
             expected min-pool-size <= max-pool-size, found 2 > 1",
        ),
        (&[("kanalao.queue", "8")], "lines.txt: kanalao.queue: unknown key; did you mean kanaloa?"),
        (&[("kanaloa.dispatchers", "8")], "lines.txt: kanaloa.dispatchers: expected an object, found \"8\""),
    ];
    for (lines, expected) in cases {
        assert_eq!(refused("kanaloa.default-dispatcher.worker-pool.min-pool-size = 2", lines), *expected);
    }
    let error = refused(
        "\nkanaloa.default-dispatcher.worker-pool.min-pool-size = 2",
        &[("kanaloa.default-dispatcher.worker-pool.max-pool-size", "1")],
    );
    assert_eq!(
        error,
        "app.conf:2: kanaloa.default-dispatcher.worker-pool.min-pool-size: \
         expected min-pool-size <= max-pool-size, found 2 > 1"
    );
}

#[test]
fn a_setting_in_two_spellings_is_refused_since_sources_keep_no_order() {
    assert_eq!(
        refused("kanaloa.dispatchers.a.workTimeout = 7s", &[("kanaloa.dispatchers.a.workTimeout", "8s")]),
        "lines.txt: kanaloa.dispatchers.a.workTimeout: given as \
         kanaloa.dispatchers.a.work-settings.service-timeout too, and nothing tells which is later: write it so everywhere"
    );
}

#[test]
fn what_files_say_for_others_can_be_read_with_its_origin() {
    let files = Files::new("formats");
    let main =
        files.with("main.conf", "kanaloa.dispatchers.a.queue.capacity = 7\nother { a = [1, on, null], b = 0.5 }");
    let config = Config::builder().add_source(Merged::load([&main]).unwrap()).build().unwrap();
    assert_eq!(config.get_float("other.b").unwrap(), 0.5);
    let list = config.get_array("other.a").unwrap();
    let kinds: Vec<_> = list.iter().map(|value| value.kind.clone()).collect();
    assert_eq!(kinds, [ValueKind::I64(1), ValueKind::String("on".into()), ValueKind::Nil]);
    let line = format!("{}:2", main.display());
    assert_eq!(list[0].origin(), Some(line.as_str()));
}

#[test]
fn what_is_said_to_a_proxy_goes_through_and_is_left_alone() {
    let text = "kanaloa.proxy { lisen = x, routes = [{ upstreams = [\"http://a\"] }, { path-prefix = /b }] }";
    let config = Config::builder().add_source(Merged::parse("app.conf", text).unwrap()).build().unwrap();
    assert_eq!(Settings::from_config(&config).unwrap(), Settings::reference());
    let routes = config.get_array("kanaloa.proxy.routes").unwrap();
    assert_eq!(routes.len(), 2);
}
