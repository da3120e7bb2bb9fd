//! A run as a page: what is drawn, in which words and units.

use kanaloa::lab::{Outcome, Phase, PhaseOutcome, STEP, Scenario, Service, Step};

use super::figures::{by_seed, milliseconds, of_all, of_one};
use super::timeline::{Bucket, Percentiles, buckets, mean};
use super::words::{describe, edges, plain, spans};
use crate::report::{Across, Axis, Chart, Drawing, PARTS, Page, Panel, Scale, Series, Tone, Unit};

/// A deadline so many times the highest latency would only press the curves together.
const FAR: f64 = 10.0;
/// More points a plot cannot show.
const POINTS: usize = 6000;
/// More lines across a plot would hide it.
const PHASES_MARKED: usize = 40;

/// The page of runs from several seeds, of which the first is drawn. `None` if there is none.
pub(super) fn page(scenario: &Scenario, outcomes: &[Outcome], command: &str) -> Option<Page> {
    let first = outcomes.first()?;
    let run = Run { scenario, outcome: first, buckets: buckets(scenario, &first.record) };
    let several = outcomes.len() > 1;
    let table = if several { of_all(scenario, outcomes) } else { of_one(scenario, first) };
    let mut lead = vec![result(scenario, first)];
    lead.extend(describe(scenario));
    if several {
        lead.insert(1, format!("This and the plots are of seed {}, the first of {} runs.", first.seed, outcomes.len()));
    }
    let mut further = Vec::new();
    if several {
        further.push(("Every run".to_owned(), by_seed(outcomes)));
        further.push((format!("Seed {}", first.seed), of_one(scenario, first)));
    }
    let charts = vec![requests(&run), latency(&run), concurrency(&run), waiting(&run), drop_rate(&run)];
    Some(Page {
        title: format!("Simulation of {}", scenario.name),
        lead,
        table,
        notes: notes(scenario, command),
        picture: None,
        further,
        charts,
    })
}

/// What must be said with the figures.
pub(super) fn definitions(scenario: &Scenario) -> Vec<String> {
    let deadline = plain(scenario.arrivals.deadline.as_secs_f64());
    let mut notes = vec![
        format!("Good is an answer within {deadline} s of the arrival."),
        "The goodput ratio is good / the smaller of what arrives and the capacity.".to_owned(),
        "Latency is from arrival to answer, wait from arrival to a service.".to_owned(),
        "Calls are what the services are asked, copies and retries included.".to_owned(),
    ];
    if !scenario.warm_up.is_zero() {
        notes.push(format!(
            "The first {} s are warm-up, and count only for convergence.",
            plain(scenario.warm_up.as_secs_f64())
        ));
    }
    notes
}

fn notes(scenario: &Scenario, command: &str) -> Vec<String> {
    let mut notes = definitions(scenario);
    notes.push(format!("Made by: {command}"));
    notes
}

/// What happened, in a few sentences.
fn result(scenario: &Scenario, outcome: &Outcome) -> String {
    let totals = outcome.totals;
    let ends = [
        (totals.rejected, "refused"),
        (totals.failed, "failed"),
        (totals.timed_out, "timed out"),
        (totals.abandoned, "left without an answer"),
    ];
    let ends: Vec<_> =
        ends.iter().filter(|(count, _)| *count > 0).map(|(count, end)| format!("{count} {end}")).collect();
    let mut text = format!(
        "Of {} requests in {} s, {} were completed",
        totals.received,
        plain(scenario.duration().as_secs_f64()),
        totals.completed
    );
    if !ends.is_empty() {
        text.push_str(&format!(", {}", ends.join(", ")));
    }
    text.push('.');
    let ratio = |phase: &PhaseOutcome| phase.goodput_ratio;
    let phases = || spans(scenario).zip(&outcome.phases);
    let worst = phases()
        .filter_map(|(span, phase)| Some((span, phase, ratio(phase)?)))
        .min_by(|(_, _, a), (_, _, b)| a.total_cmp(b));
    if let Some((span, phase, ratio)) = worst {
        let place = if outcome.phases.len() > 1 { format!(" In the worst phase, {span},") } else { String::new() };
        let subject = if place.is_empty() { " Of" } else { " of" };
        text.push_str(&format!(
            "{place}{subject} what could be served, {} % was answered in time",
            plain((ratio * 1e3).round() / 10.0)
        ));
        if phase.latency_ms.p99.is_some() {
            text.push_str(&format!(", and 99 % of the answers took at most {}", milliseconds(phase.latency_ms.p99)));
        }
        text.push('.');
    }
    let never: Vec<_> = phases().filter(|(_, phase)| phase.converged_after_s.is_none()).map(|(span, _)| span).collect();
    let slowest = outcome.phases.iter().filter_map(|phase| phase.converged_after_s).reduce(f64::max);
    text.push_str(&match (&never[..], slowest) {
        ([], Some(slowest)) if outcome.phases.len() > 1 => {
            format!(" It converged in every phase, within {} s.", plain(slowest))
        }
        ([], Some(slowest)) => format!(" It converged within {} s.", plain(slowest)),
        (_, None) => " It never converged.".to_owned(),
        ([some], _) => format!(" It did not converge in {some}."),
        (some, _) => format!(" It did not converge in {} of {} phases.", some.len(), outcome.phases.len()),
    });
    text
}

