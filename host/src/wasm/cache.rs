//! Compiled components on disk, under the digest of what they were made of.
//!
//! A cached file is native code that the engine trusts. It therefore lives in a folder that belongs to the host's
//! user alone, and is written beside its place, synced and renamed: a mapped file never changes. Its last bytes are a
//! checksum of the others, so that a file that a disk or a crash has damaged is made anew. Whoever maps a file holds a shared
//! lock on it, so that several hosts can use one folder and none of them removes what another one runs.

use std::{
    fmt,
    fs::{self, File},
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crc32fast::Hasher as Checksum;
use dashmap::DashMap;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use tracing::{debug, info, warn};
use wasmtime::component::Component;

use super::{
    compile::{CompileError, Compiler, compiled},
    engine::Engine,
    handler::Module,
    preview1,
};

/// What compiled files are called behind their digest.
const SUFFIX: &str = ".cwasm";

/// What modules are called that are kept here as well, behind their digest.
pub const MODULE: &str = ".wasm";

/// What files are called that say what a name in a registry stood for.
pub const REFERENCE: &str = ".oci";

/// What files are called that are not complete yet.
pub const UNFINISHED: &str = ".compiling-";

/// A file that is not complete after this was left behind by a process that has ended.
const ABANDONED: Duration = Duration::from_hours(1);

/// What stands before the checksum at the end of a file.
const SEAL: &[u8; 8] = b"fwh-crc1";

/// The seal and the checksum behind it.
const SEAL_BYTES: usize = SEAL.len() + size_of::<u32>();

/// Read at once to see whether a file is whole.
const READ: usize = 256 << 10;

/// How often code that another host has removed in the meantime is compiled again.
const ATTEMPTS: usize = 2;

/// Compiled components: in memory by content, shared by all routes that name the same one, and on disk.
pub struct Cache {
    folder: PathBuf,
    /// Bytes that the folder may have.
    most: u64,
    mapped: DashMap<Key, Arc<Mapped>>,
    /// What is compiled now, and since when.
    compiling: Mutex<Option<(String, Instant)>>,
}

/// A component whose code is mapped.
pub(super) struct Mapped {
    pub(super) key: Key,
    pub(super) component: Component,
    /// Locked for as long as this is.
    _file: File,
}

/// What identifies machine code: the component's bytes and everything that its compilation depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// The identity of `wasm`, as it was delivered, compiled by `engine`.
pub fn cache_key(engine: &Engine, wasm: &[u8]) -> Key {
    let mut digest = HashDigest(Sha256::new_with_prefix(wasm));
    if let Some(adapter) = preview1::adapter(wasm) {
        digest.write(adapter);
    }
    engine.compatibility().hash(&mut digest);
    Key(digest.0.finalize().into())
}

impl Cache {
    /// Makes `folder` when it is missing, for that user and group where they are not this process's own.
    pub fn prepare(folder: &Path, owner: Option<(u32, u32)>) -> Result<(), CompileError> {
        if folder.exists() {
            return Ok(());
        }
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let given = made.and_then(|()| match owner {
            Some((user, group)) => chown(folder, Some(user), Some(group)),
            None => Ok(()),
        });
        given.map_err(|error| CompileError::Folder {
            folder: folder.to_owned(),
            reason: format!("{error}; name another one with --cache-dir"),
        })
    }

    /// Opens the cache in `folder`, which is made when it is missing and must belong to the host's user alone.
    /// [`Cache::clear`] keeps it below `most` bytes.
    pub fn open(folder: &Path, most: u64) -> Result<Self, CompileError> {
        Self::prepare(folder, None)?;
        let failed = |reason: String| CompileError::Folder { folder: folder.to_owned(), reason };
        let found = fs::metadata(folder).map_err(|error| failed(error.to_string()))?;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(failed(format!(
                "belongs to user {}, and would let that user run code here; name another one with --cache-dir",
                found.uid()
            )));
        }
        if found.permissions().mode() & 0o022 != 0 {
            return Err(failed(format!(
                "is writable by others (mode {:o}); chmod 0700 it or name another one with --cache-dir",
                found.permissions().mode() & 0o7777
            )));
        }
        let (mapped, compiling) = (DashMap::new(), Mutex::default());
        Ok(Self { folder: folder.to_owned(), most, mapped, compiling })
    }

    /// The component of that key, compiled now or before.
    pub(super) fn component(
        &self,
        engine: &Engine,
        key: Key,
        (compiler, module): (&Compiler, &Module),
    ) -> Result<Arc<Mapped>, CompileError> {
        if let Some(mapped) = self.mapped.get(&key) {
            return Ok(Arc::clone(&mapped));
        }
        let mapped = match self.map(engine, key) {
            Some(mapped) => Ok(mapped),
            None => self.compile_and_map(engine, key, (compiler, module)),
        }?;
        self.mapped.insert(key, Arc::clone(&mapped));
        Ok(mapped)
    }

    /// Compiles a component in this process unless the cache has it already; returns the file.
    pub(super) fn compile(&self, engine: &Engine, module: &Module) -> Result<PathBuf, CompileError> {
        let key = cache_key(engine, &module.wasm);
        if self.map(engine, key).is_none() {
            let code = compiled(engine, module)?;
            self.keep(key, &code).map_err(|error| CompileError::Folder {
                folder: self.folder.clone(),
                reason: format!("cannot keep compiled code: {error}"),
            })?;
        }
        Ok(self.file(key))
    }

    /// Forgets components that are not in use, and removes the files that have not been used for longest, until the folder is
    /// within its bound. Files that a host maps stay.
    pub(super) fn clear(&self, in_use: impl Fn(&Key) -> bool) {
        self.mapped.retain(|key, _| in_use(key));
        if let Err(error) = self.remove_unused() {
            warn!(folder = %self.folder.display(), %error, "the cache cannot be cleared");
        }
    }

    /// What is compiled now, and for how long already.
    pub(super) fn compiling(&self) -> Option<(String, Duration)> {
        let compiling = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        compiling.as_ref().map(|(name, since)| (name.clone(), since.elapsed()))
    }

    fn set_compiling(&self, now: Option<(String, Instant)>) {
        *self.compiling.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn remove_unused(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            // One that is gone has been removed by another host.
            let Ok(found) = entry.metadata() else { continue };
            let name = name.to_string_lossy();
            let used = found.modified()?;
            if [SUFFIX, MODULE, REFERENCE].iter().any(|suffix| name.ends_with(suffix)) {
                files.push((used, found.len(), entry.path()));
            } else if name.starts_with(UNFINISHED) && used.elapsed().is_ok_and(|age| age > ABANDONED) {
                fs::remove_file(entry.path())?;
            }
        }
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if total <= self.most {
                break;
            }
            if remove_unless_mapped(&path)? {
                info!(file = %path.display(), bytes = length, "removed from the cache, which was full");
                total -= length;
            }
        }
        Ok(())
    }

    fn compile_and_map(
        &self,
        engine: &Engine,
        key: Key,
        (compiler, module): (&Compiler, &Module),
    ) -> Result<Arc<Mapped>, CompileError> {
        for _ in 0..ATTEMPTS {
            self.set_compiling(Some((module.name.clone(), Instant::now())));
            let done = match compiler {
                Compiler::Here => self.compile(engine, module).map(drop),
                Compiler::Child(child) => child.run(module),
            };
            self.set_compiling(None);
            done?;
            if let Some(mapped) = self.map(engine, key) {
                return Ok(mapped);
            }
        }
        Err(CompileError::Folder {
            folder: self.folder.clone(),
            reason:
                "code compiled a moment ago cannot be mapped; is the folder on a file system mounted noexec, or the process \
                 forbidden to run what it has mapped (systemd's MemoryDenyWriteExecute=)?"
                    .into(),
        })
    }

    fn map(&self, engine: &Engine, key: Key) -> Option<Arc<Mapped>> {
        let path = self.file(key);
        let unusable = |error: String| {
            warn!(file = %path.display(), error, "cached code is unusable; compiling it anew");
            None
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return unusable(error.to_string()),
        };
        // Before anything is read: nobody removes the file from here on.
        let whole = flock(&file, FlockOperation::LockShared).map_err(io::Error::from);
        if let Err(error) = whole.and_then(|()| check_seal(&mut file)) {
            return unusable(error.to_string());
        }
        // When it was used last decides what goes first when the cache is full; without it, when it was made.
        let _ = file.set_modified(SystemTime::now());
        match mapped(engine, &path) {
            Ok(component) => {
                debug!(file = %path.display(), "mapped");
                Some(Arc::new(Mapped { key, component, _file: file }))
            }
            Err(error) => unusable(format!("{error:#}")),
        }
    }

    fn keep(&self, key: Key, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(code)?;
        file.write_all(&seal(crc32fast::hash(code)))?;
        file.as_file().sync_all()?;
        file.persist(self.file(key))?;
        File::open(&self.folder)?.sync_all()
    }

    fn file(&self, key: Key) -> PathBuf {
        self.folder.join(format!("{key}{SUFFIX}"))
    }
}

