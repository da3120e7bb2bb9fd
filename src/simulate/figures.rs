//! What runs come to, phase by phase, as a table.

use std::time::Duration;

use kanaloa::lab::{Outcome, PhaseOutcome, Scenario};

use super::spread::{Worst, median, worst};
use super::words::{plain, spans};
use crate::report::Table;
use crate::report::text::{rate, time};

/// So many columns of figures fit beside their names on most terminals.
const COLUMNS_IN_TEXT: usize = 6;

/// One figure of a phase.
struct Figure {
    name: String,
    of: Of,
    write: fn(Option<f64>) -> String,
    /// `None` for what is neither good nor bad.
    worst: Option<Worst>,
}

type Of = Box<dyn Fn(&PhaseOutcome) -> Option<f64>>;

/// What is shown of each phase of these runs, which are of one scenario.
fn figures(outcomes: &[Outcome]) -> Vec<Figure> {
    use Worst::{Highest, Lowest};

    let mut figures = vec![
        figure("requests per second", |phase| Some(phase.offered_per_s), number, None),
        figure("  capacity", |phase| Some(phase.capacity_per_s), number, None),
        figure("  good", |phase| Some(phase.good_per_s), number, Some(Lowest)),
        figure("  rejected", |phase| Some(phase.rejected_per_s), number, Some(Highest)),
        figure("  failed", |phase| Some(phase.failed_per_s), number, Some(Highest)),
        figure("  timed out", |phase| Some(phase.timed_out_per_s), number, Some(Highest)),
        figure("goodput ratio", |phase| phase.goodput_ratio, ratio, Some(Lowest)),
        figure("calls per request", |phase| phase.attempts_per_request, ratio, None),
        figure("latency: p50", |phase| phase.latency_ms.p50, milliseconds, Some(Highest)),
        figure("latency: p90", |phase| phase.latency_ms.p90, milliseconds, Some(Highest)),
        figure("latency: p99", |phase| phase.latency_ms.p99, milliseconds, Some(Highest)),
        figure("latency: p99.9", |phase| phase.latency_ms.p999, milliseconds, Some(Highest)),
        figure("wait: p50", |phase| phase.wait_ms.p50, milliseconds, Some(Highest)),
        figure("wait: p99", |phase| phase.wait_ms.p99, milliseconds, Some(Highest)),
        figure("concurrency limit: mean", |phase| Some(phase.limit.mean), number, None),
        figure("concurrency limit: min", |phase| Some(phase.limit.min as f64), whole, Some(Lowest)),
        figure("concurrency limit: max", |phase| Some(phase.limit.max as f64), whole, Some(Highest)),
        figure("converged after", |phase| phase.converged_after_s, converged, Some(Highest)),
    ];
    let groups = outcomes.first().and_then(|run| run.phases.first()).map_or(&[][..], |phase| &phase.groups);
    for (index, group) in groups.iter().enumerate() {
        let name = |what: &str| format!("{}: {what}", group.group);
        let of = move |phase: &PhaseOutcome| phase.groups.get(index).cloned();
        figures.extend([
            figure(name("requests per second"), move |phase| Some(of(phase)?.offered_per_s), number, None),
            figure(name("answered in time"), move |phase| of(phase)?.success, share, Some(Lowest)),
            figure(name("latency p50"), move |phase| of(phase)?.latency_ms.p50, milliseconds, Some(Highest)),
            figure(name("latency p99"), move |phase| of(phase)?.latency_ms.p99, milliseconds, Some(Highest)),
        ]);
    }
    figures
}

fn figure(
    name: impl Into<String>,
    of: impl Fn(&PhaseOutcome) -> Option<f64> + 'static,
    write: fn(Option<f64>) -> String,
    worst: Option<Worst>,
) -> Figure {
    Figure { name: name.into(), of: Box::new(of), write, worst }
}

/// A column of figures.
type Column<'a> = (String, Box<dyn Fn(&Figure) -> String + 'a>);

/// One run, a column for each phase.
pub(super) fn of_one(scenario: &Scenario, outcome: &Outcome) -> Table {
    table(&figures(std::slice::from_ref(outcome)), &columns_of_one(scenario, outcome))
}

