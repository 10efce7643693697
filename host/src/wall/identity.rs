//! Who the process is, for good.

use rustix::{
    process::{Gid, Uid, getegid, geteuid, getgid, getuid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use super::{Finding, WallError, os, refused};

/// A user and its groups, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user, not root.
    pub user: u32,
    /// Its main group.
    pub group: u32,
    /// Its other groups.
    pub groups: Vec<u32>,
}

impl Identity {
    /// Becomes that user, and checks that there is no way back. Threads have a user each: the calling one must be alone.
    pub(super) fn assume(&self) -> Result<Finding, WallError> {
        let Self { user, group, groups } = self;
        if !geteuid().is_root() {
            return Err(WallError::NotRoot);
        }
        let (uid, gid) = (Uid::from_raw(*user), Gid::from_raw(*group));
        let groups: Vec<_> = groups.iter().copied().map(Gid::from_raw).collect();
        set_thread_groups(&groups)
            .and_then(|()| set_thread_res_gid(gid, gid, gid))
            .and_then(|()| set_thread_res_uid(uid, uid, uid))
            .map_err(os)
            .map_err(refused("--user"))?;
        let became = [getuid(), geteuid()] == [uid; 2] && [getgid(), getegid()] == [gid; 2];
        if !became || set_thread_res_uid(None, Uid::ROOT, None).is_ok() {
            return Err(WallError::Regained(*user));
        }
        Ok(Finding::in_force("user", format!("{user}, group {group}, and {} more", groups.len())))
    }
}
