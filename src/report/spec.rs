//! What a page shows.

use serde_json::{Value, json};

use super::table::Table;

/// A page: words, a table of figures, and plots.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) title: String,
    /// Paragraphs under the title: the result first.
    pub(crate) lead: Vec<String>,
    pub(crate) table: Table,
    /// What must be said with the table.
    pub(crate) notes: Vec<String>,
    /// A drawing between the words and the table, as SVG.
    pub(crate) picture: Option<String>,
    /// Tables under headings of their own.
    pub(crate) further: Vec<(String, Table)>,
    pub(crate) charts: Vec<Chart>,
}

/// One quantity over time or something else, in panels side by side that share their scales, so that they can be compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) explanation: String,
    pub(crate) across: Across,
    pub(crate) axis: Axis,
    pub(crate) drawing: Drawing,
    pub(crate) panels: Vec<Panel>,
}

/// The horizontal axis of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Across {
    /// Seconds since the start.
    Time,
    /// Milliseconds that an answer takes, all above 0, spread by their logarithm.
    ResponseTime,
}

/// The vertical axis of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// What is counted or measured. The unit is added where it is not part of the numbers.
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) scale: Scale,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Number,
    /// Shown in seconds where these are better to read.
    Milliseconds,
    Percent,
}

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    /// For values above 0 that differ in magnitude.
    Log,
    /// The same with 0 on it.
    LogFromZero,
}

/// How series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// From point to point.
    Lines,
    /// Each value holds until the next.
    Steps,
    /// Steps piled on each other, the first lowest: together they are the whole.
    Stack,
}

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Empty where the chart's says it all.
    pub(crate) title: String,
    /// Where the values stand on the horizontal axis, ascending.
    pub(crate) x: Vec<f64>,
    pub(crate) series: Vec<Series>,
    /// Where something changed on the horizontal axis: a line across the plot.
    pub(crate) marks: Vec<f64>,
}

/// One line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    label: String,
    tone: Tone,
    dashed: bool,
    values: Vec<Option<f64>>,
}

/// What a colour says. The same thing has the same colour in all charts of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Neutral,
    Main,
    Second,
    /// One of several equal parts, by its number: there are [`PARTS`] colours.
    Part(usize),
}

/// How many parts of something can be told apart by their colours.
pub(crate) const PARTS: usize = 8;

impl Series {
    /// A line with a value for each `x` of its panel; `None` is a gap.
    pub(crate) fn new(label: &str, tone: Tone, values: Vec<Option<f64>>) -> Self {
        Series { label: label.to_string(), tone, dashed: false, values }
    }

    /// A line to compare others with.
    pub(crate) fn dashed(self) -> Self {
        Series { dashed: true, ..self }
    }

    fn to_json(&self) -> Value {
        json!({ "label": self.label, "tone": self.tone.name(), "dashed": self.dashed, "values": rounded(&self.values) })
    }
}

impl Chart {
    /// As the page's script reads it.
    pub(super) fn to_json(&self) -> Value {
        let panel = |panel: &Panel| {
            let series: Vec<_> = panel.series.iter().map(Series::to_json).collect();
            let instants = |times: &[f64]| times.iter().copied().map(thousandths).collect::<Vec<_>>();
            json!({ "x": instants(&panel.x), "series": series, "marks": instants(&panel.marks) })
        };
        json!({
            "across": self.across.name(),
            "label": self.axis.label,
            "unit": self.axis.unit.name(),
            "scale": self.axis.scale.name(),
            "drawing": self.drawing.name(),
            "panels": self.panels.iter().map(panel).collect::<Vec<_>>(),
        })
    }
}

impl Across {
    fn name(self) -> &'static str {
        match self {
            Across::Time => "time",
            Across::ResponseTime => "response-time",
        }
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Number => "number",
            Unit::Milliseconds => "milliseconds",
            Unit::Percent => "percent",
        }
    }
}

impl Scale {
    fn name(self) -> &'static str {
        match self {
            Scale::Linear => "linear",
            Scale::Log => "log",
            Scale::LogFromZero => "log-from-zero",
        }
    }
}

impl Drawing {
    fn name(self) -> &'static str {
        match self {
            Drawing::Lines => "lines",
            Drawing::Steps => "steps",
            Drawing::Stack => "stack",
        }
    }
}

impl Tone {
    fn name(self) -> String {
        let name = match self {
            Tone::Good => "good",
            Tone::Warning => "warning",
            Tone::Bad => "bad",
            Tone::Neutral => "neutral",
            Tone::Main => "main",
            Tone::Second => "second",
            Tone::Part(number) => return format!("part-{}", number % PARTS),
        };
        name.to_string()
    }
}

fn rounded(values: &[Option<f64>]) -> Vec<Option<f64>> {
    values.iter().map(|value| value.map(thousandths)).collect()
}

/// No plot shows more, and the file is a good deal smaller.
fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_what_the_script_reads() {
        let chart = Chart {
            title: "Queue".to_string(),
            explanation: String::new(),
            across: Across::Time,
            axis: Axis { label: "requests".to_string(), unit: Unit::Number, scale: Scale::LogFromZero },
            drawing: Drawing::Stack,
            panels: vec![Panel {
                title: "with".to_string(),
                x: vec![0.0, 0.100_000_1],
                series: vec![
                    Series::new("waiting", Tone::Main, vec![Some(2.0 / 3.0), None]).dashed(),
                    Series::new("a", Tone::Part(PARTS + 1), vec![None, None]),
                ],
                marks: vec![0.05],
            }],
        };
        assert_eq!(
            chart.to_json(),
            json!({
                "across": "time", "label": "requests", "unit": "number", "scale": "log-from-zero", "drawing": "stack",
                "panels": [{
                    "x": [0.0, 0.1],
                    "series": [
                        { "label": "waiting", "tone": "main", "dashed": true, "values": [0.667, null] },
                        { "label": "a", "tone": "part-1", "dashed": false, "values": [null, null] },
                    ],
                    "marks": [0.05],
                }],
            })
        );
    }
}
