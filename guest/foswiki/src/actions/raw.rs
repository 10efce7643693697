//! `?raw=`: the source of a topic.

use crate::html::escape;

/// How a source is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// `on`, and what is no other: the text in a field of the page.
    Text,
    /// `debug`: the text with its meta data in a field of the page.
    File,
    /// `expandvariables`: the text with its macros expanded in a field of the page.
    Expanded,
    /// `text`: the text alone, as plain text.
    PlainText,
    /// `all`: the text with its meta data, as plain text.
    PlainFile,
}

impl Raw {
    /// Reads the parameter; `off` and `0` ask for the page itself.
    pub(super) fn parse(value: &str) -> Option<Raw> {
        Some(match value {
            "off" | "0" => return None,
            "text" => Raw::PlainText,
            "all" => Raw::PlainFile,
            "debug" => Raw::File,
            "expandvariables" => Raw::Expanded,
            _ => Raw::Text,
        })
    }

    /// Whether the answer is the source alone.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Raw::PlainText | Raw::PlainFile)
    }
}

/// A field to read and copy from.
pub(super) fn field(text: &str) -> String {
    let rows = text.lines().count().clamp(4, 40);
    // HTML drops one newline after the tag, which would be the text's own.
    let text = escape(text);
    format!(
        "<textarea class=\"source\" aria-label=\"Source of this topic\" readonly rows=\"{rows}\" cols=\"80\">\n{text}</textarea>\n"
    )
}
