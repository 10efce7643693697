//! The pid file: a number for people and scripts, and a lock that says whether it is true.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};
use thiserror::Error;

/// Everybody may read the number.
const MODE: u32 = 0o644;

/// How often the lock is tried, and how long it takes between: a script that looks whether it is held holds it for a moment, and
/// so does a host that ends.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// More than any pid, with its line's end.
const LONGEST: usize = 16;

/// A pid file that is this process's. Removed on drop, as far as the process may.
///
/// After it is written, the file is open for reading alone: a process that becomes another user cannot have root's scripts end
/// something else.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    lock: File,
}

/// The file is not this process's.
#[derive(Debug, Error)]
pub enum PidFileError {
    /// Another process keeps it locked.
    #[error("--pidfile {path}: {holder} runs and holds it; stop that first{way_out}, or name another file", path = path.display())]
    Held {
        /// The file.
        path: PathBuf,
        /// Who that is.
        holder: String,
        /// How to stop it.
        way_out: String,
    },
    /// It cannot be made or written.
    #[error("--pidfile {path}: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl PidFile {
    /// Locks the file at `path` and writes the number of this process into it. A file that nobody has locked was left behind, and
    /// is replaced.
    pub(super) fn hold(path: &Path) -> Result<Self, PidFileError> {
        let failed = |error: io::Error| PidFileError::File { path: path.to_owned(), error };
        // Later, the current folder may be another one.
        let path = std::path::absolute(path).map_err(failed)?;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                thread::sleep(PAUSE);
            }
            if let Some(held) = Self::attempt(&path).map_err(failed)? {
                return Ok(held);
            }
        }
        Err(held_by(path))
    }

    /// Nothing where another process has the lock, or has removed the file meanwhile.
    fn attempt(path: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        // Not through a link, with which the owner of the folder could have root write elsewhere.
        let nofollow = OFlags::NOFOLLOW.bits().cast_signed();
        options.write(true).create(true).truncate(false).mode(MODE).custom_flags(nofollow);
        let mut writable = options.open(path)?;
        let lock = OpenOptions::new().read(true).custom_flags(nofollow).open(path)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let same =
            |one: fs::Metadata, other: fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
        let there = fs::symlink_metadata(path);
        if !there.is_ok_and(|there| lock.metadata().is_ok_and(|ours| same(there, ours))) {
            return Ok(None);
        }
        if !same(writable.metadata()?, lock.metadata()?) {
            return Ok(None);
        }
        writable.set_permissions(Permissions::from_mode(MODE))?;
        writable.set_len(0)?;
        writable.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Some(Self { path: path.to_owned(), lock }))
    }

    /// The folder, and who owns that.
    pub(super) fn folder(&self) -> Option<(&Path, u32)> {
        let folder = self.path.parent()?;
        Some((folder, fs::metadata(folder).ok()?.uid()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // While it is still locked: whoever waits for the lock then finds another file at its place, or none. Where this process may
        // not remove it, the lock's end says that it is stale.
        let _ = fs::remove_file(&self.path);
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

fn held_by(path: PathBuf) -> PidFileError {
    let text = fs::read(&path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST)]).into_owned();
    match text.trim().parse::<u32>() {
        Ok(pid) => {
            PidFileError::Held { path, holder: format!("process {pid}"), way_out: format!(" (kill {pid})") }
        }
        Err(_) => PidFileError::Held { path, holder: "another process".into(), way_out: String::new() },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn told(path: &Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    #[test]
    fn a_file_is_written_held_and_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.pid");
        let own = std::process::id();
        let held = PidFile::hold(&path).expect("a pid file");
        assert_eq!(told(&path), Some(format!("{own}\n")));
        let refused = PidFile::hold(&path).expect_err("held already").to_string();
        assert!(
            refused.contains(&format!("process {own} runs")) && refused.contains(&format!("kill {own}")),
            "{refused}"
        );
        drop(held);
        assert_eq!(told(&path), None);
    }

    #[test]
    fn what_was_left_behind_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.pid");
        for left in ["", "1\n", "4194304000\nand more", "\u{fffd}"] {
            fs::write(&path, left).expect("a file");
            let _held = PidFile::hold(&path).expect("a pid file");
            assert_eq!(told(&path), Some(format!("{}\n", std::process::id())));
        }
    }

    #[test]
    fn other_places_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link.pid");
        symlink(folder.path().join("elsewhere"), &link).expect("a link");
        for path in [folder.path(), &folder.path().join("none/host.pid"), &link] {
            let refused = PidFile::hold(path).expect_err("no file").to_string();
            assert!(refused.contains(&format!("--pidfile {}", path.display())), "{refused}");
        }
        assert!(!folder.path().join("elsewhere").exists());
    }
}