/// Several runs, the median and the worst for each phase.
pub(super) fn of_all(scenario: &Scenario, outcomes: &[Outcome]) -> Table {
    table(&figures(outcomes), &columns_of_all(scenario, outcomes))
}

/// For a terminal: one run, or the median and the worst of several. Many phases are several tables below each other.
pub(super) fn to_text(scenario: &Scenario, outcomes: &[Outcome]) -> String {
    let columns = match outcomes {
        [one] => columns_of_one(scenario, one),
        _ => columns_of_all(scenario, outcomes),
    };
    let figures = figures(outcomes);
    let tables: Vec<_> = columns.chunks(COLUMNS_IN_TEXT).map(|columns| table(&figures, columns).to_text()).collect();
    let text = tables.join("\n");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn columns_of_one<'a>(scenario: &Scenario, outcome: &'a Outcome) -> Vec<Column<'a>> {
    let column = |(span, phase): (String, &'a PhaseOutcome)| -> Column<'a> {
        (span, Box::new(move |figure| (figure.write)((figure.of)(phase))))
    };
    spans(scenario).zip(&outcome.phases).map(column).collect()
}

/// Two for each phase.
fn columns_of_all<'a>(scenario: &Scenario, outcomes: &'a [Outcome]) -> Vec<Column<'a>> {
    let columns = |(index, span): (usize, String)| -> [Column<'a>; 2] {
        let of = move |figure: &Figure| outcomes.iter().map(|run| (figure.of)(&run.phases[index])).collect::<Vec<_>>();
        [
            (format!("{span}, median"), Box::new(move |figure| (figure.write)(median(of(figure))))),
            (
                "worst".to_owned(),
                Box::new(move |figure| {
                    figure.worst.map_or_else(String::new, |which| (figure.write)(worst(of(figure), which)))
                }),
            ),
        ]
    };
    spans(scenario).enumerate().flat_map(columns).collect()
}

fn table(figures: &[Figure], columns: &[Column<'_>]) -> Table {
    let row = |figure: &Figure| (figure.name.clone(), columns.iter().map(|(_, cell)| cell(figure)).collect());
    Table { columns: columns.iter().map(|(name, _)| name.clone()).collect(), rows: figures.iter().map(row).collect() }
}

/// A row for each run: its phase with the lowest goodput ratio, and the highest latency.
pub(super) fn by_seed(outcomes: &[Outcome]) -> Table {
    let row = |run: &Outcome| {
        let never = run.phases.iter().filter(|phase| phase.converged_after_s.is_none()).count();
        let cells =
            vec![ratio(lowest_ratio(run)), milliseconds(highest_p99(run)), format!("{never} of {}", run.phases.len())];
        (format!("seed {}", run.seed), cells)
    };
    let columns = ["goodput ratio, lowest phase", "p99 latency, highest phase", "phases that never converged"];
    Table { columns: columns.map(str::to_owned).to_vec(), rows: outcomes.iter().map(row).collect() }
}

/// Of the phases in which something could be served.
pub(super) fn lowest_ratio(run: &Outcome) -> Option<f64> {
    run.phases.iter().filter_map(|phase| phase.goodput_ratio).reduce(f64::min)
}

/// Of the phases in which something was completed.
pub(super) fn highest_p99(run: &Outcome) -> Option<f64> {
    run.phases.iter().filter_map(|phase| phase.latency_ms.p99).reduce(f64::max)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), rate)
}

/// For what is whole, and the mean of two such.
fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), plain)
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

pub(super) fn milliseconds(value: Option<f64>) -> String {
    time(value.map(|ms| Duration::from_secs_f64(ms / 1e3)))
}

fn converged(value: Option<f64>) -> String {
    value.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds:.1} s"))
}

#[cfg(test)]
mod tests {
    use kanaloa::lab::{Group, GroupOutcome, Latency};

    use super::super::fixture::{outcome, phase, scenario};
    use super::*;

