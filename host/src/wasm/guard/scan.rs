//! What is in folders before anything is counted.

use std::{collections::HashSet, ffi::CStr, io, path::PathBuf};

use rustix::{
    fs::{CWD, Dir, Mode, OFlags, openat},
    io::Errno,
};

use super::{quota::Held, stat::Stat};
use crate::capability::{Access, Mount};

/// Files and folders that are counted at most. A site with more needs a quota of its file system instead.
const ENTRIES: i64 = 10_000_000;

/// What is below the writable mounts; the mounts' own folders are not counted.
pub(super) fn held(mounts: &[Mount]) -> io::Result<Held> {
    let writable = mounts.iter().filter(|mount| mount.access != Access::Read);
    let mut folders: Vec<(PathBuf, OFlags)> =
        writable.map(|mount| (mount.host.clone(), OFlags::empty())).collect();
    let (mut held, mut seen) = (Held::default(), HashSet::new());
    while let Some((path, links)) = folders.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | links;
        let folder = match openat(CWD, &path, flags, Mode::empty()) {
            Ok(folder) => folder,
            // Files come and go meanwhile, and folders may become something else.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(error) => return Err(error.into()),
        };
        if !seen.insert(Stat::of(&folder)?.identity) {
            continue;
        }
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let Some((name, found)) = look(&folder, entry.file_name())? else { continue };
            held.add(0, 1);
            if held.files > ENTRIES {
                return Err(io::Error::other(format!("more than {ENTRIES} files and folders")));
            }
            if found.is_folder() {
                folders.push((path.join(name), OFlags::NOFOLLOW));
            } else if found.is_file() && (found.names <= 1 || seen.insert(found.identity)) {
                held.add(i64::try_from(found.size).unwrap_or(i64::MAX), 0);
            }
        }
    }
    Ok(held)
}

/// What a name leads to, unless it is gone; names that no handler can say are nobody's.
fn look(folder: &impl std::os::fd::AsFd, name: &CStr) -> io::Result<Option<(String, Stat)>> {
    match name.to_str() {
        Err(_) | Ok("." | "..") => Ok(None),
        Ok(name) => Ok(Stat::at(folder, name)?.map(|found| (name.to_owned(), found))),
    }
}