/// A curve of what is counted in spans.
type Line<'a> = (&'static str, Tone, &'a dyn Fn(&Bucket) -> Option<f64>);

/// What is drawn.
struct Run<'a> {
    scenario: &'a Scenario,
    outcome: &'a Outcome,
    buckets: Vec<Bucket>,
}

impl Run<'_> {
    /// Where phases begin, but for the first; nowhere if they are too many to be told apart.
    fn marks(&self) -> Vec<f64> {
        if self.scenario.phases.len() > PHASES_MARKED {
            return Vec::new();
        }
        edges(self.scenario).skip(1).map(|(start, _)| start).collect()
    }

    /// A plot of what is counted in spans: a value for each start, and the last again at the end.
    fn counted(&self, lines: Vec<Line<'_>>) -> Panel {
        let end = self.buckets.last().map(|bucket| bucket.end);
        let series = lines.into_iter().map(|(label, tone, of)| {
            let last = self.buckets.last().and_then(of);
            Series::new(label, tone, self.buckets.iter().map(of).chain(end.map(|_| last)).collect())
        });
        Panel {
            title: String::new(),
            x: self.buckets.iter().map(|bucket| bucket.start).chain(end).collect(),
            series: series.collect(),
            marks: self.marks(),
        }
    }

    /// The last of every so many steps: all of them, unless that is more than a plot can show.
    fn steps(&self) -> Vec<(usize, &Step)> {
        let steps = &self.outcome.record.steps[..self.buckets.last().map_or(0, |bucket| bucket.steps.end)];
        let every = steps.len().div_ceil(POINTS).max(1);
        steps.iter().enumerate().skip(every - 1).step_by(every).collect()
    }

    /// A plot of what is seen at the end of each step.
    fn seen(&self, title: &str, series: Vec<Series>) -> Panel {
        let x = self.steps().iter().map(|(step, _)| (step + 1) as f64 * STEP).collect();
        Panel { title: title.to_owned(), x, series, marks: self.marks() }
    }

    fn line(&self, label: &str, tone: Tone, of: impl Fn(&Step) -> Option<f64>) -> Series {
        Series::new(label, tone, self.steps().into_iter().map(|(_, step)| of(step)).collect())
    }

    /// A line for what the scenario says, in the middle of each step.
    fn said(&self, label: &str, tone: Tone, of: impl Fn(&Phase) -> f64) -> Series {
        let value = |step: usize| Some(mean(self.scenario, step as f64 * STEP, (step + 1) as f64 * STEP, &of));
        Series::new(label, tone, self.steps().into_iter().map(|(step, _)| value(step)).collect()).dashed()
    }
}

fn axis(label: &str, unit: Unit, scale: Scale) -> Axis {
    Axis { label: label.to_owned(), unit, scale }
}

