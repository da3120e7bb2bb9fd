//! Where each key was set, so that a problem found in the merged settings can name its file and line.

use super::path;

/// A file, or a text with a name, and the line of a key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Index of the source among the application's.
    pub(super) source: usize,
    pub(super) line: usize,
}

/// One assignment in a file.
#[derive(Debug)]
pub(super) struct Definition {
    /// The key as `reference.conf` spells it.
    pub(super) path: String,
    /// The key as its author spelt it.
    pub(super) written: String,
    pub(super) place: Place,
    pub(super) value: Written,
}

/// What can be told about a value before references are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// This value and no earlier one holds.
    Value,
    /// `${?...}`, which leaves the earlier value as it was when there is nothing to refer to.
    Optional,
    /// An object that comes from a reference: any key below may come from here or from earlier.
    Computed,
}

/// Who set a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The source, if it is certain.
    pub(super) source: Option<usize>,
    /// The line, if it is certain.
    pub(super) line: Option<usize>,
    /// The key as its author spelt it.
    pub(super) written: String,
}

/// All assignments of the application's files, earliest first.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Definition>);

impl Origins {
    pub(super) fn add(&mut self, definition: Definition) {
        self.0.push(definition);
    }

    /// Who set the key `path` last; `None` if no application file did.
    pub(super) fn of(&self, path: &str) -> Option<Origin> {
        let mut candidates = self.0.iter().rev().filter(|definition| {
            definition.path == path
                || (definition.value == Written::Computed && path::below(path, &definition.path).is_some())
        });
        let last = candidates.next()?;
        let rest = path::below(path, &last.path).unwrap_or("");
        let mut origin = Origin {
            source: Some(last.place.source),
            line: Some(last.place.line),
            written: format!("{}{rest}", last.written),
        };
        // A value that may or may not have given way cannot be pinned to a line: it could be this one or an earlier.
        if last.value != Written::Value {
            for earlier in candidates {
                origin.line = None;
                if earlier.place.source != last.place.source {
                    origin.source = None;
                }
                if earlier.value == Written::Value {
                    break;
                }
            }
        }
        Some(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(definitions: &[(&str, usize, usize, Written)]) -> Origins {
        let definition = |&(path, source, line, value): &(&str, usize, usize, Written)| Definition {
            path: path.to_owned(),
            written: path.to_owned(),
            place: Place { source, line },
            value,
        };
        Origins(definitions.iter().map(definition).collect())
    }

    fn place(origins: &Origins, path: &str) -> Option<(Option<usize>, Option<usize>)> {
        origins.of(path).map(|origin| (origin.source, origin.line))
    }

    #[test]
    fn the_last_assignment_is_to_blame() {
        let origins = origins(&[("a", 0, 1, Written::Value), ("a", 0, 7, Written::Value), ("b", 0, 9, Written::Value)]);
        assert_eq!(place(&origins, "a"), Some((Some(0), Some(7))));
        assert_eq!(place(&origins, "c"), None);
    }

    #[test]
    fn an_optional_reference_over_a_value_hides_the_line() {
        let origins = origins(&[("a", 0, 1, Written::Value), ("a", 0, 2, Written::Optional)]);
        assert_eq!(place(&origins, "a"), Some((Some(0), None)));
    }

    #[test]
    fn an_object_from_a_reference_answers_for_the_keys_below_it() {
        let origins = origins(&[("a", 0, 1, Written::Computed), ("ab.c", 0, 2, Written::Value)]);
        assert_eq!(place(&origins, "a.b"), Some((Some(0), Some(1))));
        assert_eq!(place(&origins, "ab.d"), None);
    }

    #[test]
    fn several_possible_files_hide_the_file_too() {
        let origins = origins(&[("a.b", 0, 1, Written::Value), ("a", 1, 1, Written::Computed)]);
        assert_eq!(place(&origins, "a.b"), Some((None, None)));
    }
}
