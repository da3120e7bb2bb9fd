//! What is varied as a drawing: for each scenario a CDF, its tail, a PDF and the error rates beside each other.

use std::fmt::Write;

use super::super::words::plain;
use super::figures::{Cell, Curves, LEAST, Varied, percent, round};
use crate::report::escape;

const MARGIN: f64 = 16.0;
/// Room to the left of a plot, for the numbers of its axis.
const LEFT: f64 = 46.0;
/// Below a plot, for those of the other axis and what they are.
const FOOT: f64 = 44.0;
/// Above the first plots, for what the colours mean.
const HEAD: f64 = 40.0;
/// Above each row, for its name and those of its plots.
const TITLE: f64 = 50.0;
const CURVES_WIDTH: f64 = 270.0;
const BARS_WIDTH: f64 = 150.0;
/// Beside the bars, for a figure of each.
const FIGURE: f64 = 62.0;
const HEIGHT: f64 = 200.0;
const GAP: f64 = 24.0;
/// Of a letter at 13 pixels, rather more than less.
const LETTER: f64 = 8.0;

/// The same colours as lines have on a page, which stand on light and on dark ground.
const STYLE: &str = "\
.vary{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;font-variant-numeric:tabular-nums}
.vary text{fill:#1d2529}.vary .v-ground{fill:#fbfaf7}.vary .v-soft{fill:#5b676d}.vary .v-name{font-weight:700;font-size:15px}
.vary .v-grid{stroke:#e0e3e1;fill:none}.vary .v-axis{stroke:#9aa5aa;fill:none}.vary .v-line{fill:none;stroke-width:2}
.vary .v0{stroke:#1f6fb2}.vary .v1{stroke:#d0602b}.vary .v2{stroke:#2a9d8f}.vary .v3{stroke:#8a5bb5}.vary .v4{stroke:#b8860b}.vary .v5{stroke:#c2478b}.vary .v6{stroke:#5f7a2c}.vary .v7{stroke:#6b7780}
.vary rect.v0{fill:#1f6fb2}.vary rect.v1{fill:#d0602b}.vary rect.v2{fill:#2a9d8f}.vary rect.v3{fill:#8a5bb5}.vary rect.v4{fill:#b8860b}.vary rect.v5{fill:#c2478b}.vary rect.v6{fill:#5f7a2c}.vary rect.v7{fill:#6b7780}
.vary rect{stroke:none}.vary .v-lost{fill-opacity:.45}.vary rect.v-key{fill:#5b676d}
@media(prefers-color-scheme:dark){.vary text{fill:#e6eaeb}.vary .v-soft{fill:#9eabb1}.vary .v-ground{fill:#12171a}.vary .v-grid{stroke:#283136}}";

/// Where a plot is drawn.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
    width: f64,
}

impl Frame {
    fn bottom(&self) -> f64 {
        self.top + HEIGHT
    }

    fn right(&self) -> f64 {
        self.left + self.width
    }
}

/// An SVG that needs nothing else.
pub(super) fn whole(varied: &Varied) -> String {
    let (cdf, tail, pdf) = (varied.cdf(), varied.tail(), varied.pdf());
    let curves_width = LEFT + CURVES_WIDTH + GAP;
    let width = (MARGIN + 3.0 * curves_width + bars_width(varied) + MARGIN).max(legend_width(varied) + 2.0 * MARGIN);
    let row_height = TITLE + HEIGHT + FOOT;
    let mut svg =
        begin(varied, (width, HEAD + row_height * varied.rows.len() as f64 + MARGIN), "Response times and errors");
    legend(&mut svg, varied, (MARGIN, 26.0));
    for (number, (name, cells)) in varied.rows.iter().enumerate() {
        let top = HEAD + row_height * number as f64;
        text(&mut svg, (MARGIN, top + 22.0), "start", "v-name", name);
        let left = |column: f64| MARGIN + column * curves_width;
        let frame = |column| Frame { left: left(column) + LEFT, top: top + TITLE, width: CURVES_WIDTH };
        curves(&mut svg, frame(0.0), "CDF: answers so far", &cdf, number, Shape::Line);
        curves(&mut svg, frame(1.0), "The tail: answers still to come", &tail, number, Shape::Magnitudes);
        curves(&mut svg, frame(2.0), "PDF: answers in each span", &pdf, number, Shape::Steps);
        bars(&mut svg, (left(3.0), top + TITLE), &unanswered(varied), varied, cells);
    }
    svg.push_str("</svg>\n");
    svg
}

/// The same of the requests without an answer alone, for a page that has the curves already.
pub(super) fn errors(varied: &Varied) -> String {
    let title = |name: &str| format!("{name}: {}", unanswered(varied));
    let letters = varied.rows.iter().map(|(name, _)| title(name).chars().count()).max().unwrap_or(0);
    let column = GAP + bars_width(varied).max(letters as f64 * LETTER);
    let width = (MARGIN + column * varied.rows.len() as f64).max(legend_width(varied) + 2.0 * MARGIN);
    let mut svg = begin(varied, (width, HEAD + TITLE + HEIGHT + FOOT), "Errors");
    legend(&mut svg, varied, (MARGIN, 26.0));
    for (number, (name, cells)) in varied.rows.iter().enumerate() {
        bars(&mut svg, (MARGIN + column * number as f64, HEAD + TITLE - 10.0), &title(name), varied, cells);
    }
    svg.push_str("</svg>\n");
    svg
}

/// What the bars are of: what is lost is not told where nothing is.
fn unanswered(varied: &Varied) -> String {
    if varied.any_lost() { "requests that fail or are lost" } else { "requests that fail" }.to_owned()
}

fn begin(varied: &Varied, (width, height): (f64, f64), what: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"vary\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{what} with {} of {}</title>\n\
         <style>{STYLE}</style>\n<rect class=\"v-ground\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\"/>\n",
        escape(varied.setting.label()),
        escape(&varied.setting.values.join(", "))
    )
}

/// Of a value in the legend.
fn entry_width(value: &str) -> f64 {
    20.0 + value.chars().count() as f64 * LETTER + 16.0
}

fn name_width(varied: &Varied) -> f64 {
    varied.setting.label().chars().count() as f64 * LETTER + 16.0
}

fn legend_width(varied: &Varied) -> f64 {
    name_width(varied) + varied.setting.values.iter().map(|value| entry_width(value)).sum::<f64>()
}

fn legend(svg: &mut String, varied: &Varied, (mut x, y): (f64, f64)) {
    text(svg, (x, y), "start", "", varied.setting.label());
    x += name_width(varied);
    for (part, value) in varied.setting.values.iter().enumerate() {
        rect(svg, (x, y - 11.0), (13.0, 13.0), &format!("v{part}"));
        text(svg, (x + 20.0, y), "start", "", value);
        x += entry_width(value);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Line,
    /// By the logarithm, without 0.
    Magnitudes,
    Steps,
}

/// Curves over the time that answers take, by its logarithm.
fn curves(svg: &mut String, frame: Frame, title: &str, curves: &Curves, row: usize, shape: Shape) {
    text(svg, (frame.left, frame.top - 10.0), "start", "v-soft", title);
    let (Some(first), Some(last)) = (curves.at.first(), curves.at.last()) else {
        text(
            svg,
            (frame.left + frame.width / 2.0, frame.top + HEIGHT / 2.0),
            "middle",
            "v-soft",
            "nothing was completed",
        );
        return;
    };
    // The same for all rows, so that they can be compared.
    let highest = curves.rows.iter().flatten().flatten().copied().fold(0.0, f64::max);
    let y: Box<dyn Fn(f64) -> f64> = match shape {
        Shape::Magnitudes => Box::new(magnitudes(svg, frame)),
        Shape::Line | Shape::Steps => Box::new(percents(svg, frame, highest)),
    };
    let x = |at: f64| frame.left + (at / first).ln() / (last / first).ln() * frame.width;
    for tick in apart(ticks(*first, *last), x) {
        line(svg, "v-grid", &[(x(tick), frame.top), (x(tick), frame.bottom())]);
        text(svg, (x(tick), frame.bottom() + 18.0), "middle", "v-soft", &plain(tick));
    }
    line(svg, "v-axis", &[(frame.left, frame.bottom()), (frame.right(), frame.bottom())]);
    text(svg, (frame.left + frame.width / 2.0, frame.bottom() + 36.0), "middle", "v-soft", "response time, ms");
    for (part, curve) in curves.rows[row].iter().enumerate() {
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(curve.len() * 2);
        let drawn = curve.iter().position(|value| shape == Shape::Magnitudes && *value < LEAST);
        for (at, value) in curves.at.iter().zip(curve).take(drawn.map_or(curve.len(), |end| end + 1)) {
            if shape == Shape::Steps
                && let Some((_, before)) = points.last().copied()
            {
                points.push((x(*at), before));
            }
            points.push((x(*at), y(*value)));
        }
        line(svg, &format!("v-line v{part}"), &points);
    }
}

/// Before the bars, for what each is of.
fn values_width(varied: &Varied) -> f64 {
    let letters = varied.setting.values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
    letters as f64 * LETTER + 8.0
}

fn bars_width(varied: &Varied) -> f64 {
    values_width(varied) + BARS_WIDTH + 2.0 * FIGURE
}

/// A bar for each value, below each other so that no label can lie over another: what failed, and then what was lost.
fn bars(svg: &mut String, (left, top): (f64, f64), title: &str, varied: &Varied, cells: &[Cell]) {
    let frame = Frame { left: left + values_width(varied), top, width: BARS_WIDTH };
    text(svg, (left, top - 10.0), "start", "v-soft", title);
    let percents = |cell: &Cell| [cell.error_rate(), cell.unanswered()].map(|share| share.unwrap_or(0.0) * 100.0);
    let highest = varied.rows.iter().flat_map(|(_, cells)| cells).map(|cell| percents(cell).iter().sum());
    let x = percents_across(svg, frame, highest.fold(0.0, f64::max));
    let figures = if varied.any_lost() { &["failed", "lost"][..] } else { &["failed"] };
    let end = |figure: usize| frame.right() + (figure as f64 + 1.0) * FIGURE;
    for (figure, name) in figures.iter().enumerate() {
        let class = if figure == 0 { "v-key" } else { "v-key v-lost" };
        rect(svg, (end(figure) - name.len() as f64 * LETTER - 10.0, frame.bottom() + 27.0), (10.0, 10.0), class);
        text(svg, (end(figure), frame.bottom() + 36.0), "end", "v-soft", name);
    }
    let row = HEIGHT / cells.len().max(1) as f64;
    for (part, (cell, value)) in cells.iter().zip(&varied.setting.values).enumerate() {
        let middle = frame.top + (part as f64 + 0.5) * row;
        let (height, [failed, lost]) = ((row * 0.6).min(36.0), percents(cell));
        text(svg, (frame.left - 8.0, middle + 4.0), "end", "v-soft", value);
        let mut bar = |from: f64, to: f64, class: &str| {
            rect(svg, (x(from), middle - height / 2.0), (x(to) - x(from), height), class);
        };
        bar(0.0, failed, &format!("v{part}"));
        if lost > 0.0 {
            bar(failed, failed + lost, &format!("v{part} v-lost"));
        }
        for (figure, share) in [cell.error_rate(), cell.unanswered()].into_iter().take(figures.len()).enumerate() {
            text(svg, (end(figure), middle + 4.0), "end", "", &percent(share));
        }
    }
    line(svg, "v-axis", &[(frame.left, frame.top), (frame.left, frame.bottom())]);
}

/// The same as [`percents`] from left to right.
fn percents_across(svg: &mut String, frame: Frame, highest: f64) -> impl Fn(f64) -> f64 + use<> {
    let top = highest.max(1.0);
    let step = ticks(top / 10.0, top).into_iter().find(|step| top / step <= 3.0).unwrap_or(top);
    let x = move |value: f64| frame.left + value / top * frame.width;
    for tick in (0..).map(|number| f64::from(number) * step).take_while(|tick| *tick <= top * 1.001) {
        line(svg, "v-grid", &[(x(tick), frame.top), (x(tick), frame.bottom())]);
        text(svg, (x(tick), frame.bottom() + 18.0), "middle", "v-soft", &format!("{} %", plain(tick)));
    }
    x
}

/// Draws an axis from 0 % to what is above the highest value, and says where a value is on it.
fn percents(svg: &mut String, frame: Frame, highest: f64) -> impl Fn(f64) -> f64 + use<> {
    // A little air above the curve; 100 % needs no more.
    let top = if highest > 99.9 { 100.0 } else { (highest * 1.12).max(1.0) };
    let step = ticks(top / 10.0, top).into_iter().find(|step| top / step <= 5.0).unwrap_or(top);
    let y = move |value: f64| frame.bottom() - value / top * HEIGHT;
    let mut tick = 0.0;
    while tick <= top * 1.001 {
        line(svg, "v-grid", &[(frame.left, y(tick)), (frame.right(), y(tick))]);
        text(svg, (frame.left - 6.0, y(tick) + 4.0), "end", "v-soft", &format!("{} %", plain(tick)));
        tick += step;
    }
    y
}

/// The same from [`LEAST`] to 100 %, by the logarithm.
fn magnitudes(svg: &mut String, frame: Frame) -> impl Fn(f64) -> f64 + use<> {
    let y = move |value: f64| frame.bottom() - (value.max(LEAST) / LEAST).log10() / (100.0 / LEAST).log10() * HEIGHT;
    for tick in [LEAST, 0.1, 1.0, 10.0, 100.0] {
        line(svg, "v-grid", &[(frame.left, y(tick)), (frame.right(), y(tick))]);
        text(svg, (frame.left - 6.0, y(tick) + 4.0), "end", "v-soft", &format!("{} %", plain(tick)));
    }
    y
}

/// 1, 2, 5, 10, 20 … between two values, both above 0.
fn ticks(lowest: f64, highest: f64) -> Vec<f64> {
    let between = |tick: &f64| (lowest * 0.999..=highest * 1.001).contains(tick);
    round(lowest, highest).into_iter().filter(between).collect()
}

/// Those that can be written below an axis with no label over another: all, or those of 1, or of every second 1 …
fn apart(ticks: Vec<f64>, x: impl Fn(f64) -> f64) -> Vec<f64> {
    let half = |tick: f64| plain(tick).chars().count() as f64 * LETTER / 2.0;
    let fit = |ticks: &[f64]| ticks.windows(2).all(|two| x(two[1]) - x(two[0]) >= half(two[0]) + half(two[1]));
    if fit(&ticks) {
        return ticks;
    }
    let power = |tick: f64| tick.log10().round();
    let ones: Vec<_> =
        ticks.into_iter().filter(|tick| (tick / 10.0_f64.powf(power(*tick)) - 1.0).abs() < 1e-6).collect();
    let every = |nth: usize| ones.iter().copied().step_by(nth).collect::<Vec<_>>();
    (1..=ones.len()).map(every).find(|ticks| fit(ticks)).unwrap_or_default()
}

// Writing to a String cannot fail.

fn line(svg: &mut String, class: &str, points: &[(f64, f64)]) {
    let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
}

fn rect(svg: &mut String, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"/>"
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, class: &str, words: &str) {
    let words = escape(words);
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::{cell, losing, varied};
    use super::*;

    #[test]
    fn there_are_three_curves_and_a_bar_for_each_value_of_each_scenario() {
        let svg = whole(&varied());
        for part in ["v0", "v1"] {
            assert_eq!(svg.matches(&format!("class=\"v-line {part}\"")).count(), 6, "{part}");
            // One more in the legend.
            assert_eq!(svg.matches(&format!("<rect class=\"{part}\"")).count(), 3, "{part}");
        }
        assert!(svg.contains(">25.0 %</text>") && svg.contains(">100 %</text>") && !svg.contains(">lost</text>"));
        let errors = errors(&varied());
        assert_eq!((errors.matches("v-line v").count(), errors.matches("<rect class=\"v1\"").count()), (0, 3));
    }

    #[test]
    fn what_is_lost_lies_at_the_end_of_what_failed() {
        let mut lost = varied();
        lost.rows[1].1[0] = losing(50, 25, 25);
        let svg = whole(&lost);
        assert!(svg.contains("requests that fail or are lost") && svg.contains(">lost</text>"));
        let bars: Vec<_> =
            svg.lines().filter(|line| line.contains("class=\"v0") && line.contains("height=\"36.0\"")).collect();
        // The happy one, then the sad one, whose 50 % are all of the width.
        assert_eq!(bars.len(), 3);
        let place = |bar: &str, what: &str| -> f64 {
            let (_, rest) = bar.split_once(&format!(" {what}=\"")).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        assert_eq!((place(bars[1], "width"), place(bars[2], "width")), (BARS_WIDTH / 2.0, BARS_WIDTH / 2.0));
        assert_eq!(place(bars[1], "x") + BARS_WIDTH / 2.0, place(bars[2], "x"));
    }

    #[test]
    fn a_value_is_as_high_as_its_share_of_the_axis() {
        let mut svg = String::new();
        let frame = Frame { left: 0.0, top: 100.0, width: 100.0 };
        let y = percents(&mut svg, frame, 25.0);
        assert_eq!([0.0, 28.0, 14.0].map(|value| y(value).round()), [300.0, 100.0, 200.0]);
        let y = percents(&mut svg, frame, 100.0);
        assert_eq!(y(100.0), 100.0);
        // Four magnitudes of 50 pixels each.
        let y = magnitudes(&mut svg, frame);
        assert_eq!((y(100.0), y(1.0), y(0.0)), (100.0, 200.0, 300.0));
    }

    #[test]
    fn ticks_are_ones_twos_and_fives() {
        assert_eq!(ticks(8.0, 210.0), [10.0, 20.0, 50.0, 100.0, 200.0]);
        assert_eq!(ticks(0.5, 1.0), [0.5, 1.0]);
    }

    #[test]
    fn labels_below_an_axis_keep_apart() {
        let of = |lowest: f64, highest: f64, width: f64| {
            let x = move |at: f64| (at / lowest).ln() / (highest / lowest).ln() * width;
            apart(ticks(lowest, highest), x)
        };
        assert_eq!(of(1.0, 100.0, 270.0), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(of(1.0, 50_000.0, 270.0), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!(of(1.0, 100_000.0, 130.0), [1.0, 100.0, 10_000.0]);
    }

    #[test]
    fn words_cannot_become_markup_and_nothing_is_drawn_of_nothing() {
        let nothing = Varied { rows: vec![("<b>".to_owned(), vec![cell(&[], 0)])], ..varied() };
        let svg = whole(&nothing);
        assert!(svg.contains(">&lt;b&gt;</text>") && svg.contains("nothing was completed") && !svg.contains("NaN"));
    }
}
