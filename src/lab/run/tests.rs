use super::*;
use crate::config::{ConcurrentDelay, DispatcherSettings};
use crate::lab::example;
use crate::lab::outcome::Totals;
use crate::lab::scenario::{Discipline, Distribution, OnCancel, Phase, Process, Service, ServiceTime};

fn run(scenario: &Scenario) -> Outcome {
    super::run(scenario).unwrap()
}

fn phase(seconds: f64, rate: f64, services: Vec<Service>) -> Phase {
    Phase { duration: Duration::from_secs_f64(seconds), rate, classes: example::ORDINARY, services }
}

fn assert_adds_up(totals: &Totals) {
    let ended = totals.completed + totals.failed + totals.timed_out + totals.rejected + totals.abandoned;
    assert_eq!(totals.received, ended, "{totals:?}");
}

#[test]
fn below_capacity_every_answer_takes_its_service_time() {
    let outcome = run(&Scenario { dispatcher: example::fixed(20), ..example::scenario() });
    let [figures] = &outcome.phases[..] else { panic!("one phase") };
    let expected = Totals { received: 1000, completed: 1000, attempts: 1000, ..Totals::default() };
    assert_eq!(outcome.totals, expected);
    assert!(outcome.record.answers.iter().all(|answer| answer.latency == 0.1));
    assert_eq!((figures.offered_per_s, figures.capacity_per_s), (100.0, 200.0));
    assert_eq!(figures.good_per_s, 99.0, "what arrives in the last 100 ms is answered after the phase");
    assert_eq!((figures.limit.min, figures.limit.max), (20, 20));
    assert_eq!(figures.latency_ms.p99, Some(100.0));
    assert_eq!(figures.wait_ms.p99, Some(0.0));
}

#[test]
fn microseconds_are_told_apart() {
    let mut scenario = Scenario { dispatcher: example::fixed(2), ..example::scenario() };
    let time = ServiceTime { mean: Duration::from_micros(200), distribution: Distribution::Fixed };
    scenario.phases = vec![phase(1.0, 5000.0, vec![Service { slots: 1, service_time: time, ..example::service() }])];
    let outcome = run(&scenario);
    assert_eq!(outcome.totals.completed, 5000);
    assert!(outcome.record.answers.iter().all(|answer| (answer.latency - 200e-6).abs() < 1e-12));
}

#[test]
fn a_limit_of_our_own_queues_and_refuses_in_front_of_the_service() {
    // One at a time, 100 ms each: ten a second, whatever the service could.
    let mut scenario = Scenario { dispatcher: example::fixed(1), ..example::scenario() };
    scenario.phases[0].rate = 40.0;
    let outcome = run(&scenario);
    assert_adds_up(&outcome.totals);
    let in_flight = |step: &crate::lab::Step| step.in_flight_by_service[0];
    assert_eq!(outcome.record.steps.iter().map(in_flight).max(), Some(1));
    assert_eq!(outcome.record.steps.iter().map(|step| step.attempts_by_service[0]).sum::<u32>(), 100);
    let refused: u32 = outcome.record.steps.iter().map(|step| step.rejected).sum();
    assert!(refused > 250, "{refused} of 400, of which 100 can be served and 20 wait");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let mut scenario = example::scenario();
    scenario.arrivals.process = Process::Poisson;
    scenario.kanaloas = 2;
    let time = ServiceTime { distribution: Distribution::Exponential, ..example::service().service_time };
    let sharing = Service { discipline: Discipline::Sharing, service_time: time, ..example::service() };
    scenario.phases = vec![phase(5.0, 400.0, vec![sharing, Service { name: "b".into(), ..example::service() }])];
    scenario.phases[0].classes = [0.1, 0.0, 0.0, 0.6, 0.0, 0.3];
    let [one, same, other] = [1, 1, 2].map(|seed| run(&Scenario { seed, ..scenario.clone() }));
    assert_eq!(one, same);
    assert_ne!(one.record, other.record);
    assert_adds_up(&one.totals);
}

