//! What files were like when they were read: enough to see that they have changed.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What files were like; a link stands for what it leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamps(BTreeMap<PathBuf, Option<Stamp>>);

/// What changes when a file is written, or when another one takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamps {
    /// Of these files, as they are now.
    pub fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let stamped = files.into_iter().map(|file| {
            let stamp = Stamp::of(&file);
            (file, stamp)
        });
        Self(stamped.collect())
    }

    /// Of the same files, as they are now.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::of(self.files().map(Path::to_owned))
    }

    /// With those of other files as well.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The files that are not alike.
    pub fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Path> {
        let differs = |file: &&PathBuf| self.0.get(*file) != other.0.get(*file);
        self.0.keys().filter(differs).map(PathBuf::as_path)
    }
}

impl Stamp {
    /// Nothing where there is no such file, or none that can be seen.
    fn of(file: &Path) -> Option<Self> {
        let found = fs::metadata(file).ok()?;
        Some(Self {
            place: (found.dev(), found.ino()),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}
