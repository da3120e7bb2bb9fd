//! The grid as a drawing: a field for each cell, coloured by its goodput ratio.

use std::fmt::Write;

use super::grid::{Cell, Grid};
use crate::report::escape;

const FIELD_WIDTH: usize = 128;
const FIELD_HEIGHT: usize = 28;
const GAP: usize = 3;
const HEAD: usize = 34;
/// The legend below the fields.
const FOOT: usize = 44;
/// One entry of the legend.
const KEY_WIDTH: usize = 120;
/// Of a letter at 13 pixels, rather more than less.
const LETTER: usize = 8;
const MARGIN: usize = 12;

/// From so much on, in hundredths: a class of the style below, and its words.
const COLOURS: [(i64, &str, &str); 5] = [
    (97, "heat-a", "0.97 or more"),
    (90, "heat-b", "0.90 or more"),
    (75, "heat-c", "0.75 or more"),
    (50, "heat-d", "0.50 or more"),
    (i64::MIN, "heat-e", "less"),
];

/// Fields have colours that stand on light and on dark ground; only the words beside them change.
const STYLE: &str = "\
.heat{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;font-variant-numeric:tabular-nums}
.heat text{fill:#1d2529}.heat .heat-ground{fill:#fbfaf7}.heat .heat-soft{fill:#5b676d}
.heat .heat-a{fill:#1b7f72}.heat .heat-b{fill:#86cabc}.heat .heat-c{fill:#f0dc9c}.heat .heat-d{fill:#eda765}.heat .heat-e{fill:#b83a30}
.heat .heat-none{fill:none;stroke:#9aa5aa;stroke-dasharray:3 3}
.heat text.heat-on-light{fill:#1d2529}.heat text.heat-on-dark{fill:#fff}.heat .heat-best{font-weight:700}
@media(prefers-color-scheme:dark){.heat text,.heat text.heat-on-none{fill:#e6eaeb}.heat .heat-soft{fill:#9eabb1}.heat .heat-ground{fill:#12171a}}";

/// An SVG that needs nothing else, in a file of its own or within a page.
pub(super) fn svg(grid: &Grid) -> String {
    let letters = grid.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let left = MARGIN + letters * LETTER + MARGIN;
    let width = (left + grid.algorithms.len() * (FIELD_WIDTH + GAP) + MARGIN).max(left + COLOURS.len() * KEY_WIDTH);
    let height = HEAD + grid.rows.len() * (FIELD_HEIGHT + GAP) + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"heat\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n<title>Goodput ratio and p99 latency of each algorithm in each \
         scenario</title>\n<style>{STYLE}</style>\n<rect class=\"heat-ground\" width=\"{width}\" height=\"{height}\" \
         rx=\"8\"/>\n"
    );
    for (column, name) in grid.algorithms.iter().enumerate() {
        let middle = left + column * (FIELD_WIDTH + GAP) + FIELD_WIDTH / 2;
        text(&mut svg, (middle, HEAD - 12), "middle", "heat-best", name);
    }
    for (row, (name, cells)) in grid.rows.iter().enumerate() {
        let top = HEAD + row * (FIELD_HEIGHT + GAP);
        text(&mut svg, (left - MARGIN, top + FIELD_HEIGHT / 2 + 5), "end", "", name);
        for (column, cell) in cells.iter().enumerate() {
            field(&mut svg, (left + column * (FIELD_WIDTH + GAP), top), cell);
        }
    }
    let bottom = height - FOOT + 14;
    text(&mut svg, (left - MARGIN, bottom + 11), "end", "heat-soft", "goodput ratio");
    for (index, (_, class, words)) in COLOURS.iter().enumerate() {
        let x = left + index * KEY_WIDTH;
        rect(&mut svg, (x, bottom), (14, 14), class);
        text(&mut svg, (x + 20, bottom + 11), "start", "heat-soft", words);
    }
    svg.push_str("</svg>\n");
    svg
}

fn field(svg: &mut String, (x, y): (usize, usize), cell: &Cell) {
    let class = class(cell);
    rect(svg, (x, y), (FIELD_WIDTH, FIELD_HEIGHT), class);
    let ink = match class {
        "heat-none" => "heat-on-none",
        "heat-a" | "heat-e" => "heat-on-dark",
        _ => "heat-on-light",
    };
    let best = if cell.best { " heat-best" } else { "" };
    let star = if cell.best { "★ " } else { "" };
    let words = if cell.ratio.is_none() {
        "–".to_owned()
    } else {
        format!("{star}{} · {}", cell.ratio_text(), cell.p99_text())
    };
    text(svg, (x + FIELD_WIDTH / 2, y + FIELD_HEIGHT / 2 + 5), "middle", &format!("{ink}{best}"), &words);
}

fn class(cell: &Cell) -> &'static str {
    let Some(ratio) = cell.ratio else { return "heat-none" };
    let hundredths = (ratio * 100.0).round() as i64;
    COLOURS.iter().find(|(from, _, _)| hundredths >= *from).map_or("heat-none", |(_, class, _)| class)
}

fn rect(svg: &mut String, (x, y): (usize, usize), (width, height): (usize, usize), class: &str) {
    // Writing to a String cannot fail.
    let _ =
        writeln!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\"/>");
}

fn text(svg: &mut String, (x, y): (usize, usize), anchor: &str, class: &str, words: &str) {
    let words = escape(words);
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::super::grid::tests::grid;
    use super::*;

    #[test]
    fn there_is_a_field_for_each_cell_and_a_colour_for_each_ratio() {
        let svg = svg(&grid());
        let fields = |class: &str| svg.matches(&format!("class=\"{class}\" x=")).count();
        // One more of each colour in the legend: 0.99 twice, 0.90 once, 0.50 twice, and one without a ratio.
        assert_eq!(["heat-a", "heat-b", "heat-c", "heat-d", "heat-e"].map(fields), [3, 2, 1, 3, 1]);
        assert_eq!(fields("heat-none"), 1);
        assert_eq!(svg.matches('★').count(), 3);
    }

    #[test]
    fn words_cannot_become_markup() {
        let mut grid = grid();
        grid.rows[0].0 = "<b>".to_owned();
        assert!(svg(&grid).contains(">&lt;b&gt;</text>"));
    }
}
