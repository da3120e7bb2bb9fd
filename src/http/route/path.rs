//! A request's path, as routes compare it.

/// A request's path and whether any of it is percent-encoded, which is looked up once and not for every route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path<'p> {
    text: &'p str,
    is_encoded: bool,
}

impl<'p> Path<'p> {
    pub(crate) fn new(text: &'p str) -> Self {
        Path { text, is_encoded: has_escape(text) }
    }

    /// What follows `prefix`, if that is the path's first whole segments: empty, or from a slash on. A slash at the
    /// prefix's end does not count.
    pub(crate) fn after(self, prefix: &str) -> Option<&'p str> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let rest = match self.text.strip_prefix(prefix) {
            Some(rest) => rest,
            None if self.is_encoded || has_escape(prefix) => after_decoded(self.text, prefix)?,
            None => return None,
        };
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Its segments: what is between its slashes; `None` if it does not start with one.
    pub(super) fn segments(self) -> Option<Segments<'p>> {
        Some(Segments(Some(self.text.strip_prefix('/')?)))
    }

    /// Whether a segment of it is the same as `literal`, for an upstream that decodes both.
    pub(super) fn is_same(self, segment: &str, literal: &str) -> bool {
        // What is encoded is longer than what it stands for.
        let may_differ = self.is_encoded || (literal.len() > segment.len() && has_escape(literal));
        segment == literal || (may_differ && Units(segment.as_bytes()).eq(Units(literal.as_bytes())))
    }
}

/// What is between slashes: [`str::split`] is made for longer texts, and took a third of the time of finding a route.
pub(super) struct Segments<'p>(Option<&'p str>);

impl<'p> Iterator for Segments<'p> {
    type Item = &'p str;

    fn next(&mut self) -> Option<&'p str> {
        let text = self.0?;
        let Some(end) = text.bytes().position(|byte| byte == b'/') else { return self.0.take() };
        self.0 = Some(&text[end + 1..]);
        Some(&text[..end])
    }
}

fn has_escape(text: &str) -> bool {
    text.as_bytes().contains(&b'%')
}

fn after_decoded<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let mut rest = Units(path.as_bytes());
    for unit in Units(prefix.as_bytes()) {
        if rest.next() != Some(unit) {
            return None;
        }
    }
    path.get(path.len() - rest.0.len()..)
}

/// The bytes of a path, decoded; an encoded slash is none that separates, and has a number of its own.
struct Units<'a>(&'a [u8]);

const ENCODED_SLASH: u16 = 0x100 | b'/' as u16;

impl Iterator for Units<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        if byte != b'%' {
            return Some(u16::from(byte));
        }
        let Some(decoded) = escaped(rest) else { return Some(u16::from(byte)) };
        self.0 = &rest[2..];
        Some(if decoded == b'/' { ENCODED_SLASH } else { u16::from(decoded) })
    }
}

