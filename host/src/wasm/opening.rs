//! Opening what is in a mount. The engine's own way waits, with a thread of the host, until somebody opens the other end of a
//! named pipe. This one waits for nothing, and opens nothing but files, folders and a few devices that nobody waits for.

use std::{fs, io, path::Path, time::Duration};

use cap_fs_ext::{FollowSymlinks, OpenOptions, OpenOptionsFollowExt, OpenOptionsSyncExt};
use rustix::{
    fs::{FileType, fstat, major, minor},
    io::Errno,
};
use tokio::time::sleep;
#[cfg(feature = "wasi-03")]
use wasmtime::component::Accessor;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
#[cfg(feature = "wasi-03")]
use wasmtime_wasi::p3::bindings::filesystem::types as types_03;
use wasmtime_wasi::{
    OpenMode,
    filesystem::{Descriptor, Dir, File, WasiFilesystemCtxView},
    p2::{
        FsResult,
        bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
    },
};

use super::store::State;

/// The interfaces of files that the engine has, and the function in them that opens something.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";
#[cfg(feature = "wasi-03")]
const INTERFACE_03: &str = "wasi:filesystem/types@0.3.0";
const OPEN_AT: &str = "[method]descriptor.open-at";

/// How often a file is tried again that another process has a lease of (Samba and NFS take them), until that gives it back
/// or the kernel takes it away (45 s, `/proc/sys/fs/lease-break-time`). The handler's deadline goes on.
const LEASED: Duration = Duration::from_millis(10);

/// The devices that make up what is read or drop what is written: `/dev/null`, `zero`, `full`, `random` and `urandom`.
const MEMORY: u32 = 1;
const NEVER_WAIT: [u32; 5] = [3, 5, 7, 8, 9];

/// How something is opened.
pub(super) type How = (PathFlags, OpenFlags, DescriptorFlags);

/// Lets handlers without a guard open files so.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap_async(
        OPEN_AT,
        |mut store: StoreContextMut<'_, State>,
         (fd, links, path, how, flags): (Resource<Descriptor>, _, String, _, _)| {
            Box::new(async move {
                let (mut fs, _) = store.data_mut().files();
                let opened = open_at(&mut fs, &fd, &path, (links, how, flags)).await;
                Ok((opened.map(Ok).or_else(|error| error.downcast().map(Err))?,))
            })
        },
    )
}

/// The same in WASI 0.3.
#[cfg(feature = "wasi-03")]
pub(super) fn add_to_linker_03(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE_03)?.func_wrap_concurrent(
        OPEN_AT,
        |accessor: &Accessor<State>,
         (fd, links, path, how, flags): (Resource<Descriptor>, _, String, _, _)| {
            Box::pin(async move {
                let found = accessor.with(|mut store| store.data_mut().files().0.table.get(&fd).cloned())?;
                let Descriptor::Dir(folder) = found else {
                    return Ok((Err(types_03::ErrorCode::NotDirectory),));
                };
                let opened = match open(&folder, &path, how_03(links, how, flags)).await {
                    Ok(opened) => {
                        Ok(accessor.with(|mut store| store.data_mut().files().0.table.push(opened))?)
                    }
                    Err(error) => Err(error.into()),
                };
                Ok((opened,))
            })
        },
    )
}

#[cfg(feature = "wasi-03")]
fn how_03(links: types_03::PathFlags, how: types_03::OpenFlags, flags: types_03::DescriptorFlags) -> How {
    use types_03::{DescriptorFlags as Flags, OpenFlags as Open, PathFlags as Links};
    let links =
        translated([(Links::SYMLINK_FOLLOW, PathFlags::SYMLINK_FOLLOW)], PathFlags::empty(), |flag| {
            links.contains(flag)
        });
    let all = [
        (Open::CREATE, OpenFlags::CREATE),
        (Open::DIRECTORY, OpenFlags::DIRECTORY),
        (Open::EXCLUSIVE, OpenFlags::EXCLUSIVE),
        (Open::TRUNCATE, OpenFlags::TRUNCATE),
    ];
    let how = translated(all, OpenFlags::empty(), |flag| how.contains(flag));
    let all = [
        (Flags::READ, DescriptorFlags::READ),
        (Flags::WRITE, DescriptorFlags::WRITE),
        (Flags::FILE_INTEGRITY_SYNC, DescriptorFlags::FILE_INTEGRITY_SYNC),
        (Flags::DATA_INTEGRITY_SYNC, DescriptorFlags::DATA_INTEGRITY_SYNC),
        (Flags::REQUESTED_WRITE_SYNC, DescriptorFlags::REQUESTED_WRITE_SYNC),
    ];
    let flags = translated(all, DescriptorFlags::empty(), |flag| flags.contains(flag));
    (links, how, flags)
}

