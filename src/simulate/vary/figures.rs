//! Scenarios × values, as figures.

use kanaloa::lab::{Ending, Outcome, Received, STEP, Scenario};
use serde_json::json;

use super::super::figures::milliseconds;
use super::setting::Setting;
use crate::report::Table;
use crate::report::text::rate;

/// Points on each tenfold of the time axis of the CDF.
const FINE: usize = 60;
/// Spans on each tenfold in which answers are counted for the PDF: each ends about 15 % after it begins.
const SPANS: usize = 16;
/// The answers of the first percent, and the last of 1,000, would press all others together.
const DRAWN: [f64; 2] = [0.01, 0.999];
/// The least that is drawn of what has not come yet, in percent: what is left then.
pub(super) const LEAST: f64 = 0.01;
/// No answer of a model takes less, in milliseconds: the tick of the lab.
const SHORTEST: f64 = 0.001;

/// What counts of a run: of the requests that arrived once the warm-up was over.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sample {
    seconds: f64,
    received: u64,
    good: u64,
    failed: u64,
    attempts: u64,
    /// Of those that were completed, in milliseconds.
    latencies: Vec<f64>,
}

impl Sample {
    pub(super) fn new(scenario: &Scenario, outcome: &Outcome) -> Self {
        let (from, deadline) = (scenario.warm_up.as_secs_f64(), scenario.arrivals.deadline.as_secs_f64());
        let received = &outcome.record.received;
        let received = &received[received.partition_point(|request| request.at < from)..];
        let completed = || received.iter().filter(|request| request.ending == Ending::Completed);
        let steps = outcome.record.steps.iter().skip((from / STEP).round() as usize);
        let count = |of: &dyn Fn(&Received) -> bool| received.iter().filter(|request| of(request)).count() as u64;
        Sample {
            seconds: scenario.duration().as_secs_f64() - from,
            received: received.len() as u64,
            good: count(&|request| request.ending == Ending::Completed && request.took <= deadline),
            failed: count(&|request| request.ending == Ending::Failed),
            attempts: steps.flat_map(|step| &step.attempts_by_service).map(|calls| u64::from(*calls)).sum(),
            latencies: completed().map(|request| (request.took * 1e3).max(SHORTEST)).collect(),
        }
    }

    fn and(mut self, other: &Sample) -> Self {
        self.seconds += other.seconds;
        self.received += other.received;
        self.good += other.good;
        self.failed += other.failed;
        self.attempts += other.attempts;
        self.latencies.extend(&other.latencies);
        self
    }
}

/// One value in one scenario, all runs together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    all: Sample,
}

impl Cell {
    pub(super) fn new(samples: &[Sample]) -> Self {
        let mut all = samples.iter().fold(Sample::default(), Sample::and);
        all.latencies.sort_by(f64::total_cmp);
        Cell { all }
    }

    /// The nearest rank, in milliseconds; `None` if nothing was completed.
    pub(super) fn percentile(&self, share: f64) -> Option<f64> {
        let rank = (share * self.all.latencies.len() as f64).ceil() as usize;
        self.all.latencies.get(rank.saturating_sub(1)).copied()
    }

    /// The share of the requests that failed.
    pub(super) fn error_rate(&self) -> Option<f64> {
        self.share(self.all.failed)
    }

    /// The share of the requests that were neither answered in time nor failed: refused, late or left.
    pub(super) fn unanswered(&self) -> Option<f64> {
        self.share(self.all.received.saturating_sub(self.all.good + self.all.failed))
    }

    pub(super) fn attempts_per_request(&self) -> Option<f64> {
        self.share(self.all.attempts)
    }

    fn share(&self, count: u64) -> Option<f64> {
        (self.all.received > 0).then(|| count as f64 / self.all.received as f64)
    }

    fn good_per_s(&self) -> f64 {
        self.all.good as f64 / self.all.seconds
    }

    /// The share of the answers that take at most so many milliseconds.
    fn until(&self, milliseconds: f64) -> f64 {
        let answers = &self.all.latencies;
        answers.partition_point(|latency| *latency <= milliseconds) as f64 / answers.len().max(1) as f64
    }
}

/// All cells, scenario by scenario.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Varied {
    pub(super) setting: Setting,
    /// How many runs each cell is of.
    pub(super) runs: usize,
    /// A cell for each value.
    pub(super) rows: Vec<(String, Vec<Cell>)>,
}

impl Varied {
    /// A value with what it is of.
    pub(super) fn named(&self, value: &str) -> String {
        format!("{} = {value}", self.setting.label())
    }