/// The byte that the two hexadecimal digits after a `%` stand for.
pub(super) fn escaped(after: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    match after {
        [high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// Whether every upstream reads this path in the same way. None does if it does not start with a slash, if what follows a
/// `%` is not two hexadecimal digits, if it has an encoded NUL, or if it has a segment `.` or `..`, plain or encoded. Some
/// servers take a backslash or an encoded slash for one that separates, and some read a segment's name only up to a `;`:
/// `/a/..;/b`, `/a/..%2Fb` and `/a/..\b` are refused too.
pub(crate) fn is_unambiguous(path: &str) -> bool {
    let bytes = path.as_bytes();
    // Without branches, as this is all that is done for most paths.
    let looks_odd = bytes
        .iter()
        .zip(&bytes[usize::from(!bytes.is_empty())..])
        .fold(bytes.last().is_some_and(|&last| last == b'%'), |odd, (&byte, &next)| {
            odd | (byte == b'%') | (byte == b'\\') | ((byte == b'/') & (next == b'.'))
        });
    path.starts_with('/') && (!looks_odd || !is_odd(path.as_bytes()))
}

/// How much of a segment's name is dots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Empty,
    Dot,
    DotDot,
    Other,
}

fn is_odd(path: &[u8]) -> bool {
    let mut name = Name::Empty;
    let mut is_in_name = true;
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let byte = if byte == b'%' {
            let Some(decoded) = escaped(after) else { return true };
            rest = &after[2..];
            decoded
        } else {
            byte
        };
        match byte {
            0 => return true,
            b'/' | b'\\' if matches!(name, Name::Dot | Name::DotDot) => return true,
            b'/' | b'\\' => (name, is_in_name) = (Name::Empty, true),
            b';' => is_in_name = false,
            _ if !is_in_name => {}
            b'.' => {
                name = match name {
                    Name::Empty => Name::Dot,
                    Name::Dot => Name::DotDot,
                    Name::DotDot | Name::Other => Name::Other,
                }
            }
            _ => name = Name::Other,
        }
    }
    matches!(name, Name::Dot | Name::DotDot)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_is_whole_segments() {
        let after = |path, prefix| Path::new(path).after(prefix);
        assert_eq!(after("/a", "/a"), Some(""));
        assert_eq!(after("/a/", "/a"), Some("/"));
        assert_eq!(after("/a/b", "/a/"), Some("/b"));
        assert_eq!(after("/a", "/a/"), Some(""));
        assert_eq!(after("/ab", "/a"), None);
        assert_eq!(after("/", "/a"), None);
        assert_eq!(after("/a/b", "/"), Some("/a/b"));
        assert_eq!(after("//a", "/a"), None);
        assert_eq!(after("*", "/"), None);
        assert_eq!(after("/A", "/a"), None);
    }

    #[test]
    fn a_prefix_is_compared_decoded() {
        let after = |path, prefix| Path::new(path).after(prefix);
        assert_eq!(after("/%61dmin/x", "/admin"), Some("/x"));
        assert_eq!(after("/%61dmin%2Fx", "/admin"), None);
        assert_eq!(after("/a%2fb/c", "/a%2Fb"), Some("/c"));
        assert_eq!(after("/a/b", "/a%2Fb"), None);
        assert_eq!(after("/caf%c3%a9", "/caf%C3%A9"), Some(""));
        assert_eq!(after("/café", "/caf%C3%A9"), Some(""));
        assert_eq!(after("/café", "/caf%C3"), None);
        assert_eq!(after("/%4", "/%4"), Some(""));
    }

    #[test]
    fn paths_that_servers_read_in_different_ways_are_known() {
        for path in [
            "",
            "*",
            "a",
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/%2e%2e/a",
            "/.%2E",
            "/a%2f..%2fb",
            "/a/..%2Fb",
            "/a\\..\\b",
            "/a/..%5cb",
            "/a/..;x=1/b",
            "/a/..%3bx/b",
            "/a/.;/b",
            "/%",
            "/%4",
            "/%zz",
            "/a%00b",
            "/%+1",
        ] {
            assert!(!is_unambiguous(path), "{path}");
        }
        for path in [
            "/",
            "//",
            "/a//b",
            "/...",
            "/.well-known/x",
            "/a.b",
            "/..a",
            "/a..",
            "/a%2Fb",
            "/%252e%252e/",
            "/a;v=../b",
            "/%61",
            "/café",
            "/a\\b",
        ] {
            assert!(is_unambiguous(path), "{path}");
        }
    }

    fn bits() -> impl Strategy<Value = String> {
        let bit = prop::sample::select(vec![
            "/", ".", "..", "%2e", "%2F", "%00", ";", "\\", "%5C", "x", "é", "%61", "%25", "x", "/", "x.", "%x",
        ]);
        prop::collection::vec(bit, 0..12).prop_map(|bits| bits.concat())
    }

    proptest! {
        #[test]
        fn nothing_is_refused_or_passed_only_because_of_how_it_is_written(path in bits()) {
            // The quick look is only that: it finds all that the long one does.
            prop_assert_eq!(is_unambiguous(&path), path.starts_with('/') && !is_odd(path.as_bytes()));
        }

        #[test]
        fn a_path_passes_unless_a_server_that_decodes_sees_something_else_in_it(path in bits()) {
            let path = format!("/{path}");
            let mut decoded = path.replace("%25", "\u{1}").replace("%2e", ".").replace("%2F", "/").replace("%5C", "\\").replace("%61", "a");
            let has_nul = decoded.contains("%00");
            decoded = decoded.replace("%00", "");
            let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
            let has_dots = decoded.split(['/', '\\']).any(is_dots);
            prop_assert_eq!(is_unambiguous(&path), !has_nul && !has_dots && !decoded.contains('%'), "{}", path);
        }

        #[test]
        fn any_path_can_be_compared(path in ".*", prefix in ".*") {
            is_unambiguous(&path);
            if let Some(rest) = Path::new(&path).after(&prefix) {
                prop_assert!(path.ends_with(rest));
            }
        }
    }
}
