//! A [`Page`] as HTML.

use serde_json::Value;

use super::spec::{Chart, Page};
use super::table::Table;

const PLOTS_CSS: &str = include_str!("../../assets/uplot/uPlot.min.css");
const PLOTS_JS: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
const PAGE_CSS: &str = include_str!("page.css");
const PAGE_JS: &str = include_str!("page.js");

/// The page may load nothing: what it needs is in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

impl Page {
    pub(crate) fn to_html(&self) -> String {
        let title = escape(&self.title);
        let lead: String = self.lead.iter().map(|text| format!("<p>{}</p>\n", escape(text))).collect();
        let notes: String = self.notes.iter().map(|text| format!("<p>{}</p>\n", escape(text))).collect();
        let picture: String =
            self.picture.iter().map(|svg| format!("<section class=\"picture\">\n{svg}</section>\n")).collect();
        let further: String = self.further.iter().map(|(heading, table)| figures(heading, table)).collect();
        let charts: String = self.charts.iter().map(section).collect();
        let data = embed(&self.charts.iter().map(Chart::to_json).collect());
        format!(
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{PLOTS_CSS}</style>
<style>{PAGE_CSS}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{lead}</header>
<main>
{picture}<section class="figures">
<div class="wide">{table}</div>
<div class="notes">
{notes}</div>
</section>
{further}<noscript><p>The plots need JavaScript.</p></noscript>
{charts}</main>
<script type="application/json" id="data">{data}</script>
<script>{PLOTS_JS}</script>
<script>{PAGE_JS}</script>
</body>
</html>
"#,
            table = self.table.to_html(),
        )
    }
}

fn figures(heading: &str, table: &Table) -> String {
    format!(
        "<section class=\"figures\">\n<h2>{}</h2>\n<div class=\"wide\">{}</div>\n</section>\n",
        escape(heading),
        table.to_html()
    )
}

fn section(chart: &Chart) -> String {
    let panels: String = chart
        .panels
        .iter()
        .map(|panel| {
            let caption = Some(escape(&panel.title)).filter(|title| !title.is_empty());
            let caption = caption.map(|title| format!("<figcaption>{title}</figcaption>")).unwrap_or_default();
            format!("<figure>{caption}<div class=\"plot\"></div></figure>\n")
        })
        .collect();
    format!(
        "<section class=\"chart\">\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"panels\">\n{panels}</div>\n</section>\n",
        escape(&chart.title),
        escape(&chart.explanation)
    )
}

/// Text that can stand between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// JSON that can stand in a script element, whatever its strings say: neither `</script` nor `<!--` ends or changes it.
fn embed(data: &Value) -> String {
    // In JSON this character occurs in strings only, where it may be written like this.
    data.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::spec::{Across, Axis, Drawing, Panel, Scale, Series, Tone, Unit};
    use super::*;

    const EVIL: &str = "</script><!--<b>\"'&";

    fn page() -> Page {
        Page {
            title: EVIL.to_string(),
            lead: vec![EVIL.to_string()],
            table: Table { columns: vec![EVIL.to_string()], rows: vec![(EVIL.to_string(), vec![EVIL.to_string()])] },
            notes: vec![EVIL.to_string()],
            picture: None,
            further: vec![(EVIL.to_string(), Table { columns: vec![], rows: vec![(EVIL.to_string(), vec![])] })],
            charts: vec![Chart {
                title: EVIL.to_string(),
                explanation: EVIL.to_string(),
                across: Across::Time,
                axis: Axis { label: EVIL.to_string(), unit: Unit::Number, scale: Scale::Linear },
                drawing: Drawing::Lines,
                panels: vec![Panel {
                    title: EVIL.to_string(),
                    x: vec![0.0],
                    series: vec![Series::new(EVIL, Tone::Good, vec![Some(1.0)])],
                    marks: vec![],
                }],
            }],
        }
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
        assert_eq!(escape("p99 – 5 s"), "p99 – 5 s");
    }

    #[test]
    fn embedded_data_is_still_the_same_data() {
        let data = json!({ "label": EVIL });
        let embedded = embed(&data);
        assert!(!embedded.contains('<'));
        assert_eq!(serde_json::from_str::<Value>(&embedded).unwrap(), data);
    }

    #[test]
    fn no_word_of_a_page_becomes_markup() {
        let html = page().to_html();
        assert!(!html.contains(EVIL) && !html.contains("<b>"));
        assert_eq!(html.matches("</script>").count(), 3);
    }

    #[test]
    fn the_page_loads_nothing() {
        let html = page().to_html();
        for attribute in ["src=", "@import", "url(", "fetch("] {
            assert!(!html.contains(attribute), "{attribute}");
        }
        assert_eq!(html.matches("href=").count(), 1, "only the empty icon, so that browsers ask for none");
    }
}