fn requests(run: &Run<'_>) -> Chart {
    let mut lines: Vec<Line<'_>> = vec![
        ("offered", Tone::Main, &|bucket| Some(bucket.offered)),
        ("good", Tone::Good, &|bucket| Some(bucket.good)),
        ("refused", Tone::Neutral, &|bucket| Some(bucket.rejected)),
    ];
    if run.buckets.iter().any(|bucket| bucket.lost > 0.0) {
        lines.push(("failed or timed out", Tone::Bad, &|bucket| Some(bucket.lost)));
    }
    let mut panel = run.counted(lines);
    let capacity = run.counted(vec![("capacity", Tone::Warning, &|bucket| Some(bucket.capacity))]);
    let marks = if panel.marks.is_empty() { "" } else { " Dotted lines are where a phase begins." };
    panel.series.extend(capacity.series.into_iter().map(Series::dashed));
    Chart {
        title: "What became of the requests".to_owned(),
        explanation: format!(
            "Good answers should follow the lower of what is offered and the capacity (dashed); the rest is refused.{marks}"
        ),
        across: Across::Time,
        axis: axis("requests per second", Unit::Number, Scale::Linear),
        drawing: Drawing::Steps,
        panels: vec![panel],
    }
}

fn latency(run: &Run<'_>) -> Chart {
    let of = |bucket: &Bucket| bucket.latency;
    let mut panel = run.counted(vec![
        ("p50", Tone::Main, &|bucket| of(bucket).p50),
        ("p90", Tone::Neutral, &|bucket| of(bucket).p90),
        ("p99", Tone::Second, &|bucket| of(bucket).p99),
    ]);
    let deadline = run.scenario.arrivals.deadline.as_secs_f64() * 1e3;
    let highest = run.buckets.iter().filter_map(|bucket| of(bucket).p99).reduce(f64::max);
    if highest.is_some_and(|highest| deadline <= highest * FAR) {
        panel.series.push(Series::new("late above", Tone::Warning, vec![Some(deadline); panel.x.len()]).dashed());
    }
    Chart {
        title: "How long an answer takes".to_owned(),
        explanation: "From arrival to answer, of what was answered in each span.".to_owned(),
        across: Across::Time,
        axis: axis("latency", Unit::Milliseconds, Scale::Log),
        drawing: Drawing::Steps,
        panels: vec![panel],
    }
}

fn concurrency(run: &Run<'_>) -> Chart {
    let sum = |values: &[usize]| Some(values.iter().sum::<usize>() as f64);
    let mut panels = vec![run.seen(
        "all together",
        vec![
            run.line("in flight", Tone::Main, |step| sum(&step.in_flight_by_service)),
            run.line("concurrency limit", Tone::Second, |step| sum(&step.limit_by_service)).dashed(),
            run.said("knee", Tone::Warning, knee),
        ],
    )];
    let parts = |names: &[String], of: fn(&Step) -> &[usize]| -> Vec<Series> {
        let line = |(part, name): (usize, &String)| {
            run.line(name, Tone::Part(part), move |step| of(step).get(part).map(|limit| *limit as f64))
        };
        names.iter().enumerate().map(line).collect()
    };
    let services: Vec<_> = run
        .scenario
        .phases
        .iter()
        .take(1)
        .flat_map(|phase| &phase.services)
        .map(|service| service.name.clone())
        .collect();
    if (2..=PARTS).contains(&services.len()) {
        panels.push(run.seen("limit by service", parts(&services, |step| &step.limit_by_service)));
    }
    let kanaloas: Vec<_> = (1..=run.scenario.kanaloas).map(|number| format!("dispatcher {number}")).collect();
    if (2..=PARTS).contains(&kanaloas.len()) {
        panels.push(run.seen("limit by dispatcher", parts(&kanaloas, |step| &step.limit_by_kanaloa)));
    }
    if let [alone] = &mut panels[..] {
        alone.title.clear();
    }
    Chart {
        title: "How much is in flight".to_owned(),
        explanation:
            "At the knee the service is just busy: below it capacity is wasted, above it requests wait inside \
                      the service. Kanaloa is not told where it is."
                .to_owned(),
        across: Across::Time,
        axis: axis("requests in flight", Unit::Number, Scale::Linear),
        drawing: Drawing::Lines,
        panels,
    }
}

/// Of the services that answer.
fn knee(phase: &Phase) -> f64 {
    phase.services.iter().filter(|service| service.capacity() > 0.0).map(Service::knee).sum()
}

