//! Files on their way to another place.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};

use crate::step;

/// What builds leave between sources.
const BUILT: &str = "target";

/// Copies a file, or a folder with all that is in it but what was built there, and makes the folders above it; links remain links.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    copied(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Copies a program, without the names of its functions.
pub(crate) fn stripped(program: &Path, to: &Path) -> Result<()> {
    copy(program, to)?;
    step::quiet(Command::new("strip").arg(to))
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if !kind.is_dir() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        return if kind.is_symlink() {
            symlink(fs::read_link(from)?, to)
        } else {
            fs::copy(from, to).map(drop)
        };
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != BUILT {
            copied(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Writes a file, and makes the folders above it.
pub(crate) fn write(to: &Path, text: &str) -> Result<()> {
    let written = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(to, text));
    written.with_context(|| to.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_folders_files_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("data/Main")).unwrap();
        fs::write(from.join("data/Main/WebHome.txt"), "text").unwrap();
        symlink("data/Main", from.join("Main")).unwrap();

        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("data/Main/WebHome.txt")).unwrap(), "text");
        assert_eq!(fs::read_link(to.join("Main")).unwrap(), Path::new("data/Main"));
    }
}
