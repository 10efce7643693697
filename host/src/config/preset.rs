//! Routes that are there without being written: the actions of Foswiki, each with what it needs of the wiki folder.

use std::path::Path;

use super::mount;
use crate::capability::{Access, Mount};

/// The file with the users' passwords, in `data`.
const PASSWORDS: &str = ".htpasswd";

/// Files that say who is editing a topic, beside the topic.
const LEASES: &str = "*.lease";

/// Where sessions are, below the wiki folder: those of visitors too, so that whoever views pages writes here.
const SESSIONS: &str = "working/tmp";

/// A route of a preset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PresetRoute {
    pub(super) name: &'static str,
    /// None: all other requests.
    pub(super) actions: &'static [&'static str],
    pub(super) mounts: Vec<Mount>,
}

/// What an action is for, and with that what it may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Shows: data and pub are read-only, sessions can be written.
    Show,
    /// Takes leases besides that.
    Edit,
    /// Changes the wiki, but neither reads nor writes passwords.
    Change,
    /// Asks for passwords, and changes them.
    Authenticate,
}

/// Foswiki's actions. What is not among them is shown, since short addresses of topics name no action.
const FOSWIKI: [(&str, Purpose, &[&str]); 4] = [
    ("view", Purpose::Show, &[]),
    ("edit", Purpose::Edit, &["edit", "preview", "previewauth"]),
    (
        "change",
        Purpose::Change,
        &["attach", "jsonrpc", "manage", "rename", "rest", "restauth", "save", "statistics", "upload"],
    ),
    ("login", Purpose::Authenticate, &["login", "logon", "logout", "register", "resetpasswd"]),
];

/// The routes of a wiki below `root`.
pub(super) fn foswiki(root: &Path) -> Result<Vec<PresetRoute>, String> {
    let folders = mount::wiki_folders(root)?;
    let has_sessions = root.join(SESSIONS).is_dir();
    let routes = FOSWIKI.into_iter().map(|(name, purpose, actions)| {
        let mut mounts: Vec<_> = folders.iter().map(|folder| mounted(root, folder, purpose)).collect();
        if has_sessions && matches!(purpose, Purpose::Show | Purpose::Edit) {
            let (host, guest) = (root.join(SESSIONS), format!("/{SESSIONS}"));
            mounts.push(Mount { host, guest, access: Access::ReadWrite, hidden: Vec::new() });
        }
        PresetRoute { name, actions, mounts }
    });
    Ok(routes.collect())
}

fn mounted(root: &Path, folder: &str, purpose: Purpose) -> Mount {
    let access = match (folder, purpose) {
        ("data" | "pub" | "working", Purpose::Change | Purpose::Authenticate) => Access::ReadWrite,
        ("data", Purpose::Edit) => Access::ReadWriteNamed(vec![LEASES.to_owned()]),
        _ => Access::Read,
    };
    let hides = folder == "data" && purpose != Purpose::Authenticate;
    let hidden = if hides { vec![PASSWORDS.to_owned()] } else { Vec::new() };
    Mount { host: root.join(folder), guest: format!("/{folder}"), access, hidden }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_action_has_what_it_needs_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["data", "pub", "templates", "working/tmp", "lib"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        let routes = foswiki(folder.path()).expect("a wiki");
        let check = |action: &str, expected: &[&str]| {
            let named = routes.iter().find(|route| route.actions.contains(&action));
            let route = named.or(routes.iter().find(|route| route.actions.is_empty())).expect("a route");
            let shown = |mount: &Mount| format!("{} {:?} {:?}", mount.guest, mount.access, mount.hidden);
            assert_eq!(route.mounts.iter().map(shown).collect::<Vec<_>>(), expected, "{action}");
        };
        let read = [
            "/data Read [\".htpasswd\"]",
            "/pub Read []",
            "/templates Read []",
            "/working Read []",
            "/working/tmp ReadWrite []",
        ];
        for action in ["view", "viewfile", "rdiff", "compare", "search", "oops", "configure", "anything"] {
            check(action, &read);
        }
        check("edit", &[&["/data ReadWriteNamed([\"*.lease\"]) [\".htpasswd\"]"], &read[1..]].concat());
        let write = [
            "/data ReadWrite [\".htpasswd\"]",
            "/pub ReadWrite []",
            "/templates Read []",
            "/working ReadWrite []",
        ];
        for action in ["save", "upload", "rename", "manage", "statistics", "rest"] {
            check(action, &write);
        }
        for action in ["login", "register", "resetpasswd"] {
            check(action, &[&["/data ReadWrite []"], &write[1..]].concat());
        }
    }

    #[test]
    fn a_wiki_without_sessions_is_read_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("data")).expect("a folder");
        assert!(foswiki(folder.path()).is_ok_and(|routes| routes[0].mounts.len() == 1));
        assert!(foswiki(&folder.path().join("data")).is_err());
    }
}
