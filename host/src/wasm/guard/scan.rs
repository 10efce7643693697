//! What is in folders before anything is counted.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use super::{quota::Held, stat::Stat};
use crate::capability::{Access, Mount};

/// Files and folders that are counted at most. A site with more needs a quota of its file system instead.
const ENTRIES: i64 = 10_000_000;

/// What is below the writable mounts; the mounts' own folders are not counted.
pub(super) fn held(mounts: &[Mount]) -> io::Result<Held> {
    let writable = mounts.iter().filter(|mount| mount.access != Access::Read);
    let mut folders: Vec<PathBuf> = writable.map(|mount| mount.host.clone()).collect();
    let (mut held, mut seen, mut linked) = (Held::default(), HashSet::new(), HashSet::new());
    while let Some(folder) = folders.pop() {
        let entries =
            match File::open(&folder).and_then(|opened| Ok((Stat::of(&opened)?, folder.read_dir()?))) {
                Ok((stat, entries)) if seen.insert(stat.identity) => entries,
                Ok(_) => continue,
                // Files come and go meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
        for entry in entries {
            let entry = entry?;
            let Some(found) = present(entry.metadata())? else { continue };
            held.add(0, 1);
            if held.files > ENTRIES {
                return Err(io::Error::other(format!("more than {ENTRIES} files and folders")));
            }
            if found.is_dir() {
                folders.push(entry.path());
            } else if found.is_file() && (found.nlink() == 1 || linked.insert((found.dev(), found.ino()))) {
                held.add(i64::try_from(found.len()).unwrap_or(i64::MAX), 0);
            }
        }
    }
    Ok(held)
}

fn present(found: io::Result<fs::Metadata>) -> io::Result<Option<fs::Metadata>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
