//! The folders that a handler sees, opened once per route.

use std::{os::fd::AsRawFd, path::PathBuf, sync::Arc};

use cap_std::{ambient_authority, fs::Dir};
use thiserror::Error;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, filesystem::WasiFilesystemCtx};

use crate::capability::{Access, Mount};

/// Opened mounts. Cloning is cheap; the folders stay open, and the same, until the last clone is gone.
#[derive(Clone)]
pub struct Folders(Arc<WasiFilesystemCtx>);

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
            let failed =
                |reason: String| MountError { host: mount.host.clone(), guest: mount.guest.clone(), reason };
            let dir = Dir::open_ambient_dir(&mount.host, ambient_authority())
                .map_err(|error| failed(error.to_string()))?;
            // By descriptor, so that the folder that was checked is the one that is mounted.
            let opened = format!("/proc/self/fd/{}", dir.as_raw_fd());
            builder
                .preopened_dir(opened, &mount.guest, permissions(&mount.access))
                .map_err(|error| failed(format!("{error:#}")))?;
        }
        let mut context = builder.build();
        Ok(Self(Arc::new(context.filesystem().clone())))
    }

    pub(super) fn context(&self) -> WasiFilesystemCtx {
        WasiFilesystemCtx::clone(&self.0)
    }
}

fn permissions(access: &Access) -> FsPerms {
    match access {
        Access::Read => FsPerms::ReadOnly,
        Access::ReadWriteNamed(_) | Access::ReadWrite => FsPerms::ReadWrite,
    }
}
