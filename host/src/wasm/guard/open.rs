//! Opening files: first what is there, then whether it may be had, and only then what changes it.

use std::sync::Arc;

use rustix::fs::{AtFlags, unlinkat};
use wasmtime::component::Resource;
use wasmtime_wasi::{
    FsPerms,
    filesystem::{Descriptor, File},
    p2::{
        FsError, FsResult,
        bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
    },
};

use super::{
    Guarded,
    door::code,
    place::{Links, Located, Place, split},
    rules::{Names, Rules},
    stat::Stat,
};
use crate::wasm::opening::open_at;

/// Tries to open or make a file that others make and remove all the time.
const TRIES: usize = 8;

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    pub(super) links: Links,
    pub(super) how: OpenFlags,
    pub(super) flags: DescriptorFlags,
}

impl Opening {
    /// Whether it may change anything, or give a handle that may.
    fn writes(self) -> bool {
        self.how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            || self.flags.contains(DescriptorFlags::WRITE)
    }

    /// Whether others made or removed the file in the midst of it.
    fn may_try_again(self, error: &FsError) -> bool {
        self.how.contains(OpenFlags::CREATE)
            && (is(error, ErrorCode::NoEntry)
                || is(error, ErrorCode::Exist) && !self.how.contains(OpenFlags::EXCLUSIVE))
    }

    /// Flags that open an existing file as if nothing were to be made or shortened.
    fn existing(self) -> DescriptorFlags {
        let reads = if self.flags.contains(DescriptorFlags::WRITE) {
            self.flags
        } else {
            self.flags | DescriptorFlags::READ
        };
        if self.writes() { reads | DescriptorFlags::WRITE } else { self.flags }
    }
}

