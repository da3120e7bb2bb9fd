//! `kanaloa check-config`, as its user sees it.

use std::process::{Command, Output};

use crate::Files;

fn check(files: &Files, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kanaloa"));
    command.arg("check-config").args(args).current_dir(files.path(""));
    command.env("CONFIG_FORCE_kanaloa_default__dispatcher_update__interval", "250ms").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn it_shows_what_was_set_where_and_what_has_no_effect() {
    let files = Files::new("check-shows");
    files.with(
        "app.conf",
        "kanaloa {
  default-dispatcher.back-pressure.delay-factor-base = 0.1
  dispatchers.search = ${common} { metrics.enabled = on }
  statsD.host = h
}
common {
  work-settings.concurrent-delay = 20ms
}",
    );
    let output = check(&files, &["--changed", "app.conf"]);
    let expected = "\
default-dispatcher
  update-interval                  250ms  CONFIG_FORCE_kanaloa_default__dispatcher_update__interval
  back-pressure.delay-factor-base  0.1    app.conf:2                                                                        no effect: expected-wait does not use it
  autothrottle.resize-interval     250ms  CONFIG_FORCE_kanaloa_default__dispatcher_update__interval via reference.conf:LINE
  metrics.statsD.host              h      app.conf:4 via reference.conf:LINE

default-pulling-dispatcher, where it differs
  back-pressure.delay-factor-base  0.1    app.conf:2                                                                        no effect: back-pressure is off

dispatcher search
  update-interval                  250ms  CONFIG_FORCE_kanaloa_default__dispatcher_update__interval
  work-settings.concurrent-delay   20ms   app.conf:7 via app.conf:3                                                         no effect: concurrent-calls is 1, unless a work asks for more
  back-pressure.delay-factor-base  0.1    app.conf:2                                                                        no effect: expected-wait does not use it
  autothrottle.resize-interval     250ms  CONFIG_FORCE_kanaloa_default__dispatcher_update__interval via reference.conf:LINE
  metrics.enabled                  on     app.conf:3
  metrics.statsD.host              h      app.conf:4 via reference.conf:LINE

dispatcher search, where it differs if it pulls its work
  back-pressure.delay-factor-base  0.1    app.conf:2                                                                        no effect: back-pressure is off

statsD
  host                             h      app.conf:4
";
    assert_eq!(without_reference_lines(&stdout(&output)), expected);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn keys_that_a_throttle_does_not_use_are_named() {
    let files = Files::new("check-throttles");
    for algorithm in ["plumb", "fixed", "gradient2", "vegas", "aimd"] {
        let text = format!(
            "kanaloa.dispatchers.a.autothrottle {{\n algorithm = {algorithm}\n resize-interval = 1s\n exploration-ratio = 0.1 }}"
        );
        files.with("app.conf", &text);
        let text = stdout(&check(&files, &["--changed", "app.conf", "--dispatcher", "a"]));
        let line = |key: &str| text.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{text}"));
        for key in ["autothrottle.resize-interval", "autothrottle.exploration-ratio"] {
            assert!(line(key).ends_with(&format!("no effect: {algorithm} does not use it")), "{text}");
        }
        assert!(algorithm == "plumb" || !line("autothrottle.algorithm").contains("no effect"), "{text}");
    }
}

/// Which lines of reference.conf say what is no promise.
fn without_reference_lines(text: &str) -> String {
    let mut parts = text.split("reference.conf:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "reference.conf:LINE" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[test]
fn one_dispatcher_is_shown_whole() {
    let files = Files::new("check-one");
    files.with("app.conf", "kanaloa.dispatchers { a.queue.capacity = 7, b.queue.capacity = 8 }");
    let output = check(&files, &["app.conf", "--dispatcher", "b"]);
    let text = stdout(&output);
    assert!(text.starts_with("dispatcher b\n  update-interval "), "{text}");
    let row = |key: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(key));
        line.unwrap_or_else(|| panic!("{text}")).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("queue.capacity"), ["queue.capacity", "8", "app.conf:1"]);
    assert_eq!(row("worker-pool.starting-pool-size")[1], "80");
    assert!(row("worker-pool.starting-pool-size")[2].starts_with("reference.conf:"));
    assert!(!text.contains("dispatcher a"), "{text}");
}

#[test]
fn a_dispatcher_that_no_file_names_has_the_defaults_and_that_is_said() {
    let files = Files::new("check-unnamed");
    files.with("app.conf", "kanaloa.dispatchers.search.queue.capacity = 7");
    let output = check(&files, &["app.conf", "--dispatcher", "serach", "--changed"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "serach: no file says anything about this dispatcher; it has the defaults\n");
    assert!(!stdout(&output).contains("queue.capacity"));
}

#[test]
fn all_mistakes_are_told_with_status_2() {
    let files = Files::new("check-mistakes");
    files.with("app.conf", "kanaloa.queue = 1\nkanaloa.default-dispatcher.initial-grace-period = soon");
    let output = check(&files, &["app.conf", "nowhere.conf"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    let told = stderr(&output);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "app.conf:1: kanaloa.queue: unknown key; did you mean default-dispatcher.queue?");
    assert!(lines[1].starts_with("app.conf:2: kanaloa.default-dispatcher.initial-grace-period: expected"), "{told}");
    assert!(lines[2].starts_with("nowhere.conf: cannot be read: "), "{told}");
    assert_eq!(lines.len(), 3);
}

#[test]
fn no_file_is_a_mistake_in_the_command() {
    let output = check(&Files::new("check-none"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("<FILE>"), "{}", stderr(&output));
}

#[test]
fn a_file_that_says_nothing_about_kanaloa_is_named() {
    let files = Files::new("check-silent");
    files.with("silent.conf", "akka.loglevel = DEBUG\ninclude \"also-silent\"");
    files.with("also-silent.conf", "b = 1");
    files.with("includes.conf", "include \"real\"");
    files.with("real.conf", "kanaloa.default-dispatcher.queue.capacity = 7");
    let output = check(&files, &["silent.conf", "includes.conf"]);
    assert_eq!(
        (output.status.code(), stderr(&output).as_str()),
        (Some(0), "silent.conf: says nothing about kanaloa\n")
    );
}

#[test]
fn a_proxy_is_shown_with_its_routes() {
    let files = Files::new("check-proxy");
    files.with(
        "app.conf",
        "kanaloa.proxy { threads = 2, admin = none, routes = [{ path-prefix = \"/api\", upstreams = [\"http://a:9000\"] }] }",
    );
    files.with(
        "krakend.json",
        r#"{ "endpoints": [{ "endpoint": "/users/{id}", "backend": [{ "host": ["b"], "url_pattern": "/{id}" }] }] }"#,
    );
    let output = check(&files, &["--changed", "app.conf", "krakend.json"]);
    let expected = "

proxy
  listen 127.0.0.1:8080, admin none, threads 2
  /api/* -> http://a:9000 (dispatcher api)
  GET /users/{id} -> http://b (dispatcher GET /users/{id})
";
    let text = stdout(&output);
    assert!(text.ends_with(expected), "{text}");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let one = stdout(&check(&files, &["app.conf", "--dispatcher", "api"]));
    assert!(!one.contains("\nproxy\n"), "{one}");
}

#[test]
fn what_is_wrong_with_a_proxy_is_told_with_the_rest() {
    let files = Files::new("check-proxy-mistakes");
    files.with("app.conf", "kanaloa.default-dispatcher.queue.capacity = 0\nkanaloa.proxy.max-headers = 0");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kanaloa"));
    command.args(["check-config", "app.conf"]).current_dir(files.path(""));
    let output = command.env("CONFIG_FORCE_kanaloa_proxy_write__timeout", "0").output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    let expected = "\
app.conf:1: kanaloa.default-dispatcher.queue.capacity: expected at least 1, found 0
app.conf:2: kanaloa.proxy.max-headers: expected a whole number from 1 to 10000, found 0
CONFIG_FORCE_kanaloa_proxy_write__timeout: kanaloa.proxy.write-timeout: expected a duration such as 500ms, from 1ms to 8760h, found \"0\"
";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn a_variable_says_what_holds_for_a_proxy() {
    let files = Files::new("check-proxy-variable");
    files.with("app.conf", "kanaloa.proxy { listen = \"0.0.0.0:80\", threads = 2, admin = none }");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kanaloa"));
    command.args(["check-config", "--changed", "app.conf"]).current_dir(files.path(""));
    let output = command.env("CONFIG_FORCE_kanaloa_proxy_listen", "127.0.0.1:9").output().unwrap();
    assert!(
        stdout(&output).ends_with("\n\nproxy\n  listen 127.0.0.1:9, admin none, threads 2\n"),
        "{}",
        stdout(&output)
    );
}
