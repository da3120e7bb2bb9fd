use super::*;
use crate::lab::example;
use crate::lab::outcome::Totals;
use crate::lab::scenario::{Discipline, Distribution, OnCancel, Phase, Process, Service, ServiceTime};

fn run(scenario: &Scenario) -> Outcome {
    super::run(scenario).unwrap()
}

fn phase(seconds: f64, rate: f64, services: Vec<Service>) -> Phase {
    Phase { duration: Duration::from_secs_f64(seconds), rate, services }
}

fn assert_adds_up(totals: &Totals) {
    let ended = totals.completed + totals.failed + totals.timed_out + totals.rejected + totals.abandoned;
    assert_eq!(totals.received, ended, "{totals:?}");
}

#[test]
fn below_capacity_every_answer_takes_its_service_time() {
    let outcome = run(&Scenario { dispatcher: example::fixed(20), ..example::scenario() });
    let [figures] = &outcome.phases[..] else { panic!("one phase") };
    let expected = Totals { received: 1000, completed: 1000, ..Totals::default() };
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
    scenario.arrivals.classes = [0.1, 0.0, 0.0, 0.6, 0.0, 0.3];
    scenario.kanaloas = 2;
    let time = ServiceTime { distribution: Distribution::Exponential, ..example::service().service_time };
    let sharing = Service { discipline: Discipline::Sharing, service_time: time, ..example::service() };
    scenario.phases = vec![phase(5.0, 400.0, vec![sharing, Service { name: "b".into(), ..example::service() }])];
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