    /// What is said where each run went the same with all values; `None` if none did.
    pub(super) fn idle(&self) -> Option<String> {
        let same = |cells: &[Cell]| cells.windows(2).all(|two| two[0] == two[1]);
        let idle: Vec<_> = self.rows.iter().filter(|(_, cells)| same(cells)).map(|(name, _)| name.as_str()).collect();
        let key = self.setting.path();
        match idle.len() {
            0 => None,
            all if all == self.rows.len() => {
                Some(format!("{key} changes nothing here: the results are the same with all values."))
            }
            _ => {
                Some(format!("{key} changes nothing in {}: the results are the same with all values.", idle.join(", ")))
            }
        }
    }

    pub(super) fn any_lost(&self) -> bool {
        self.rows.iter().flat_map(|(_, cells)| cells).any(|cell| cell.unanswered() > Some(0.0))
    }

    pub(super) fn legend(&self) -> String {
        let runs = if self.runs == 1 { "one run".to_owned() } else { format!("{} runs together", self.runs) };
        format!(
            "Each line is {runs}, after the warm-up. p50 to p99.9 are response times of what was completed. Failed are \
             requests that ended with an error; lost are those that were refused, timed out, late or left. Calls are \
             what the service is asked, for each request that arrives."
        )
    }

    pub(super) fn table(&self) -> Table {
        let columns = ["p50", "p90", "p99", "p99.9", "failed", "lost", "good/s", "calls"];
        let row = |scenario: &str, value: &str, cell: &Cell| {
            let name =
                if self.rows.len() == 1 { self.named(value) } else { format!("{scenario}, {}", self.named(value)) };
            let mut cells: Vec<_> = [0.5, 0.9, 0.99, 0.999].map(|share| milliseconds(cell.percentile(share))).to_vec();
            cells.extend([percent(cell.error_rate()), percent(cell.unanswered())]);
            cells.push(rate(cell.good_per_s()));
            cells.push(cell.attempts_per_request().map_or_else(|| "–".to_owned(), |calls| format!("{calls:.2}")));
            (name, cells)
        };
        let rows = self.rows.iter().flat_map(|(scenario, cells)| {
            self.setting.values.iter().zip(cells).map(move |(value, cell)| row(scenario, value, cell))
        });
        Table { columns: columns.map(str::to_owned).to_vec(), rows: rows.collect() }
    }

    pub(super) fn to_text(&self) -> String {
        let table = self.table().to_text();
        let lines: Vec<_> = table.lines().map(str::trim_end).collect();
        let idle = self.idle().map(|idle| format!("{idle}\n\n")).unwrap_or_default();
        format!("{}\n\n{idle}{}", lines.join("\n"), self.legend())
    }

