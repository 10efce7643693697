//! Output that is no CGI response, in the words of who must mend the program.

use thiserror::Error;

/// Bytes of an offending line that are shown.
const SHOWN: usize = 80;

/// Output that is no CGI response.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CgiError {
    /// A line of the header block breaks a rule.
    #[error("line {number} of its header block, \"{line}\", {problem}")]
    Line {
        /// Counted from one.
        number: usize,
        /// The line, escaped and cut.
        line: String,
        /// The rule.
        problem: Problem,
    },
    /// There is no output at all.
    #[error("it wrote nothing, not even a header block")]
    Empty,
    /// A block of other headers alone.
    #[error("its header block has no Content-Type, Location or Status")]
    Nothing,
    /// A `Location` that only a client could resolve.
    #[error("its Location is neither a URI nor a path; send a Status with it if the client is to resolve it")]
    Relative,
    /// A body of unknown type.
    #[error("its body has no Content-Type")]
    BodyWithoutType,
    /// A redirect with a document that is not declared.
    #[error("a body follows its Location; a redirect with a document needs Status and Content-Type")]
    RedirectWithBody,
}

/// A rule that a line of a header block breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Problem {
    /// RFC 3875 §5: the program would talk to the client directly.
    #[error("is a status line; write `Status:` instead (NPH scripts are not supported)")]
    NonParsed,
    /// RFC 3875 §6.3: a header is one line.
    #[error("begins with a space; a header cannot be continued")]
    Continuation,
    /// Not a header at all.
    #[error("has no colon; an empty line ends the header block")]
    NoColon,
    /// RFC 3875 §6.3: a way to smuggle headers past a check.
    #[error("has a space before its colon")]
    SpaceBeforeColon,
    /// RFC 9110 §5.6.2.
    #[error("has no valid header name before its colon")]
    Name,
    /// RFC 9110 §5.5.
    #[error("has a control character in its value")]
    Value,
    /// A header that means nothing when it is empty.
    #[error("has no value")]
    NoValue,
    /// RFC 3875 §6.3: at most one of each.
    #[error("repeats a header that may stand only once")]
    Twice,
    /// RFC 3875 §6.3.3.
    #[error("has no status from 200 to 599 and reason, like `404 Not Found`")]
    Status,
    /// The output ended first.
    #[error("is where its output ends, before the empty line after the headers")]
    Unfinished,
    /// Longer than [`super::MAX_BYTES`].
    #[error("is past the {} bytes that a header block may have", super::MAX_BYTES)]
    Bytes,
    /// More than [`super::MAX_LINES`].
    #[error("is past the {} lines that a header block may have", super::MAX_LINES)]
    Lines,
}

impl CgiError {
    pub(super) fn line(number: usize, line: &[u8], problem: Problem) -> Self {
        let shown = &line[..line.len().min(SHOWN)];
        let cut = if shown.len() < line.len() { "…" } else { "" };
        Self::Line { number, line: format!("{}{cut}", shown.escape_ascii()), problem }
    }
}
