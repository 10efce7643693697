//! Listings of folders. The engine reads a whole folder at once and keeps its names until the listing is dropped, so large
//! ones are counted, and read by another thread than the one that handlers run on.

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::{
    filesystem::{Descriptor, Dir, WasiFilesystemCtxView},
    p2::{
        FsResult, ReaddirIterator,
        bindings::filesystem::types::{ErrorCode, HostDescriptor as _},
    },
};

use super::{
    limits::{Limiter, SMALL_FOLDER},
    store::State,
};

/// The interface of files that the engine has.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";

/// Lets handlers without a guard list folders so.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, State>, (fd,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let (mut fs, limiter) = store.data_mut().files();
                let listing = read(&mut fs, limiter, fd).await;
                Ok((listing.map(Ok).or_else(|error| error.downcast().map(Err))?,))
            })
        },
    )
}

/// What is in a folder.
pub(super) async fn read(
    fs: &mut WasiFilesystemCtxView<'_>,
    limiter: &mut Limiter,
    fd: Resource<Descriptor>,
) -> FsResult<Resource<ReaddirIterator>> {
    let Descriptor::Dir(folder) = fs.table.get(&fd)? else { return Err(ErrorCode::NotDirectory.into()) };
    let bytes = folder.dir.metadata()?.len();
    if bytes <= SMALL_FOLDER {
        return fs.read_directory(fd).await;
    }
    if !limiter.list(bytes) {
        return Err(ErrorCode::InsufficientMemory.into());
    }
    let apart = Dir::new(folder.dir.try_clone()?, folder.perms, folder.open_mode, false);
    let apart = fs.table.push(Descriptor::Dir(apart))?;
    let listing = fs.read_directory(Resource::new_borrow(apart.rep())).await;
    fs.table.delete(apart)?;
    listing
}
