//! Algorithms × scenarios, as figures.

use serde_json::json;

use super::super::figures::milliseconds;
use super::super::spread::median;
use crate::report::Table;

/// Marks the best of a row where nothing can be bold.
const BEST: &str = "*";

/// What counts of one run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// Of its lowest phase.
    pub(super) ratio: Option<f64>,
    /// Of its highest phase, in milliseconds.
    pub(super) p99: Option<f64>,
    /// If it is to be drawn.
    pub(super) curve: Option<Curve>,
}

/// Good answers over time beside what was possible, both per second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) x: Vec<f64>,
    pub(super) good: Vec<f64>,
    pub(super) possible: Vec<f64>,
    pub(super) marks: Vec<f64>,
}

/// One algorithm on one scenario.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) ratio: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) best: bool,
    pub(super) curve: Option<Curve>,
}

impl Cell {
    pub(super) fn new(samples: &[Sample]) -> Self {
        Cell {
            ratio: median(samples.iter().map(|sample| sample.ratio)),
            p99: median(samples.iter().map(|sample| sample.p99)),
            best: false,
            curve: samples.iter().find_map(|sample| sample.curve.clone()),
        }
    }

    /// As it is shown and compared: hundredths. More digits would make a winner of chance.
    fn hundredths(&self) -> Option<i64> {
        self.ratio.map(|ratio| (ratio * 100.0).round() as i64)
    }

    /// The higher the better, then the sooner the better.
    fn rank(&self) -> Option<(i64, i64)> {
        Some((self.hundredths()?, -(self.p99.unwrap_or(f64::INFINITY).round() as i64)))
    }

    pub(super) fn ratio_text(&self) -> String {
        self.hundredths().map_or_else(|| "–".to_owned(), |all| format!("{:.2}", all as f64 / 100.0))
    }

    pub(super) fn p99_text(&self) -> String {
        milliseconds(self.p99)
    }
}

/// All cells, scenario by scenario.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) algorithms: Vec<&'static str>,
    /// How many runs each cell is the median of.
    pub(super) runs: usize,
    pub(super) rows: Vec<(String, Vec<Cell>)>,
}

impl Grid {
    /// A cell for each algorithm in each row. Finds the best of each row.
    pub(super) fn new<const N: usize>(
        algorithms: [&'static str; N],
        runs: usize,
        rows: impl IntoIterator<Item = (String, Vec<Cell>)>,
    ) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        for (_, cells) in &mut rows {
            let best = cells.iter().filter_map(Cell::rank).max();
            for cell in cells {
                cell.best = best.is_some() && cell.rank() == best;
            }
        }
        Grid { algorithms: algorithms.to_vec(), runs, rows }
    }

    /// In how many scenarios each algorithm is best, or level with the best.
    pub(super) fn wins(&self) -> Vec<(&'static str, usize)> {
        let wins = |column: usize| self.rows.iter().filter(|(_, cells)| cells[column].best).count();
        self.algorithms.iter().enumerate().map(|(column, name)| (*name, wins(column))).collect()
    }

    /// What a cell says, and which is best.
    pub(super) fn legend(&self) -> String {
        let runs = if self.runs == 1 { "one run".to_owned() } else { format!("the median of {} runs", self.runs) };
        format!(
            "Each cell is {runs}: the goodput ratio of the phase where it is lowest, and the p99 latency of the phase \
             where that is highest. Best of a row is the highest ratio, in hundredths, and among equals the lowest \
             latency. fixed stays at starting-pool-size, {UNFITTED} unless a scenario says otherwise, which nobody \
             fitted to it."
        )
    }