#[expect(unsafe_code, reason = "the one place that maps compiled code; the folder is the host's alone")]
fn mapped(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was written by `Cache::keep` in a folder that only this user can write (checked by `Cache::open`),
    // under a name that depends on its input and on the engine's settings, and is never written again.
    unsafe { Component::deserialize_file(engine.inner(), path) }
}

/// Whether the file was removed; it is not where somebody maps it.
fn remove_unless_mapped(path: &Path) -> io::Result<bool> {
    let Ok(file) = File::open(path) else { return Ok(false) };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    fs::remove_file(path).map(|()| true)
}

fn seal(checksum: u32) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal[..SEAL.len()].copy_from_slice(SEAL);
    seal[SEAL.len()..].copy_from_slice(&checksum.to_le_bytes());
    seal
}

/// Whether a file ends with the checksum of what stands before.
fn check_seal(file: &mut File) -> io::Result<()> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged: its checksum does not fit");
    let length = file.metadata()?.len().checked_sub(SEAL_BYTES as u64).ok_or_else(damaged)?;
    let (mut checksum, mut buffer) = (Checksum::new(), vec![0; READ]);
    let mut code = (&mut *file).take(length);
    loop {
        match code.read(&mut buffer)? {
            0 => break,
            read => checksum.update(&buffer[..read]),
        }
    }
    let mut end = [0; SEAL_BYTES];
    file.read_exact(&mut end)?;
    if end == seal(checksum.finalize()) { Ok(()) } else { Err(damaged()) }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Feeds what is hashed to a digest that is the same in every process.
struct HashDigest(Sha256);

impl Hasher for HashDigest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0 // The digest itself is the result.
    }
}
