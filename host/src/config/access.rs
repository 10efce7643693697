//! Who may open a Unix socket: its mode, its owner, its access control list.

use std::fs;

use super::{
    document,
    setting::{Errors, Setting},
};
use crate::serve::{Acl, Named, SocketAccess};

/// The permissions of a Unix socket where nothing else is said: its owner's and its group's, which the web server is in.
const MODE: u32 = 0o660;

/// The system's tables of users and groups.
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Reads what a listener says of its socket's permissions.
pub(super) fn access(written: &document::Listen, errors: &mut Errors) -> SocketAccess {
    let mode = written.mode.as_ref().and_then(|mode| errors.check(mode, |mode| permissions(mode)));
    let owner = written.owner.as_ref().and_then(|owner| errors.check(owner, |owner| self::owner(owner)));
    let (user, group) = owner.unwrap_or_default();
    SocketAccess { mode: mode.unwrap_or(MODE), user, group, acl: acl(&written.acl, errors) }
}

fn permissions(mode: &str) -> Result<u32, String> {
    let bits = u32::from_str_radix(mode, 8).ok().filter(|bits| *bits <= 0o777);
    bits.ok_or_else(|| format!("{mode:?} is not three octal digits such as 0660"))
}

fn owner(owner: &str) -> Result<(Option<u32>, Option<u32>), String> {
    let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
    let id = |file, name: &str| if name.is_empty() { Ok(None) } else { known(file, name).map(Some) };
    Ok((id(USERS, user)?, id(GROUPS, group)?))
}

fn acl(written: &[Setting<String>], errors: &mut Errors) -> Acl {
    let mut acl = Acl::default();
    for setting in written {
        errors.check(setting, |text| {
            let (named, opens) = entry(text)?;
            acl.add(named, opens).then_some(()).ok_or_else(|| format!("acl={text}: named twice"))
        });
    }
    acl
}

/// Reads `u:USER:rw` or `g:GROUP:rw`, with `---` for somebody who may not.
fn entry(text: &str) -> Result<(Named, bool), String> {
    let fault = || {
        format!(
            "acl={text}: write u:USER:rw or g:GROUP:rw for who may open the socket, --- in the place of rw for who may not"
        )
    };
    let [kind, name, opens] = *text.split(':').collect::<Vec<_>>() else { return Err(fault()) };
    let named = match kind {
        _ if name.is_empty() => return Err(fault()),
        "u" | "user" => Named::User(known(USERS, name)?),
        "g" | "group" => Named::Group(known(GROUPS, name)?),
        _ => return Err(fault()),
    };
    match opens {
        "rw" => Ok((named, true)),
        "---" => Ok((named, false)),
        _ => Err(fault()),
    }
}

/// The number behind a name: its third field in `passwd` and `group` alike. A host that loads its settings again stands behind its
/// wall, where it sees neither of them.
fn known(file: &str, name: &str) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let table = fs::read_to_string(file).map_err(|error| {
        format!("{file} cannot be read ({error}), as it is out of a running host's reach: write the number of {name:?}")
    })?;
    let entry = table.lines().find(|line| line.split(':').next() == Some(name));
    let number = entry.and_then(|entry| entry.split(':').nth(2)?.parse().ok());
    number.ok_or_else(|| format!("{file} has no {name:?}"))
}

/// The number of a user.
pub(super) fn user(name: &str) -> Result<u32, String> {
    known(USERS, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        let check = |mode: &str, expected| assert_eq!(permissions(mode).ok(), expected, "{mode}");
        check("0660", Some(0o660));
        check("600", Some(0o600));
        check("888", None);
        check("1777", None);
    }

    #[test]
    fn owners() {
        let check = |text: &str, expected| assert_eq!(owner(text).ok(), expected, "{text}");
        check("root:0", Some((Some(0), Some(0))));
        check(":7", Some((None, Some(7))));
        check("7", Some((Some(7), None)));
        check("no-such-user", None);
    }

    #[test]
    fn entries() {
        let check = |text: &str, expected| assert_eq!(entry(text).ok(), expected, "{text}");
        check("u:root:rw", Some((Named::User(0), true)));
        check("user:33:---", Some((Named::User(33), false)));
        check("g:root:rw", Some((Named::Group(0), true)));
        check("group:7:rw", Some((Named::Group(7), true)));
        for bad in ["u:no-such-user:rw", "u::rw", "o::rw", "u:root:r", "u:root:rwx", "u:root", "root:rw", ""]
        {
            check(bad, None);
        }
    }

    #[test]
    fn somebody_who_is_named_twice_is_refused() {
        let mut errors = Errors::default();
        let entries = ["u:root:rw", "g:root:rw", "u:0:---"];
        let acl = acl(&entries.map(|one| Setting::option("--listen", one, one.to_owned())), &mut errors);
        assert!(!acl.is_empty());
        assert!(matches!(&errors.told()[..], [told] if told.contains("u:0:---: named twice")));
    }
}