fn waiting(run: &Run<'_>) -> Chart {
    let of = |bucket: &Bucket| -> Percentiles { bucket.wait };
    Chart {
        title: "How long requests wait in Kanaloa".to_owned(),
        explanation: "From arrival to a service, of what got to one in each span.".to_owned(),
        across: Across::Time,
        axis: axis("wait", Unit::Milliseconds, Scale::LogFromZero),
        drawing: Drawing::Steps,
        panels: vec![run.counted(vec![
            ("p50", Tone::Main, &|bucket| of(bucket).p50),
            ("p99", Tone::Second, &|bucket| of(bucket).p99),
        ])],
    }
}

fn drop_rate(run: &Run<'_>) -> Chart {
    Chart {
        title: "How much is refused".to_owned(),
        explanation: "The drop rate, as the regulator reports it.".to_owned(),
        across: Across::Time,
        axis: axis("drop rate", Unit::Percent, Scale::Linear),
        drawing: Drawing::Lines,
        panels: vec![run.seen("", vec![run.line("drop rate", Tone::Main, |step| Some(step.drop_rate * 100.0))])],
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{outcome, scenario, service};
    use super::*;

    fn run<'a>(scenario: &'a Scenario, outcome: &'a Outcome) -> Run<'a> {
        Run { scenario, outcome, buckets: buckets(scenario, &outcome.record) }
    }

    #[test]
    fn the_lead_says_what_happened() {
        assert_eq!(
            result(&scenario(), &outcome()),
            "Of 30 requests in 1.5 s, 24 were completed, 4 refused, 2 failed. In the worst phase, 1–1.5 s, of what could \
             be served, 75 % was answered in time, and 99 % of the answers took at most 1.50 s. It did not converge in \
             1–1.5 s."
        );
    }

    #[test]
    fn the_limit_is_seen_at_the_end_of_each_step_beside_the_knee() {
        let (scenario, outcome) = (scenario(), outcome());
        let run = run(&scenario, &outcome);
        let chart = concurrency(&run);
        assert_eq!(chart.panels.len(), 1);
        let panel = &chart.panels[0];
        assert_eq!((panel.x.len(), panel.x[0], &panel.marks[..]), (15, 0.1, &[1.0][..]));
        let limits = (1..=15).map(|limit| Some(f64::from(limit))).collect();
        assert_eq!(panel.series[1], Series::new("concurrency limit", Tone::Second, limits).dashed());
        // 2 slots, and 4 in the second phase.
        assert_eq!(knee(&scenario.phases[0]), 2.0);
        assert_eq!(knee(&scenario.phases[1]), 4.0);
    }

    #[test]
    fn a_few_services_and_dispatchers_are_told_apart() {
        let (mut scenario, mut outcome) = (scenario(), outcome());
        scenario.kanaloas = 3;
        for phase in &mut scenario.phases {
            phase.services = vec![service("a"), service("b")];
        }
        for step in &mut outcome.record.steps {
            step.limit_by_service = vec![4, 2];
            step.limit_by_kanaloa = vec![2, 2, 2];
        }
        let titles = |scenario: &Scenario| -> Vec<String> {
            let run = run(scenario, &outcome);
            concurrency(&run).panels.into_iter().map(|panel| panel.title).collect()
        };
        assert_eq!(titles(&scenario), ["all together", "limit by service", "limit by dispatcher"]);
        scenario.kanaloas = PARTS + 1;
        assert_eq!(titles(&scenario), ["all together", "limit by service"]);
    }

    #[test]
    fn a_service_that_does_not_answer_has_no_knee() {
        let mut phase = scenario().phases[0].clone();
        phase.services.push(Service { unresponsive: true, ..service("b") });
        assert_eq!(knee(&phase), 2.0);
    }

    #[test]
    fn several_runs_have_a_row_each() {
        let (scenario, outcome) = (scenario(), outcome());
        let page = page(&scenario, &[outcome.clone(), Outcome { seed: 2, ..outcome }], "kanaloa simulate x").unwrap();
        assert_eq!(page.further[0].1.rows.len(), 2);
        assert_eq!(page.notes.last().unwrap(), "Made by: kanaloa simulate x");
        assert!(page.lead[1].contains("seed 1, the first of 2 runs"), "{:?}", page.lead);
    }
}
