//! URL paths in the one form in which they are compared.

use std::fmt;

use super::Asked;
use crate::request::decoded;

/// A URL path in the one form in which paths are compared: decoded, without empty and dot segments, no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UrlPath(Vec<u8>);

impl UrlPath {
    /// A path as an operator writes it.
    pub fn new(path: &str) -> Option<Self> {
        let read = Self::of(path.as_bytes(), b"");
        (read.0 == path.trim_end_matches('/').as_bytes() && path.starts_with('/')).then_some(read)
    }

    /// The path that a request is for, as the web server split and decoded it; for an authorizer, the client's own.
    pub fn asked(asked: &Asked<'_>, is_authorizer: bool) -> Self {
        let Asked { script, info, document, uri, .. } = *asked;
        let client = || Self::of(&decoded(uri), b"");
        match script.first() {
            _ if is_authorizer => client(),
            None if info.is_empty() => client(),
            // Cut out of the URL behind the script path, which is in the other variables.
            Some(first) if *first != b'/' && document.is_empty() => client(),
            Some(first) if *first != b'/' => Self::of(document, b""),
            _ => Self::of(script, info),
        }
    }

    /// Dot segments of the path behind a script cannot climb into the script's name.
    fn of(script: &[u8], info: &[u8]) -> Self {
        let mut path = Vec::with_capacity(script.len() + info.len() + 1);
        push(&mut path, script);
        push(&mut path, info);
        Self(path)
    }

    /// Its bytes: nothing, or segments that each begin with a slash.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many segments it has.
    pub(super) fn depth(&self) -> usize {
        self.0.split(|byte| *byte == b'/').count() - 1
    }

    /// Where its first `depth` segments end.
    pub(super) fn ends(&self, depth: usize) -> usize {
        let slashes = self.0.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        slashes.map(|(at, _)| at).nth(depth).unwrap_or(self.0.len())
    }
}

impl fmt::Display for UrlPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.0.is_empty() { b"/" } else { self.0.as_slice() };
        formatter.write_str(&String::from_utf8_lossy(path))
    }
}

/// Adds a path's segments.
fn push(path: &mut Vec<u8>, more: &[u8]) {
    let start = path.len();
    for segment in more.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                let end = path[start..].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                path.truncate(start + end);
            }
            segment => {
                path.push(b'/');
                path.extend_from_slice(segment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_web_server() {
        let check = |asked: Asked<'_>, expected: &str| {
            assert_eq!(UrlPath::asked(&asked, false).0, expected.as_bytes(), "{asked:?}");
        };
        let uri = b"/c%6Cient/./x";
        check(Asked { uri, ..Asked::default() }, "/client/x");
        check(Asked { uri, script: b"/bin/view", ..Asked::default() }, "/bin/view");
        check(
            Asked { uri, script: b"/bin/view", info: b"/../../a/../b//", ..Asked::default() },
            "/bin/view/b",
        );
        check(Asked { uri, info: b"/a", ..Asked::default() }, "/a");
        check(Asked { uri, script: b"view", info: b"/a", ..Asked::default() }, "/client/x");
        check(Asked { uri, script: b"view", document: b"/bin/view/a", ..Asked::default() }, "/bin/view/a");
        let authorizer = Asked { uri, script: b"/auth", ..Asked::default() };
        assert_eq!(UrlPath::asked(&authorizer, true).0, b"/client/x");
    }

    #[test]
    fn paths_of_operators_are_plain() {
        for text in ["", "x", "/a//b", "/a/../b", "/a/.", "a/"] {
            assert_eq!(UrlPath::new(text), None, "{text}");
        }
        for text in ["/", "/a", "/a/b/"] {
            assert!(UrlPath::new(text).is_some(), "{text}");
        }
    }
}
