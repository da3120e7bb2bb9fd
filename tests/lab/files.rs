//! Scenario files: what they say, and everything that can be wrong with them.

use std::path::PathBuf;
use std::time::Duration;

use kanaloa::config::{AutothrottleAlgorithm, DispatcherSettings};
use kanaloa::lab::{
    Arrivals, Discipline, Distribution, OnCancel, Override, Phase, Process, Scenario, ScenarioError, Service,
    ServiceTime,
};
use proptest::prelude::*;

const SERVICES: &str = "services = [{ name = a, slots = 20, service-time.mean = 100ms }]\n";
/// What there is without classes.
const ORDINARY: [f64; 6] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
const PHASES: &str = "phases = [{ duration = 30s, rate = 400 }]\n";

/// A sound scenario with `more` on its line 4.
fn with(more: &str) -> String {
    format!("scenario {{ name = test\n{SERVICES}{PHASES}{more} }}")
}

/// A sound scenario but for `phases`, which begin on its line 3.
fn with_phases(phases: &str) -> String {
    format!("scenario {{ name = test\n{SERVICES}phases = [{phases}] }}")
}

/// A sound scenario but for a service, which begins on its line 2.
fn with_service(service: &str) -> String {
    format!("scenario {{ name = test\nservices = [{{ {service} }}]\n{PHASES} }}")
}

fn overrides(set: &[&str]) -> Vec<Override> {
    set.iter().map(|text| text.parse().unwrap()).collect()
}

fn parsed_with(text: &str, set: &[&str]) -> Scenario {
    Scenario::parse(text, "s.conf", &overrides(set)).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn parsed(text: &str) -> Scenario {
    parsed_with(text, &[])
}

fn refused_with(text: &str, set: &[&str]) -> String {
    match Scenario::parse(text, "s.conf", &overrides(set)) {
        Ok(_) => panic!("accepted: {set:?}\n{text}"),
        Err(error) => error.to_string(),
    }
}

fn refused(text: &str) -> String {
    refused_with(text, &[])
}

/// Each text with the whole of what is reported for it.
fn all_refused(make: impl Fn(&str) -> String, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(refused(&make(text)), *expected, "{text}");
    }
}

#[test]
fn what_holds_when_nothing_is_said() {
    let service = Service {
        name: "a".into(),
        slots: 20,
        discipline: Discipline::Fifo,
        penalty: 0.0,
        network: Duration::ZERO,
        queue: 100_000,
        error_rate: 0.0,
        error_time: Duration::from_millis(1),
        straggler_share: 0.0,
        straggler_factor: 10.0,
        on_cancel: OnCancel::Stop,
        service_time: ServiceTime { mean: Duration::from_millis(100), distribution: Distribution::Fixed },
        slow: 1.0,
        unresponsive: false,
        present: true,
    };
    let expected = Scenario {
        name: "test".into(),
        seed: 1,
        warm_up: Duration::ZERO,
        kanaloas: 1,
        arrivals: Arrivals {
            process: Process::Uniform,
            deadline: Duration::from_secs(1),
            told: true,
            users: 1,
            heavy_user: None,
        },
        phases: vec![Phase {
            duration: Duration::from_secs(30),
            rate: 400.0,
            classes: ORDINARY,
            services: vec![service],
        }],
        dispatcher: DispatcherSettings::default(),
    };
    assert_eq!(parsed(&with("")), expected);
    assert_eq!(parsed(&with("arrivals {}, dispatcher {}")), expected);
}

#[test]
fn everything_that_can_be_said() {
    let scenario = parsed(
        "scenario {
          name = all, seed = 7, warm-up = 5s, kanaloas = 3
          services = [{ name = a, slots = 20, discipline = sharing, penalty = 0.6, network = 2ms, queue = 50
                        error-rate = 0.1, error-time = 3ms, straggler-share = 0.05, straggler-factor = 4
                        on-cancel = run-on
                        service-time { distribution = exponential, mean = 100ms } }]
          arrivals { process = poisson, deadline = 30s, told = false, classes { 0 = 0.1, 3 = 0.6, 5 = 0.3 }, users = 9
                     heavy-user = 0.4 }
          phases = [{ duration = 1m, rate = 0.5
                      services { a { slow = 4, unresponsive = on, present = no } } }]
        }",
    );
    let arrivals = &scenario.arrivals;
    assert_eq!((scenario.seed, scenario.warm_up.as_secs(), scenario.kanaloas), (7, 5, 3));
    assert_eq!((arrivals.process, arrivals.deadline.as_secs(), arrivals.told), (Process::Poisson, 30, false));
    assert_eq!((arrivals.users, arrivals.heavy_user), (9, Some(0.4)));
    let phase = &scenario.phases[0];
    assert_eq!(phase.classes, [0.1, 0.0, 0.0, 0.6, 0.0, 0.3]);
    assert_eq!((phase.duration.as_secs(), phase.rate), (60, 0.5));
    let service = Service {
        name: "a".into(),
        slots: 20,
        discipline: Discipline::Sharing,
        penalty: 0.6,
        network: Duration::from_millis(2),
        queue: 50,
        error_rate: 0.1,
        error_time: Duration::from_millis(3),
        straggler_share: 0.05,
        straggler_factor: 4.0,
        on_cancel: OnCancel::RunOn,
        service_time: ServiceTime { mean: Duration::from_millis(100), distribution: Distribution::Exponential },
        slow: 4.0,
        unresponsive: true,
        present: false,
    };
    assert_eq!(phase.services, [service]);
}

