//! Which of two routes comes first, and what the later one has left.

use super::super::route::{PathMatch, Pattern, Segment};
use super::{RouteMatch, RouteSettings};
use crate::config::document::{Document, Node};

/// Refuses routes that no request comes to, because an earlier one takes them all.
pub(super) fn refuse_hidden(document: &mut Document, routes: &[(Node, RouteSettings)]) {
    for (index, (at, route)) in routes.iter().enumerate() {
        let hides = |(_, earlier): &&(Node, RouteSettings)| hides(&earlier.matches, &route.matches);
        if let Some((earlier, _)) = routes[..index].iter().find(hides) {
            let expected = format!("a route that comes before {}, which takes all its requests", earlier.written());
            document.refuse_found(at, expected, format!("{} after it", route.matches));
        }
    }
}

/// Puts text before parameters, segment by segment: where `/users/me` and `/users/{id}` are told apart by what they say
/// and not by their order, the first has what both could have.
pub(super) fn text_first(routes: &mut [(Node, RouteSettings)]) {
    routes.sort_by_key(|(_, route)| match &route.matches.path {
        PathMatch::Pattern(pattern) => pattern.segments.iter().map(is_parameter).collect(),
        PathMatch::Prefix(_) => Vec::new(),
    });
}

fn is_parameter(segment: &Segment) -> bool {
    matches!(segment, Segment::Parameter(_))
}

/// Whether an earlier route surely takes whatever a later one could.
fn hides(earlier: &RouteMatch, later: &RouteMatch) -> bool {
    let host = earlier.host.is_none() || earlier.host == later.host;
    let has = |methods: &RouteMatch| !methods.methods.is_empty();
    let methods = !has(earlier) || (has(later) && later.methods.iter().all(|method| earlier.methods.contains(method)));
    let path = match (&earlier.path, &later.path) {
        (PathMatch::Prefix(above), PathMatch::Prefix(below)) => is_below(below.split('/').skip(1), above),
        (PathMatch::Prefix(above), PathMatch::Pattern(below)) => {
            let text = below.segments.iter().map_while(|segment| match segment {
                Segment::Literal(text) => Some(text.as_str()),
                Segment::Parameter(_) => None,
            });
            is_below(text, above)
        }
        (PathMatch::Pattern(earlier), PathMatch::Pattern(later)) => takes_all_of(earlier, later),
        (PathMatch::Pattern(_), PathMatch::Prefix(_)) => false,
    };
    host && methods && path
}

/// Whether a path that begins with these segments is `above` or below it.
fn is_below<'a>(mut segments: impl Iterator<Item = &'a str>, above: &str) -> bool {
    above == "/" || above.split('/').skip(1).all(|segment| segments.next() == Some(segment))
}

fn takes_all_of(earlier: &Pattern, later: &Pattern) -> bool {
    let takes = |(earlier, later): (&Segment, &Segment)| is_parameter(earlier) || earlier == later;
    earlier.segments.len() == later.segments.len() && earlier.segments.iter().zip(&later.segments).all(takes)
}
