//! What the rules want to know of a file: which one it is, and how large.

use std::{io, os::fd::AsFd};

use rustix::fs::{AtFlags, FileType, RawMode, Statx, StatxFlags, statx};

/// Which file something is, whatever it is called: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    device: (u32, u32),
    number: u64,
}

/// A file, folder or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) identity: Identity,
    pub(super) kind: FileType,
    pub(super) size: u64,
    /// Names that lead to it.
    pub(super) names: u32,
}

impl Stat {
    /// What is open.
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?.into())
    }

    /// What has that name in a folder, if anything; a link is the link itself.
    pub(super) fn at(folder: impl AsFd, name: &str) -> io::Result<Option<Self>> {
        Self::look(folder, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// The same, where a link is what it leads to.
    pub(super) fn behind(folder: impl AsFd, name: &str) -> io::Result<Option<Self>> {
        Self::look(folder, name, AtFlags::empty())
    }

    fn look(folder: impl AsFd, name: &str, flags: AtFlags) -> io::Result<Option<Self>> {
        match statx(folder, name, flags, StatxFlags::BASIC_STATS) {
            Ok(found) => Ok(Some(found.into())),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind == FileType::Directory
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    pub(super) fn is_link(&self) -> bool {
        self.kind == FileType::Symlink
    }
}

impl From<Statx> for Stat {
    fn from(found: Statx) -> Self {
        Self {
            identity: Identity { device: (found.stx_dev_major, found.stx_dev_minor), number: found.stx_ino },
            kind: FileType::from_raw_mode(RawMode::from(found.stx_mode)),
            size: found.stx_size,
            names: found.stx_nlink,
        }
    }
}