#[test]
fn each_distribution_with_its_parameters() {
    let second = Duration::from_secs(1);
    let cases = [
        ("fixed", Distribution::Fixed),
        ("exponential", Distribution::Exponential),
        ("lognormal", Distribution::Lognormal { sigma: 0.5 }),
        ("lognormal, sigma = 0", Distribution::Lognormal { sigma: 0.0 }),
        ("bimodal", Distribution::Bimodal { slow_mean: second, slow_share: 0.05 }),
        ("bimodal, slow-mean = 2s, slow-share = 1", Distribution::Bimodal { slow_mean: 2 * second, slow_share: 1.0 }),
        ("pareto", Distribution::Pareto { alpha: 1.5 }),
        ("pareto, alpha = 1.01", Distribution::Pareto { alpha: 1.01 }),
    ];
    for (text, expected) in cases {
        let text = format!("name = a, slots = 1, service-time {{ mean = 1ms, distribution = {text} }}");
        assert_eq!(parsed(&with_service(&text)).phases[0].services[0].service_time.distribution, expected, "{text}");
    }
}

#[test]
fn a_phase_keeps_what_it_does_not_name() {
    let scenario = parsed(&with_phases(
        "{ duration = 1s, rate = 400 }
         { duration = 2s, services { a { slots = 40, service-time { distribution = lognormal, sigma = 0.2 } } } }
         { duration = 3s, rate = 300, services { a { slow = 2, service-time.mean = 50ms } } }
         { duration = 4s, services { a { service-time.distribution = fixed } } }
         { duration = 5s, services { a { service-time.distribution = lognormal } } }",
    ));
    let found: Vec<_> = scenario
        .phases
        .iter()
        .map(|phase| {
            let service = &phase.services[0];
            let times = service.service_time;
            (
                phase.duration.as_secs(),
                phase.rate,
                service.slots,
                service.slow,
                times.mean.as_millis(),
                times.distribution,
            )
        })
        .collect();
    let lognormal = Distribution::Lognormal { sigma: 0.2 };
    assert_eq!(
        found,
        [
            (1, 400.0, 20, 1.0, 100, Distribution::Fixed),
            (2, 400.0, 40, 1.0, 100, lognormal),
            (3, 300.0, 40, 2.0, 50, lognormal),
            (4, 300.0, 40, 2.0, 50, Distribution::Fixed),
            (5, 300.0, 40, 2.0, 50, lognormal),
        ]
    );
}

#[test]
fn a_phase_may_have_rates_by_class_which_a_later_rate_keeps_in_proportion() {
    let scenario = parsed(&with_phases(
        "{ duration = 1s, rate = 5 }
         { duration = 1s, rates { 0 = 40, 5 = 120 } }
         { duration = 1s, rate = 16 }
         { duration = 1s, rates { 5 = 0 } }
         { duration = 1s, rates { 5 = 7 } }",
    ));
    let mixed = [0.25, 0.0, 0.0, 0.0, 0.0, 0.75];
    let lowest = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let found: Vec<_> = scenario.phases.iter().map(|phase| (phase.rate, phase.classes)).collect();
    assert_eq!(found, [(5.0, ORDINARY), (160.0, mixed), (16.0, mixed), (0.0, mixed), (7.0, lowest)]);
    let scenario = parsed_with(&with_phases("{ duration = 1s, rates { 0 = 1 } }"), &["phases.0.rates.5=3"]);
    assert_eq!((scenario.phases[0].rate, scenario.phases[0].classes), (4.0, mixed));
}

#[test]
fn shares_that_no_phase_has_are_refused() {
    let text = with("arrivals.classes { 0 = 1 }\nphases = [{ duration = 1s, rates { 5 = 3 } }]");
    let expected = "s.conf:4: scenario.arrivals.classes: expected no classes where the first phase has rates of its own \
                    for them, found an object";
    assert_eq!(refused(&text), expected);
}