/// The flags of one interface for those of another that are set.
#[cfg(feature = "wasi-03")]
fn translated<F, T: std::ops::BitOr<Output = T>, const N: usize>(
    all: [(F, T); N],
    none: T,
    is_set: impl Fn(F) -> bool,
) -> T {
    all.into_iter().fold(none, |set, (from, to)| if is_set(from) { set | to } else { set })
}

/// `descriptor.open-at` as the engine has it, but for pipes, sockets and most devices: they are `unsupported`.
pub(super) async fn open_at(
    fs: &mut WasiFilesystemCtxView<'_>,
    fd: &Resource<Descriptor>,
    path: &str,
    how: How,
) -> FsResult<Resource<Descriptor>> {
    let Descriptor::Dir(folder) = fs.table.get(fd)? else { return Err(ErrorCode::NotDirectory.into()) };
    let opened = open(folder, path, how).await?;
    Ok(fs.table.push(opened)?)
}

/// Opens what is at a path below a folder.
async fn open(folder: &Dir, path: &str, (links, how, flags): How) -> io::Result<Descriptor> {
    let synchronous = DescriptorFlags::FILE_INTEGRITY_SYNC
        | DescriptorFlags::DATA_INTEGRITY_SYNC
        | DescriptorFlags::REQUESTED_WRITE_SYNC;
    if flags.intersects(synchronous) {
        return Err(Errno::NOTSUP.into());
    }
    let makes = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    if how.contains(OpenFlags::DIRECTORY) && how.intersects(makes | OpenFlags::EXCLUSIVE) {
        return Err(Errno::INVAL.into());
    }
    let writes = flags.contains(DescriptorFlags::WRITE) || how.intersects(makes);
    // What is opened for nothing is opened for reading, or the system would not open it.
    let reads = flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE);
    if writes && folder.perms.write_not_permitted() {
        return Err(Errno::PERM.into());
    }
    let creates = how.contains(OpenFlags::CREATE);
    let follows = links.contains(PathFlags::SYMLINK_FOLLOW);
    let mut options = OpenOptions::new();
    options
        .read(reads)
        .write(writes)
        .truncate(how.contains(OpenFlags::TRUNCATE))
        .create(creates)
        .create_new(creates && how.contains(OpenFlags::EXCLUSIVE))
        .follow(if follows { FollowSymlinks::Yes } else { FollowSymlinks::No })
        .nonblock(true);
    let opened = without_waiting(&folder.dir, path, &options).await?;
    let mut mode = OpenMode::empty();
    mode.set(OpenMode::READ, reads);
    mode.set(OpenMode::WRITE, writes);
    let stat = fstat(&opened)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(Descriptor::Dir(Dir::new(opened, folder.perms, mode, true))),
        _ if how.contains(OpenFlags::DIRECTORY) => Err(Errno::NOTDIR.into()),
        FileType::CharacterDevice if !never_wait(stat.st_rdev) => Err(Errno::NOTSUP.into()),
        FileType::RegularFile | FileType::CharacterDevice => {
            Ok(Descriptor::File(File::new(opened, folder.perms, mode, true)))
        }
        _ => Err(Errno::NOTSUP.into()),
    }
}

/// Whether a device is one of those that programs know by name.
fn never_wait(device: u64) -> bool {
    major(device) == MEMORY && NEVER_WAIT.contains(&minor(device))
}

/// Opens a path at once, or later, and never waits within the system for that.
async fn without_waiting(folder: &fs::File, path: &str, options: &OpenOptions) -> io::Result<fs::File> {
    loop {
        let opened = cap_primitives::fs::open(folder, Path::new(path), options);
        match opened.as_ref().map_err(Errno::from_io_error) {
            Err(Some(Errno::AGAIN)) => sleep(LEASED).await,
            // A socket; a pipe to write to that nobody reads; a device that is not there.
            Err(Some(Errno::NXIO | Errno::NODEV)) => return Err(Errno::NOTSUP.into()),
            _ => return opened,
        }
    }
}
