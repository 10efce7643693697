//! Files on their way into a package.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};

use crate::step;

/// What builds leave between sources.
const BUILT: &str = "target";

/// Copies a file, or a folder with all that is in it, and makes the folders above it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    copied(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Copies a program, without the names of its functions.
pub(super) fn stripped(program: &Path, to: &Path) -> Result<()> {
    copy(program, to)?;
    step::quiet(Command::new("strip").arg(to))
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        return fs::copy(from, to).map(drop);
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
pub(super) fn write(to: &Path, text: &str) -> Result<()> {
    let written = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(to, text));
    written.with_context(|| to.display().to_string())
}
