//! What is varied as a page.

use kanaloa::lab::Scenario;

use super::super::figures::milliseconds;
use super::super::words::describe;
use super::figures::{Cell, Curves, LEAST, Varied, percent};
use super::picture;
use crate::report::{Across, Axis, Chart, Drawing, Page, Panel, Scale, Series, Tone, Unit};

/// The scenarios are as they are with the first value.
pub(super) fn page(varied: &Varied, scenarios: &[Scenario], command: &str) -> Page {
    let mut lead = vec![result(varied)];
    for scenario in scenarios {
        let name = if scenarios.len() > 1 { format!("{}. ", scenario.name) } else { String::new() };
        lead.push(format!("{name}{}", describe(scenario).join(" ")));
    }
    Page {
        title: title(varied),
        lead,
        picture: Some(picture::errors(varied)),
        table: varied.table(),
        notes: vec![varied.legend(), format!("Varied: {}", varied.setting.key), format!("Made by: {command}")],
        further: Vec::new(),
        charts: vec![
            chart(
                varied,
                &varied.cdf(),
                "How many answers have come by when (CDF)",
                "The further left a curve is, the sooner answers come; where it bends before 100 % begins the slow tail.",
                "answers so far",
                (Drawing::Lines, Scale::Linear),
            ),
            chart(
                varied,
                &varied.tail(),
                "How many answers are still to come (the tail)",
                "What the CDF leaves to 100 %, by magnitudes: a line crosses 1 % at p99 and 0.1 % at p99.9.",
                "answers to come",
                (Drawing::Lines, Scale::Log),
            ),
            chart(
                varied,
                &varied.pdf(),
                "How long answers take (PDF)",
                "The share of the answers in each span of time. All spans are equally wide on this axis: each ends 15 % \
                 after it begins.",
                "answers in a span",
                (Drawing::Steps, Scale::Linear),
            ),
        ],
    }
}

fn title(varied: &Varied) -> String {
    let mut names: Vec<_> = varied.rows.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    format!("{} with {}", names.join(", "), varied.named(&varied.setting.values.join(", ")))
}

/// The first value beside the last, scenario by scenario.
fn result(varied: &Varied) -> String {
    let of = |(name, cells): &(String, Vec<Cell>)| {
        let (first, last) = (cells.first()?, cells.last()?);
        let (from, to) = (varied.setting.values.first()?, varied.setting.values.last()?);
        let name = if varied.rows.len() > 1 { format!("{name}: ") } else { String::new() };
        let p99 = |cell: &Cell| milliseconds(cell.percentile(0.99));
        Some(format!(
            "{name}with {}, 99 % of the answers take at most {}, after {} with {from}; {} fail, after {}.",
            varied.named(to),
            p99(last),
            p99(first),
            percent(last.error_rate()),
            percent(first.error_rate())
        ))
    };
    let told: Vec<_> = varied.rows.iter().filter_map(of).collect();
    let text = told.join(" ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        let first = if varied.rows.len() == 1 { first.to_uppercase().to_string() } else { first.to_string() };
        first + letters.as_str()
    })
}

fn chart(
    varied: &Varied,
    curves: &Curves,
    title: &str,
    explanation: &str,
    label: &str,
    (drawing, scale): (Drawing, Scale),
) -> Chart {
    // A magnitude has no place for 0.
    let shown = |value: f64| (scale == Scale::Linear || value >= LEAST).then_some(value);
    let panel = |((name, _), row): (&(String, Vec<Cell>), &Vec<Vec<f64>>)| Panel {
        title: if varied.rows.len() > 1 { name.clone() } else { String::new() },
        x: curves.at.clone(),
        series: row
            .iter()
            .zip(&varied.setting.values)
            .enumerate()
            .map(|(part, (curve, value))| {
                Series::new(&varied.named(value), Tone::Part(part), curve.iter().copied().map(shown).collect())
            })
            .collect(),
        marks: Vec::new(),
    };
    Chart {
        title: title.to_owned(),
        explanation: explanation.to_owned(),
        across: Across::ResponseTime,
        axis: Axis { label: label.to_owned(), unit: Unit::Percent, scale },
        drawing,
        // Where nothing was completed there is no axis to draw on.
        panels: varied.rows.iter().zip(&curves.rows).filter(|_| !curves.at.is_empty()).map(panel).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture;
    use super::super::figures::tests::{cell, varied};
    use super::*;

    #[test]
    fn the_lead_says_what_the_last_value_changes() {
        assert_eq!(
            result(&varied()),
            "happy: with concurrent-calls = 2, 99 % of the answers take at most 10 ms, after 20 ms with 1; 0 % fail, after \
             0 %. sad: with concurrent-calls = 2, 99 % of the answers take at most 10 ms, after 100 ms with 1; 0 % fail, \
             after 25.0 %."
        );
        let mut one = varied();
        one.rows.pop();
        assert!(result(&one).starts_with("With concurrent-calls = 2, 99 %"));
    }

    #[test]
    fn each_scenario_is_a_panel_with_a_line_for_each_value() {
        let page = page(&varied(), &[fixture::scenario(), fixture::scenario()], "kanaloa simulate x");
        assert_eq!((page.charts.len(), page.title.as_str()), (3, "happy, sad with concurrent-calls = 1, 2"));
        for chart in &page.charts {
            let panels: Vec<_> = chart.panels.iter().map(|panel| (panel.title.as_str(), panel.series.len())).collect();
            assert_eq!(panels, [("happy", 2), ("sad", 2)]);
        }
        assert!(page.lead[1].starts_with("by-hand. The service: 2 slots"), "{:?}", page.lead);
        assert_eq!(page.notes.last().unwrap(), "Made by: kanaloa simulate x");
    }

    #[test]
    fn what_completed_nothing_has_no_plots() {
        let nothing = Varied { rows: vec![("none".to_owned(), vec![cell(&[], 3), cell(&[], 3)])], ..varied() };
        let page = page(&nothing, &[fixture::scenario()], "");
        assert!(page.charts.iter().all(|chart| chart.panels.is_empty()));
    }
}
