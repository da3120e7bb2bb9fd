//! What is varied as a page.

use kanaloa::lab::Scenario;

use super::super::figures::milliseconds;
use super::super::words::describe;
use super::figures::{Cell, Curves, LEAST, Varied, percent};
use super::picture;
use super::said::of_all;
use crate::report::{Across, Axis, Chart, Drawing, Page, Panel, Scale, Series, Tone, Unit};

/// Each scenario is there with each value.
pub(super) fn page(varied: &Varied, scenarios: &[Vec<Scenario>], command: &str) -> Page {
    let mut lead = vec![result(varied)];
    lead.extend(varied.idle());
    for (with_each, (name, _)) in scenarios.iter().zip(&varied.rows) {
        let name = if scenarios.len() > 1 { format!("{name}. ") } else { String::new() };
        lead.push(format!("{name}{}", described(with_each, varied.setting.label())));
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
                "The further left a curve is, the sooner answers come; where it bends before 100 % begins the slow tail. \
                 The axis begins below the smallest p1 and ends above the largest p99.9 of all values.",
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
                "The share of the answers in each span of time. All spans are equally wide on this axis: each ends about \
                 15 % after it begins.",
                "answers in a span",
                (Drawing::Steps, Scale::Linear),
            ),
        ],
    }
}

/// In words, of which none holds with one value only.
fn described(with_each: &[Scenario], label: &str) -> String {
    let told: Vec<_> = with_each.iter().map(describe).collect();
    let paragraphs = told.iter().map(Vec::len).min().unwrap_or(0);
    let paragraph = |number: usize| {
        let texts: Vec<_> = told.iter().map(|paragraphs| paragraphs[number].as_str()).collect();
        of_all(&texts, label)
    };
    (0..paragraphs).map(paragraph).collect::<Vec<_>>().join(" ")
}

fn title(varied: &Varied) -> String {
    let mut names: Vec<_> = varied.rows.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    format!("{} with {}", names.join(", "), varied.named(&varied.setting.values.join(", ")))
}

/// What the values come to, scenario by scenario.
fn result(varied: &Varied) -> String {
    let of = |(name, cells): &(String, Vec<Cell>)| {
        let told = match &cells[..] {
            [first, last] if first.percentile(0.99).is_some() && last.percentile(0.99).is_some() => {
                against(varied, first, last)
            }
            _ => range(varied, cells),
        };
        if varied.rows.len() > 1 { format!("{name}: {told}") } else { told }
    };
    let text = varied.rows.iter().map(of).collect::<Vec<_>>().join(" ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        let first = if varied.rows.len() == 1 { first.to_uppercase().to_string() } else { first.to_string() };
        first + letters.as_str()
    })
}

const LOST: &str = "are lost (refused, timed out, late or left)";

/// Two values, the last beside the first.
fn against(varied: &Varied, first: &Cell, last: &Cell) -> String {
    let [from, to] = [0, 1].map(|number| varied.named(&varied.setting.values[number]));
    let p99 = |cell: &Cell| milliseconds(cell.percentile(0.99));
    let mut told = format!(
        "with {to}, 99 % of the answers take at most {}, against {} with {from}; {} of the requests fail, against {}",
        p99(last),
        p99(first),
        percent(last.error_rate()),
        percent(first.error_rate())
    );
    if varied.any_lost() {
        let [last, first] = [last, first].map(|cell| percent(cell.unanswered()));
        told.push_str(&format!("; {last} {LOST}, against {first}"));
    }
    told + "."
}

