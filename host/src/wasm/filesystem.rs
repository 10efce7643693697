//! The folders that a handler sees, opened once per route.

use std::{io, os::fd::AsRawFd, path::PathBuf, sync::Arc};

use cap_std::{ambient_authority, fs::Dir};
use thiserror::Error;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{
    FsPerms, WasiCtxBuilder,
    filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView},
    p2::bindings::filesystem::preopens::Host as _,
};

use super::guard::{Quotas, Rules};
use crate::capability::{Access, Mount};

/// Opened mounts. Cloning is cheap; the folders stay open, and the same, until the last clone is gone.
#[derive(Clone)]
pub struct Folders(Arc<Opened>);

#[derive(Clone)]
struct Opened {
    context: WasiFilesystemCtx,
    rules: Arc<Rules>,
    quotas: Quotas,
    are_writable: bool,
}

/// A mount that cannot be opened.
#[derive(Debug, Error)]
#[error("mount {guest}: cannot open the folder {}: {reason}", host.display())]
pub struct MountError {
    host: PathBuf,
    guest: String,
    reason: String,
}

impl Folders {
    /// Opens every mount.
    pub fn open(mounts: &[Mount]) -> Result<Self, MountError> {
        let mut builder = WasiCtxBuilder::new();
        // Files are local and in the page cache: a hand-over to another thread costs ten times the read itself.
        builder.allow_blocking_current_thread(true);
        for mount in mounts {
            // Only listing it tells whether it is within reach: what is opened as a place to start from is not asked for that.
            let dir = Dir::open_ambient_dir(&mount.host, ambient_authority())
                .and_then(|dir| dir.entries().map(|_| dir))
                .map_err(|error| failed(mount, unopened(&error)))?;
            // By descriptor, so that the folder that was checked is the one that is mounted.
            let opened = format!("/proc/self/fd/{}", dir.as_raw_fd());
            builder
                .preopened_dir(opened, &mount.guest, permissions(&mount.access))
                .map_err(|error| failed(mount, format!("{error:#}")))?;
        }
        let mut context = builder.build().filesystem().clone();
        let rules = Arc::new(rules(&mut context, mounts)?);
        let are_writable = mounts.iter().any(|mount| mount.access == Access::ReadWrite);
        Ok(Self(Arc::new(Opened { context, rules, quotas: Quotas::default(), are_writable })))
    }

    /// The same folders, with quotas for what is written there.
    #[must_use]
    pub fn with_quotas(self, quotas: Quotas) -> Self {
        Self(Arc::new(Opened { quotas, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Whether more is to be held against a handler than the engine does by itself: hidden files, names that may be
    /// written, quotas. An interface to files that goes round the guard must not be linked then.
    pub fn is_guarded(&self) -> bool {
        let Opened { rules, quotas, .. } = &*self.0;
        !rules.is_empty() || quotas.request.is_some() || quotas.site.is_some()
    }

    /// Whether files are to be reached through the guard: for the rules, or to hear of a full disk.
    pub(super) fn need_guard(&self) -> bool {
        self.is_guarded() || self.0.are_writable
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules)
    }

    pub(super) fn quotas(&self) -> &Quotas {
        &self.0.quotas
    }

    pub(super) fn context(&self) -> WasiFilesystemCtx {
        self.0.context.clone()
    }
}

fn failed(mount: &Mount, reason: String) -> MountError {
    MountError { host: mount.host.clone(), guest: mount.guest.clone(), reason }
}

/// Why a folder does not open. A running host reaches no folders but those that its settings named when it started.
fn unopened(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "{error}; the host's user may not open it, or it is new since the host started: restart the host then, or \
             name such folders ahead with --allow-path"
        ),
        _ => error.to_string(),
    }
}

fn permissions(access: &Access) -> FsPerms {
    match access {
        // The guard lets files of the names be written; without it, none is.
        Access::Read | Access::ReadWriteNamed(_) => FsPerms::ReadOnly,
        Access::ReadWrite => FsPerms::ReadWrite,
    }
}

/// What the mounts forbid besides, held to the very folders that are open.
fn rules(context: &mut WasiFilesystemCtx, mounts: &[Mount]) -> Result<Rules, MountError> {
    let (mut rules, mut table) = (Rules::default(), ResourceTable::new());
    let opened = WasiFilesystemCtxView { ctx: context, table: &mut table }.get_directories();
    let opened = opened.unwrap_or_default();
    for (index, mount) in mounts.iter().enumerate() {
        let folder = opened.get(index).and_then(|(handle, _)| table.get(handle).ok());
        match folder {
            Some(Descriptor::Dir(folder)) => rules.add(mount, &folder.dir),
            _ => Err("it is no folder any more".to_owned()),
        }
        .map_err(|reason| failed(mount, reason))?;
    }
    Ok(rules)
}
