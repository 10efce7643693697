//! What the rules want to know of a file: which one it is, and how large.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::fd::AsFd,
};

use rustix::fs::{AtFlags, FileType, RawMode, Statx, StatxFlags, StatxTimestamp, statx};
use wasmtime_wasi::p2::bindings::{
    clocks::wall_clock::Datetime,
    filesystem::types::{DescriptorStat, DescriptorType, MetadataHashValue},
};

/// What is asked of the system: the engine tells guests the time of birth, too.
const ASKED: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

/// Which file something is, whatever it is called: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    device: (u32, u32),
    number: u64,
}

/// A file, folder or link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) identity: Identity,
    pub(super) kind: FileType,
    pub(super) size: u64,
    /// Names that lead to it.
    pub(super) names: u32,
    accessed: Option<Datetime>,
    modified: Option<Datetime>,
    born: Option<Datetime>,
}

impl Stat {
    /// What is open.
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(statx(file, "", AtFlags::EMPTY_PATH, ASKED)?.into())
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
        match statx(folder, name, flags, ASKED) {
            Ok(found) => Ok(Some(found.into())),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What a guest learns of it.
    pub(super) fn told(&self) -> DescriptorStat {
        DescriptorStat {
            type_: match self.kind {
                FileType::RegularFile => DescriptorType::RegularFile,
                FileType::Directory => DescriptorType::Directory,
                FileType::Symlink => DescriptorType::SymbolicLink,
                FileType::BlockDevice => DescriptorType::BlockDevice,
                FileType::CharacterDevice => DescriptorType::CharacterDevice,
                _ => DescriptorType::Unknown,
            },
            link_count: u64::from(self.names),
            size: self.size,
            data_access_timestamp: self.accessed,
            data_modification_timestamp: self.modified,
            status_change_timestamp: self.born,
        }
    }

    /// How a guest tells it from others.
    pub(super) fn hash(&self) -> MetadataHashValue {
        let mut hasher = DefaultHasher::new();
        self.identity.hash(&mut hasher);
        let lower = hasher.finish();
        lower.hash(&mut hasher);
        MetadataHashValue { lower, upper: hasher.finish() }
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
            accessed: time(found.stx_atime),
            modified: time(found.stx_mtime),
            born: time(found.stx_btime).filter(|_| found.stx_mask & StatxFlags::BTIME.bits() != 0),
        }
    }
}

/// Guests know no time before 1970.
fn time(time: StatxTimestamp) -> Option<Datetime> {
    Some(Datetime { seconds: u64::try_from(time.tv_sec).ok()?, nanoseconds: time.tv_nsec })
}
