//! What a CGI program writes to its standard output, as a response (RFC 3875 §6).
//!
//! Sans-IO: bytes go in as they come, a head and pieces of a body come out. A header block that breaks a rule is an
//! error and never passed on: what one web server refuses another one takes for an empty page.

mod block;
mod error;

use block::Block;
pub use block::{MAX_BYTES, MAX_LINES};
use bytes::Bytes;
pub use error::{CgiError, Problem};
use http::{
    StatusCode,
    header::{CONTENT_TYPE, LOCATION},
    response::Parts,
};

use crate::response::LocalRedirect;

/// Reads one program's output.
#[derive(Debug, Default)]
pub struct Output {
    state: State,
}

/// What stands next in a program's output.
#[derive(Debug)]
pub enum Event {
    /// The head, once. A path to follow in the host has [`LocalRedirect`] among its extensions.
    Head(Box<Parts>),
    /// A piece of the body.
    Body(Bytes),
}

#[derive(Debug)]
enum State {
    Block(Block),
    /// A head that no body may follow, held until it is known that none does.
    Alone(Box<Parts>),
    Body,
}

impl Default for State {
    fn default() -> Self {
        Self::Block(Block::default())
    }
}

impl Output {
    /// Takes the next event out of `input`, or `None` when all of it is read.
    ///
    /// A head that announces a body comes as soon as its block is complete, any other one at the end of the output.
    pub fn read(&mut self, input: &mut Bytes) -> Result<Option<Event>, CgiError> {
        if let State::Block(block) = &mut self.state {
            let Some(head) = block.read(input)? else { return Ok(None) };
            let (head, with_body) = head.into_parts()?;
            if with_body {
                self.state = State::Body;
                return Ok(Some(Event::Head(head)));
            }
            self.state = State::Alone(head);
        }
        if input.is_empty() {
            return Ok(None);
        }
        match &self.state {
            State::Alone(head) => Err(unexpected_body(head)),
            State::Block(_) | State::Body => Ok(Some(Event::Body(std::mem::take(input)))),
        }
    }

    /// Ends the output; returns a head that was held back.
    pub fn finish(self) -> Result<Option<Event>, CgiError> {
        match self.state {
            State::Block(block) => Err(block.unfinished()),
            State::Alone(head) => Ok(Some(Event::Head(head))),
            State::Body => Ok(None),
        }
    }
}

/// A header block as it was read.
#[derive(Debug, Default)]
struct Head {
    status: Option<StatusCode>,
    headers: http::HeaderMap,
}

/// Where a `Location` leads.
enum Target {
    /// Another resource, by a URI with a scheme.
    Absolute,
    /// A path on the same server.
    Path,
    /// What only a client can resolve.
    Relative,
}

impl Head {
    /// The response that the block describes (RFC 3875 §6.2), and whether a body may follow.
    fn into_parts(self) -> Result<(Box<Parts>, bool), CgiError> {
        let Self { status, headers } = self;
        let (mut parts, ()) = http::Response::new(()).into_parts();
        let typed = headers.contains_key(CONTENT_TYPE);
        let with_body = match headers.get(LOCATION).map(|location| target(location.as_bytes())) {
            None if typed || status.is_some() => typed,
            None => return Err(CgiError::Nothing),
            Some(Target::Relative) if status.is_none() => return Err(CgiError::Relative),
            Some(Target::Path) if status.is_none() && headers.len() == 1 => {
                parts.extensions.insert(LocalRedirect);
                false
            }
            // With a document, both are mandatory (RFC 3875 §6.2.4).
            Some(_) => typed && status.is_some(),
        };
        let redirect = headers.contains_key(LOCATION);
        parts.status = status.unwrap_or(if redirect { StatusCode::FOUND } else { StatusCode::OK });
        parts.headers = headers;
        Ok((Box::new(parts), with_body))
    }
}

/// RFC 3986 §4.2: one slash begins a path, two begin another host's name.
fn target(location: &[u8]) -> Target {
    let scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let end = location.iter().position(|byte| !scheme(byte)).unwrap_or(location.len());
    match location {
        [b'/', b'/', ..] => Target::Relative,
        [b'/', ..] => Target::Path,
        [first, ..] if first.is_ascii_alphabetic() && location[end..].starts_with(b":") => Target::Absolute,
        _ => Target::Relative,
    }
}

fn unexpected_body(head: &Parts) -> CgiError {
    if head.headers.contains_key(LOCATION) { CgiError::RedirectWithBody } else { CgiError::BodyWithoutType }
}

#[cfg(test)]
mod tests;
