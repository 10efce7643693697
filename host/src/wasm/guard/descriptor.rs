//! `wasi:filesystem/types.descriptor`, each operation with what is checked before it.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::{
    filesystem::Descriptor,
    p2::{
        DynInputStream, DynOutputStream, FsResult, ReaddirIterator,
        bindings::filesystem::types::{
            Advice, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, Filesize, HostDescriptor,
            MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
        },
    },
};

use super::{
    Guarded, Looked,
    door::{At, code},
    open::Opening,
    place::{Links, Located, Place},
    stat::Stat,
};
use crate::wasm::listing;

type Fd = Resource<Descriptor>;

fn again(fd: &Fd) -> Fd {
    Resource::new_borrow(fd.rep())
}

impl HostDescriptor for Guarded<'_> {
    async fn advise(&mut self, fd: Fd, offset: Filesize, len: Filesize, advice: Advice) -> FsResult<()> {
        self.fs.advise(fd, offset, len, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        let done = self.fs.sync_data(fd).await;
        self.guard.door.noticed(done)
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        let done = self.fs.sync(fd).await;
        self.guard.door.noticed(done)
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        self.fs.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        self.fs.get_type(fd).await
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        self.fs.stat(fd).await
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        self.fs.is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        let stat = match self.fs.table.get(&fd)? {
            Descriptor::File(file) => Stat::of(&file.file),
            Descriptor::Dir(dir) => Stat::of(&dir.dir),
        };
        Ok(stat.map_err(|error| code(&error))?.hash())
    }

    async fn set_times(&mut self, fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        self.is_not_hidden(&fd)?;
        self.fs.set_times(fd, accessed, modified).await
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        let file = &self.writable(&fd)?.file;
        Ok(self.guard.door.set_size(file, size).map_err(|error| code(&error))?)
    }

    async fn read(&mut self, fd: Fd, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.fs.read(fd, len, offset).await
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let file = &self.writable(&fd)?.file;
        self.guard.door.write(file, &bytes, At::Offset(offset)).map_err(|error| code(&error))?;
        Ok(bytes.len() as u64)
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.fs.read_via_stream(fd, offset)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&fd, At::Offset(offset))
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&fd, At::End)
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<ReaddirIterator>> {
        let left_out = match self.fs.table.get(&fd)? {
            Descriptor::Dir(dir) if self.guard.rules().hide() => {
                let folder = Stat::of(&dir.dir).map_err(|error| code(&error))?;
                self.guard.rules().hidden_names(folder.identity)
            }
            _ => Vec::new(),
        };
        let stream = listing::read(&mut self.fs, self.limiter, fd).await?;
        if !left_out.is_empty() {
            self.guard.listings.insert(stream.rep(), left_out);
        }
        Ok(stream)
    }

    async fn stat_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let stat = self.look(&fd, flags, path.clone()).await?;
        self.guard.looked = Some(Looked { at: (fd.rep(), flags, path), stat });
        Ok(stat.told())
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        // Guests' libraries ask for both, one right after the other.
        let at = (fd.rep(), flags, path);
        if let Some(looked) = self.guard.looked.take_if(|looked| looked.at == at) {
            return Ok(looked.stat.hash());
        }
        Ok(self.look(&fd, flags, at.2).await?.hash())
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        let place = self.visible(&fd, path, Links::Keep).await?;
        let fd = self.lend(&place, false)?;
        let done = self.fs.readlink_at(again(&fd), place.written).await;
        self.fs.table.delete(fd)?;
        done
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let place = match self.locate(&fd, path, flags.into()).await? {
            Located::Folder(path) => {
                // Where only some names may be written, the engine lets no folder be.
                return self.fs.set_times_at(fd, flags, path, accessed, modified).await;
            }
            Located::Place(place) => place,
        };
        place.may_be_written()?;
        if self.hides(&place)? {
            return Err(ErrorCode::NoEntry.into());
        }
        let fd = self.lend(&place, true)?;
        let done =
            self.fs.set_times_at(again(&fd), PathFlags::empty(), place.written, accessed, modified).await;
        self.fs.table.delete(fd)?;
        done
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        self.open(&fd, path, Opening { links: path_flags.into(), how, flags }).await
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let place = self.vacant(&fd, path).await?;
        let (fd, door) = (self.lend(&place, false)?, Arc::clone(&self.guard.door));
        let done = door.make(self.fs.create_directory_at(again(&fd), place.written)).await;
        self.fs.table.delete(fd)?;
        done
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        let place = self.vacant(&fd, path).await?;
        let (fd, door) = (self.lend(&place, false)?, Arc::clone(&self.guard.door));
        let done = door.make(self.fs.symlink_at(again(&fd), target, place.written)).await;
        self.fs.table.delete(fd)?;
        done
    }

    async fn link_at(
        &mut self,
        old_fd: Fd,
        old_flags: PathFlags,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        let old = self.visible(&old_fd, old_path, Links::Keep).await?;
        old.is_free()?;
        let new = self.vacant(&new_fd, new_path).await?;
        let (old_fd, new_fd) = (self.lend(&old, false)?, self.lend(&new, false)?);
        let door = Arc::clone(&self.guard.door);
        let link = self.fs.link_at(again(&old_fd), old_flags, old.written, again(&new_fd), new.written);
        let done = door.make(link).await;
        self.fs.table.delete(old_fd)?;
        self.fs.table.delete(new_fd)?;
        done
    }

    async fn rename_at(
        &mut self,
        old_fd: Fd,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        let old = self.visible(&old_fd, old_path, Links::Keep).await?;
        let new = Place::of(self.locate(&new_fd, new_path, Links::Keep).await?)?;
        if self.hides(&new)? {
            return Err(ErrorCode::NotPermitted.into());
        }
        let moved = *old.found()?;
        let is_restricted = old.names.is_some() || new.names.is_some();
        if is_restricted && !moved.is_file() {
            return Err(ErrorCode::NotPermitted.into());
        }
        old.may_be_written()?;
        new.may_be_written()?;
        self.may_go(Some(&moved))?;
        self.may_go(new.found.as_ref())?;
        let (old_fd, new_fd) = (self.lend(&old, true)?, self.lend(&new, true)?);
        let done = self.fs.rename_at(again(&old_fd), old.written, again(&new_fd), new.written).await;
        self.fs.table.delete(old_fd)?;
        self.fs.table.delete(new_fd)?;
        let replaced = new.found.filter(|replaced| replaced.identity != moved.identity);
        if let (Ok(()), Some(replaced)) = (&done, replaced) {
            self.guard.door.removed(&replaced);
        }
        self.guard.door.noticed(done)
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let place = self.visible(&fd, path, Links::Keep).await?;
        let removed = *place.found()?;
        place.may_be_written()?;
        let fd = self.lend(&place, true)?;
        let done = self.fs.unlink_file_at(again(&fd), place.written).await;
        self.fs.table.delete(fd)?;
        done.inspect(|()| self.guard.door.removed(&removed))
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let place = self.visible(&fd, path, Links::Keep).await?;
        place.is_free()?;
        let removed = *place.found()?;
        self.may_go(Some(&removed))?;
        let fd = self.lend(&place, false)?;
        let done = self.fs.remove_directory_at(again(&fd), place.written).await;
        self.fs.table.delete(fd)?;
        done.inspect(|()| self.guard.door.removed(&removed))
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.guard.restricted.remove(&fd.rep());
        self.guard.looked = None;
        HostDescriptor::drop(&mut self.fs, fd)
    }
}
