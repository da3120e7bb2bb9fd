//! Which route has a request, and where on the upstream it goes.
//!
//! Route and upstream must not disagree about which path a request is for, or a request reaches through one route what
//! another was to guard. So a path that upstreams read in different ways is refused, all
//! others go upstream byte for byte, and routes compare paths decoded, as upstreams do: `/%61dmin` is `/admin`. An
//! encoded slash is a part of its segment, and segments may be empty: `//a` is not `/a`. `*` is no path, and no route
//! has it; of an absolute-form target the path counts.

pub(crate) mod path;
pub(crate) mod pattern;
mod query;
pub(crate) mod rewrite;
pub(crate) mod table;

/// Which paths a route takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathMatch {
    /// Those that are this or below it: `/a` has `/a` and `/a/b` but not `/ab`; `/` has all.
    Prefix(String),
    /// Those like this one.
    Pattern(Pattern),
}

/// A path some of whose segments are placeholders: `/users/{id}/orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub(crate) segments: Vec<Segment>,
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Text that is the same in the path.
    Literal(String),
    /// Any text that is not empty, by this name.
    Parameter(String),
}

/// What becomes of a path that a route takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rewrite {
    /// This prefix is taken away.
    StripPrefix(String),
    /// It becomes this, with parameters of the route's pattern filled in.
    Pattern(Pattern),
}

impl std::fmt::Display for PathMatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PathMatch::Prefix(prefix) => f.write_str(prefix),
            PathMatch::Pattern(pattern) => pattern.fmt(f),
        }
    }
}
