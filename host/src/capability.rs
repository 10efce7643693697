//! What a handler may touch. Authority is a value: what is not listed here does not exist for the guest.

use std::path::PathBuf;

/// What a mount may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Access {
    /// Files can be read and listed.
    Read,
    /// Besides that, files of these names can be created, changed and removed: `*.lease` stands for all names that end so.
    ReadWriteNamed(Vec<String>),
    /// Files can also be created, changed and removed.
    ReadWrite,
}

/// One folder of the machine, as a handler sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mount {
    /// The folder on the machine, an absolute path.
    pub host: PathBuf,
    /// Where the handler sees it, an absolute path such as `/data`.
    pub guest: String,
    /// What it may do there.
    pub access: Access,
    /// Files directly inside the folder that the handler can neither open, replace nor remove, by whatever name it finds
    /// them: `.htpasswd`.
    pub hidden: Vec<String>,
}

/// What a handler may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes, at most.
    pub bytes: u64,
    /// Files and folders made, at most.
    pub files: u64,
}
