//! How much handlers may write: counted where writes pass.
//!
//! Bytes are what files are long, holes included. What a request removes counts for its site when the request has ended:
//! until then it may still hold the files open, and they their space.

use std::{
    fs::File,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{scan, stat::Stat};
use crate::capability::{Mount, Quota};

/// What the handlers of a site hold together, and may.
#[derive(Debug)]
pub struct Usage {
    quota: Quota,
    held: Mutex<Held>,
}

/// Bytes and files. Below zero as long as more is known to be gone than to have been there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) bytes: i64,
    pub(super) files: i64,
}

/// The quotas of one handler.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    /// What one request may add.
    pub request: Option<Quota>,
    /// What its site may hold.
    pub site: Option<Arc<Usage>>,
}

/// A quota that does not allow something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose it is.
    pub whose: Whose,
    /// What it is about.
    pub what: What,
    /// How many of them it allows.
    pub limit: u64,
}

/// Whose quota it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// One request's.
    Request,
    /// All handlers' of a site.
    Site,
}

/// What a quota is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Bytes.
    Bytes,
    /// Files and folders.
    Files,
}

impl Usage {
    /// Counts from nothing.
    pub fn new(quota: Quota) -> Self {
        Self { quota, held: Mutex::default() }
    }

    /// Adds what is below the writable ones of `mounts`; everything once, however many of them show it.
    ///
    /// This reads folder after folder: run it where that holds up nobody. What handlers write meanwhile counts, and what
    /// they make in a folder that was not read yet may count twice.
    pub fn count(&self, mounts: &[Mount]) -> io::Result<()> {
        let found = scan::held(mounts)?;
        self.lock().add(found.bytes, found.files);
        Ok(())
    }

    /// How many bytes, and how many files and folders, are held.
    pub fn held(&self) -> (u64, u64) {
        let held = *self.lock();
        (held.bytes.max(0).unsigned_abs(), held.files.max(0).unsigned_abs())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub(super) fn add(&mut self, bytes: i64, files: i64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.files = self.files.saturating_add(files);
    }

    fn admit(&self, whose: Whose, quota: Quota, more: Self) -> Result<(), Exceeded> {
        let over = |held: i64, more: i64, limit: u64| more > 0 && signed(limit) < held.saturating_add(more);
        if over(self.bytes.max(0), more.bytes, quota.bytes) {
            return Err(Exceeded { whose, what: What::Bytes, limit: quota.bytes });
        }
        if over(self.files.max(0), more.files, quota.files) {
            return Err(Exceeded { whose, what: What::Files, limit: quota.files });
        }
        Ok(())
    }
}

/// Counts for one request.
#[derive(Debug)]
pub(super) struct Meter {
    quotas: Quotas,
    /// What the request added; what it removed again is not taken off.
    added: Mutex<Held>,
    /// What the site gets back when the request has ended.
    freed: Mutex<Held>,
}

impl Meter {
    /// Nothing to count where there is no quota.
    pub(super) fn new(quotas: &Quotas) -> Option<Self> {
        let counts = quotas.request.is_some() || quotas.site.is_some();
        counts.then(|| Self { quotas: quotas.clone(), added: Mutex::default(), freed: Mutex::default() })
    }

    /// Counts a file or folder that is about to be made.
    pub(super) fn take_file(&self) -> Result<(), Exceeded> {
        let mut site = self.site();
        self.admit(site.as_deref(), Held { bytes: 0, files: 1 })?;
        self.settle(site.as_deref_mut(), Held { bytes: 0, files: 1 });
        Ok(())
    }

    /// It was not made.
    pub(super) fn give_file_back(&self) {
        locked(&self.added).add(0, -1);
        if let Some(mut site) = self.site() {
            site.add(0, -1);
        }
    }

    /// A name was removed, and with its last one the file's bytes.
    pub(super) fn removed(&self, stat: &Stat) {
        let bytes = if stat.is_file() && stat.names <= 1 { signed(stat.size) } else { 0 };
        locked(&self.freed).add(bytes, 1);
    }

    /// Does to `file` what gives it the length `to` makes of its length now, if that is allowed; counts what came of it.
    pub(super) fn resize<T>(
        &self,
        file: &File,
        to: impl FnOnce(u64) -> u64,
        act: impl FnOnce() -> io::Result<T>,
    ) -> Result<io::Result<T>, Exceeded> {
        let mut site = self.site();
        let before = match Stat::of(file) {
            Ok(stat) => stat,
            Err(error) => return Ok(Err(error)),
        };
        self.admit(site.as_deref(), Held { bytes: signed(to(before.size)) - signed(before.size), files: 0 })?;
        let acted = act();
        let after = match Stat::of(file) {
            Ok(stat) => stat,
            Err(error) => return Ok(acted.and(Err(error))),
        };
        let grown = signed(after.size) - signed(before.size);
        self.settle(site.as_deref_mut(), Held { bytes: grown, files: 0 });
        if after.names == 0 {
            // Nobody can remove it any more: it goes with the last one who has it open.
            locked(&self.freed).add(grown, 0);
        }
        Ok(acted)
    }

