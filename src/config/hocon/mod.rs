//! The one place that knows the HOCON crate.
//!
//! # How the layers become one
//!
//! Each layer is parsed by itself, its keys are put into the spelling of `reference.conf` (`layer`), and then the
//! fields of all layers follow each other in one document, the reference first. HOCON gives a repeated key in one
//! document the meaning of a fallback: objects merge, otherwise the later value wins, and `${...}` is looked up in
//! the whole when all is there. So merging comes first and resolving after it, and a setting that is given in both
//! spellings goes to the later layer. Merging with the crate's own `with_fallback` would lose elements of a chain of
//! `+=`, and would leave no place for the spelling.
//!
//! Its limit: an object that lies outside `kanaloa` and is brought in by reference keeps its spelling, so camelCase
//! keys in it are refused as unknown.
//!
//! # Why the crate is pinned
//!
//! Spelling, line numbers and keys that would otherwise be dropped in silence need the parsed but unresolved
//! document. The crate offers that in modules which it does not promise to keep, hence `=` in `Cargo.toml`.

mod balance;
mod layer;
mod resolved;

use std::collections::HashMap;
use std::sync::LazyLock;

use hocon::parser::{AstField, AstNode, Pos};
use hocon::resolver::{self, InternalResolveOptions};
use hocon::{HoconValue, ResolveError};

use super::keys::{DEFAULT_DISPATCHER, ROOT, STATSD};
use super::known::Known;
use super::origin::Origins;
use super::problem::{Problem, ProblemKind};
pub(super) use resolved::{Found, Resolved};

const REFERENCE: &str = include_str!("../../../reference.conf");

struct Reference {
    fields: Vec<AstField>,
    resolved: Resolved,
    known: Known,
}

// Panics if and only if the text that is compiled in is not sound HOCON; the test `reference_holds` would fail.
static PARSED_REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let fields = layer::parse(REFERENCE).expect("reference.conf is HOCON");
    let resolved = resolve(fields.clone(), HashMap::new(), false).expect("reference.conf refers to itself only");
    let known_keys = |section| resolved.known_keys(&format!("{ROOT}.{section}"));
    let known = Known::file(known_keys(DEFAULT_DISPATCHER), known_keys(STATSD));
    Reference { fields, resolved, known }
});

/// Which keys exist.
pub(super) fn known() -> &'static Known {
    &PARSED_REFERENCE.known
}

/// The settings of `reference.conf` alone.
pub(super) fn reference() -> &'static Resolved {
    &PARSED_REFERENCE.resolved
}

/// The layers of settings, from `reference.conf` up.
pub(super) struct Layers {
    fields: Vec<AstField>,
    /// The names of the sources above the reference, in their order.
    pub(super) sources: Vec<String>,
    /// Who set what in these sources.
    pub(super) origins: Origins,
    /// What is wrong with these sources as they stand, by the index of the source.
    pub(super) problems: Vec<(usize, Problem)>,
    /// Where each source refers to other keys, to tell whose reference failed.
    references: Vec<(usize, Position)>,
}

/// Line and column.
type Position = (usize, usize);

impl Layers {
    /// The reference alone.
    pub(super) fn new() -> Self {
        let fields = PARSED_REFERENCE.fields.clone();
        Self { fields, sources: Vec::new(), origins: Origins::default(), problems: Vec::new(), references: Vec::new() }
    }

    /// Adds the next source and returns its index.
    pub(super) fn add_source(&mut self, name: String) -> usize {
        self.sources.push(name);
        self.sources.len() - 1
    }

    /// Lays `text` of the newest source over what is there.
    pub(super) fn lay(&mut self, source: usize, text: &str) {
        match layer::parse(text) {
            Ok(fields) => {
                let fields = layer::spell(self, source, fields);
                self.fields.extend(fields);
            }
            Err(syntax) => self.report(source, Some(syntax.line), None, ProblemKind::Syntax(syntax.message)),
        }
    }

    /// Looks all references up. `None` if that fails so badly that no value can be told.
    pub(super) fn resolve(&mut self) -> Option<Resolved> {
        // An application may refer to the environment as HOCON does; the reference alone must not depend on it.
        let environment = if self.sources.is_empty() { HashMap::new() } else { environment() };
        let error = match resolve(self.fields.clone(), environment.clone(), false) {
            Ok(resolved) => return Some(resolved),
            Err(error) => error,
        };
        self.report_unresolved(error);
        // A second time past what cannot be looked up, so that the other mistakes are reported along with it.
        resolve(self.fields.clone(), environment, true).ok()
    }

    /// Adds a problem unless it is known already. A source of `usize::MAX` is one that cannot be told.
    pub(super) fn report(&mut self, source: usize, line: Option<usize>, key: Option<String>, kind: ProblemKind) {
        let problem = Problem { source: self.sources.get(source).cloned(), line, key, kind };
        if !self.problems.iter().any(|(_, known)| *known == problem) {
            self.problems.push((source, problem));
        }
    }

    /// Everything that is wrong, in the order of sources and lines; what has no sure place comes last.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|(source, problem)| (*source, problem.line));
        self.problems.into_iter().map(|(_, problem)| problem).collect()
    }

    fn report_unresolved(&mut self, error: ResolveError) {
        let at = (error.line, error.col);
        let mut sources = self.references.iter().filter(|(_, position)| *position == at).map(|(source, _)| *source);
        // Sources may refer to something at the same position; then none can be named for sure.
        let only = sources.next().filter(|first| sources.all(|source| source == *first));
        let kind = ProblemKind::Unresolved(error.message);
        self.report(only.unwrap_or(usize::MAX), only.map(|_| error.line), None, kind);
    }
}

fn resolve(
    fields: Vec<AstField>,
    environment: HashMap<String, String>,
    allow_unresolved: bool,
) -> Result<Resolved, ResolveError> {
    let document = AstNode::Object { fields, pos: Pos { line: 1, col: 1 } };
    let options = InternalResolveOptions::new(environment).with_allow_unresolved(allow_unresolved);
    Ok(match resolver::resolve(document, &options)? {
        HoconValue::Object(keys) => Resolved::new(hocon::Config::new(keys)),
        // An object resolves to an object; nothing at all would read the same.
        _ => Resolved::new(hocon::empty(None)),
    })
}

/// The environment, without what is not UTF-8 and so cannot be named in a file.
fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_holds() {
        assert!(matches!(known(), Known::Top(_)));
        assert!(matches!(reference().at("kanaloa.dispatchers"), Some(Found::Object(names)) if names.is_empty()));
    }
}