#[test]
fn callers_leave_after_the_deadline_without_a_word() {
    let mut scenario = Scenario { dispatcher: example::fixed(1), ..example::scenario() };
    scenario.arrivals.told = false;
    scenario.arrivals.deadline = Duration::from_millis(150);
    scenario.dispatcher.back_pressure = None;
    scenario.phases = vec![phase(1.0, 20.0, vec![example::service()])];
    let outcome = run(&scenario);
    // Every 50 ms one arrives, every 100 ms one is done. The first waits 0, the second 50, the third 100; so does every
    // second after that, as those between leave.
    assert_adds_up(&outcome.totals);
    assert_eq!(outcome.totals.rejected + outcome.totals.timed_out, 0);
    assert!(outcome.totals.abandoned >= 8, "{:?}", outcome.totals);
    assert!(outcome.record.answers.iter().all(|answer| answer.latency <= 0.15));
}

#[test]
fn a_service_that_runs_on_keeps_its_slot_when_the_caller_has_left() {
    let attempts = |on_cancel| {
        let mut scenario = Scenario { dispatcher: example::fixed(1), ..example::scenario() };
        scenario.arrivals.told = false;
        scenario.arrivals.deadline = Duration::from_millis(50);
        scenario.dispatcher.back_pressure = None;
        scenario.phases = vec![phase(1.0, 100.0, vec![Service { on_cancel, ..example::service() }])];
        let outcome = run(&scenario);
        assert_adds_up(&outcome.totals);
        outcome.record.steps.iter().map(|step| step.attempts_by_service[0]).sum::<u32>()
    };
    // All leave after 50 ms; then the slot is free, or it stays taken for the 100 ms of the service time.
    assert_eq!(attempts(OnCancel::RunOn), 10);
    assert!(attempts(OnCancel::Stop) >= 19);
}

#[test]
fn a_change_of_on_cancel_holds_from_then_on() {
    let attempts = |first, then| {
        let mut scenario = Scenario { dispatcher: example::fixed(1), ..example::scenario() };
        scenario.arrivals.told = false;
        scenario.arrivals.deadline = Duration::from_millis(50);
        scenario.dispatcher.back_pressure = None;
        let service = |on_cancel| vec![Service { on_cancel, ..example::service() }];
        scenario.phases = vec![phase(1.0, 100.0, service(first)), phase(1.0, 100.0, service(then))];
        let outcome = run(&scenario);
        outcome.record.steps[10..].iter().map(|step| step.attempts_by_service[0]).sum::<u32>()
    };
    assert_eq!(attempts(OnCancel::Stop, OnCancel::RunOn), 10);
    assert!(attempts(OnCancel::RunOn, OnCancel::Stop) >= 19);
}

#[test]
fn a_service_that_is_away_gets_nothing_and_one_that_is_back_does() {
    let here = |present| vec![example::service(), Service { name: "b".into(), present, ..example::service() }];
    let mut scenario = Scenario { dispatcher: example::fixed(5), ..example::scenario() };
    scenario.phases = vec![phase(2.0, 80.0, here(true)), phase(2.0, 80.0, here(false)), phase(2.0, 80.0, here(true))];
    let outcome = run(&scenario);
    assert_adds_up(&outcome.totals);
    let attempts: Vec<u32> = outcome
        .record
        .steps
        .chunks(20)
        .map(|steps| steps.iter().map(|step| step.attempts_by_service[1]).sum())
        .collect();
    assert!(attempts[0] > 50 && attempts[1] == 0 && attempts[2] > 50, "{attempts:?}");
    let capacities: Vec<_> = outcome.phases.iter().map(|phase| phase.capacity_per_s).collect();
    assert_eq!(capacities, [400.0, 200.0, 400.0]);
    assert_eq!(outcome.record.steps[30].limit_by_service, [5, 0]);
    assert_eq!(outcome.record.steps[50].limit_by_service, [5, 5]);
}