    /// A line of JSON for each cell.
    pub(super) fn to_json_lines(&self) -> String {
        let line = |scenario: &str, value: &str, cell: &Cell| {
            let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|share| json!(cell.percentile(share).map(rounded)));
            format!(
                r#"{{"scenario":{},"key":{},"value":{},"runs":{},"received":{},"latency_ms":{{"p50":{p50},"p90":{p90},"p99":{p99},"p999":{p999}}},"error_rate":{},"lost_rate":{},"good_per_s":{},"attempts_per_request":{}}}"#,
                json!(scenario),
                json!(self.setting.path()),
                json!(value),
                self.runs,
                cell.all.received,
                json!(cell.error_rate().map(exact)),
                json!(cell.unanswered().map(exact)),
                json!(rounded(cell.good_per_s())),
                json!(cell.attempts_per_request().map(rounded)),
            )
        };
        let lines = self.rows.iter().flat_map(|(scenario, cells)| {
            self.setting.values.iter().zip(cells).map(move |(value, cell)| line(scenario, value, cell))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Instants of the time axis, in milliseconds, the same for all cells: about so many on each tenfold, from below the
    /// smallest p1 to above the largest p99.9, both a 1, a 2 or a 5 with zeros. Empty if nothing was completed.
    fn instants(&self, on_each_tenfold: usize) -> Vec<f64> {
        let of = |share| self.rows.iter().flat_map(|(_, cells)| cells).filter_map(move |cell| cell.percentile(share));
        let [lowest, highest] = DRAWN;
        let (lowest, highest) = (of(lowest).reduce(f64::min), of(highest).reduce(f64::max));
        let (Some(lowest), Some(highest)) = (lowest, highest) else { return Vec::new() };
        let round = round(lowest, highest);
        let (Some(first), Some(last)) = (
            round.iter().rev().copied().find(|time| *time < lowest),
            round.iter().copied().find(|time| *time > highest),
        ) else {
            return Vec::new();
        };
        let tenfolds = (last / first).log10();
        // In spans, so that both plots have the same axis.
        let spans = (tenfolds * SPANS as f64).round() as usize * (on_each_tenfold / SPANS).max(1);
        (0..=spans).map(|index| first * 10.0_f64.powf(tenfolds * index as f64 / spans as f64)).collect()
    }

    /// For each instant the share, in percent, of the answers that have come by then: of each cell, row by row.
    pub(super) fn cdf(&self) -> Curves {
        let at = self.instants(FINE);
        let of = |cell: &Cell| at.iter().map(|instant| cell.until(*instant) * 100.0).collect();
        let rows = self.rows.iter().map(|(_, cells)| cells.iter().map(of).collect()).collect();
        Curves { at, rows }
    }

    /// For each instant the share, in percent, of the answers that have not come by then; the drawing is logarithmic.
    pub(super) fn tail(&self) -> Curves {
        let Curves { at, mut rows } = self.cdf();
        rows.iter_mut().flatten().flatten().for_each(|share| *share = 100.0 - *share);
        Curves { at, rows }
    }

    /// For each span the share, in percent, of the answers that come in it; at its begin, and nothing at the last end.
    pub(super) fn pdf(&self) -> Curves {
        let at = self.instants(SPANS);
        let of = |cell: &Cell| -> Vec<f64> {
            let within = |span: &[f64]| (cell.until(span[1]) - cell.until(span[0])) * 100.0;
            at.windows(2).map(within).chain(at.last().map(|_| 0.0)).collect()
        };
        let rows = self.rows.iter().map(|(_, cells)| cells.iter().map(of).collect()).collect();
        Curves { at, rows }
    }
}

/// A curve for each cell, row by row, over the same instants in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curves {
    pub(super) at: Vec<f64>,
    pub(super) rows: Vec<Vec<Vec<f64>>>,
}

/// 1, 2, 5, 10, 20 … from below one value to above another, both above 0.
pub(super) fn round(lowest: f64, highest: f64) -> Vec<f64> {
    let (first, last) = (lowest.log10().floor() as i32 - 1, highest.log10().ceil() as i32 + 1);
    (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10.0_f64.powi(power))).collect()
}

/// As people read it: small shares have two digits.
pub(super) fn percent(share: Option<f64>) -> String {
    let Some(share) = share else { return "–".to_owned() };
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.095 => format!("{percent:.3} %"),
        ..0.95 => format!("{percent:.2} %"),
        _ => format!("{percent:.1} %"),
    }
}