#[test]
fn a_repetition_carries_on() {
    let text = "repeat = 2\nphases = [{ duration = 1s, rate = 100 }, { duration = 2s, services.a.slots = 40 }]";
    let found: Vec<_> = parsed(&with(text))
        .phases
        .iter()
        .map(|phase| (phase.duration.as_secs(), phase.rate, phase.services[0].slots))
        .collect();
    assert_eq!(found, [(1, 100.0, 20), (2, 100.0, 40), (1, 100.0, 40), (2, 100.0, 40)]);
}

#[test]
fn the_dispatcher_has_settings_of_its_own_over_the_defaults() {
    let text = with("dispatcher { workTimeout = 2s, worker-pool.maxPoolSize = 50, autothrottle.algorithm = fixed }");
    let settings = parsed(&text).dispatcher;
    assert_eq!((settings.work.service_timeout.as_secs(), settings.worker_pool.max_pool_size), (2, 50));
    assert_eq!(settings.autothrottle.unwrap().algorithm, AutothrottleAlgorithm::Fixed);
    assert_eq!(settings.update_interval, DispatcherSettings::default().update_interval);
}

#[test]
fn an_applications_settings_can_be_tried() {
    let application = "kanaloa { default-dispatcher.queue.capacity = 7
                       dispatchers.search { workTimeout = 2s, metrics { enabled = on, statsD.host = h } } }\n";
    let text = |dispatcher: &str| application.to_owned() + &with(&format!("dispatcher = {dispatcher}"));
    let settings = parsed(&text("${kanaloa.dispatchers.search} { metrics.enabled = off }")).dispatcher;
    assert_eq!((settings.work.service_timeout.as_secs(), settings.queue.capacity), (2, 7));
    let expected = "s.conf:6: scenario.dispatcher.metrics.enabled: \
                    expected no metrics, since the lab reports nothing to StatsD, found on";
    assert_eq!(refused(&text("${kanaloa.dispatchers.search}")), expected.replace("found on", "found \"on\""));
}

#[test]
fn values_may_be_variables() {
    let text =
        with("arrivals.deadline = ${limit}, dispatcher.work-settings.service-timeout = ${scenario.arrivals.deadline}");
    let scenario = parsed(&format!("{text}\nlimit = 3s"));
    assert_eq!((scenario.arrivals.deadline.as_secs(), scenario.dispatcher.work.service_timeout.as_secs()), (3, 3));
}

#[test]
fn overrides_lie_over_the_file() {
    let text = with("dispatcher.work-settings.service-timeout = ${scenario.arrivals.deadline}");
    let scenario = parsed_with(
        &text,
        &[
            "arrivals.deadline=2s",
            "scenario.seed = 9",
            "arrivals.classes.3=0.5",
            "arrivals.classes.0=0.5",
            "dispatcher.autothrottle.algorithm=fixed",
            "services.0.slots=30",
            "services.a.slots=40",
            "services.a.service-time.distribution=exponential",
            "phases.0.rate=300",
            "phases.0.services.a.slow=2",
        ],
    );
    assert_eq!((scenario.arrivals.deadline.as_secs(), scenario.seed), (2, 9));
    assert_eq!(scenario.phases[0].classes, [0.5, 0.0, 0.0, 0.5, 0.0, 0.0]);
    assert_eq!(scenario.dispatcher.autothrottle.unwrap().algorithm, AutothrottleAlgorithm::Fixed);
    assert_eq!(scenario.dispatcher.work.service_timeout.as_secs(), 2);
    let service = &scenario.phases[0].services[0];
    assert_eq!((scenario.phases[0].rate, service.slots, service.slow), (300.0, 40, 2.0));
    assert_eq!(service.service_time.distribution, Distribution::Exponential);
}