#[test]
fn what_an_unresponsive_service_was_asked_ends_all_the_same() {
    let mut scenario = example::scenario();
    let answers = |unresponsive| vec![Service { unresponsive, ..example::service() }];
    scenario.phases =
        vec![phase(2.0, 100.0, answers(false)), phase(2.0, 100.0, answers(true)), phase(6.0, 100.0, answers(false))];
    let outcome = run(&scenario);
    assert_adds_up(&outcome.totals);
    assert_eq!(outcome.phases[1].capacity_per_s, 0.0);
    assert_eq!(outcome.phases[1].goodput_ratio, None);
    let late: u32 = outcome.record.steps[90..].iter().map(|step| step.good).sum();
    assert_eq!(late, 100, "full service in the last second");
}

#[test]
fn warm_up_counts_in_the_totals_alone() {
    let mut scenario = Scenario { dispatcher: example::fixed(20), ..example::scenario() };
    scenario.warm_up = Duration::from_secs(4);
    scenario.phases = vec![phase(3.0, 50.0, vec![example::service()]), phase(3.0, 100.0, vec![example::service()])];
    let outcome = run(&scenario);
    assert_eq!((outcome.phases[0].offered_per_s, outcome.phases[0].goodput_ratio), (0.0, None));
    assert_eq!(outcome.phases[1].offered_per_s, 100.0);
    assert_eq!(outcome.totals.received, 450);
}

#[test]
fn a_scenario_made_in_code_that_lacks_something_is_an_error() {
    let says = |scenario: &Scenario| super::run(scenario).unwrap_err().to_string();
    let empty = Scenario { phases: Vec::new(), ..example::scenario() };
    assert_eq!(says(&empty), "the scenario has no phases");
    let alone = Scenario { kanaloas: 0, ..example::scenario() };
    assert_eq!(says(&alone), "the scenario has no dispatcher: kanaloas is 0");
    let mut changed = example::scenario();
    changed.phases.push(phase(1.0, 1.0, Vec::new()));
    assert_eq!(says(&changed), "the scenario does not have the same services in every phase");
}

#[test]
fn settings_that_a_dispatcher_does_not_take_are_an_error() {
    let mut scenario = example::scenario();
    scenario.dispatcher.queue.capacity = 0;
    let error = super::run(&scenario).unwrap_err();
    assert!(error.to_string().contains("capacity"), "{error}");
}

/// So many copies of each request, the next so long after the one before.
fn copies(number: usize, delay: Duration) -> DispatcherSettings {
    let mut settings = example::fixed(60);
    (settings.work.concurrent_calls, settings.work.concurrent_delay) = (number, ConcurrentDelay::After(delay));
    settings
}

#[test]
fn every_copy_counts_as_an_attempt() {
    let mut scenario = Scenario { dispatcher: copies(2, Duration::ZERO), ..example::scenario() };
    scenario.phases = vec![phase(10.0, 20.0, vec![Service { slots: 100, ..example::service() }])];
    let outcome = run(&scenario);
    let figures = &outcome.phases[0];
    assert_eq!((outcome.totals.received, outcome.totals.attempts), (200, 400));
    assert_eq!((figures.attempts_per_s, figures.attempts_per_request), (40.0, Some(2.0)));
}

#[test]
fn losers_free_their_slots_at_once() {
    // One in ten takes 5 s: 24 slots' worth if losers stayed to their end, and 6 if they go with the winner.
    let mut scenario = Scenario { dispatcher: copies(2, Duration::ZERO), ..example::scenario() };
    let service = Service { slots: 16, straggler_share: 0.1, straggler_factor: 50.0, ..example::service() };
    scenario.phases = vec![phase(20.0, 20.0, vec![service])];
    let outcome = run(&scenario);
    assert!(outcome.totals.completed >= 380, "{:?}", outcome.totals);
    assert!(outcome.record.answers.iter().all(|answer| answer.latency == 0.1), "no fast copy waits for a slot");
}

#[test]
fn losers_keep_their_slots_where_the_service_runs_on() {
    let busiest = |on_cancel| {
        let mut scenario = Scenario { dispatcher: copies(2, Duration::ZERO), ..example::scenario() };
        let service = Service { slots: 100, straggler_share: 0.5, on_cancel, ..example::service() };
        scenario.phases = vec![phase(5.0, 20.0, vec![service])];
        let outcome = run(&scenario);
        assert_adds_up(&outcome.totals);
        outcome.record.steps.iter().map(|step| step.in_flight_by_service[0]).max().unwrap()
    };
    let (stop, run_on) = (busiest(OnCancel::Stop), busiest(OnCancel::RunOn));
    assert!(run_on > stop + 5, "{stop} in flight where losers stop, {run_on} where they run on");
}