/// The least and the most of all values.
fn range(varied: &Varied, cells: &[Cell]) -> String {
    let of = |figure: &dyn Fn(&Cell) -> Option<f64>, write: &dyn Fn(Option<f64>) -> String| {
        let figures =
            || cells.iter().zip(&varied.setting.values).filter_map(|(cell, value)| Some((figure(cell)?, value)));
        let least = figures().min_by(|a, b| a.0.total_cmp(&b.0))?;
        // Of equal ones the first, as above.
        let most = figures().reduce(|most, next| if next.0 > most.0 { next } else { most })?;
        let [low, high] = [least, most].map(|(figure, _)| write(Some(figure)));
        Some(if low == high {
            low
        } else {
            format!("{low} ({}) to {high} ({})", varied.named(least.1), varied.named(most.1))
        })
    };
    let mut told = match of(&|cell| cell.percentile(0.99), &milliseconds) {
        Some(range) => format!("99 % of the answers take at most {range}"),
        None => "no request is completed".to_owned(),
    };
    if let Some(range) = of(&Cell::error_rate, &percent) {
        told.push_str(&format!("; {range} of the requests fail"));
    }
    if varied.any_lost()
        && let Some(range) = of(&Cell::unanswered, &percent)
    {
        told.push_str(&format!("; {range} {LOST}"));
    }
    let silent = cells.iter().zip(&varied.setting.values).filter(|(cell, _)| cell.percentile(0.99).is_none());
    let silent: Vec<_> = silent.map(|(_, value)| varied.named(value)).collect();
    if !silent.is_empty() && silent.len() < cells.len() {
        told.push_str(&format!("; nothing is completed with {}", silent.join(", ")));
    }
    told + "."
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
    use super::super::figures::tests::{cell, losing, varied};
    use super::*;

    #[test]
    fn the_lead_says_what_the_last_value_of_two_changes() {
        assert_eq!(
            result(&varied()),
            "happy: with concurrent-calls = 2, 99 % of the answers take at most 10 ms, against 20 ms with \
             concurrent-calls = 1; 0 % of the requests fail, against 0 %. sad: with concurrent-calls = 2, 99 % of the \
             answers take at most 10 ms, against 100 ms with concurrent-calls = 1; 0 % of the requests fail, against \
             25.0 %."
        );
        let mut one = varied();
        one.rows.pop();
        assert!(result(&one).starts_with("With concurrent-calls = 2, 99 %"));
    }

    #[test]
    fn the_lead_says_what_is_lost() {
        let lost = Varied { rows: vec![("x".to_owned(), vec![losing(100, 0, 0), losing(50, 3, 47)])], ..varied() };
        assert!(
            result(&lost).ends_with(
                "; 3.0 % of the requests fail, against 0 %; 47.0 % are lost (refused, timed out, late or left), against 0 %."
            ),
            "{}",
            result(&lost)
        );
    }

    #[test]
    fn the_lead_says_the_range_of_more_than_two() {
        let cells = vec![cell(&[20.0; 10], 0), losing(50, 25, 25), losing(0, 0, 10)];
        let setting = "concurrent-calls=1,2,3".parse().unwrap();
        let many = Varied { rows: vec![("x".to_owned(), cells)], setting, runs: 1 };
        assert_eq!(
            result(&many),
            "99 % of the answers take at most 10 ms (concurrent-calls = 2) to 20 ms (concurrent-calls = 1); 0 % \
             (concurrent-calls = 1) to 25.0 % (concurrent-calls = 2) of the requests fail; 0 % (concurrent-calls = 1) to \
             100.0 % (concurrent-calls = 3) are lost (refused, timed out, late or left); nothing is completed with \
             concurrent-calls = 3."
        );
    }

    #[test]
    fn each_scenario_is_a_panel_with_a_line_for_each_value() {
        let page = page(&varied(), &[vec![fixture::scenario()], vec![fixture::scenario()]], "kanaloa simulate x");
        assert_eq!((page.charts.len(), page.title.as_str()), (3, "happy, sad with concurrent-calls = 1, 2"));
        for chart in &page.charts {
            let panels: Vec<_> = chart.panels.iter().map(|panel| (panel.title.as_str(), panel.series.len())).collect();
            assert_eq!(panels, [("happy", 2), ("sad", 2)]);
        }
        assert!(page.lead[1].starts_with("happy. The service: 2 slots"), "{:?}", page.lead);
        assert_eq!(page.notes.last().unwrap(), "Made by: kanaloa simulate x");
    }

    #[test]
    fn what_completed_nothing_has_no_plots() {
        let nothing = Varied { rows: vec![("none".to_owned(), vec![cell(&[], 3), cell(&[], 3)])], ..varied() };
        let page = page(&nothing, &[vec![fixture::scenario()]], "");
        assert!(page.charts.iter().all(|chart| chart.panels.is_empty()));
    }
}
