//! Which files an `include` means.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::syntax::{Include, IncludeKind};
use crate::config::problem::ProblemKind;

/// How many files may be included in all. Files that include others twice over grow without end otherwise.
const MOST_FILES: usize = 1_000;

/// The endings that a name without one stands for, the later laid over the earlier.
const ENDINGS: &[&str] = &["json", "conf"];

/// What the reference implementation reads too.
const PROPERTIES: &str = "properties";

/// Texts that are compiled in, by the names under which they include each other.
#[cfg(feature = "lab")]
pub(crate) type Texts = &'static [(&'static str, &'static str)];

/// Where included files are found.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    /// How many more may be included.
    budget: usize,
    /// Instead of the disk.
    #[cfg(feature = "lab")]
    texts: Option<Texts>,
}

impl Shelf {
    pub(super) fn disk() -> Self {
        Self {
            budget: MOST_FILES,
            #[cfg(feature = "lab")]
            texts: None,
        }
    }

    #[cfg(feature = "lab")]
    pub(super) fn texts(texts: Texts) -> Self {
        Self { texts: Some(texts), ..Self::disk() }
    }

    fn read(&self, name: &Path) -> Result<Vec<u8>, Error> {
        #[cfg(feature = "lab")]
        if let Some(texts) = self.texts {
            let text = texts.iter().find(|(known, _)| Path::new(known) == name);
            return text.map(|(_, text)| text.as_bytes().to_vec()).ok_or(ErrorKind::NotFound.into());
        }
        std::fs::read(name)
    }

    /// The files that `include` means, with their texts, the earlier to be laid under the later. `files` lead here, each
    /// including the next.
    pub(super) fn find(&mut self, include: &Include, files: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, ProblemKind> {
        find(include, files, self)
    }
}

fn find(include: &Include, files: &[PathBuf], shelf: &mut Shelf) -> Result<Vec<(PathBuf, String)>, ProblemKind> {
    let syntax = |message: String| Err(ProblemKind::Syntax(message));
    match include.kind {
        IncludeKind::Url => return syntax("include url(...) is not supported; include a file".into()),
        IncludeKind::Classpath => return syntax("include classpath(...) is not supported; include a file".into()),
        IncludeKind::Heuristic if include.name.contains("://") => {
            return syntax(format!("include of the address {} is not supported; include a file", include.name));
        }
        _ => {}
    }
    if include.name.ends_with(&format!(".{PROPERTIES}")) {
        return syntax("include of a .properties file is not supported; write it as HOCON".into());
    }
    // A text that is in no file includes from where the program runs.
    let directory = files.last().and_then(|file| file.parent()).unwrap_or(Path::new(""));
    let name = directory.join(&include.name);
    let has_ending = ENDINGS.iter().any(|ending| include.name.ends_with(&format!(".{ending}")));
    let with = |ending: &str| PathBuf::from(format!("{}.{ending}", name.display()));
    if !has_ending && with(PROPERTIES).exists() {
        return syntax(format!(
            "include would take {}, which is not supported; write it as HOCON",
            with(PROPERTIES).display()
        ));
    }
    let names = if has_ending { vec![name] } else { ENDINGS.iter().map(|ending| with(ending)).collect() };
    let mut found = Vec::new();
    for name in &names {
        let text = match shelf.read(name) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| unreadable(name, "it is not UTF-8"))?,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(unreadable(name, &error.to_string())),
        };
        if let Some(start) = files.iter().position(|file| is_same(file, name)) {
            let circle = files[start..].iter().chain([name]).map(|file| file.display().to_string());
            return syntax(format!("files include each other in a circle: {}", circle.collect::<Vec<_>>().join(" > ")));
        }
        let Some(left) = shelf.budget.checked_sub(1) else {
            return syntax(format!("more than {MOST_FILES} files are included"));
        };
        shelf.budget = left;
        found.push((name.clone(), text));
    }
    match found.is_empty() && include.required {
        true => {
            let names: Vec<_> = names.iter().map(|name| name.display().to_string()).collect();
            Err(ProblemKind::Unreadable(format!("there is no file {}", names.join(" or "))))
        }
        false => Ok(found),
    }
}

/// Whether there is no such file. A path that goes through a file leads to none either.
fn is_missing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn is_same(file: &Path, other: &Path) -> bool {
    match (file.canonicalize(), other.canonicalize()) {
        (Ok(file), Ok(other)) => file == other,
        _ => file == other,
    }
}

fn unreadable(file: &Path, reason: &str) -> ProblemKind {
    ProblemKind::Unreadable(format!("{}: {reason}", file.display()))
}
