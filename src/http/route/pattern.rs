//! Paths some of whose segments are placeholders.

use std::fmt;

use smallvec::SmallVec;
use thiserror::Error;

use super::path::{self, Path};
use super::{Pattern, Segment};

/// What is wrong with the text of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]

pub(crate) enum PatternError {
    /// It does not start with a slash.
    #[error("\"{0}\" does not start with \"/\": write \"/{0}\"")]
    NoSlash(String),
    /// A placeholder has no name.
    #[error("\"{0}\" has a placeholder without a name: write one between the braces, as in \"{{id}}\"")]
    NoName(String),
    /// Two placeholders have this name.
    #[error("\"{text}\" has the placeholder {{{name}}} twice: give each a name of its own")]
    NameTwice {
        /// The pattern.
        text: String,
        /// The name.
        name: String,
    },
    /// A segment has braces that do not enclose all of it.
    #[error(
        "in \"{text}\", the segment \"{segment}\" is partly a placeholder: a placeholder is a whole segment, as in \"/{{id}}/\""
    )]
    PartOfSegment {
        /// The pattern.
        text: String,
        /// The segment.
        segment: String,
    },
    /// A segment could not be one of a request's path, or only of one that is refused.
    #[error(
        "in \"{text}\", no request can have the segment \"{segment}\": a path has no \".\" or \"..\", query, fragment or space; write other characters percent-encoded"
    )]
    Impossible {
        /// The pattern.
        text: String,
        /// The segment.
        segment: String,
    },
}

/// What a path has where a pattern has placeholders: in the pattern's order, as it is written in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Captures<'p>(SmallVec<[&'p str; 8]>);

impl<'p> Captures<'p> {
    /// What it has for the placeholder of this place among the pattern's placeholders.
    pub(crate) fn get(&self, place: usize) -> Option<&'p str> {
        self.0.get(place).copied()
    }
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Pattern, PatternError> {
        let Some(inner) = text.strip_prefix('/') else { return Err(PatternError::NoSlash(text.to_owned())) };
        let mut segments: Vec<Segment> = Vec::new();
        for segment in inner.split('/') {
            let parsed = parse_segment(text, segment)?;
            if let Segment::Parameter(name) = &parsed
                && segments.contains(&parsed)
            {
                return Err(PatternError::NameTwice { text: text.to_owned(), name: name.clone() });
            }
            segments.push(parsed);
        }
        Ok(Pattern { segments })
    }

    /// What `path` has for the placeholders, if it is like this.
    pub(crate) fn matches<'p>(&self, path: Path<'p>) -> Option<Captures<'p>> {
        let mut captures = Captures(SmallVec::new());
        self.is_like(path, |capture| captures.0.push(capture)).then_some(captures)
    }

    pub(super) fn takes(&self, path: Path<'_>) -> bool {
        self.is_like(path, |_| {})
    }

    /// The names of its placeholders, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) => Some(name.as_str()),
        })
    }

    fn is_like<'p>(&self, path: Path<'p>, mut capture: impl FnMut(&'p str)) -> bool {
        let Some(mut found) = path.segments() else { return false };
        for segment in &self.segments {
            let Some(found) = found.next() else { return false };
            match segment {
                Segment::Literal(literal) if path.is_same(found, literal) => {}
                Segment::Parameter(_) if !found.is_empty() => capture(found),
                _ => return false,
            }
        }
        found.next().is_none()
    }
}

fn parse_segment(text: &str, segment: &str) -> Result<Segment, PatternError> {
    let is_plain = |text: &str| !text.contains(['{', '}']);
    match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some("") => Err(PatternError::NoName(text.to_owned())),
        Some(name) if is_plain(name) => Ok(Segment::Parameter(name.to_owned())),
        None if is_plain(segment) => {
            let is_possible =
                segment.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\'))
                    && path::is_unambiguous(&format!("/{segment}"));
            if !is_possible {
                return Err(PatternError::Impossible { text: text.to_owned(), segment: segment.to_owned() });
            }
            Ok(Segment::Literal(segment.to_owned()))
        }
        _ => Err(PatternError::PartOfSegment { text: text.to_owned(), segment: segment.to_owned() }),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Parameter(name) => write!(f, "/{{{name}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn captures<'p>(pattern: &str, path: &'p str) -> Option<Vec<&'p str>> {
        let pattern = Pattern::parse(pattern).unwrap();
        pattern.matches(Path::new(path)).map(|captures| captures.0.to_vec())
    }

    #[test]
    fn a_placeholder_is_any_segment_that_is_not_empty() {
        assert_eq!(captures("/users/{id}/orders", "/users/17/orders"), Some(vec!["17"]));
        assert_eq!(captures("/users/{id}/orders", "/users//orders"), None);
        assert_eq!(captures("/users/{id}/orders", "/users/17"), None);
        assert_eq!(captures("/users/{id}", "/users/17/"), None);
        assert_eq!(captures("/users/{id}", "/users/1%2F7"), Some(vec!["1%2F7"]));
        assert_eq!(captures("/{a}/{b}", "/x/y"), Some(vec!["x", "y"]));
        assert_eq!(captures("/", "/"), Some(vec![]));
        assert_eq!(captures("/", "/a"), None);
        assert_eq!(captures("/{a}", "*"), None);
    }

    #[test]
    fn literal_segments_are_compared_decoded() {
        assert_eq!(captures("/admin/{a}", "/%61dmin/x"), Some(vec!["x"]));
        assert_eq!(captures("/a/b", "/a%2Fb"), None);
    }

    #[test]
    fn what_is_wrong_with_a_text_is_told() {
        let said = |text: &str| Pattern::parse(text).unwrap_err().to_string();
        assert_eq!(said("users"), r#""users" does not start with "/": write "/users""#);
        assert_eq!(
            said("/a/{}"),
            r#""/a/{}" has a placeholder without a name: write one between the braces, as in "{id}""#
        );
        assert_eq!(said("/{a}/{a}"), r#""/{a}/{a}" has the placeholder {a} twice: give each a name of its own"#);
        assert_eq!(
            said("/x{a}"),
            r#"in "/x{a}", the segment "x{a}" is partly a placeholder: a placeholder is a whole segment, as in "/{id}/""#
        );
        for text in ["/a/../b", "/a?x={a}", "/a b", "/é", "/%2e", "/%", "/a#b"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_is_read_as_it_is_shown(
            segments in prop::collection::vec(("[a-z0-9._~-]{0,4}", any::<bool>()), 1..6),
        ) {
            let segments: Vec<_> = segments
                .into_iter()
                .enumerate()
                .map(|(place, (text, is_literal))| match is_literal {
                    true => Segment::Literal(format!("a{text}")),
                    false => Segment::Parameter(format!("{text}{place}")),
                })
                .collect();
            let pattern = Pattern { segments };
            prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
        }

        #[test]
        fn a_pattern_takes_what_is_filled_in(values in prop::collection::vec("[^/%]{1,5}", 3)) {
            let path = format!("/a/{}/b/{}/{}", values[0], values[1], values[2]);
            prop_assert_eq!(captures("/a/{x}/b/{y}/{z}", &path), Some(values.iter().map(String::as_str).collect()));
        }

        #[test]
        fn any_text_is_a_pattern_or_an_error(text in "[/{}a-c%.]*", path in ".*") {
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert_eq!(pattern.to_string(), text);
                pattern.matches(Path::new(&path));
            }
        }
    }
}
