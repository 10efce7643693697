//! Folders for handlers.

use std::path::{Component, Path, PathBuf};

use cap_std::{ambient_authority, fs::Dir};

use super::{
    document,
    setting::{Errors, Place, Setting},
};
use crate::capability::{Access, Mount};

/// The folders of a Foswiki installation that its handlers work with. `lib`, `bin` and `tools` are code.
const WIKI_FOLDERS: [&str; 4] = ["data", "pub", "templates", "working"];

/// The folders of a wiki that it has, by their names.
pub(super) fn wiki_folders(root: &Path) -> Result<Vec<&'static str>, String> {
    let dir = Dir::open_ambient_dir(root, ambient_authority())
        .map_err(|error| format!("cannot open the folder: {error}"))?;
    let mut folders = Vec::new();
    for name in WIKI_FOLDERS.into_iter().filter(|name| dir.symlink_metadata(name).is_ok()) {
        dir.open_dir(name).map_err(|error| {
            format!(
                "{name} is not a folder inside it ({error}); where it is a link to another place, mount that place \
                 at /{name}"
            )
        })?;
        folders.push(name);
    }
    if folders.is_empty() {
        return Err(format!("has none of the folders {}", WIKI_FOLDERS.join(", ")));
    }
    Ok(folders)
}

/// A change to the mounts that a route has otherwise: something else at a place, or nothing.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// This mount.
    Mount(Mount),
    /// No mount there.
    Nothing(String),
}

/// Checks the mounts of a site or a route. Relative folders are below `base`.
pub(super) fn changes(written: &[document::Mount], base: &Path, errors: &mut Errors) -> Vec<Change> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut changes = Vec::new();
    for mount in written {
        let Some((guest, place)) = guest(mount, errors) else { continue };
        if seen.contains(&PathBuf::from(&guest)) {
            errors.at(&place, format!("two folders for the guest's path {guest}"));
            continue;
        }
        seen.push(PathBuf::from(&guest));
        changes.extend(change(mount, guest, &place, (base, errors)));
    }
    changes
}

/// Makes changes to mounts.
pub(super) fn apply(mounts: &mut Vec<Mount>, changes: &[Change]) {
    for change in changes {
        let (Change::Mount(Mount { guest, .. }) | Change::Nothing(guest)) = change;
        mounts.retain(|other| Path::new(&other.guest) != Path::new(guest));
        if let Change::Mount(mount) = change {
            mounts.push(mount.clone());
        }
    }
}

fn guest(mount: &document::Mount, errors: &mut Errors) -> Option<(String, Place)> {
    let Some(guest) = &mount.guest else {
        errors.add("a mount without `guest`; say where the handler sees it, such as guest = \"/data\"");
        return None;
    };
    let plain = |guest: &String| {
        is_plain(Path::new(guest))
            .then(|| guest.clone())
            .ok_or_else(|| format!("the guest's path {guest:?} must be absolute and plain, such as /data"))
    };
    Some((errors.check(guest, plain)?, guest.place().clone()))
}

fn change(
    written: &document::Mount,
    guest: String,
    place: &Place,
    (base, errors): (&Path, &mut Errors),
) -> Option<Change> {
    let document::Mount { host, guest: _, access, write, hide } = written;
    let access = access.as_ref().map_or(Some(document::Access::Ro), |access| errors.read(access).copied())?;
    let mut names = |written: &[Setting<String>], check: fn(&str) -> Result<String, String>| -> Vec<String> {
        written.iter().filter_map(|name| errors.check(name, |name| check(name))).collect()
    };
    let (write, hidden) = (names(write, pattern), names(hide, file_name));
    let access = match access {
        document::Access::None => return Some(Change::Nothing(guest)),
        document::Access::Rw if write.is_empty() => Access::ReadWrite,
        document::Access::Rw => {
            errors.at(
                place,
                "`write` names the files that may be written in spite of \"ro\"; leave one of the two out",
            );
            return None;
        }
        document::Access::Ro if write.is_empty() => Access::Read,
        document::Access::Ro => Access::ReadWriteNamed(write),
    };
    let Some(host) = host else {
        errors.at(place, "a mount without `host`; name the folder on the machine");
        return None;
    };
    let host =
        errors.check(host, |host| std::path::absolute(base.join(host)).map_err(|error| error.to_string()))?;
    Some(Change::Mount(Mount { host, guest, access, hidden }))
}

/// A name of a file, or `*` and the end of names.
fn pattern(text: &str) -> Result<String, String> {
    match file_name(text.strip_prefix('*').unwrap_or(text)) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} is not a file's name, nor *ENDING")),
    }
}

/// A name of a file, which stands for nothing but itself.
fn file_name(name: &str) -> Result<String, String> {
    let is_name = !matches!(name, "" | "." | "..") && !name.contains(['/', '*', '\0']);
    is_name.then(|| name.to_owned()).ok_or_else(|| format!("{name:?} is not a file's name; write it in full"))
}

fn is_plain(path: &Path) -> bool {
    let mut components = path.components();
    components.next() == Some(Component::RootDir)
        && components.all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options;

    fn read(texts: &[&str]) -> Result<Vec<Mount>, String> {
        let mut errors = Errors::default();
        let written: Vec<_> = texts.iter().filter_map(|text| options::mount(text, &mut errors)).collect();
        let changes = changes(&written, Path::new("/base"), &mut errors);
        let mut mounts = Vec::new();
        apply(&mut mounts, &changes);
        if errors.is_empty() { Ok(mounts) } else { Err(errors.told().join("\n")) }
    }

    #[test]
    fn mounts() {
        let check = |text: &str, host: &str, guest: &str, access| {
            let expected = Mount { host: host.into(), guest: guest.into(), access, hidden: Vec::new() };
            assert_eq!(read(&[text]), Ok(vec![expected]));
        };
        check("/srv/a:/data", "/srv/a", "/data", Access::Read);
        check("/srv/a:/data:ro", "/srv/a", "/data", Access::Read);
        check("/srv/a:/data:rw", "/srv/a", "/data", Access::ReadWrite);
        check("/srv/a:b:/data/x:rw", "/srv/a:b", "/data/x", Access::ReadWrite);
    }

    #[test]
    fn refused_mounts_say_why() {
        for text in ["", "/srv", ":/data", "/srv:data", "/srv:/../x", "/srv:/data:wr"] {
            let told = read(&[text]).expect_err(text);
            assert!(told.starts_with(&format!("--mount {text}: ")), "{told}");
        }
        let told = read(&["/y:/more", "/z:/more/"]).expect_err("two at one place");
        assert!(told.starts_with("--mount /z:/more/: two folders"), "{told}");
    }

    #[test]
    fn names_of_files() {
        for name in [".htpasswd", "*.lease", "a b"] {
            assert_eq!(pattern(name), Ok(name.to_owned()));
            assert_eq!(file_name(name).is_ok(), !name.contains('*'), "hidden files are named in full");
        }
        for name in ["", "*", "a/b", "..", "*.*", "/x"] {
            assert!(pattern(name).is_err() && file_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn changes_are_made_in_their_place() {
        let mut mounts = read(&["/wiki/data:/data", "/wiki/pub:/pub"]).expect("mounts");
        let rw = Mount { access: Access::ReadWrite, ..mounts[0].clone() };
        apply(&mut mounts, &[Change::Nothing("/pub".into()), Change::Mount(rw.clone())]);
        assert_eq!(mounts, [rw]);
    }
}