#[test]
fn what_is_wrong_with_an_override_names_it() {
    let cases = [
        ("slots=0", "scenario.slots: unknown key"),
        ("arrivals.dedline=1s", "scenario.arrivals.dedline: unknown key; did you mean deadline?"),
        (
            "arrivals.deadline=0s",
            "scenario.arrivals.deadline: expected a duration such as 500ms, above 0 and at most 24h, found \"0s\"",
        ),
        ("services.0.slots=0", "scenario.services.0.slots: expected a whole number from 1 to 1000000, found 0"),
        ("services.a.slots=0", "scenario.services.a.slots: expected a whole number from 1 to 1000000, found 0"),
        ("services.a.slot=0", "scenario.services.0.slot: unknown key; did you mean slots?"),
        ("services.1.slots=1", "scenario.services.1: expected a place in a list of 1, counted from 0, found 1"),
        ("services.b.slots=1", "scenario.services.b: unknown key; did you mean a?"),
        ("phases.1.rate=3", "scenario.phases.1: expected a place in a list of 1, counted from 0, found 1"),
        (
            "phases.first.rate=3",
            "scenario.phases.first: expected a place in a list of 1, counted from 0, found \"first\"",
        ),
        ("services=3", "scenario.services: expected a list of services, found 3"),
        (
            "services.a.slots.b=3",
            "scenario.services.0.slots: expected a whole number from 1 to 1000000, found an object",
        ),
        (
            "name.b=3",
            "scenario.name: expected a name of letters, digits, - and _ that starts with a letter, found an object",
        ),
        (
            "dispatcher.autothrotle.algorithm=fixed",
            "scenario.dispatcher.autothrotle.algorithm: unknown key; did you mean autothrottle?",
        ),
    ];
    for (set, expected) in cases {
        let expected = expected.replace("services.a.slots:", "services.0.slots:");
        assert_eq!(refused_with(&with(""), &[set]), format!("--set {set}: {expected}"));
    }
}

#[test]
fn a_text_that_is_no_override() {
    for text in ["", "seed", "=3", ".seed=3", "a..b=3"] {
        let error = text.parse::<Override>().unwrap_err();
        assert_eq!(error.to_string(), format!("expected KEY=VALUE, such as arrivals.deadline=2s, found \"{text}\""));
    }
    assert_eq!("name=a=b".parse(), Ok(Override { key: "name".into(), value: "a=b".into() }));
}

#[test]
fn unknown_keys_and_what_was_meant() {
    all_refused(
        with,
        &[
            ("seeed = 1", "s.conf:4: scenario.seeed: unknown key; did you mean seed?"),
            ("warmUp = 1s", "s.conf:4: scenario.warmUp: unknown key; did you mean warm-up?"),
            ("colour = red", "s.conf:4: scenario.colour: unknown key"),
            ("arrivals.dead-line = 1s", "s.conf:4: scenario.arrivals.dead-line: unknown key; did you mean deadline?"),
            (
                "dispatcher {\n updat-interval = 1s }",
                "s.conf:5: scenario.dispatcher.updat-interval: unknown key; did you mean update-interval?",
            ),
        ],
    );
    all_refused(
        with_phases,
        &[
            (
                "{ duration = 1s, rate = 1 }\n{ duraton = 1s, duration = 1s }",
                "s.conf:4: scenario.phases.1.duraton: unknown key; did you mean duration?",
            ),
            (
                "{ duration = 1s, rate = 1, services {\n b { slots = 1 } } }",
                "s.conf:4: scenario.phases.0.services.b: unknown key; did you mean a?",
            ),
            (
                "{ duration = 1s, rate = 1, services.a.slwo = 4 }",
                "s.conf:3: scenario.phases.0.services.a.slwo: unknown key; did you mean slow?",
            ),
            (
                "{ duration = 1s, rate = 1, services.a.name = b }",
                "s.conf:3: scenario.phases.0.services.a.name: unknown key",
            ),
        ],
    );
    all_refused(
        with_service,
        &[
            (
                "name = a, slots = 1\nservice-time { mean = 1ms\nmaen = 2ms }",
                "s.conf:4: scenario.services.0.service-time.maen: unknown key; did you mean mean?",
            ),
            (
                "name = a, slots = 1, service-time.mean = 1ms, netwrok = 1ms",
                "s.conf:2: scenario.services.0.netwrok: unknown key; did you mean network?",
            ),
            (
                "name = a, slots = 1, service-time.mean = 1ms\nslow = 2",
                "s.conf:3: scenario.services.0.slow: expected this key in the services of a phase only, found 2",
            ),
        ],
    );
}

