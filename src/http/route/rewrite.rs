//! Where on the upstream a request goes.

use hyper::Uri;
use hyper::http::uri::PathAndQuery;
use thiserror::Error;

use super::path::{self, Path};
use super::{PathMatch, Pattern, Rewrite, Segment, query};

/// Why a request has no place on the upstream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NoTarget {
    /// Its path is none that the route takes.
    #[error("the path is none that the route takes")]
    NotTaken,
    /// The rewritten path names a placeholder that the route's pattern does not have.
    #[error("the rewritten path names {{{0}}}, which the route's pattern does not have")]
    NoSuchPlaceholder(String),
    /// What the path and query become is no path and query, or one that servers read in different ways.
    #[error("the rewritten path is not valid")]
    Invalid,
}

/// The path and query that the upstream sees.
///
/// # Errors
/// [`NoTarget`] if the path cannot be rewritten. Of a path that the route takes and [`path::is_unambiguous`] passes,
/// this happens only if it would be longer than 65,534 bytes, or if the rewriting names a placeholder that there is not.
pub(crate) fn target(
    uri: &Uri,
    matches: &PathMatch,
    rewrite: Option<&Rewrite>,
    parameters: Option<&[String]>,
) -> Result<PathAndQuery, NoTarget> {
    let dropped = match (parameters, uri.query()) {
        (Some(listed), Some(query)) if !query::is_all_listed(query, listed) => Some((listed, query)),
        _ => None,
    };
    if rewrite.is_none() && dropped.is_none() {
        return Ok(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    let mut target = String::with_capacity(uri.path_and_query().map_or(1, |target| target.as_str().len()) + 32);
    match rewrite {
        Some(rewrite) => rewrite.push(&mut target, matches, Path::new(uri.path()))?,
        None => target.push_str(uri.path()),
    }
    match (dropped, uri.query()) {
        (Some((listed, query)), _) => query::push_listed(&mut target, query, listed),
        (None, Some(query)) => {
            target.push('?');
            target.push_str(query);
        }
        (None, None) => {}
    }
    PathAndQuery::from_maybe_shared(target).map_err(|_| NoTarget::Invalid)
}

impl Rewrite {
    /// The first name in the rewritten path that is no placeholder of the route's: for the settings to refuse.
    pub(crate) fn unknown_name(&self, matches: &PathMatch) -> Option<&str> {
        match (self, matches) {
            (Rewrite::StripPrefix(_), _) => None,
            (Rewrite::Pattern(to), PathMatch::Prefix(_)) => to.names().next(),
            (Rewrite::Pattern(to), PathMatch::Pattern(from)) => {
                to.names().find(|name| from.names().all(|known| known != *name))
            }
        }
    }

    /// Appends what `path` becomes.
    fn push(&self, target: &mut String, matches: &PathMatch, path: Path<'_>) -> Result<(), NoTarget> {
        let start = target.len();
        match self {
            Rewrite::StripPrefix(prefix) => match path.after(prefix).ok_or(NoTarget::NotTaken)? {
                "" => target.push('/'),
                rest => target.push_str(rest),
            },
            Rewrite::Pattern(to) => to.push(target, matches, path)?,
        }
        if path::is_unambiguous(&target[start..]) { Ok(()) } else { Err(NoTarget::Invalid) }
    }
}

impl Pattern {
    /// Appends itself, with what `path` has for the placeholders of the same name in the route's pattern.
    fn push(&self, target: &mut String, matches: &PathMatch, path: Path<'_>) -> Result<(), NoTarget> {
        let from = match matches {
            PathMatch::Pattern(from) => Some((from, from.matches(path).ok_or(NoTarget::NotTaken)?)),
            PathMatch::Prefix(prefix) => path.after(prefix).map(|_| None).ok_or(NoTarget::NotTaken)?,
        };
        for segment in &self.segments {
            target.push('/');
            target.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Parameter(name) => from
                    .as_ref()
                    .and_then(|(from, captures)| captures.get(from.names().position(|known| known == name)?))
                    .ok_or_else(|| NoTarget::NoSuchPlaceholder(name.clone()))?,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn becomes(uri: &str, from: &PathMatch, to: Option<&Rewrite>, listed: Option<&[&str]>) -> Result<String, NoTarget> {
        let listed: Option<Vec<String>> = listed.map(|listed| listed.iter().map(|&name| name.to_owned()).collect());
        let uri: Uri = uri.parse().unwrap();
        target(&uri, from, to, listed.as_deref()).map(|target| target.to_string())
    }

    #[test]
    fn without_a_rule_all_stays_byte_for_byte() {
        let all = PathMatch::Prefix("/".into());
        for uri in ["/", "/a%2Fb//c?x=%7e&&y", "/?", "/a?"] {
            assert_eq!(becomes(uri, &all, None, None).as_deref(), Ok(uri));
        }
        assert_eq!(becomes("http://host/a?b", &all, None, None).as_deref(), Ok("/a?b"));
        assert_eq!(becomes("http://host?b", &all, None, None).as_deref(), Ok("/?b"));
        assert_eq!(becomes("/?a=1&b=%20", &all, None, Some(&["b", "a"])).as_deref(), Ok("/?a=1&b=%20"));
    }

    #[test]
    fn a_prefix_is_taken_away() {
        let (from, to) = (PathMatch::Prefix("/api".into()), Rewrite::StripPrefix("/api".into()));
        let becomes = |uri| becomes(uri, &from, Some(&to), None);
        assert_eq!(becomes("/api").as_deref(), Ok("/"));
        assert_eq!(becomes("/api?x=1").as_deref(), Ok("/?x=1"));
        assert_eq!(becomes("/api/").as_deref(), Ok("/"));
        assert_eq!(becomes("/%61pi/v%31/?").as_deref(), Ok("/v%31/?"));
        assert_eq!(becomes("/apis"), Err(NoTarget::NotTaken));
    }

    #[test]
    fn placeholders_are_filled_in() {
        let from = PathMatch::Pattern(pattern("/users/{id}/orders/{order}"));
        let to = Rewrite::Pattern(pattern("/o/{order}/of/{id}"));
        assert_eq!(
            becomes("/users/1%2F7/orders/x?a=1&b=2", &from, Some(&to), Some(&["b"])).as_deref(),
            Ok("/o/x/of/1%2F7?b=2")
        );
        assert_eq!(becomes("/users/1/orders", &from, Some(&to), None), Err(NoTarget::NotTaken));
        assert_eq!(becomes("/users/../orders/x", &from, Some(&to), None), Err(NoTarget::Invalid));
    }

    #[test]
    fn a_name_that_there_is_not_is_found() {
        let from = PathMatch::Pattern(pattern("/{a}"));
        let to = Rewrite::Pattern(pattern("/{a}/{b}"));
        assert_eq!(to.unknown_name(&from), Some("b"));
        assert_eq!(to.unknown_name(&PathMatch::Prefix("/".into())), Some("a"));
        assert_eq!(becomes("/x", &from, Some(&to), None), Err(NoTarget::NoSuchPlaceholder("b".into())));
        assert_eq!(Rewrite::Pattern(pattern("/{a}")).unknown_name(&from), None);
    }

    #[test]
    fn a_target_that_is_too_long_is_an_error() {
        let from = PathMatch::Pattern(pattern("/{a}"));
        let to = Rewrite::Pattern(pattern(&format!("/{}/{{a}}", "b".repeat(60_000))));
        assert_eq!(becomes(&format!("/{}", "a".repeat(6_000)), &from, Some(&to), None), Err(NoTarget::Invalid));
    }

    fn paths() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(vec!["a", "b", "", ".", "..", "%2e", "..%2F", "%61", "..;", "x.y", "%"]);
        prop::collection::vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/")))
    }

    proptest! {
        #[test]
        fn what_a_path_becomes_is_one_that_servers_agree_on(path in paths(), strip in prop::sample::select(vec!["/", "/a", "/a/b"])) {
            let uri: Uri = path.parse().unwrap();
            let from = PathMatch::Pattern(pattern("/{x}/{y}"));
            let to = Rewrite::Pattern(pattern("/z/{y}/w/{x}"));
            if let Ok(target) = target(&uri, &from, Some(&to), None) {
                prop_assert!(path::is_unambiguous(target.path()), "{}", target);
                let back = pattern("/z/{y}/w/{x}");
                prop_assert!(back.matches(Path::new(target.path())).is_some(), "{}", target);
            }
            let (from, to) = (PathMatch::Prefix(strip.into()), Rewrite::StripPrefix(strip.into()));
            let taken = Path::new(&path).after(strip).is_some();
            let target = target(&uri, &from, Some(&to), None);
            prop_assert_eq!(target.is_ok(), taken && (path::is_unambiguous(&path)));
        }

        #[test]
        fn any_target_can_be_rewritten_or_not(path in "/[!-~]*", query in "[!-~]*") {
            let Ok(uri) = format!("{path}?{query}").parse::<Uri>() else { return Ok(()) };
            let from = PathMatch::Prefix("/".into());
            let _ = target(&uri, &from, Some(&Rewrite::StripPrefix("/a".into())), Some(&["a".to_owned()]));
        }
    }
}
