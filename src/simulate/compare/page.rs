//! The grid as a page.

use super::grid::{Cell, Grid};
use crate::report::{Across, Axis, Chart, Drawing, Page, Panel, Scale, Series, Tone, Unit};

/// Scenarios that are drawn over time: those where the algorithms differ most.
const DRAWN: usize = 4;

pub(super) fn page(grid: &Grid, picture: &str, command: &str) -> Page {
    let mark =
        |cell: &Cell, _| format!("{}{} · {}", if cell.best { "★ " } else { "" }, cell.ratio_text(), cell.p99_text());
    Page {
        title: "Throttle algorithms compared".to_owned(),
        lead: vec![result(grid), grid.legend()],
        picture: Some(picture.to_owned()),
        table: grid.table(mark),
        notes: vec!["★ marks the best of a row.".to_owned(), format!("Made by: {command}")],
        further: Vec::new(),
        charts: charts(grid),
    }
}

fn result(grid: &Grid) -> String {
    let mut wins = grid.wins();
    wins.sort_by_key(|(_, wins)| std::cmp::Reverse(*wins));
    let told: Vec<_> = wins.iter().map(|(name, wins)| format!("{name} in {wins}")).collect();
    let of =
        if grid.rows.len() == 1 { "the one scenario".to_owned() } else { format!("{} scenarios", grid.rows.len()) };
    format!("Best, or level with the best, of {of}: {}.", told.join(", "))
}

fn charts(grid: &Grid) -> Vec<Chart> {
    let spread = |cells: &[Cell]| {
        let ratios = || cells.iter().filter_map(|cell| cell.ratio);
        ratios().fold(f64::MIN, f64::max) - ratios().fold(f64::MAX, f64::min)
    };
    let mut rows: Vec<_> = grid.rows.iter().collect();
    rows.sort_by(|(_, a), (_, b)| spread(b).total_cmp(&spread(a)));
    rows.into_iter().take(DRAWN).map(|(name, cells)| chart(grid, name, cells)).collect()
}

fn chart(grid: &Grid, name: &str, cells: &[Cell]) -> Chart {
    let panel = |(algorithm, cell): (&&str, &Cell)| {
        let curve = cell.curve.as_ref()?;
        let line = |label, tone, values: &[f64]| Series::new(label, tone, values.iter().copied().map(Some).collect());
        Some(Panel {
            title: (*algorithm).to_owned(),
            x: curve.x.clone(),
            series: vec![
                line("good", Tone::Good, &curve.good),
                line("possible", Tone::Warning, &curve.possible).dashed(),
            ],
            marks: curve.marks.clone(),
        })
    };
    Chart {
        title: name.to_owned(),
        explanation:
            "Good answers, and what was possible: the smaller of what arrived and the capacity. The first seed's \
                      run. Dotted lines are where a phase begins."
                .to_owned(),
        across: Across::Time,
        axis: Axis { label: "requests per second".to_owned(), unit: Unit::Number, scale: Scale::Linear },
        drawing: Drawing::Steps,
        panels: grid.algorithms.iter().zip(cells).filter_map(panel).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::{Curve, tests::grid};
    use super::*;

    #[test]
    fn the_lead_says_who_is_best_how_often() {
        assert_eq!(result(&grid()), "Best, or level with the best, of 2 scenarios: b in 2, c in 1, a in 0.");
    }

    #[test]
    fn the_scenarios_where_algorithms_differ_most_come_first() {
        let mut grid = grid();
        let curve = Curve { x: vec![0.0, 1.0], good: vec![1.0; 2], possible: vec![2.0; 2], marks: vec![] };
        for (_, cells) in &mut grid.rows {
            cells.iter_mut().for_each(|cell| cell.curve = Some(curve.clone()));
        }
        let titles: Vec<_> = charts(&grid).into_iter().map(|chart| (chart.title, chart.panels.len())).collect();
        assert_eq!(titles, [("calm".to_owned(), 3), ("none".to_owned(), 3)]);
    }
}