#[test]
fn what_is_missing() {
    let cases = [
        ("", "s.conf: scenario: expected an object, found nothing"),
        ("senario {}", "s.conf:1: senario: unknown key; did you mean scenario?"),
        ("scenario = 3", "s.conf:1: scenario: expected an object, found 3"),
        (
            "scenario {\n}",
            "s.conf:1: scenario.name: expected a name of letters, digits, - and _ that starts with a letter, found nothing\n\
                           s.conf:1: scenario.services: expected a list of services, found nothing\n\
                           s.conf:1: scenario.phases: expected a list of phases, found nothing",
        ),
        (
            "scenario { name = a, services = [], phases = [] }",
            "s.conf:1: scenario.services: expected a list of services, found an empty one\n\
          s.conf:1: scenario.phases: expected a list of phases, found an empty one",
        ),
    ];
    all_refused(str::to_owned, &cases);
    all_refused(
        with_service,
        &[
            (
                "service-time {}",
                "s.conf:2: scenario.services.0.name: expected a name of letters, digits, - and _ that starts with a letter, found nothing\n\
             s.conf:2: scenario.services.0.slots: expected a whole number from 1 to 1000000, found nothing\n\
             s.conf:2: scenario.services.0.service-time.mean: expected a duration such as 500ms, above 0 and at most 24h, found nothing",
            ),
            (
                "name = a, slots = 1",
                "s.conf:2: scenario.services.0.service-time: expected an object with the mean, found nothing",
            ),
        ],
    );
    all_refused(
        with_phases,
        &[(
            "{}",
            "s.conf:3: scenario.phases.0.duration: expected a duration such as 500ms, above 0 and at most 24h, found nothing\n\
             s.conf:3: scenario.phases.0.rate: expected the requests per second, which later phases keep, found nothing",
        )],
    );
}

