//! Which files an `include` means.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::syntax::{Include, IncludeKind};
use crate::config::problem::ProblemKind;

/// How many files may be included in all. Files that include others twice over grow without end otherwise.
pub(super) const MOST_FILES: usize = 1_000;

/// The endings that a name without one stands for, the later laid over the earlier.
const ENDINGS: &[&str] = &["json", "conf"];

/// What the reference implementation reads too.
const PROPERTIES: &str = "properties";

/// The files that `include` means, with their texts, the earlier to be laid under the later.
///
/// `files` lead here, each including the next; `budget` is how many more may be included.
pub(super) fn find(
    include: &Include,
    files: &[PathBuf],
    budget: &mut usize,
) -> Result<Vec<(PathBuf, String)>, ProblemKind> {
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
        let text = match std::fs::read(name) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| unreadable(name, "it is not UTF-8"))?,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(unreadable(name, &error.to_string())),
        };
        if let Some(start) = files.iter().position(|file| is_same(file, name)) {
            let circle = files[start..].iter().chain([name]).map(|file| file.display().to_string());
            return syntax(format!("files include each other in a circle: {}", circle.collect::<Vec<_>>().join(" > ")));
        }
        let Some(left) = budget.checked_sub(1) else {
            return syntax(format!("more than {MOST_FILES} files are included"));
        };
        *budget = left;
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
fn is_missing(error: &std::io::Error) -> bool {
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
