//! HOCON: texts laid over each other become one tree of values.
//!
//! ```text
//! text ─► lexer ─► parser ─► layer: spell, note the lines ─► tree: merge ─► resolve: look ${...} up ─► value
//!                               └─ include: further files
//! ```
//!
//! # Why it is our own
//!
//! Nothing may be lost in silence, and every value is to name the line it comes from, wherever it was referred to. That
//! needs the whole way from the text to the value. The crates there are drop what follows a surplus bracket, take
//! `a = b c = d` for a text, do not say where a value was set, or need time and memory without bound.
//!
//! # How the layers become one
//!
//! Each layer's keys are put into the spelling of `reference.conf`, and then all layers go into one tree, the reference
//! first. A repeated key means in one tree what it means in one file: objects merge, otherwise the later value wins, and
//! `${...}` is looked up in the whole when all is there. So a setting that is given in both spellings goes to the later
//! layer, and a reference follows a value that a later layer sets.
//!
//! Its limit: an object that lies outside `kanaloa` and is brought in by reference keeps its spelling, so camelCase
//! keys in it are refused as unknown.
//!
//! # What is otherwise than in the reference implementation
//!
//! Refused here, each with an error: `include` of addresses, class paths and `.properties` files, and in lists; text
//! without quotes beside an object or a list, which it drops; an object with numbers for keys beside a list, which it makes
//! a list; circles of references, which it gives a value that depends on their order where they are optional; half a
//! character; what is nested more than 64 deep; references that would cost without bound.
//!
//! Accepted here: a reference without a value that a later value hides; white space that optional references without
//! a value leave beside an object or a list.
//!
//! Different: `file("...")` is relative to the including file, not to where the program runs. A field that follows an
//! object, or that is one, needs nothing to part it from the field before it on its line; there that is an error.

mod balance;
mod include;
mod layer;
mod lexer;
mod parser;
mod resolve;
mod scalar;
mod syntax;
mod tree;
mod value;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use layer::{Scope, Source, Speller};
use resolve::resolve;
use syntax::{Entry, Expression};
use tree::{NodeId, Tree};

#[cfg(feature = "lab")]
use super::document::{DOCUMENT, DOCUMENT_DISPATCHER};
use super::keys::{DEFAULT_DISPATCHER, ROOT, STATSD};
use super::known::Known;
use super::origin::{Origin, Origins, Place};
use super::problem::{Problem, ProblemKind};
use include::Shelf;
#[cfg(feature = "lab")]
pub(crate) use include::Texts;
pub(super) use scalar::{Scalar, ScalarKind};
pub(super) use value::{Content, Value};

/// How places in the reference are named.
pub(super) const REFERENCE_NAME: &str = "reference.conf";

const REFERENCE: &str = include_str!("../../../reference.conf");

// Panics if and only if the text that is compiled in is not sound HOCON; the test `reference_holds` would fail.
static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let entries = parser::parse(REFERENCE).expect("reference.conf is HOCON");
    let keys = Known::keys(&entries);
    let section = |name| match &keys {
        Known::Section(keys) => match keys.get(ROOT) {
            Some(Known::Section(keys)) => keys.get(name).cloned().unwrap_or(Known::Setting),
            _ => Known::Setting,
        },
        _ => Known::Setting,
    };
    Known::file(section(DEFAULT_DISPATCHER), section(STATSD))
});

#[cfg(feature = "lab")]
static KNOWN_WITH_DOCUMENT: LazyLock<Known> =
    LazyLock::new(|| known().clone().with_document(DOCUMENT, DOCUMENT_DISPATCHER));