impl Guarded<'_> {
    pub(super) async fn open(
        &mut self,
        fd: &Resource<Descriptor>,
        path: String,
        opening: Opening,
    ) -> FsResult<Resource<Descriptor>> {
        if !opening.writes() {
            let is_plain = split(&path)
                .is_none_or(|(_, name, written)| name == written && !self.guard.rules().may_hide(name));
            if is_plain {
                match self.open_as_written(fd, &path, opening).await {
                    Err(error) if is(&error, ErrorCode::Loop) && opening.links == Links::Follow => {}
                    opened => return opened,
                }
            }
        }
        for _ in 1..TRIES {
            match self.open_in_steps(fd, path.clone(), opening).await {
                Err(error) if opening.may_try_again(&error) => {}
                opened => return opened,
            }
        }
        self.open_in_steps(fd, path, opening).await
    }

    /// A path that does not end in a link, for reading: opened, then looked at.
    async fn open_as_written(
        &mut self,
        fd: &Resource<Descriptor>,
        path: &str,
        opening: Opening,
    ) -> FsResult<Resource<Descriptor>> {
        let how = (PathFlags::empty(), opening.how, opening.flags);
        let opened = open_at(&mut self.fs, fd, path, how).await?;
        let names = self.guard.names(fd);
        let may_be_written =
            |(_, name, _): (&str, &str, &str)| names.as_ref().is_some_and(|names| names.allow(name));
        let lift = split(path).is_some_and(may_be_written);
        let opened = self.admit(opened, ErrorCode::NoEntry, lift)?;
        self.label(&opened, names.as_ref())?;
        Ok(opened)
    }

    /// Any path: its folder is opened, then what is looked for there.
    async fn open_in_steps(
        &mut self,
        fd: &Resource<Descriptor>,
        path: String,
        opening: Opening,
    ) -> FsResult<Resource<Descriptor>> {
        let restricted = self.guard.names(fd).is_some();
        let links = if restricted && opening.writes() { Links::Keep } else { opening.links };
        let place = match self.locate(fd, path, links).await? {
            Located::Place(place) => place,
            Located::Folder(path) => return self.open_folder(fd, &path, opening).await,
        };
        let creates = opening.how.contains(OpenFlags::CREATE);
        let refusal = if creates { ErrorCode::NotPermitted } else { ErrorCode::NoEntry };
        if self.hides(&place)? {
            return Err(refusal.into());
        }
        if opening.writes() && place.found.is_none_or(|found| !found.is_folder()) {
            place.may_be_written()?;
        }
        let how = match &place.found {
            None if creates => return self.create(&place, opening).await,
            None => return Err(ErrorCode::NoEntry.into()),
            Some(found) if found.is_link() => return Err(ErrorCode::Loop.into()),
            Some(_) if creates && opening.how.contains(OpenFlags::EXCLUSIVE) => {
                return Err(ErrorCode::Exist.into());
            }
            Some(found) if found.is_folder() && opening.writes() => return Err(ErrorCode::IsDirectory.into()),
            Some(_) => opening.how & OpenFlags::DIRECTORY,
        };
        let opened = self.open_there(&place, how, opening.existing()).await?;
        let lift = place.names.as_ref().is_some_and(|names| names.allow(&place.name));
        let opened = self.admit(opened, refusal, lift)?;
        if opening.how.contains(OpenFlags::TRUNCATE) {
            self.truncate(&opened)?;
        }
        self.label(&opened, place.names.as_ref())?;
        Ok(opened)
    }

    /// What is a folder however it is opened.
    async fn open_folder(
        &mut self,
        fd: &Resource<Descriptor>,
        path: &str,
        opening: Opening,
    ) -> FsResult<Resource<Descriptor>> {
        if opening.writes() {
            return Err(ErrorCode::IsDirectory.into());
        }
        let how = (PathFlags::SYMLINK_FOLLOW, opening.how | OpenFlags::DIRECTORY, opening.flags);
        let opened = open_at(&mut self.fs, fd, path, how).await?;
        let names = self.guard.names(fd);
        self.guard.restrict(&opened, names.as_ref());
        Ok(opened)
    }

    async fn create(&mut self, place: &Place, opening: Opening) -> FsResult<Resource<Descriptor>> {
        if place.name != place.written {
            return Err(ErrorCode::IsDirectory.into());
        }
        let door = Arc::clone(&self.guard.door);
        let how = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let opened = door.make(self.open_there(place, how, opening.existing())).await?;
        let admitted = self.admit(opened, ErrorCode::NotPermitted, place.names.is_some());
        // In a folder that does not tell all names apart it may be the hidden one after all.
        admitted.inspect_err(|_| {
            let _ = unlinkat(&place.folder.dir, &place.name, AtFlags::empty());
        })
    }

    /// Opens the name of a place, whatever it is but a link.
    async fn open_there(
        &mut self,
        place: &Place,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let writes = flags.contains(DescriptorFlags::WRITE);
        let folder = self.lend(place, writes)?;
        let opened = open_at(&mut self.fs, &folder, &place.written, (PathFlags::empty(), how, flags)).await;
        let opened = self.guard.door.noticed(opened);
        self.fs.table.delete(folder)?;
        opened
    }

    /// Keeps what was opened if it may be had; with `lift`, as what may be written.
    fn admit(
        &mut self,
        opened: Resource<Descriptor>,
        refusal: ErrorCode,
        lift: bool,
    ) -> FsResult<Resource<Descriptor>> {
        let Self { fs, guard, .. } = self;
        let checked = match fs.table.get_mut(&opened)? {
            Descriptor::Dir(_) => Ok(()),
            Descriptor::File(file) => checked(guard.rules(), file, refusal, lift),
        };
        if let Err(error) = checked {
            fs.table.delete(opened)?;
            return Err(error.into());
        }
        Ok(opened)
    }

    fn truncate(&mut self, opened: &Resource<Descriptor>) -> FsResult<()> {
        let Descriptor::File(file) = self.fs.table.get(opened)? else { return Ok(()) };
        let cut = Stat::of(&file.file).and_then(|stat| {
            let has_content = stat.is_file() && stat.size > 0;
            if has_content { self.guard.door.set_size(&file.file, 0) } else { Ok(()) }
        });
        if let Err(error) = cut {
            self.fs.table.delete(Resource::<Descriptor>::new_own(opened.rep()))?;
            return Err(code(&error).into());
        }
        Ok(())
    }

    /// Hands a mount's rules down to a folder inside.
    fn label(&mut self, opened: &Resource<Descriptor>, names: Option<&Arc<Names>>) -> FsResult<()> {
        if names.is_some() && matches!(self.fs.table.get(opened)?, Descriptor::Dir(_)) {
            self.guard.restrict(opened, names);
        }
        Ok(())
    }
}

/// Whether a file may be had. With `lift` it may be written, unless it has another name: that may be one that may not be.
fn checked(rules: &Rules, file: &mut File, refusal: ErrorCode, lift: bool) -> Result<(), ErrorCode> {
    if !lift && !rules.hide() {
        return Ok(());
    }
    let stat = Stat::of(&file.file).map_err(|error| code(&error))?;
    if rules.hide_file(&stat).map_err(|error| code(&error))? {
        return Err(refusal);
    }
    if lift && stat.names > 1 && file.perms == FsPerms::ReadWrite {
        return Err(ErrorCode::NotPermitted);
    }
    if lift && stat.names <= 1 {
        file.perms = FsPerms::ReadWrite;
    }
    Ok(())
}

fn is(error: &FsError, code: ErrorCode) -> bool {
    error.downcast_ref() == Some(&code)
}
