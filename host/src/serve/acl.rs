//! POSIX access control lists of Unix sockets. acl(5) says what they mean, the kernel's `linux/posix_acl_xattr.h` how a file
//! system is told of them: as an extended attribute, all numbers little-endian.

use std::{collections::BTreeMap, io, path::Path};

use rustix::{
    fs::{XattrFlags, lsetxattr},
    io::Errno,
};

/// The attribute that has the list of a file.
const ATTRIBUTE: &str = "system.posix_acl_access";

/// The only version there is of how it is written.
const VERSION: u32 = 2;

/// What an entry is about, in the order that the kernel asks for.
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;

/// The number of an entry that is about nobody by name.
const NOBODY: u32 = u32::MAX;

/// Reading and writing; who connects to a socket must be allowed to write.
const OPEN: u16 = 0o6;

/// Who may open a socket besides those of whom its mode speaks, and who may not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acl(BTreeMap<Named, bool>);

/// Somebody who is neither the owner nor in the socket's own group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// A user.
    User(u32),
    /// Whoever is in a group.
    Group(u32),
}

impl Acl {
    /// Adds somebody who may open the socket, or may not. Whether nothing was said of them before.
    pub fn add(&mut self, named: Named, opens: bool) -> bool {
        self.0.insert(named, opens).is_none()
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the file this list, with what `mode` says of all others. One without entries leaves the file as it is: with what the
    /// default list of its folder has given it.
    pub(super) fn put(&self, path: &Path, mode: u32) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        lsetxattr(path, ATTRIBUTE, &self.written(mode), XattrFlags::empty()).map_err(|error| match error {
            Errno::OPNOTSUPP => io::Error::new(
                io::ErrorKind::Unsupported,
                "the file system there keeps no access control lists; put the socket below /run, or leave acl= out",
            ),
            error => error.into(),
        })
    }

    /// As the file system is told. The mask is as wide as the widest entry, so that it takes nothing from anybody.
    fn written(&self, mode: u32) -> Vec<u8> {
        let [owner, group, others] = [6, 3, 0].map(|shift| u16::from((mode >> shift).to_le_bytes()[0] & 0o7));
        let permissions = |opens: &bool| if *opens { OPEN } else { 0 };
        let mask = self.0.values().map(permissions).fold(group, |mask, one| mask | one);
        let users = self.0.iter().filter_map(|(named, opens)| match named {
            Named::User(id) => Some((USER, permissions(opens), *id)),
            Named::Group(_) => None,
        });
        let groups = self.0.iter().filter_map(|(named, opens)| match named {
            Named::Group(id) => Some((GROUP, permissions(opens), *id)),
            Named::User(_) => None,
        });
        let entries = std::iter::once((OWNER, owner, NOBODY))
            .chain(users)
            .chain([(OWNING_GROUP, group, NOBODY)])
            .chain(groups)
            .chain([(MASK, mask, NOBODY), (OTHERS, others, NOBODY)]);
        let mut written = VERSION.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            written.extend(
                tag.to_le_bytes().into_iter().chain(permissions.to_le_bytes()).chain(id.to_le_bytes()),
            );
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_written_as_the_kernel_reads_it() {
        let mut acl = Acl::default();
        assert!(
            acl.add(Named::Group(7), true)
                && acl.add(Named::User(33), true)
                && acl.add(Named::User(5), false)
        );
        assert!(!acl.add(Named::User(5), true) && acl.add(Named::User(6), false));
        let entry =
            |bytes: &[u8]| (bytes[0], bytes[2], u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
        let written = acl.written(0o640);
        assert_eq!(written[..4], [2, 0, 0, 0]);
        let entries: Vec<_> = written[4..].chunks(8).map(entry).collect();
        let expected = [
            (1, 6, NOBODY),
            (2, 6, 5),
            (2, 0, 6),
            (2, 6, 33),
            (4, 4, NOBODY),
            (8, 6, 7),
            (16, 6, NOBODY),
            (32, 0, NOBODY),
        ];
        assert_eq!(entries, expected);
    }
}
