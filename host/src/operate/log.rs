//! A file in the place of standard error, so that everything that is ever said there is in it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, stdio::dup2_stderr};
use thiserror::Error;

/// Strangers do not read what handlers write.
const MODE: u32 = 0o640;

/// The log file. What is written to standard error goes there.
#[derive(Debug)]
pub(super) struct LogFile(PathBuf);

/// The log cannot be written there.
#[derive(Debug, Error)]
#[error("--log-file {path}: {error}", path = path.display())]
pub struct LogFileError {
    path: PathBuf,
    error: io::Error,
}

impl LogFile {
    /// Puts the file in the place of standard error; returns what that was before.
    pub(super) fn open(path: &Path) -> Result<(Self, File), LogFileError> {
        let failed = |error| LogFileError { path: path.to_owned(), error };
        let before = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned().map_err(failed)?;
        let log = Self(std::path::absolute(path).map_err(failed)?);
        log.reopen()?;
        Ok((log, File::from(before)))
    }

    /// Goes on in a new file, if the old one has been moved away. Where that fails, the old one stays.
    pub(super) fn reopen(&self) -> Result<(), LogFileError> {
        let opened = self.file().and_then(|file| Ok(dup2_stderr(&file)?));
        opened.map_err(|error| LogFileError { path: self.0.clone(), error })
    }

    /// Lets the user whom the process becomes go on in the file.
    pub(super) fn give_to(&self, user: u32, group: u32) -> Result<(), LogFileError> {
        let given = self.file().and_then(|file| fchown(&file, Some(user), Some(group)));
        given.map_err(|error| LogFileError { path: self.0.clone(), error })
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        self.0.parent().unwrap_or(Path::new("/"))
    }

    fn file(&self) -> io::Result<File> {
        // Not through a link, with which the owner of the folder could have root write elsewhere.
        let nofollow = OFlags::NOFOLLOW.bits().cast_signed();
        OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(nofollow).open(&self.0)
    }
}
