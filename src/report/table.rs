//! A table of figures, for a terminal and for a page.

use super::html::escape;

/// Named rows under named columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    /// A name and a cell for each column.
    pub(crate) rows: Vec<(String, Vec<String>)>,
}

/// Between columns of text.
const GAP: usize = 3;

impl Table {
    /// As lines: names to the left, figures to the right of their columns.
    pub(crate) fn to_text(&self) -> String {
        let widest = |cells: &mut dyn Iterator<Item = &String>| cells.map(|cell| width(cell)).max().unwrap_or(0);
        let names = widest(&mut self.rows.iter().map(|(name, _)| name));
        let columns: Vec<_> = (0..self.columns.len())
            .map(|index| {
                let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(index));
                widest(&mut cells.chain([&self.columns[index]])) + GAP
            })
            .collect();
        let empty = String::new();
        let mut text = String::new();
        for (name, cells) in
            [(&empty, &self.columns)].into_iter().chain(self.rows.iter().map(|(name, cells)| (name, cells)))
        {
            text.push_str(&format!("{name:<names$}"));
            for (cell, width) in cells.iter().zip(&columns) {
                text.push_str(&format!("{cell:>width$}"));
            }
            text.push('\n');
        }
        text
    }

    /// As GitHub's flavour of Markdown has it.
    pub(crate) fn to_markdown(&self) -> String {
        let line = |name: &str, cells: &[String]| format!("| {name} | {} |\n", cells.join(" | "));
        let mut text = line("", &self.columns).replace("|  |", "| |");
        text.push_str(&format!("|---|{}\n", "--:|".repeat(self.columns.len())));
        for (name, cells) in &self.rows {
            text.push_str(&line(name, cells));
        }
        text
    }

    pub(super) fn to_html(&self) -> String {
        let columns: String =
            self.columns.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
        let rows: String = self
            .rows
            .iter()
            .map(|(name, cells)| {
                let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
                format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(name))
            })
            .collect();
        format!("<table>\n<thead><tr><td></td>{columns}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>")
    }
}

/// As `format!` counts it.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |name: &str, cells: [&str; 2]| (name.to_string(), cells.map(str::to_string).to_vec());
        Table {
            columns: vec!["without".to_string(), "with".to_string()],
            rows: vec![row("good, <1 s", ["12.0", "196.5"]), row("p99", ["–", "211 ms"])],
        }
    }

    #[test]
    fn figures_stand_to_the_right_of_their_columns() {
        let lines =
            ["             without     with", "good, <1 s      12.0    196.5", "p99                –   211 ms", ""];
        assert_eq!(table().to_text(), lines.join("\n"));
    }

    #[test]
    fn markdown_has_figures_to_the_right() {
        assert_eq!(
            table().to_markdown(),
            "| | without | with |\n|---|--:|--:|\n| good, <1 s | 12.0 | 196.5 |\n| p99 | – | 211 ms |\n"
        );
    }

    #[test]
    fn words_cannot_become_markup() {
        let html = table().to_html();
        assert!(html.contains("<th scope=\"row\">good, &lt;1 s</th><td>12.0</td><td>196.5</td>"), "{html}");
    }
}
