//! What went wrong inside a handler, in the operator's words.

use thiserror::Error;
use wasmtime::{Trap, component::ResourceTableError};
use wasmtime_wasi::I32Exit;

use super::{
    guard::{Exceeded, What, Whose},
    handler::Role,
    limits::{HANDLES, Limits, Refusal},
};
use crate::body;

/// A handler that did not answer as it should.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Fault {
    /// It stopped in the middle: a panic, an out-of-bounds access, a stack overflow.
    #[error("the handler trapped: {0}")]
    Trap(String),
    /// It asked for more memory than its limit.
    #[error(
        "the handler reached its memory limit of {limit} bytes (asked for {asked}); raise --memory if it needs more"
    )]
    Memory {
        /// The limit in bytes.
        limit: usize,
        /// What it asked for, in bytes.
        asked: usize,
    },
    /// It asked for more table elements than any instance gets.
    #[error("the handler asked for a table of {0} elements, which is more than any instance gets")]
    Table(usize),
    /// It wanted more handles than an instance gets.
    #[error(
        "the handler holds all handles (files, streams, header maps) that an instance gets: its share, among --instances, of \
         half of the files that the system lets the host open (ulimit -n), and at most {most}",
        most = HANDLES
    )]
    Handles,
    /// It listed more of large folders than a request may.
    #[error("the handler was to list large folders of {0} bytes in all, which is more than any request may")]
    Listing(u64),
    /// It was to write more than a quota allows, and failed for it.
    #[error("{}", quota(.0))]
    Quota(Exceeded),
    /// There was no room on the disk for what it wrote, and it failed for that.
    #[error("the disk is full, or its file system's quota used up, and the handler failed for it")]
    DiskFull,
    /// The request's body is not what was announced, and the handler is one that could mistake that for its end.
    #[error("the handler was stopped: {0}")]
    RequestBody(body::BrokenOff),
    /// It called exit.
    #[error("the handler exited with status {0} before it answered")]
    Exit(i32),
    /// It returned without setting a response.
    #[error("the handler returned without a response")]
    NoResponse,
    /// It answered with an error instead of a response.
    #[error("the handler answered with the error {0}")]
    Refused(String),
    /// It broke off its response's body.
    #[error("the handler broke off its response: {0}")]
    Body(String),
    /// Its response has no end, or none in sight.
    #[error("the response is longer than {0} bytes; raise --max-response if it is to be")]
    TooLong(u64),
    /// It could not be instantiated.
    #[error("the handler cannot be instantiated: {0}")]
    Instantiate(String),
    /// It was asked for what it does not export.
    #[error("the module does not serve as {0}")]
    Role(Role),
    /// Its response cannot be sent as CGI.
    #[error("the handler's response is not valid: {0}")]
    Response(String),
}

impl Fault {
    /// Explains an error of the engine; `refused` is the limit that the instance ran into before, if any.
    pub(super) fn explain(error: &wasmtime::Error, limits: Limits, refused: Option<Refusal>) -> Self {
        if let Some(I32Exit(status)) = error.downcast_ref() {
            return Self::Exit(*status).because(refused);
        }
        if let Some(broken) = error.downcast_ref::<body::BrokenOff>() {
            return Self::RequestBody(*broken);
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref() {
            return Self::Handles;
        }
        match refused {
            Some(Refusal::Memory(asked)) => return Self::Memory { limit: limits.memory, asked },
            Some(Refusal::Table(asked)) => return Self::Table(asked),
            Some(Refusal::Listing(bytes)) => return Self::Listing(bytes),
            Some(Refusal::Quota(exceeded)) => return Self::Quota(exceeded),
            Some(Refusal::DiskFull) => return Self::DiskFull,
            None => {}
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => Self::Trap("call stack exhausted (endless recursion?)".into()),
            Some(trap) => Self::Trap(trap.to_string()),
            None => Self::Trap(format!("{:#}", error.root_cause())),
        }
    }

    /// Whether there was no room for what the handler wrote.
    pub fn is_storage(&self) -> bool {
        matches!(self, Self::Quota(_) | Self::DiskFull)
    }

    /// The same, or what was behind it where a handler does not answer because it was refused room.
    pub(super) fn because(self, refused: Option<Refusal>) -> Self {
        let gave_up = matches!(
            self,
            Self::Exit(_) | Self::NoResponse | Self::Refused(_) | Self::Response(_) | Self::Body(_)
        );
        match refused {
            Some(Refusal::Quota(exceeded)) if gave_up => Self::Quota(exceeded),
            Some(Refusal::DiskFull) if gave_up => Self::DiskFull,
            _ => self,
        }
    }
}

fn quota(Exceeded { whose, what, limit }: &Exceeded) -> String {
    let (what, whose) = match (what, whose) {
        (What::Bytes, Whose::Request) => ("bytes", "that a request may add to files"),
        (What::Bytes, Whose::Site) => ("bytes", "that its site may hold in files"),
        (What::Files, Whose::Request) => ("files and folders", "that a request may make"),
        (What::Files, Whose::Site) => ("files and folders", "that its site may hold"),
    };
    format!(
        "the handler reached the quota of {limit} {what} {whose}, and failed for it; raise it if it is to write more"
    )
}