/// A mean of two has more digits than either.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// For shares, which may be small.
fn exact(value: f64) -> f64 {
    (value * 1e7).round() / 1e7
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::fixture;
    use super::*;

    pub(in super::super) fn cell(latencies: &[f64], failed: u64) -> Cell {
        let good = latencies.len() as u64;
        let received = good + failed;
        let sample =
            Sample { seconds: 10.0, received, good, failed, attempts: 2 * received, latencies: latencies.to_vec() };
        Cell::new(&[sample])
    }

    /// So many requests that were answered in 10 ms, failed and were refused.
    pub(in super::super) fn losing(good: u64, failed: u64, lost: u64) -> Cell {
        let received = good + failed + lost;
        let latencies = vec![10.0; good as usize];
        Cell::new(&[Sample { seconds: 10.0, received, good, failed, attempts: received, latencies }])
    }

    /// Two values in two scenarios: with the second, no answer takes 100 ms and nothing fails.
    pub(in super::super) fn varied() -> Varied {
        let setting = "dispatcher.work-settings.concurrent-calls=1,2".parse().unwrap();
        let rows = [
            ("happy", vec![cell(&[20.0; 100], 0), cell(&[10.0; 100], 0)]),
            ("sad", vec![cell(&[[20.0; 75], [100.0; 75]].concat(), 50), cell(&[10.0; 200], 0)]),
        ];
        Varied { setting, runs: 1, rows: rows.map(|(name, cells)| (name.to_owned(), cells)).to_vec() }
    }

    #[test]
    fn a_sample_is_of_what_arrived_after_the_warm_up() {
        let (mut scenario, mut outcome) = (fixture::scenario(), fixture::outcome());
        scenario.warm_up = std::time::Duration::from_millis(500);
        outcome.record.received[7].ending = Ending::Failed;
        outcome.record.received[8].ending = Ending::Rejected;
        let sample = Sample::new(&scenario, &outcome);
        // Requests 5 to 14 of a step each, of which those from 10 on took longer than the deadline of 1 s.
        assert_eq!((sample.seconds, sample.received, sample.failed, sample.good), (1.0, 10, 1, 3));
        assert_eq!((sample.attempts, sample.latencies.len()), (10, 8));
        let both = Cell::new(&[sample.clone(), sample]);
        assert_eq!((both.all.received, both.error_rate(), both.unanswered()), (20, Some(0.1), Some(0.6)));
        assert_eq!(both.good_per_s(), 3.0);
        assert_eq!(both.percentile(0.5), Some(1100.0));
    }

    #[test]
    fn the_table_has_a_line_for_each_value_of_each_scenario() {
        let table = varied().table();
        let names: Vec<_> = table.rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..2], ["happy, concurrent-calls = 1", "happy, concurrent-calls = 2"]);
        assert_eq!(table.rows[2].1, ["20 ms", "100 ms", "100 ms", "100 ms", "25.0 %", "0 %", "15.0", "2.00"]);
        let mut one = varied();
        one.rows.pop();
        assert_eq!(one.table().rows[1].0, "concurrent-calls = 2");
    }

    #[test]
    fn each_cell_is_a_line_of_json() {
        let lines = varied().to_json_lines();
        assert_eq!(
            lines.lines().nth(2).unwrap(),
            r#"{"scenario":"sad","key":"dispatcher.work-settings.concurrent-calls","value":"1","runs":1,"received":200,"latency_ms":{"p50":20.0,"p90":100.0,"p99":100.0,"p999":100.0},"error_rate":0.25,"lost_rate":0.0,"good_per_s":15.0,"attempts_per_request":2.0}"#
        );
        let nothing = Varied { rows: vec![("none".to_owned(), vec![cell(&[], 0)])], ..varied() };
        assert!(nothing.to_json_lines().contains(r#""p999":null},"error_rate":null"#));
    }

    #[test]
    fn the_cdf_ends_with_all_answers_and_the_pdf_adds_up_to_them() {
        let (cdf, pdf) = (varied().cdf(), varied().pdf());
        assert_eq!((cdf.at.first(), cdf.at.last()), (pdf.at.first(), pdf.at.last()));
        assert_eq!((cdf.at.first(), cdf.at.last().map(|last| last.round())), (Some(&5.0), Some(200.0)));
        for curve in cdf.rows.iter().flatten() {
            assert_eq!((curve[0], curve.last()), (0.0, Some(&100.0)));
            assert!(curve.is_sorted());
        }
        assert_eq!(varied().tail().rows[0][0].first(), Some(&100.0));
        for curve in pdf.rows.iter().flatten() {
            assert!((curve.iter().sum::<f64>() - 100.0).abs() < 1e-9);
        }
        // Half of the answers by 50 ms, and the other half by 100 ms.
        let after = cdf.at.iter().position(|at| *at > 50.0).unwrap();
        assert_eq!(cdf.rows[1][0][after], 50.0);
        assert_eq!(pdf.rows[1][0].iter().filter(|share| **share > 0.0).count(), 2);
    }

    #[test]
    fn a_few_answers_do_not_stretch_the_axis() {
        let most = [0.001, 0.001].into_iter().chain([20.0; 2_996]).chain([30_000.0; 2]).collect::<Vec<_>>();
        let axis = Varied { rows: vec![("x".to_owned(), vec![cell(&most, 0)])], ..varied() }.cdf().at;
        assert_eq!((axis.first(), axis.last().map(|last| last.round())), (Some(&10.0), Some(50.0)));
    }

    #[test]
    fn where_nothing_was_completed_there_is_nothing_to_draw() {
        let nothing = Varied { rows: vec![("none".to_owned(), vec![cell(&[], 3)])], ..varied() };
        assert_eq!(nothing.cdf(), Curves { at: vec![], rows: vec![vec![vec![]]] });
        assert_eq!(nothing.pdf().at, Vec::<f64>::new());
    }

    #[test]
    fn what_changes_nothing_is_said() {
        let same = || vec![cell(&[20.0; 10], 1), cell(&[20.0; 10], 1)];
        assert_eq!(varied().idle(), None);
        let mut one = varied();
        one.rows[0].1 = same();
        let told = "changes nothing in happy: the results are the same with all values.";
        assert!(one.idle().unwrap().ends_with(told) && one.to_text().contains(told));
        one.rows.pop();
        assert_eq!(
            one.idle().unwrap(),
            "dispatcher.work-settings.concurrent-calls changes nothing here: the results are the same with all values."
        );
    }

    #[test]
    fn small_shares_keep_their_digits() {
        let said = [0.0, 0.0001, 0.0009, 0.0012, 0.1].map(|share| percent(Some(share)));
        assert_eq!(said, ["0 %", "0.010 %", "0.090 %", "0.12 %", "10.0 %"]);
        assert_eq!(percent(None), "–");
    }
}