// The same as for the first holds for these two.
static REFERENCE_LAYER: LazyLock<Layers> = LazyLock::new(|| {
    let (tree, origins, files) = (Tree::new(), Origins::default(), Shelf::disk());
    let mut layers = Layers { known: known(), tree, origins, sources: Vec::new(), problems: Vec::new(), files };
    layers.read(Source { index: None, prefix: 0, files: Vec::new() }, REFERENCE, Tree::TOP, &Scope::top(known()));
    layers
});
// As above.
static REFERENCE_VALUE: LazyLock<Value> = LazyLock::new(|| {
    let (value, unresolved) = resolve(&REFERENCE_LAYER.tree, &HashMap::new());
    assert_eq!(unresolved, [], "reference.conf refers to itself only");
    value.expect("reference.conf is not empty")
});

/// Which keys exist.
pub(super) fn known() -> &'static Known {
    &KNOWN
}

/// The settings of `reference.conf` alone.
pub(super) fn reference() -> &'static Value {
    &REFERENCE_VALUE
}

/// The layers of settings, from `reference.conf` up.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    /// Which keys exist.
    known: &'static Known,
    tree: Tree,
    /// The sources above the reference, in their order.
    sources: Vec<SourceName>,
    /// Who set what.
    pub(super) origins: Origins,
    /// What is wrong, by the index of the source.
    pub(super) problems: Vec<(usize, Problem)>,
    /// Where included files are found.
    files: Shelf,
}

#[derive(Debug, Clone)]
struct SourceName {
    name: String,
    /// The source that includes it, directly or through others; itself if none does.
    root: usize,
}

impl Layers {
    /// The reference alone.
    pub(super) fn new() -> Self {
        REFERENCE_LAYER.clone()
    }

    /// The reference alone, for files that have a document beside settings. Includes of texts that are in no file are
    /// found among `texts`, by their names, if there are any.
    #[cfg(feature = "lab")]
    pub(super) fn for_document(texts: Option<Texts>) -> Self {
        let files = texts.map_or_else(Shelf::disk, Shelf::texts);
        Self { known: &KNOWN_WITH_DOCUMENT, files, ..Self::new() }
    }

    /// A place without a line, for a value that is put into the settings once they are looked up.
    #[cfg(feature = "lab")]
    pub(super) fn add_place(&mut self, source: usize, path: Vec<String>) -> Place {
        let written = path.iter().fold(String::new(), |above, segment| super::path::join(&above, segment));
        self.origins.add(Origin { source: Some(source), line: None, written, path })
    }

