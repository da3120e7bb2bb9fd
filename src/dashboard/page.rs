//! The page: one file with all it needs.

use std::sync::OnceLock;

const TEMPLATE: &str = include_str!("page/page.html");

/// What stands in the template for each part.
const PARTS: [(&str, &str); 11] = [
    ("/*{uplot.css}*/", include_str!("../../assets/uplot/uPlot.min.css")),
    ("/*{page.css}*/", include_str!("page/page.css")),
    ("/*{uplot.js}*/", include_str!("../../assets/uplot/uPlot.iife.min.js")),
    ("/*{words.js}*/", include_str!("page/words.js")),
    ("/*{model.js}*/", include_str!("page/model.js")),
    ("/*{decisions.js}*/", include_str!("page/decisions.js")),
    ("/*{plots.js}*/", include_str!("page/plots.js")),
    ("/*{strips.js}*/", include_str!("page/strips.js")),
    ("/*{charts.js}*/", include_str!("page/charts.js")),
    ("/*{table.js}*/", include_str!("page/table.js")),
    ("/*{page.js}*/", include_str!("page/page.js")),
];

pub(super) fn page() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| assembled(TEMPLATE))
}

fn assembled(template: &str) -> String {
    // By splitting, not by replacing: what has been put in is not looked at again.
    let mut page = String::new();
    let mut rest = template;
    for (mark, part) in PARTS {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_all_its_parts_and_is_small() {
        for (mark, part) in PARTS {
            assert_eq!(TEMPLATE.matches(mark).count(), 1, "{mark}");
            assert!(page().contains(part), "{mark}");
            assert!(!page().contains(mark), "{mark}");
            let ends_its_element = if mark.contains("js") { "</script" } else { "</style" };
            assert!(!part.contains(ends_its_element), "{mark}");
        }
        assert!(page().ends_with("</html>\n"));
        assert!(page().len() <= 250 << 10, "{} bytes", page().len());
    }

    #[test]
    fn the_page_asks_nobody_else_for_anything() {
        // Names of authors and of standards load nothing.
        let names = ["https://github.com/", "http://www.w3.org/"];
        let addresses = page().match_indices("://").map(|(at, _)| {
            let text = |from: usize, to: usize| String::from_utf8_lossy(&page().as_bytes()[from..to]).into_owned();
            text(at.saturating_sub(5), (at + 20).min(page().len()))
        });
        let foreign: Vec<_> = addresses.filter(|text| !names.iter().any(|name| text.contains(name))).collect();
        assert_eq!(foreign, Vec::<String>::new());
    }
}
