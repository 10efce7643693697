//! What a list of mounts forbids beyond what the engine's permissions say.

use std::{fs::File, io, os::fd::AsFd, sync::Arc};

use rustix::fs::{Mode, OFlags, openat};

use super::stat::{Identity, Stat};
use crate::capability::{Access, Mount};

/// Folders above a hidden file that are told from others. Paths of Linux have at most 2048 parts.
const DEPTH: usize = 2048;

/// The rules of all mounts of a handler.
#[derive(Debug, Default)]
pub(in crate::wasm) struct Rules {
    hidden: Vec<Hidden>,
    /// For each mount in turn, the only names that may be written.
    names: Vec<Option<Arc<Names>>>,
}

/// Names that may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names(Vec<String>);

/// Files directly inside a folder that nobody may find. The folder is open: it remains the same.
#[derive(Debug)]
struct Hidden {
    folder: Arc<File>,
    identity: Identity,
    names: Vec<String>,
}

impl Rules {
    /// Adds those of the next mount, whose folder is `folder`. Fails with what is wrong.
    pub(in crate::wasm) fn add(&mut self, mount: &Mount, folder: &Arc<File>) -> Result<(), String> {
        self.names.push(match &mount.access {
            Access::ReadWriteNamed(names) => Some(Arc::new(Names(names.clone()))),
            Access::Read | Access::ReadWrite => None,
        });
        if mount.hidden.is_empty() {
            return Ok(());
        }
        for name in &mount.hidden {
            if matches!(name.as_str(), "" | "." | "..") || name.contains(['/', '\0']) {
                return Err(format!("hidden file {name:?}: it is not the name of a file directly inside"));
            }
            let found =
                Stat::behind(folder, name).map_err(|error| format!("hidden file {name:?}: {error}"))?;
            if found.is_some_and(|found| found.is_folder()) {
                return Err(format!(
                    "hidden file {name:?}: it is a folder; mount what is to be seen instead"
                ));
            }
        }
        let identity = Stat::of(folder).map_err(|error| error.to_string())?.identity;
        self.hidden.push(Hidden { folder: Arc::clone(folder), identity, names: mount.hidden.clone() });
        Ok(())
    }

    /// Whether nothing is forbidden.
    pub(in crate::wasm) fn is_empty(&self) -> bool {
        self.hidden.is_empty() && self.names.iter().all(Option::is_none)
    }

    /// The only names that may be written in a mount, if not all may be.
    pub(super) fn names(&self, mount: usize) -> Option<&Arc<Names>> {
        self.names.get(mount)?.as_ref()
    }

    /// Whether anything at all is hidden.
    pub(super) fn hide(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Whether a file of that name might be hidden, in some folder.
    pub(super) fn may_hide(&self, name: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden.has(name))
    }

    /// Whether that name, in that folder, is hidden, be there a file or not.
    pub(super) fn hide_name(&self, folder: impl AsFd, name: &str) -> io::Result<bool> {
        if !self.may_hide(name) {
            return Ok(false);
        }
        let identity = Stat::of(folder)?.identity;
        Ok(self.hidden_in(identity).any(|hidden| hidden.has(name)))
    }

    /// Whether a file is at this moment one of the hidden ones, whatever name led to it.
    pub(super) fn hide_file(&self, file: &Stat) -> io::Result<bool> {
        if file.is_folder() {
            return Ok(false);
        }
        for Hidden { folder, identity: _, names } in &self.hidden {
            for name in names {
                let there = Stat::at(folder, name)?;
                if there.is_some_and(|there| there.identity == file.identity) {
                    return Ok(true);
                }
                if there.is_some_and(|there| there.is_link()) && leads_to(folder, name, file) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The hidden names of a folder: for what lists it.
    pub(super) fn hidden_names(&self, folder: Identity) -> Vec<String> {
        self.hidden_in(folder).flat_map(|hidden| hidden.names.clone()).collect()
    }

    /// Whether hidden files are somewhere below a folder: it may be neither moved, replaced nor removed.
    pub(super) fn hide_below(&self, folder: &Stat) -> io::Result<bool> {
        if !folder.is_folder() {
            return Ok(false);
        }
        for hidden in &self.hidden {
            if hidden.identity == folder.identity || is_below(&hidden.folder, folder.identity)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn hidden_in(&self, folder: Identity) -> impl Iterator<Item = &Hidden> {
        self.hidden.iter().filter(move |hidden| hidden.identity == folder)
    }
}

impl Hidden {
    fn has(&self, name: &str) -> bool {
        is_one_of(&self.names, name)
    }
}

impl Names {
    /// Whether a file of that name may be written.
    pub(super) fn allow(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(end) => name.ends_with(end),
            None => name == pattern,
        })
    }
}

/// Whether a name is one of those, for a folder that may tell upper from lower case or not.
pub(super) fn is_one_of(names: &[String], name: &str) -> bool {
    names.iter().any(|other| folded(other).eq(folded(name)))
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Where a link leads nowhere, it leads to no file.
fn leads_to(folder: &File, name: &str, file: &Stat) -> bool {
    Stat::behind(folder, name).is_ok_and(|found| found.is_some_and(|found| found.identity == file.identity))
}

/// Whether a folder is inside another, at any depth.
fn is_below(folder: &File, above: Identity) -> io::Result<bool> {
    let mut here = Stat::of(folder)?.identity;
    let mut parent = up(folder)?;
    for _ in 0..DEPTH {
        let identity = Stat::of(&parent)?.identity;
        if identity == above {
            return Ok(true);
        }
        if identity == here {
            return Ok(false);
        }
        here = identity;
        parent = up(&parent)?;
    }
    Ok(true)
}

fn up(folder: impl AsFd) -> io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(folder, "..", flags, Mode::empty())?)
}