    fn site(&self) -> Option<MutexGuard<'_, Held>> {
        self.quotas.site.as_deref().map(Usage::lock)
    }

    fn admit(&self, site: Option<&Held>, more: Held) -> Result<(), Exceeded> {
        if let Some(quota) = self.quotas.request {
            locked(&self.added).admit(Whose::Request, quota, more)?;
        }
        match (site, &self.quotas.site) {
            (Some(held), Some(usage)) => held.admit(Whose::Site, usage.quota, more),
            _ => Ok(()),
        }
    }

    fn settle(&self, site: Option<&mut Held>, more: Held) {
        locked(&self.added).add(more.bytes.max(0), more.files.max(0));
        if let Some(site) = site {
            site.add(more.bytes, more.files);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let Held { bytes, files } = *locked(&self.freed);
        if let Some(mut site) = self.site() {
            site.add(-bytes, -files);
        }
    }
}

fn locked(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::FileExt, path::Path};

    use super::*;
    use crate::capability::Access;

    fn meter(request: Option<(u64, u64)>, site: &Arc<Usage>) -> Meter {
        let request = request.map(|(bytes, files)| Quota { bytes, files });
        Meter::new(&Quotas { request, site: Some(Arc::clone(site)) }).expect("something to count")
    }

    fn write(meter: &Meter, file: &File, at: u64, length: usize) -> Result<(), Exceeded> {
        let written = meter.resize(
            file,
            |size| size.max(at + length as u64),
            || file.write_all_at(&vec![b'x'; length], at),
        );
        written.map(|written| written.expect("a file that can be written"))
    }

    fn fresh(path: &Path) -> File {
        File::create_new(path).expect("a new file")
    }

    #[test]
    fn growth_counts_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Arc::new(Usage::new(Quota { bytes: 100, files: 2 }));
        let meter = meter(Some((60, 9)), &site);
        let file = fresh(&folder.path().join("a"));
        write(&meter, &file, 0, 10).expect("within");
        write(&meter, &file, 0, 10).expect("the same bytes again");
        write(&meter, &file, 5, 10).expect("half of them new");
        assert_eq!(site.held(), (15, 0));
        write(&meter, &file, 40, 10).expect("a hole and ten bytes");
        assert_eq!(site.held(), (50, 0));
        let over = write(&meter, &file, 45, 20).expect_err("over the request's");
        assert_eq!(over, Exceeded { whose: Whose::Request, what: What::Bytes, limit: 60 });
        assert_eq!(file.metadata().expect("a file").len(), 50);
        meter.resize(&file, |_| 0, || file.set_len(0)).expect("less").expect("a file");
        assert_eq!(site.held(), (0, 0));
        write(&meter, &file, 0, 20).expect_err("a request gets nothing back");
    }

    #[test]
    fn a_site_is_counted_through_all_its_requests() {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Arc::new(Usage::new(Quota { bytes: 100, files: 2 }));
        let file = fresh(&folder.path().join("a"));
        write(&meter(None, &site), &file, 0, 90).expect("within");
        let next = meter(None, &site);
        let over = write(&next, &file, 90, 11).expect_err("over the site's");
        assert_eq!(over, Exceeded { whose: Whose::Site, what: What::Bytes, limit: 100 });
        for _ in 0..2 {
            next.take_file().expect("within");
        }
        let over = next.take_file().expect_err("over the site's");
        assert_eq!(over, Exceeded { whose: Whose::Site, what: What::Files, limit: 2 });
        next.give_file_back();
        next.take_file().expect("within again");
    }

    #[test]
    fn removed_files_count_until_the_request_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let site = Arc::new(Usage::new(Quota { bytes: 100, files: 9 }));
        let meter = meter(None, &site);
        meter.take_file().expect("within");
        let file = fresh(&path);
        write(&meter, &file, 0, 60).expect("within");
        meter.removed(&Stat::of(&file).expect("a file"));
        fs::remove_file(&path).expect("a file");
        write(&meter, &file, 60, 60).expect_err("it is open, and there");
        write(&meter, &file, 60, 20).expect("within");
        assert_eq!(site.held(), (80, 1));
        drop(meter);
        assert_eq!(site.held(), (0, 0));
    }

    #[test]
    fn a_site_begins_with_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("rw/sub")).expect("folders");
        fs::create_dir(at("ro")).expect("a folder");
        for (name, length) in [("rw/a", 10), ("rw/sub/b", 20), ("ro/c", 40)] {
            fs::write(at(name), vec![b'x'; length]).expect("a file");
        }
        fs::hard_link(at("rw/a"), at("rw/again")).expect("a link");
        std::os::unix::fs::symlink("/", at("rw/link")).expect("a link");
        let mount = |name: &str, access| Mount {
            host: at(name),
            guest: format!("/{name}"),
            access,
            hidden: Vec::new(),
        };
        let site = Usage::new(Quota { bytes: 0, files: 0 });
        let mounts = [
            mount("rw", Access::ReadWrite),
            mount("rw/sub", Access::ReadWriteNamed(Vec::new())),
            mount("ro", Access::Read),
        ];
        site.count(&mounts).expect("folders that can be read");
        assert_eq!(site.held(), (30, 5));
    }
}