#[test]
fn values_that_cannot_be() {
    let count = "expected a whole number from 1 to";
    let time = "expected a duration such as 500ms, above 0 and at most 24h";
    let share = "expected a number from 0 to 1";
    let top = [
        ("name = ../a", "name: expected a name of letters, digits, - and _ that starts with a letter", "\"../a\""),
        ("name = 3", "name: expected a name of letters, digits, - and _ that starts with a letter", "3"),
        ("seed = -1", "seed: expected a whole number of at least 0", "-1"),
        ("kanaloas = 0", &format!("kanaloas: {count} 1000"), "0"),
        ("kanaloas = 1001", &format!("kanaloas: {count} 1000"), "1001"),
        ("repeat = 0", &format!("repeat: {count} 10000"), "0"),
        ("repeat = 10001", &format!("repeat: {count} 10000"), "10001"),
        ("warm-up = -1s", "warm-up: expected a duration such as 500ms, from 0 to 24h", "\"-1s\""),
        ("warm-up = 30s", "warm-up: expected less than the 30s that the phases last", "\"30s\""),
        ("arrivals = 3", "arrivals: expected an object", "3"),
        ("arrivals.process = even", "arrivals.process: expected uniform or poisson", "\"even\""),
        ("arrivals.deadline = 0", &format!("arrivals.deadline: {time}"), "0"),
        ("arrivals.deadline = 25h", &format!("arrivals.deadline: {time}"), "\"25h\""),
        ("arrivals.told = perhaps", "arrivals.told: expected on or off", "\"perhaps\""),
        ("arrivals.users = 0", &format!("arrivals.users: {count} 1000000"), "0"),
        ("arrivals.heavy-user = 2, arrivals.users = 2", "arrivals.heavy-user: expected a number from 0 to 1", "2"),
        ("arrivals.heavy-user = 0.5", "arrivals.heavy-user: expected users of at least 2, of whom one is heavy", "1"),
        ("arrivals.classes = 3", "arrivals.classes: expected an object with shares of classes", "3"),
        ("arrivals.classes { 6 = 1 }", "arrivals.classes.6: expected a class from 0 to 5", "6"),
        ("arrivals.classes { high = 1 }", "arrivals.classes.high: expected a class from 0 to 5", "high"),
        ("arrivals.classes { 3 = -1 }", "arrivals.classes.3: expected a share from 0 to 1", "-1"),
        (
            "arrivals.classes { 0 = 0.25, 3 = 0.5 }",
            "arrivals.classes: expected shares that add up to 1",
            "a sum of 0.75",
        ),
        ("arrivals.classes {}", "arrivals.classes: expected shares that add up to 1", "a sum of 0"),
        ("dispatcher = fast", "dispatcher: expected an object", "\"fast\""),
        ("dispatcher.queue.capacity = 0", "dispatcher.queue.capacity: expected at least 1", "0"),
        (
            "dispatcher.metrics.statsD.host = h",
            "dispatcher.metrics.statsD: expected no metrics, since the lab reports nothing to StatsD",
            "an object",
        ),
    ];
    for (text, expected, found) in top {
        assert_eq!(refused(&with(text)), format!("s.conf:4: scenario.{expected}, found {found}"));
    }
    let service = [
        ("slots = 0", format!("slots: {count} 1000000"), "0"),
        ("slots = 2.5", format!("slots: {count} 1000000"), "2.5"),
        ("slots = 1000001", format!("slots: {count} 1000000"), "1000001"),
        ("discipline = lifo", "discipline: expected fifo or sharing".into(), "\"lifo\""),
        ("penalty = -0.1", "penalty: expected a number from 0 to 1000".into(), "-0.1"),
        ("penalty = NaN", "penalty: expected a number from 0 to 1000".into(), "\"NaN\""),
        ("network = -1ms", "network: expected a duration such as 500ms, from 0 to 24h".into(), "\"-1ms\""),
        ("queue = -1", "queue: expected a whole number from 0 to 1000000000".into(), "-1"),
        ("error-rate = 1.5", format!("error-rate: {share}"), "1.5"),
        ("straggler-share = -1", format!("straggler-share: {share}"), "-1"),
        ("straggler-factor = 0", "straggler-factor: expected a number from 0.000001 to 1000000".into(), "0"),
        ("error-time = soon", "error-time: expected a duration such as 500ms, from 0 to 24h".into(), "\"soon\""),
        ("on-cancel = go-on", "on-cancel: expected stop or run-on".into(), "\"go-on\""),
        ("slow = 0", "slow: expected a number from 0.000001 to 1000000".into(), "0"),
        ("slow = inf", "slow: expected a number from 0.000001 to 1000000".into(), "\"inf\""),
        ("unresponsive = 1", "unresponsive: expected on or off".into(), "1"),
        ("present = no way", "present: expected on or off".into(), "\"no way\""),
        ("service-time = 1ms", "service-time: expected an object".into(), "\"1ms\""),
        ("service-time.mean = 0", format!("service-time.mean: {time}"), "0"),
        (
            "service-time.distribution = normal",
            "service-time.distribution: expected fixed, exponential, lognormal, bimodal or pareto".into(),
            "\"normal\"",
        ),
        (
            "service-time { distribution = lognormal, sigma = 6 }",
            "service-time.sigma: expected a number from 0 to 5".into(),
            "6",
        ),
        (
            "service-time { distribution = bimodal, slow-mean = 0s }",
            format!("service-time.slow-mean: {time}"),
            "\"0s\"",
        ),
        ("service-time { distribution = bimodal, slow-share = 2 }", format!("service-time.slow-share: {share}"), "2"),
        (
            "service-time { distribution = pareto, alpha = 1 }",
            "service-time.alpha: expected a number above 1 and at most 1000".into(),
            "1",
        ),
        (
            "service-time { distribution = pareto, sigma = 1 }",
            "service-time.sigma: expected no sigma, which only lognormal times have".into(),
            "1",
        ),
        (
            "service-time.slow-mean = 1s",
            "service-time.slow-mean: expected no slow-mean, which only bimodal times have".into(),
            "\"1s\"",
        ),
        (
            "service-time.slow-share = 0.5",
            "service-time.slow-share: expected no slow-share, which only bimodal times have".into(),
            "0.5",
        ),
        ("service-time.alpha = 2", "service-time.alpha: expected no alpha, which only pareto times have".into(), "2"),
    ];
    for (text, expected, found) in service {
        let phase = format!("{{ duration = 1s, rate = 1, services.a {{ {text} }} }}");
        let expected = format!("s.conf:3: scenario.phases.0.services.a.{expected}, found {found}");
        assert_eq!(refused(&with_phases(&phase)), expected);
    }
    let phases = [
        ("duration = 0, rate = 1", format!("0.duration: {time}"), "0"),
        ("duration = 25h, rate = 1", format!("0.duration: {time}"), "\"25h\""),
        ("duration = 1s, rate = -1", "0.rate: expected a number from 0 to 1000000".into(), "-1"),
        ("duration = 1s, rate = NaN", "0.rate: expected a number from 0 to 1000000".into(), "\"NaN\""),
        ("duration = 1s, rate = 1e7", "0.rate: expected a number from 0 to 1000000".into(), "1e7"),
        ("duration = 1s, rates = 3", "0.rates: expected an object with requests per second by class".into(), "3"),
        ("duration = 1s, rates { 6 = 3 }", "0.rates.6: expected a class from 0 to 5".into(), "6"),
        ("duration = 1s, rates { 5 = -3 }", "0.rates.5: expected a number from 0 to 1000000".into(), "-3"),
        (
            "duration = 1s, rates { 0 = 6e5, 5 = 6e5 }",
            "0.rates: expected rates with a sum that is a number from 0 to 1000000".into(),
            "a sum of 1200000",
        ),
        (
            "duration = 1s, rate = 1, rates { 5 = 3 }",
            "0.rates: expected either rate or rates, which are rates by class".into(),
            "an object",
        ),
        (
            "duration = 1s, rate = 1, services = [a]",
            "0.services: expected an object with services by their names".into(),
            "a list",
        ),
        ("duration = 1s, rate = 1, services.a = 3", "0.services.a: expected an object".into(), "3"),
    ];
    for (text, expected, found) in phases {
        let expected = format!("s.conf:3: scenario.phases.{expected}, found {found}");
        assert_eq!(refused(&with_phases(&format!("{{ {text} }}"))), expected);
    }
    assert_eq!(refused(&with_phases("3")), "s.conf:3: scenario.phases.0: expected an object, found 3");
    assert_eq!(refused(&with("services = 3")), "s.conf:4: scenario.services: expected a list of services, found 3");
}