#[test]
fn a_copy_goes_out_only_where_the_first_takes_longer() {
    let mut scenario = Scenario { dispatcher: copies(2, Duration::from_millis(150)), ..example::scenario() };
    scenario.dispatcher.work.concurrent_budget = None;
    let service = Service { slots: 100, straggler_share: 0.1, ..example::service() };
    scenario.phases = vec![phase(10.0, 100.0, vec![service])];
    let hedged = run(&scenario);
    scenario.dispatcher = copies(1, Duration::ZERO);
    let alone = run(&scenario);
    // What is asked first draws the same whether or not there are copies.
    let slow = alone.record.received.iter().filter(|request| request.took > 0.5).count() as u64;
    assert_eq!(hedged.totals.attempts, hedged.totals.received + slow);
    assert_eq!(alone.totals.attempts, alone.totals.received);
}

#[test]
fn a_request_without_an_answer_fails_only_when_all_copies_fail() {
    let failed = |number| {
        let mut scenario = Scenario { dispatcher: copies(number, Duration::ZERO), ..example::scenario() };
        // Of copies it would see the failures, and not those that are given up.
        scenario.dispatcher.circuit_breaker = None;
        let service = Service { slots: 100, error_rate: 0.3, ..example::service() };
        scenario.phases = vec![phase(50.0, 100.0, vec![service])];
        run(&scenario).totals.failed as f64 / 5000.0
    };
    // Six standard errors of 0.3 and 0.3³: 0.039 and 0.014.
    let (one, three) = (failed(1), failed(3));
    assert!((one - 0.3).abs() < 0.039 && (three - 0.027).abs() < 0.014, "{one}, {three}");
}

#[test]
fn groups_have_figures_of_their_own() {
    let mut scenario = Scenario { dispatcher: example::fixed(20), ..example::scenario() };
    assert_eq!(run(&scenario).phases[0].groups, []);
    scenario.phases[0].classes = [0.5, 0.0, 0.0, 0.0, 0.0, 0.5];
    (scenario.arrivals.users, scenario.arrivals.heavy_user) = (5, Some(0.75));
    let outcome = run(&scenario);
    let groups = &outcome.phases[0].groups;
    let names: Vec<_> = groups.iter().map(|figures| figures.group.to_string()).collect();
    assert_eq!(names, ["class 0", "class 5", "heavy user", "other users"]);
    for pair in groups.chunks(2) {
        assert!((pair[0].offered_per_s + pair[1].offered_per_s - 100.0).abs() < 1e-9);
    }
    assert!((groups[2].offered_per_s - 75.0).abs() < 9.0, "{}", groups[2].offered_per_s);
    for figures in groups {
        assert_eq!((figures.success, figures.latency_ms.p99), (Some(1.0), Some(100.0)));
    }
    assert_eq!(outcome.record.received.len(), 1000);
}

#[test]
fn what_a_group_gets_counts_by_when_it_arrived() {
    // All of the second phase arrive before a service that does not answer.
    let mut scenario = Scenario { dispatcher: example::fixed(20), ..example::scenario() };
    let answers = |unresponsive| vec![Service { unresponsive, ..example::service() }];
    scenario.phases = vec![phase(2.0, 50.0, answers(false)), phase(1.0, 50.0, answers(true))];
    scenario.phases[0].classes = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    scenario.phases[1].classes = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let outcome = run(&scenario);
    let success = |phase: usize| outcome.phases[phase].groups.iter().map(|figures| figures.success).collect::<Vec<_>>();
    // What arrived in the last 100 ms of the first phase is not answered any more.
    assert_eq!(success(0), [Some(0.95), None]);
    assert_eq!(success(1), [None, Some(0.0)]);
    assert_eq!(outcome.phases[1].groups[1].latency_ms.p50, None);
}
