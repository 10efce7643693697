//! What a handler may touch. Authority is a value: what is not listed here does not exist for the guest.

use std::path::PathBuf;

/// Whether a mount may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Files can be read and listed.
    Read,
    /// Files can also be created, changed and removed.
    ReadWrite,
}

/// One folder of the machine, as a handler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The folder on the machine, an absolute path.
    pub host: PathBuf,
    /// Where the handler sees it, an absolute path such as `/data`.
    pub guest: String,
    /// What it may do there.
    pub access: Access,
}
