//! A header block, line by line.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
};

use super::{CgiError, Head, Problem};
use crate::response::is_hop_by_hop;

/// Bytes of one header block, line ends included. Web servers are set to take 4–64 KiB of it.
pub const MAX_BYTES: usize = 64 << 10;

/// Lines of one header block. Pages with many cookies and links have some dozens.
pub const MAX_LINES: usize = 256;

/// Headers that say one thing about the whole response.
const ONCE: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, CONTENT_LENGTH];

/// What has been read of a header block.
#[derive(Debug, Default)]
pub(super) struct Block {
    head: Head,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    lines: usize,
    /// Of the complete lines.
    bytes: usize,
}

impl Block {
    /// Reads lines out of `input`; returns what they say once the empty one was among them.
    pub(super) fn read(&mut self, input: &mut Bytes) -> Result<Option<Head>, CgiError> {
        while !input.is_empty() {
            let end = input.iter().position(|byte| *byte == b'\n').map_or(input.len(), |at| at + 1);
            let mut piece = input.split_to(end);
            if !self.line.is_empty() || !piece.ends_with(b"\n") {
                self.join(&piece)?;
                if !piece.ends_with(b"\n") {
                    break;
                }
                piece = std::mem::take(&mut self.line).into();
            }
            if self.complete(&piece)? {
                return Ok(Some(std::mem::take(&mut self.head)));
            }
        }
        Ok(None)
    }

    /// Why a block that ends here is none.
    pub(super) fn unfinished(&self) -> CgiError {
        if self.lines == 0 && self.line.is_empty() {
            return CgiError::Empty;
        }
        self.problem(&self.line, Problem::Unfinished)
    }

    /// Adds to the line whose end has not come.
    fn join(&mut self, piece: &Bytes) -> Result<(), CgiError> {
        let room = MAX_BYTES - self.bytes - self.line.len();
        self.line.extend_from_slice(&piece[..room.min(piece.len())]);
        if piece.len() > room { Err(self.problem(&self.line, Problem::Bytes)) } else { Ok(()) }
    }

    /// Takes a line with its end; returns whether it is the empty one.
    fn complete(&mut self, line: &[u8]) -> Result<bool, CgiError> {
        let room = MAX_BYTES - self.bytes;
        if line.len() > room {
            return Err(self.problem(&line[..room], Problem::Bytes));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            return Ok(true);
        }
        if self.lines == MAX_LINES {
            return Err(self.problem(text, Problem::Lines));
        }
        self.header(text).map_err(|problem| self.problem(text, problem))?;
        self.bytes += line.len();
        self.lines += 1;
        Ok(false)
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Problem> {
        let (name, value) = split(line, self.lines == 0)?;
        if name == "status" {
            let status = status(value.as_bytes()).ok_or(Problem::Status)?;
            return if self.head.status.replace(status).is_some() { Err(Problem::Twice) } else { Ok(()) };
        }
        if ONCE.contains(&name) {
            if value.is_empty() {
                return Err(Problem::NoValue);
            }
            if self.head.headers.contains_key(&name) {
                return Err(Problem::Twice);
            }
        }
        if !is_hop_by_hop(&name) {
            self.head.headers.append(name, value);
        }
        Ok(())
    }

    fn problem(&self, line: &[u8], problem: Problem) -> CgiError {
        CgiError::line(self.lines + 1, line, problem)
    }
}

/// Name and value of one line (RFC 3875 §6.3, RFC 9110 §5.6.2 and §5.5).
fn split(line: &[u8], is_first: bool) -> Result<(HeaderName, HeaderValue), Problem> {
    if is_first && line.starts_with(b"HTTP/") {
        return Err(Problem::NonParsed);
    }
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Problem::Continuation);
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Problem::NoColon)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(Problem::SpaceBeforeColon);
    }
    let name = HeaderName::from_bytes(name).map_err(|_| Problem::Name)?;
    let value = HeaderValue::from_bytes(trimmed(value)).map_err(|_| Problem::Value)?;
    Ok((name, value))
}

/// Without the optional white space around it (RFC 9110 §5.6.3).
fn trimmed(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |at| at + 1);
    &value[start..end]
}

/// A final status, and a reason that nobody reads.
fn status(value: &[u8]) -> Option<StatusCode> {
    let (digits, reason) = value.split_at_checked(3)?;
    let well_formed = digits.iter().all(u8::is_ascii_digit) && matches!(reason.first(), None | Some(b' '));
    let status = StatusCode::from_bytes(digits).ok().filter(|_| well_formed)?;
    (200..600).contains(&status.as_u16()).then_some(status)
}
