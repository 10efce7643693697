//! Where a path leads: a folder that is open, and a name in it.

use std::{path::Path, sync::Arc};

use rustix::fs::readlinkat;
use wasmtime::component::Resource;
use wasmtime_wasi::{
    filesystem::{Descriptor, Dir},
    p2::{
        FsResult,
        bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
    },
};

use super::{Guarded, door::code, rules::Names, stat::Stat};
use crate::wasm::opening::open_at;

/// Links that are followed at the end of one path, as Linux has it.
const LINKS: usize = 40;

/// A name in a folder. Who holds it need not care what happens to the path that led there.
pub(super) struct Place {
    pub(super) folder: Dir,
    pub(super) name: String,
    /// The name, with the slashes that it ended in: it must be a folder's.
    pub(super) written: String,
    pub(super) found: Option<Stat>,
    /// The only names that may be written there.
    pub(super) names: Option<Arc<Names>>,
}

/// What a path says.
pub(super) enum Located {
    Place(Place),
    /// It ends in `.` or `..`, as does what remains when its links are followed: a folder.
    Folder(String),
}

/// Whether a link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    Follow,
    Keep,
}

impl From<PathFlags> for Links {
    fn from(flags: PathFlags) -> Self {
        if flags.contains(PathFlags::SYMLINK_FOLLOW) { Self::Follow } else { Self::Keep }
    }
}

impl Place {
    /// The place, if there is one.
    pub(super) fn of(located: Located) -> FsResult<Self> {
        match located {
            Located::Place(place) => Ok(place),
            Located::Folder(_) => Err(ErrorCode::Invalid.into()),
        }
    }

    /// Fails where only some names may be written, whatever they are.
    pub(super) fn is_free(&self) -> FsResult<()> {
        if self.names.is_some() { Err(ErrorCode::NotPermitted.into()) } else { Ok(()) }
    }

    /// Fails where files of that name may not be written, and where something else than a file has it.
    pub(super) fn may_be_written(&self) -> FsResult<()> {
        let Some(names) = &self.names else { return Ok(()) };
        if self.found.is_some_and(|found| found.is_link()) {
            return Err(ErrorCode::Loop.into());
        }
        let is_file = self.found.is_none_or(|found| found.is_file());
        if names.allow(&self.name) && is_file { Ok(()) } else { Err(ErrorCode::NotPermitted.into()) }
    }

    /// What is there.
    pub(super) fn found(&self) -> FsResult<&Stat> {
        self.found.as_ref().ok_or_else(|| ErrorCode::NoEntry.into())
    }
}

impl Guarded<'_> {
    /// Follows a path as far as its last name.
    pub(super) async fn locate(
        &mut self,
        fd: &Resource<Descriptor>,
        mut path: String,
        links: Links,
    ) -> FsResult<Located> {
        self.guard.looked = None;
        for _ in 0..LINKS {
            let Some((before, name, written)) = split(&path) else { return Ok(Located::Folder(path)) };
            let folder = self.folder(fd, before).await?;
            let found = Stat::at(&folder.dir, name).map_err(|error| code(&error))?;
            let must_be_folder = name.len() != written.len();
            if found.is_some_and(|found| found.is_link()) && (links == Links::Follow || must_be_folder) {
                let target =
                    readlinkat(&folder.dir, name, Vec::new()).map_err(|error| code(&error.into()))?;
                let target = target.to_str().map_err(|_| ErrorCode::IllegalByteSequence)?;
                if Path::new(target).is_absolute() {
                    return Err(ErrorCode::NotPermitted.into());
                }
                path = format!("{before}/{target}{}", &written[name.len()..]);
                continue;
            }
            let (name, written) = (name.to_owned(), written.to_owned());
            return Ok(Located::Place(Place { folder, name, written, found, names: self.guard.names(fd) }));
        }
        Err(ErrorCode::Loop.into())
    }

    /// Opens the folder at a path, as far as the engine lets it.
    pub(super) async fn folder(&mut self, fd: &Resource<Descriptor>, path: &str) -> FsResult<Dir> {
        if path == "." {
            return match self.fs.table.get(fd)? {
                Descriptor::Dir(dir) => Ok(dir.clone()),
                Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
            };
        }
        let how = (PathFlags::SYMLINK_FOLLOW, OpenFlags::DIRECTORY, DescriptorFlags::READ);
        let opened = open_at(&mut self.fs, fd, path, how).await?;
        match self.fs.table.delete(opened)? {
            Descriptor::Dir(dir) => Ok(dir),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }
}

/// What is before a path's last name, the name, and the name with its slashes; nothing where there is no name.
pub(super) fn split(path: &str) -> Option<(&str, &str, &str)> {
    let end = path.trim_end_matches('/').len();
    let start = path[..end].rfind('/').map_or(0, |slash| slash + 1);
    let name = &path[start..end];
    if matches!(name, "" | "." | "..") {
        return None;
    }
    let before = match &path[..start] {
        "" => ".",
        before => before,
    };
    Some((before, name, &path[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_end_in_a_name() {
        let check =
            |path: &str, expected: Option<(&str, &str, &str)>| assert_eq!(split(path), expected, "{path:?}");
        check("a", Some((".", "a", "a")));
        check("a/", Some((".", "a", "a/")));
        check("a//b//", Some(("a//", "b", "b//")));
        check("/a", Some(("/", "a", "a")));
        check("../a", Some(("../", "a", "a")));
        check("./.a", Some(("./", ".a", ".a")));
        check("a/...", Some(("a/", "...", "...")));
        for path in ["", ".", "..", "/", "a/.", "a/..", "a/../", "./", "//"] {
            check(path, None);
        }
    }
}
