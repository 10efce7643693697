//! What mounts say beyond read-only or not, held against everything that a handler does with files: hidden files, names
//! that may be written, quotas.
//!
//! It stands before the engine's own `wasi:filesystem`, which keeps the handler inside its mounts. Names are looked up in
//! steps, each from a folder that is open, so that nothing can change between a check and what it is about; and a file is
//! known by its identity, not by a name that led to it.

mod checks;
mod descriptor;
mod door;
mod open;
mod place;
mod quota;
mod rules;
mod scan;
mod stat;
mod stream;

use std::{collections::HashMap, io, sync::Arc};

pub use quota::{Exceeded, Quotas, Usage, What, Whose};
pub(super) use rules::Rules;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::{
    filesystem::{Descriptor, WasiFilesystemCtxView},
    p2::{
        FsError, FsResult, ReaddirIterator,
        bindings::filesystem::{
            preopens,
            types::{self, DirectoryEntry, ErrorCode, HostDirectoryEntryStream, PathFlags},
        },
    },
};

use self::{door::Door, rules::Names, stat::Stat};
use super::{
    filesystem::Folders,
    limits::{Limiter, Refusal},
    store::State,
};

/// What is known about the handles of one instance.
pub(super) struct Guard {
    door: Arc<Door>,
    /// The folders that are open below mounts where only some names may be written.
    restricted: HashMap<u32, Arc<Names>>,
    /// What listings of folders with hidden files leave out.
    listings: HashMap<u32, Vec<String>>,
    looked: Option<Looked>,
}

/// What was found at a path, until the next one is followed.
struct Looked {
    at: (u32, PathFlags, String),
    stat: Stat,
}

impl Guard {
    pub(super) fn new(folders: &Folders) -> Self {
        let door = Arc::new(Door::new(folders.rules(), folders.quotas()));
        Self { door, restricted: HashMap::new(), listings: HashMap::new(), looked: None }
    }

    /// Ends a request's count; its open folders stay what they are.
    pub(super) fn rest(&mut self, folders: &Folders) {
        self.door = Arc::new(Door::new(folders.rules(), folders.quotas()));
        self.listings.clear();
        self.looked = None;
    }

    /// What was refused first, if anything was.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.door.refused()
    }

    fn rules(&self) -> &Rules {
        &self.door.rules
    }

    fn names(&self, fd: &Resource<Descriptor>) -> Option<Arc<Names>> {
        self.restricted.get(&fd.rep()).cloned()
    }

    fn restrict(&mut self, fd: &Resource<Descriptor>, names: Option<&Arc<Names>>) {
        if let Some(names) = names {
            self.restricted.insert(fd.rep(), Arc::clone(names));
        }
    }
}

/// The guard's view of an instance, for one call.
pub(super) struct Guarded<'a> {
    pub(super) fs: WasiFilesystemCtxView<'a>,
    pub(super) guard: &'a mut Guard,
    pub(super) limiter: &'a mut Limiter,
}

/// Lets a handler reach files through the guard alone.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<State, Files>(linker, State::guarded)?;
    preopens::add_to_linker::<State, Files>(linker, State::guarded)
}

struct Files;

impl HasData for Files {
    type Data<'a> = Guarded<'a>;
}

impl preopens::Host for Guarded<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mounts = preopens::Host::get_directories(&mut self.fs)?;
        for (index, (fd, _)) in mounts.iter().enumerate() {
            let names = self.guard.rules().names(index).cloned();
            self.guard.restrict(fd, names.as_ref());
        }
        Ok(mounts)
    }
}

impl types::Host for Guarded<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error: &wasmtime::Error = self.fs.table.get(&error)?;
        Ok(error.downcast_ref::<io::Error>().map(door::code))
    }
}

impl HostDirectoryEntryStream for Guarded<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<ReaddirIterator>,
    ) -> FsResult<Option<DirectoryEntry>> {
        loop {
            let again = Resource::new_borrow(stream.rep());
            let entry = self.fs.read_directory_entry(again).await?;
            let left_out = self.guard.listings.get(&stream.rep());
            let is_hidden =
                |entry: &DirectoryEntry| left_out.is_some_and(|names| rules::is_one_of(names, &entry.name));
            if !entry.as_ref().is_some_and(is_hidden) {
                return Ok(entry);
            }
        }
    }

    fn drop(&mut self, stream: Resource<ReaddirIterator>) -> wasmtime::Result<()> {
        self.guard.listings.remove(&stream.rep());
        HostDirectoryEntryStream::drop(&mut self.fs, stream)
    }
}