#[test]
fn a_name_belongs_to_one_service() {
    let text = "name = a, slots = 1, service-time.mean = 1ms }\n{ slots = 1, service-time.mean = 1ms, name = a";
    let expected = "s.conf:3: scenario.services.1.name: expected a name that no other service has, found \"a\"";
    assert_eq!(refused(&with_service(text)), expected);
}

#[test]
fn more_than_anybody_can_run() {
    let in_all = "with their repetitions";
    all_refused(
        with_phases,
        &[
            (
                "{ duration = 20h, rate = 1 }, { duration = 5h }",
                &format!(
                    "s.conf:3: scenario.phases: expected phases that last at most 24h in all, {in_all}, found 90000s"
                ),
            ),
            (
                "{ duration = 150ms, rate = 1 }",
                "s.conf:3: scenario.phases: expected durations that are multiples of 100ms, in which figures are taken, \
                 found 150ms",
            ),
            (
                "{ duration = 10m, rate = 1e6 }",
                "s.conf:3: scenario.phases: expected at most 10000000 requests in all, found 600000000",
            ),
        ],
    );
    let phases = (0..30).map(|_| "{ duration = 100ms, rate = 1 }").collect::<Vec<_>>().join(", ");
    assert_eq!(
        refused_with(&with_phases(&phases), &["repeat=10000"]),
        format!("s.conf:3: scenario.phases: expected at most 200000 for phases times services, {in_all}, found 300000")
    );
    assert_eq!(
        refused_with(&with_phases("{ duration = 20h, rate = 1 }"), &["kanaloas=100"]),
        "s.conf:3: scenario.phases: expected at most 4000000 for tenths of seconds times services and kanaloas, found \
         72720000"
    );
    assert_eq!(
        refused_with(&with_phases("{ duration = 1s, rate = 1 }"), &["warm-up=50ms"]),
        "--set warm-up=50ms: scenario.warm-up: expected a multiple of 100ms, in which figures are taken, found \"50ms\""
    );
    let many = (0..1001).map(|i| format!("{{ name = s{i}, slots = 1, service-time.mean = 1ms }}")).collect::<Vec<_>>();
    assert_eq!(
        refused(&with(&format!("services = [{}]", many.join(", ")))),
        "s.conf:4: scenario.services: expected at most 1000 services, found 1001"
    );
}

#[test]
fn all_that_is_wrong_is_reported_at_once() {
    let text = "seed = x
        services = [
          { name = a, slots = 0, service-time.mean = 1ms }
          { name = b, slots = 1, service-time { mean = 0, distribution = square } }
        ]
        arrivals { deadline = 0, users = 0 }
        dispatcher { queue.capacity = 0, update-interval = soon }
        phases = [{ duration = 1s, rate = -1, services.c {} }]";
    let report = refused(&with(text));
    let places: Vec<_> = report.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        places,
        [
            "s.conf:4 scenario.seed",
            "s.conf:6 scenario.services.0.slots",
            "s.conf:7 scenario.services.1.service-time.distribution",
            "s.conf:7 scenario.services.1.service-time.mean",
            "s.conf:9 scenario.arrivals.deadline",
            "s.conf:9 scenario.arrivals.users",
            "s.conf:10 scenario.dispatcher.update-interval",
            "s.conf:10 scenario.dispatcher.queue.capacity",
            "s.conf:11 scenario.phases.0.rate",
            "s.conf:11 scenario.phases.0.services.c",
        ]
    );
    let error = Scenario::parse(&with(text), "s.conf", &[]).unwrap_err();
    assert_eq!(format!("{error:?}"), report);
    assert!(matches!(error, ScenarioError::Wrong(problems) if problems.len() == places.len()));
}

