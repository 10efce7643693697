//! Where HTML elements end.

/// An element found at the start of a text.
pub(crate) struct Element {
    /// Where its content begins.
    pub(crate) open: usize,
    /// Where its content ends.
    pub(crate) body_end: usize,
    /// Where the element ends.
    pub(crate) end: usize,
}

/// Finds the end of the element `name` that begins `text`; elements that nest are counted. An element that nests
/// but is never closed reaches to the end.
pub(crate) fn find_element(text: &str, name: &str, nests: bool) -> Option<Element> {
    let open = text.find('>')? + 1;
    let mut depth = 1;
    let mut at = open;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let rest = &text[start + 1..];
        at = start + 1;
        if let Some(closing) = rest.strip_prefix('/') {
            if names(closing, name) {
                depth -= 1;
                if depth == 0 {
                    let end = start + rest.find('>')? + 2;
                    return Some(Element { open, body_end: start, end });
                }
            }
        } else if nests && names(rest, name) {
            depth += 1;
        }
    }
    (name == "verbatim").then_some(Element { open, body_end: text.len(), end: text.len() })
}

/// Whether `rest` begins with a tag name, whatever its case, that ends there.
pub(super) fn names(rest: &str, name: &str) -> bool {
    let bytes = rest.as_bytes();
    bytes.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        && !bytes.get(name.len()).is_some_and(u8::is_ascii_alphanumeric)
}