    fn cells<'a>(table: &'a Table, name: &str) -> Vec<&'a str> {
        let (_, cells) = table.rows.iter().find(|(row, _)| row.trim() == name).unwrap();
        cells.iter().map(String::as_str).collect()
    }

    /// Three runs: good 30, 20 and 40 a second in the second phase, of which the last converged.
    fn three() -> Vec<Outcome> {
        [(30.0, None), (20.0, None), (40.0, Some(1.0))]
            .into_iter()
            .map(|(good_per_s, converged_after_s)| {
                let mut run = outcome();
                run.phases[1].good_per_s = good_per_s;
                run.phases[1].goodput_ratio = Some(good_per_s / 40.0);
                run.phases[1].converged_after_s = converged_after_s;
                run
            })
            .collect()
    }

    #[test]
    fn one_run_has_a_column_for_each_phase() {
        let table = of_one(&scenario(), &outcome());
        assert_eq!(table.columns, ["0–1 s", "1–1.5 s"]);
        assert_eq!(cells(&table, "good"), ["30.0", "30.0"]);
        assert_eq!(cells(&table, "goodput ratio"), ["1.000", "0.750"]);
        assert_eq!(cells(&table, "latency: p99"), ["1.50 s", "1.50 s"]);
        assert_eq!(cells(&table, "wait: p50"), ["0.4 ms", "0.4 ms"]);
        assert_eq!(cells(&table, "concurrency limit: max"), ["6", "6"]);
        assert_eq!(cells(&table, "converged after"), ["0.5 s", "never"]);
    }

    #[test]
    fn several_runs_have_the_median_and_the_worst() {
        let table = of_all(&scenario(), &three());
        assert_eq!(table.columns, ["0–1 s, median", "worst", "1–1.5 s, median", "worst"]);
        assert_eq!(cells(&table, "good")[2..], ["30.0", "20.0"]);
        assert_eq!(cells(&table, "goodput ratio")[2..], ["0.750", "0.500"]);
        assert_eq!(cells(&table, "converged after")[2..], ["never", "never"]);
        assert_eq!(cells(&table, "requests per second")[2..], ["40.0", ""]);
    }

    #[test]
    fn each_run_has_its_worst_phase() {
        let table = by_seed(&three());
        assert_eq!(table.rows[1].1, ["0.500", "1.50 s", "1 of 2"]);
        assert_eq!(table.rows[2].1, ["1.000", "1.50 s", "0 of 2"]);
    }

    #[test]
    fn many_phases_are_several_tables() {
        let (mut scenario, mut run) = (scenario(), outcome());
        scenario.phases = vec![scenario.phases[0].clone(); 8];
        run.phases = vec![phase(); 8];
        let text = to_text(&scenario, &[run]);
        assert_eq!(text.matches("goodput ratio").count(), 2);
        assert!(text.contains("5–6 s\n") && text.contains("7–8 s\n"), "{text}");
    }

    #[test]
    fn what_there_is_none_of_is_a_dash() {
        let mut run = outcome();
        run.phases[0].goodput_ratio = None;
        run.phases[0].latency_ms.p50 = None;
        let table = of_one(&scenario(), &run);
        assert_eq!((cells(&table, "goodput ratio")[0], cells(&table, "latency: p50")[0]), ("–", "–"));
        assert_eq!(lowest_ratio(&run), Some(0.75));
    }

    #[test]
    fn groups_have_rows_of_their_own() {
        let latency_ms = Latency { p50: Some(20.0), p90: None, p99: Some(80.0), p999: None };
        let of = |success| GroupOutcome { group: Group::Class(0), offered_per_s: 4.0, success, latency_ms };
        let mut run = outcome();
        (run.phases[0].groups, run.phases[1].groups) = (vec![of(None)], vec![of(Some(0.994))]);
        let table = of_one(&scenario(), &run);
        assert_eq!(cells(&table, "class 0: answered in time"), ["–", "99.40 %"]);
        assert_eq!(cells(&table, "class 0: latency p99"), ["80 ms", "80 ms"]);
        assert_eq!(of_one(&scenario(), &outcome()).rows.len() + 4, table.rows.len());
    }
}
