//! Folders for handlers, from `--root` and `--mount`.

use std::path::{Component, Path, PathBuf};

use cap_std::{ambient_authority, fs::Dir};

use crate::capability::{Access, Mount};

/// The folders of a Foswiki installation that its handlers work with. `lib`, `bin` and `tools` are code.
const WIKI_FOLDERS: [&str; 4] = ["data", "pub", "templates", "working"];

/// The mounts of a wiki folder: each of [`WIKI_FOLDERS`] that it has, read-only.
pub(super) fn root(root: &Path) -> Result<Vec<Mount>, String> {
    let shown = root.display();
    let root = std::path::absolute(root).map_err(|error| format!("--root {shown}: {error}"))?;
    let dir = Dir::open_ambient_dir(&root, ambient_authority())
        .map_err(|error| format!("--root {shown}: cannot open the folder: {error}"))?;
    let mut mounts = Vec::new();
    for name in WIKI_FOLDERS.into_iter().filter(|name| dir.symlink_metadata(name).is_ok()) {
        dir.open_dir(name).map_err(|error| {
            format!(
                "--root {shown}: {name} is not a folder inside it ({error}); where it is a link to another place, \
                 mount that place with --mount FOLDER:/{name}"
            )
        })?;
        let (host, guest) = (root.join(name), format!("/{name}"));
        mounts.push(Mount { host, guest, access: Access::Read, hidden: Vec::new() });
    }
    if mounts.is_empty() {
        return Err(format!("--root {shown}: has none of the folders {}", WIKI_FOLDERS.join(", ")));
    }
    Ok(mounts)
}

/// Reads `HOST:GUEST[:ro|:rw]`.
pub(super) fn mount(text: &str) -> Result<Mount, String> {
    let (rest, access) = match text.rsplit_once(':') {
        Some((rest, "ro")) => (rest, Access::Read),
        Some((rest, "rw")) => (rest, Access::ReadWrite),
        _ => (text, Access::Read),
    };
    let form = || format!("--mount {text}: write it as HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:rw");
    let (host, guest) = rest.rsplit_once(':').ok_or_else(form)?;
    if host.is_empty() {
        return Err(form());
    }
    if !is_plain(Path::new(guest)) {
        return Err(format!(
            "--mount {text}: the guest's path {guest:?} must be absolute and plain, such as /data"
        ));
    }
    let host = std::path::absolute(host).map_err(|error| format!("--mount {text}: {error}"))?;
    Ok(Mount { host, guest: guest.to_owned(), access, hidden: Vec::new() })
}

/// Adds mounts; one at a place of the wiki folder's own takes its place. Returns what is wrong.
pub(super) fn add(mounts: &mut Vec<Mount>, named: Vec<Mount>) -> Vec<String> {
    let mut errors = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for mount in named {
        let guest = PathBuf::from(&mount.guest);
        if seen.contains(&guest) {
            errors.push(format!("--mount: two folders for the guest's path {}", mount.guest));
            continue;
        }
        seen.push(guest);
        mounts.retain(|other| other.guest != mount.guest);
        mounts.push(mount);
    }
    errors
}

fn is_plain(path: &Path) -> bool {
    let mut components = path.components();
    components.next() == Some(Component::RootDir)
        && components.all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts() {
        let check = |text: &str, host: &str, guest: &str, access| {
            let expected = Mount { host: host.into(), guest: guest.into(), access, hidden: Vec::new() };
            assert_eq!(mount(text), Ok(expected));
        };
        check("/srv/a:/data", "/srv/a", "/data", Access::Read);
        check("/srv/a:/data:ro", "/srv/a", "/data", Access::Read);
        check("/srv/a:/data:rw", "/srv/a", "/data", Access::ReadWrite);
        check("/srv/a:b:/data/x:rw", "/srv/a:b", "/data/x", Access::ReadWrite);
    }

    #[test]
    fn refused_mounts_say_why() {
        for text in ["", "/srv", ":/data", "/srv:data", "/srv:/../x", "/srv:/data:wr"] {
            let told = mount(text).expect_err(text);
            assert!(told.starts_with(&format!("--mount {text}: ")), "{told}");
        }
    }

    #[test]
    fn a_named_mount_takes_the_place_of_the_wiki_folders_own() {
        let mut mounts = vec![mount("/wiki/data:/data").expect("a mount")];
        let named = ["/x:/data:rw", "/y:/more", "/z:/more"].map(|text| mount(text).expect("a mount"));
        let errors = add(&mut mounts, named.into());
        assert_eq!(errors.len(), 1);
        let hosts: Vec<_> = mounts.iter().map(|mount| mount.host.to_string_lossy().into_owned()).collect();
        assert_eq!(hosts, ["/x", "/y"]);
    }
}