    /// Which keys exist.
    pub(super) fn known(&self) -> &'static Known {
        self.known
    }

    /// Adds the next source and returns its index.
    pub(super) fn add_source(&mut self, name: String) -> usize {
        let root = self.sources.len();
        self.sources.push(SourceName { name, root });
        root
    }

    /// Adds a source that another includes and returns its index. The reference includes none.
    fn add_included(&mut self, name: String, by: Option<usize>) -> usize {
        let index = self.add_source(name);
        if let Some(by) = by {
            self.sources[index].root = self.sources[by].root;
        }
        index
    }

    /// The names of the sources that, with all that they include, set nothing under `key`.
    pub(super) fn silent_sources(&self, key: &str) -> Vec<&str> {
        let under = self.origins.set().filter(|origin| origin.path.first().is_some_and(|first| first == key));
        let heard: HashSet<_> = under.filter_map(|origin| Some(self.sources[origin.source?].root)).collect();
        let silent = self.sources.iter().enumerate();
        silent
            .filter(|(index, source)| source.root == *index && !heard.contains(index))
            .map(|(_, source)| source.name.as_str())
            .collect()
    }

    /// Refuses a setting that sources without an order give in two spellings.
    pub(super) fn refuse_double_spelling(&mut self) {
        let mut first: HashMap<&[String], &Origin> = HashMap::new();
        let mut doubles = Vec::new();
        for origin in self.origins.set() {
            match first.insert(&origin.path, origin) {
                Some(other) if other.written != origin.written => doubles.push((other.clone(), origin.clone())),
                _ => {}
            }
        }
        for (other, origin) in doubles {
            let message =
                format!("given as {} too, and nothing tells which is later: write it so everywhere", other.written);
            self.report(origin.source, origin.line, Some(origin.written), ProblemKind::Syntax(message));
        }
    }

    /// The name of a place, with its line if there are lines.
    pub(super) fn place(&self, place: Place) -> String {
        let origin = self.origins.of(place);
        let name = origin.source.map_or(REFERENCE_NAME, |source| self.sources[source].name.as_str());
        match origin.line {
            Some(line) => format!("{name}:{line}"),
            None => name.to_owned(),
        }
    }

    /// Lays `text` of a source over what is there. Its includes are found beside `file`, if it is in one.
    pub(super) fn lay(&mut self, source: usize, file: Option<PathBuf>, text: &str) {
        let source = Source { index: Some(source), prefix: 0, files: file.into_iter().collect() };
        self.read(source, text, Tree::TOP, &Scope::top(self.known));
    }

    /// Lays a single value over what is at a path from the top; `None` is a list.
    pub(super) fn lay_value(&mut self, source: usize, path: &[String], value: Option<Scalar>) {
        let source = Source { index: Some(source), prefix: 0, files: Vec::new() };
        let value = value.map_or(Expression::List(Vec::new()), Expression::Scalar);
        Speller { layers: self, source }.lone_value(path, value);
    }

    /// Who is to blame for a value: who brought it to where it is, or if that is the reference, who wrote it; `None` if
    /// that is the reference too.
    pub(super) fn origin(&self, value: &Value) -> Option<&Origin> {
        let places = [value.brought, Some(value.written)];
        places.into_iter().flatten().map(|place| self.origins.of(place)).find(|origin| origin.source.is_some())
    }

    /// Whether a place is in another source than the reference.
    pub(super) fn is_set(&self, place: Place) -> bool {
        self.origins.of(place).source.is_some()
    }

    /// Looks all references up. What has no value is reported.
    pub(super) fn resolve(&mut self, environment: &HashMap<String, String>) -> Value {
        let (value, unresolved) = resolve(&self.tree, environment);
        for unresolved in unresolved {
            let origin = self.origins.of(unresolved.place).clone();
            let kind = ProblemKind::Unresolved(unresolved.message);
            self.report(origin.source, origin.line, Some(origin.written), kind);
        }
        // There is at least what the reference has.
        value.unwrap_or_else(|| reference().clone())
    }

    /// Adds a problem unless it is known already. A source of `None` is one that cannot be told.
    pub(super) fn report(
        &mut self,
        source: Option<usize>,
        line: Option<usize>,
        key: Option<String>,
        kind: ProblemKind,
    ) {
        let name = source.map(|source| self.sources[source].name.clone());
        let problem = (source.unwrap_or(usize::MAX), Problem { source: name, line, key, kind });
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Everything that is wrong, in the order of sources and lines; what has no sure place comes last.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|(source, problem)| (*source, problem.line));
        self.problems.into_iter().map(|(_, problem)| problem).collect()
    }

    fn read(&mut self, source: Source, text: &str, node: NodeId, scope: &Scope) {
        match parser::parse(text) {
            Ok(entries) => Speller { layers: self, source }.entries(entries, node, scope),
            Err(syntax) => {
                self.report(source.index, Some(syntax.line), None, ProblemKind::Syntax(syntax.message));
            }
        }
    }
}

impl Known {
    /// The keys of a text that writes its objects out.
    fn keys(entries: &[Entry]) -> Known {
        let mut keys = BTreeMap::new();
        for entry in entries {
            if let Entry::Field { key, value, .. } = entry {
                let known = match value {
                    Expression::Object(entries) => Self::keys(entries),
                    _ => Known::Setting,
                };
                keys.insert(key.join("."), known);
            }
        }
        Known::Section(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_holds() {
        assert!(matches!(known(), Known::Top(_)));
        assert_eq!(REFERENCE_LAYER.problems, []);
        assert!(
            reference().at("kanaloa.dispatchers").is_some_and(|names| names.object().is_some_and(BTreeMap::is_empty))
        );
    }
}