/// A directory of its own for one test, removed at its end.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("kanaloa-lab-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn with(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_includes_what_lies_beside_it() {
    let files = Files::new("includes");
    files.with(
        "service.conf",
        "times = fixed\nscenario { services = [{ name = a, slots = 2, slots = 0\n
        service-time { mean = 1ms, distribution = ${times} } }] }",
    );
    let file =
        files.with("main.conf", &format!("include \"service\"\ntimes = pareto\nscenario {{ name = test, {PHASES} }}"));
    let included = files.0.join("service.conf");
    let expected = format!(
        "{}:2: scenario.services.0.slots: expected a whole number from 1 to 1000000, found 0",
        included.display()
    );
    assert_eq!(Scenario::load(&file, &[]).unwrap_err().to_string(), expected);
    let scenario = Scenario::load(&file, &overrides(&["services.a.slots=3"])).unwrap();
    let service = &scenario.phases[0].services[0];
    assert_eq!((service.slots, service.service_time.distribution), (3, Distribution::Pareto { alpha: 1.5 }));
}

#[test]
fn a_file_that_is_not_there() {
    let files = Files::new("absent");
    let file = files.0.join("absent.conf");
    let report = Scenario::load(&file, &[]).unwrap_err().to_string();
    assert!(
        report.starts_with(&format!("{}: cannot be read: ", file.display())) && report.lines().count() == 1,
        "{report}"
    );
}

#[test]
fn a_text_that_is_no_hocon_is_not_taken_for_an_empty_one() {
    let report = refused("scenario {\n name = }");
    assert!(report.starts_with("s.conf:2: ") && report.lines().count() == 1, "{report}");
    let report = refused(&with("seed = ${absent}"));
    assert_eq!(report, "s.conf:4: scenario.seed: ${absent} has no value");
}

proptest! {
    /// Every phase has every service, and what a phase names holds there and after it until it is named again.
    #[test]
    fn phases_are_written_out(
        changes in prop::collection::vec((1u64..60, prop::option::of(0u32..1000), prop::option::of((0usize..3, 1usize..50))), 1..8),
        repeat in 1usize..5,
    ) {
        let phases: Vec<_> = changes.iter().enumerate().map(|(index, (duration, rate, slots))| {
            let rate = if index == 0 { Some(rate.unwrap_or(7)) } else { *rate };
            let rate = rate.map_or(String::new(), |rate| format!(", rate = {rate}"));
            let slots = slots.map_or(String::new(), |(service, slots)| format!(", services.s{service}.slots = {slots}"));
            format!("{{ duration = {duration}s{rate}{slots} }}")
        }).collect();
        let services = (0..3).map(|i| format!("{{ name = s{i}, slots = 99, service-time.mean = 1ms }}")).collect::<Vec<_>>();
        let text = format!(
            "scenario {{ name = test, repeat = {repeat}\nservices = [{}]\nphases = [{}] }}",
            services.join("\n"), phases.join("\n")
        );
        let scenario = parsed(&text);
        prop_assert_eq!(scenario.phases.len(), changes.len() * repeat);
        let (mut rate, mut slots) = (7, [99; 3]);
        for (index, (phase, (_, new_rate, new_slots))) in scenario.phases.iter().zip(changes.iter().cycle()).enumerate() {
            rate = if index % changes.len() == 0 { new_rate.unwrap_or(7) } else { new_rate.unwrap_or(rate) };
            if let Some((service, new)) = new_slots {
                slots[*service] = *new;
            }
            prop_assert_eq!(phase.rate, f64::from(rate));
            prop_assert_eq!(phase.services.iter().map(|service| service.slots).collect::<Vec<_>>(), slots);
        }
    }

    /// Whatever stands in the place of a value, it is taken or refused at its line, and nothing panics.
    #[test]
    fn any_value_is_taken_or_refused(
        key in prop::sample::select(vec!["seed", "warm-up", "repeat", "services", "phases", "arrivals", "arrivals.classes", "dispatcher", "name"]),
        value in prop::sample::select(vec!["0", "-1", "1e300", "[]", "[[]]", "{}", "[{}]", "null", "on", "\"\"", "1s", "[null]", "{ a = {} }"]),
    ) {
        if let Err(error) = Scenario::parse(&with(&format!("{key} = {value}")), "s.conf", &[]) {
            for line in error.to_string().lines() {
                prop_assert!(line.starts_with("s.conf:4: ") || line.starts_with("s.conf:3: ") || line.starts_with("s.conf:2: "), "{}", line);
            }
        }
    }
}

#[test]
fn the_example_in_the_readme_is_accepted() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```hocon\nscenario {").expect("there is one");
    let (example, _) = rest.split_once("```").expect("it ends");
    let scenario = Scenario::parse(&format!("scenario {{{example}"), "README.md", &[]).unwrap();
    assert_eq!(scenario.phases.iter().map(|phase| phase.services[0].slots).collect::<Vec<_>>(), [20, 20, 10]);
}