    pub(super) fn table(&self, mark: impl Fn(&Cell, String) -> String) -> Table {
        let cell = |cell: &Cell| mark(cell, format!("{} {:>7}", cell.ratio_text(), cell.p99_text()));
        Table {
            columns: self.algorithms.iter().map(|name| (*name).to_owned()).collect(),
            rows: self.rows.iter().map(|(name, cells)| (name.clone(), cells.iter().map(cell).collect())).collect(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mark = |cell: &Cell, text: String| if cell.best { format!("{text} {BEST}") } else { format!("{text}  ") };
        let table = self.table(mark).to_text();
        let lines: Vec<_> = table.lines().map(str::trim_end).collect();
        format!("{}\n\n{} The best is marked {BEST}.", lines.join("\n"), self.legend())
    }

    /// A table for a page of documentation, beside the drawing.
    pub(super) fn to_markdown(&self, command: &str) -> String {
        let mark = |cell: &Cell, _| {
            let (ratio, p99) = (cell.ratio_text(), cell.p99_text());
            if cell.best { format!("**{ratio}** {p99}") } else { format!("{ratio} {p99}") }
        };
        format!(
            "<!-- Made by: {command} -->\n\n![Goodput ratio of each algorithm in each scenario](compare.svg)\n\n{}\n{} The \
             best is bold.\n",
            self.table(mark).to_markdown(),
            self.legend()
        )
    }

    /// A line of JSON for each cell.
    pub(super) fn to_json_lines(&self) -> String {
        let line = |scenario: &str, algorithm: &str, cell: &Cell| {
            format!(
                r#"{{"scenario":{},"algorithm":{},"runs":{},"goodput_ratio":{},"latency_p99_ms":{},"best":{}}}"#,
                json!(scenario),
                json!(algorithm),
                self.runs,
                json!(cell.ratio.map(rounded)),
                json!(cell.p99.map(rounded)),
                cell.best
            )
        };
        let lines = self.rows.iter().flat_map(|(scenario, cells)| {
            self.algorithms.iter().zip(cells).map(move |(algorithm, cell)| line(scenario, algorithm, cell))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// `starting-pool-size` by default.
const UNFITTED: usize = 80;

/// A mean of two has more digits than either.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
pub(super) mod tests {
    use kanaloa::config::DispatcherSettings;

    use super::*;

    fn sample(ratio: f64, p99: f64) -> Sample {
        Sample { ratio: Some(ratio), p99: Some(p99), curve: None }
    }

    pub(in super::super) fn grid() -> Grid {
        let cell = |ratio, p99| Cell::new(&[sample(ratio, p99)]);
        let rows = [
            ("calm", vec![cell(0.991, 120.0), cell(0.989, 110.0), cell(0.9, 90.0)]),
            (
                "none",
                vec![
                    Cell::new(&[Sample { ratio: None, p99: None, curve: None }]),
                    cell(0.5, 2_000.0),
                    cell(0.5, 2_000.0),
                ],
            ),
        ];
        Grid::new(["a", "b", "c"], 1, rows.map(|(name, cells)| (name.to_owned(), cells)))
    }

    #[test]
    fn a_cell_is_the_median_of_its_runs() {
        let samples = [sample(0.9, 300.0), sample(0.95, 100.0), sample(0.7, 200.0)];
        let cell = Cell::new(&samples);
        assert_eq!((cell.ratio, cell.p99), (Some(0.9), Some(200.0)));
    }

    #[test]
    fn of_ratios_that_are_level_the_lower_latency_is_best() {
        let grid = grid();
        let best = |row: usize| grid.rows[row].1.iter().map(|cell| cell.best).collect::<Vec<_>>();
        assert_eq!(best(0), [false, true, false]);
        assert_eq!(best(1), [false, true, true]);
        assert_eq!(grid.wins(), [("a", 0), ("b", 2), ("c", 1)]);
    }

    #[test]
    fn the_text_marks_the_best() {
        let text = grid().to_text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "calm   0.99  120 ms     0.99  110 ms *   0.90   90 ms");
        assert_eq!(lines[2], "none      –       –     0.50  2.00 s *   0.50  2.00 s *");
    }

    #[test]
    fn the_markdown_names_its_command() {
        let text = grid().to_markdown("kanaloa simulate --compare");
        assert!(text.starts_with("<!-- Made by: kanaloa simulate --compare -->\n"), "{text}");
        assert!(text.contains("| calm | 0.99 120 ms | **0.99** 110 ms | 0.90 90 ms |\n"), "{text}");
    }

    #[test]
    fn each_cell_is_a_line_of_json() {
        let lines = grid().to_json_lines();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"scenario":"calm","algorithm":"a","runs":1,"goodput_ratio":0.991,"latency_p99_ms":120.0,"best":false}"#
        );
        assert!(lines[3].contains(r#""runs":1,"goodput_ratio":null,"latency_p99_ms":null"#), "{}", lines[3]);
    }

    #[test]
    fn the_legend_knows_the_default() {
        assert_eq!(DispatcherSettings::default().worker_pool.starting_pool_size, UNFITTED);
    }
}
