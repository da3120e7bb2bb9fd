//! Paths of keys as text, quoted where HOCON needs it, so that equal text means the same key.

/// `path.segment`, or `segment` alone under an empty path.
pub(super) fn join(path: &str, segment: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let segment = if !segment.is_empty() && segment.chars().all(plain) {
        segment.to_owned()
    } else {
        format!("\"{}\"", segment.replace('\\', "\\\\").replace('"', "\\\""))
    };
    if path.is_empty() { segment } else { format!("{path}.{segment}") }
}

/// What follows `ancestor` in `path`, with its leading dot; `None` if `path` does not lie below `ancestor`.
pub(super) fn below<'a>(path: &'a str, ancestor: &str) -> Option<&'a str> {
    path.strip_prefix(ancestor).filter(|rest| rest.starts_with('.'))
}
