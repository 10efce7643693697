//! What is checked before an operation.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::{
    FsPerms,
    filesystem::{Descriptor, File},
    p2::{
        DynOutputStream, FsResult,
        bindings::filesystem::types::{ErrorCode, PathFlags},
    },
};

use super::{
    Guarded,
    door::{At, code},
    place::{Links, Located, Place},
    stat::Stat,
    stream::Writer,
};

impl Guarded<'_> {
    /// Whether the name of a place is hidden, or what has it.
    pub(super) fn hides(&self, place: &Place) -> FsResult<bool> {
        let rules = self.guard.rules();
        let by_name = rules.hide_name(&place.folder.dir, &place.name).map_err(|error| code(&error))?;
        let file = place.found.filter(|_| !by_name && rules.hide());
        let by_file = file.map(|file| rules.hide_file(&file)).transpose().map_err(|error| code(&error))?;
        Ok(by_name || by_file.unwrap_or_default())
    }

    /// What a path leads to.
    pub(super) async fn look(
        &mut self,
        fd: &Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<Stat> {
        match self.locate(fd, path, flags.into()).await? {
            Located::Folder(path) => {
                let folder = self.folder(fd, &path).await?;
                Ok(Stat::of(&folder.dir).map_err(|error| code(&error))?)
            }
            Located::Place(place) => {
                let found = *place.found()?;
                if self.hides(&place)? {
                    return Err(ErrorCode::NoEntry.into());
                }
                if !found.is_folder() && place.name != place.written {
                    return Err(ErrorCode::NotDirectory.into());
                }
                Ok(found)
            }
        }
    }

    /// A place that exists, so that its hidden files do not.
    pub(super) async fn visible(
        &mut self,
        fd: &Resource<Descriptor>,
        path: String,
        links: Links,
    ) -> FsResult<Place> {
        let place = Place::of(self.locate(fd, path, links).await?)?;
        if self.hides(&place)? { Err(ErrorCode::NoEntry.into()) } else { Ok(place) }
    }

    /// A place where something is to be made, in a mount where everything may be.
    pub(super) async fn vacant(&mut self, fd: &Resource<Descriptor>, path: String) -> FsResult<Place> {
        let place = Place::of(self.locate(fd, path, Links::Keep).await?)?;
        place.is_free()?;
        if self.hides(&place)? { Err(ErrorCode::NotPermitted.into()) } else { Ok(place) }
    }

    /// Fails for a folder below which something is hidden.
    pub(super) fn may_go(&self, folder: Option<&Stat>) -> FsResult<()> {
        let Some(folder) = folder else { return Ok(()) };
        let hides = self.guard.rules().hide_below(folder).map_err(|error| code(&error))?;
        if hides { Err(ErrorCode::NotPermitted.into()) } else { Ok(()) }
    }

    /// A handle of a place's folder, to be deleted again; with `write`, one that the engine lets write for this once.
    pub(super) fn lend(&mut self, place: &Place, write: bool) -> FsResult<Resource<Descriptor>> {
        let mut folder = place.folder.clone();
        if write && place.names.is_some() {
            folder.perms = FsPerms::ReadWrite;
        }
        Ok(self.fs.table.push(Descriptor::Dir(folder))?)
    }

    fn file(&self, fd: &Resource<Descriptor>) -> FsResult<&File> {
        match self.fs.table.get(fd)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor.into()),
        }
    }

    pub(super) fn writable(&self, fd: &Resource<Descriptor>) -> FsResult<&File> {
        let file = self.file(fd)?;
        if file.perms.write_not_permitted() { Err(ErrorCode::NotPermitted.into()) } else { Ok(file) }
    }

    /// Fails for a file that has become a hidden one since it was opened.
    pub(super) fn is_not_hidden(&self, fd: &Resource<Descriptor>) -> FsResult<()> {
        let (rules, Descriptor::File(file)) = (self.guard.rules(), self.fs.table.get(fd)?) else {
            return Ok(());
        };
        let hides = || rules.hide_file(&Stat::of(&file.file)?);
        if rules.hide() && hides().map_err(|error| code(&error))? {
            return Err(ErrorCode::NotPermitted.into());
        }
        Ok(())
    }

    pub(super) fn writer(
        &mut self,
        fd: &Resource<Descriptor>,
        at: At,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = Arc::clone(&self.writable(fd)?.file);
        let writer: DynOutputStream = Box::new(Writer::new(file, at, Arc::clone(&self.guard.door)));
        Ok(self.fs.table.push(writer)?)
    }
}
