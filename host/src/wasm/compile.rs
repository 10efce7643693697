//! Components from WebAssembly to machine code: compiled once, kept in a content-addressed cache, mapped from there.
//!
//! A cached file is native code that the engine trusts. It therefore lives in a folder that belongs to the host's
//! user alone, and is written beside its place, synced and renamed: a mapped file never changes.

use std::{
    fmt, fs,
    hash::{Hash, Hasher},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use dashmap::DashMap;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tracing::{debug, info, warn};
use wasmtime::component::Component;

use super::{
    engine::{Engine, EngineError},
    handler::Module,
    preview1,
};

/// Where the compiler runs.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process. The memory that the compiler used stays with the process.
    Here,
    /// In a child process, which runs `PROGRAM ARGUMENTS… [FILE]` and fills the cache: with the file's component, or with the
    /// one that is built into the program.
    Child(PathBuf, Vec<std::ffi::OsString>),
}

/// Compiled components: in memory by content, shared by all routes that name the same one, and on disk.
pub struct Cache {
    folder: PathBuf,
    loaded: DashMap<Key, Component>,
}

/// What identifies machine code: the component's bytes and everything that its compilation depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// A component that cannot be compiled or kept.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The cache folder cannot be used.
    #[error("cache folder {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// The bytes are a core module that is no program.
    #[error(
        "{module}: a core module instead of a component, and not one that can be made a component: {reason}; \
         build it for wasm32-wasip2, or as a program for wasm32-wasip1"
    )]
    CoreModule {
        /// Where it came from.
        module: String,
        /// What is missing or too much.
        reason: String,
    },
    /// It is written for WASI 0.3, and this program is not.
    #[error(
        "{module}: needs WASI 0.3, which this program was built without; build it with the feature wasi-03, \
         or the module for WASI 0.2"
    )]
    Asynchronous {
        /// Where it came from.
        module: String,
    },
    /// The engine that it needs does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The bytes are not a component that this engine compiles.
    #[error("{module}: not a webassembly component that can be compiled: {reason}")]
    Component {
        /// Where it came from.
        module: String,
        /// The engine's reason.
        reason: String,
    },
}

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
    pub fn open(folder: &Path) -> Result<Self, CompileError> {
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
        Ok(Self { folder: folder.to_owned(), loaded: DashMap::new() })
    }

    /// The component, compiled now or before.
    pub(super) fn component(
        &self,
        engine: &Engine,
        compiler: &Compiler,
        module: &Module,
    ) -> Result<Component, CompileError> {
        let key = cache_key(engine, &module.wasm);
        if let Some(loaded) = self.loaded.get(&key) {
            return Ok(loaded.clone());
        }
        let component = match self.map(engine, key) {
            Some(component) => component,
            None => self.compile_and_map(engine, compiler, module)?,
        };
        self.loaded.insert(key, component.clone());
        Ok(component)
    }

    /// Compiles a component in this process unless the cache has it already; returns the file.
    pub(super) fn compile(&self, engine: &Engine, module: &Module) -> Result<PathBuf, CompileError> {
        let key = cache_key(engine, &module.wasm);
        if self.map(engine, key).is_none() {
            let component = preview1::component(&module.wasm)
                .map_err(|reason| CompileError::CoreModule { module: module.name.clone(), reason })?;
            let code = engine.inner().precompile_component(&component).map_err(|error| {
                CompileError::Component { module: module.name.clone(), reason: format!("{error:#}") }
            })?;
            self.keep(key, &code).map_err(|error| CompileError::Folder {
                folder: self.folder.clone(),
                reason: format!("cannot keep compiled code: {error}"),
            })?;
        }
        Ok(self.file(key))
    }

    fn compile_and_map(
        &self,
        engine: &Engine,
        compiler: &Compiler,
        module: &Module,
    ) -> Result<Component, CompileError> {
        let key = cache_key(engine, &module.wasm);
        info!(module = module.name, bytes = module.wasm.len(), "compiling");
        if let Compiler::Child(program, arguments) = compiler {
            run_child(program, arguments, module.file.as_deref());
            if let Some(component) = self.map(engine, key) {
                return Ok(component);
            }
        }
        self.compile(engine, module)?;
        self.map(engine, key).ok_or_else(|| CompileError::Folder {
            folder: self.folder.clone(),
            reason:
                "code compiled a moment ago cannot be mapped; is the folder on a file system mounted noexec, or the process \
                 forbidden to run what it has mapped (systemd's MemoryDenyWriteExecute=)?"
                    .into(),
        })
    }

    #[expect(unsafe_code, reason = "the one place that maps compiled code; the folder is the host's alone")]
    fn map(&self, engine: &Engine, key: Key) -> Option<Component> {
        let file = self.file(key);
        if !file.exists() {
            return None;
        }
        // SAFETY: the file was written by `keep` in a folder that only this user can write (checked by `open`),
        // under a name that depends on its input and on the engine's settings, and is never written again.
        match unsafe { Component::deserialize_file(engine.inner(), &file) } {
            Ok(component) => {
                debug!(file = %file.display(), "mapped");
                Some(component)
            }
            Err(error) => {
                warn!(file = %file.display(), error = format!("{error:#}"), "cached code is unusable; compiling it anew");
                None
            }
        }
    }

    fn keep(&self, key: Key, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".compiling-").tempfile_in(&self.folder)?;
        file.write_all(code)?;
        file.as_file().sync_all()?;
        file.persist(self.file(key))?;
        fs::File::open(&self.folder)?.sync_all()
    }

    fn file(&self, key: Key) -> PathBuf {
        self.folder.join(format!("{key}.cwasm"))
    }
}

/// Fills the cache from another process. Its success is seen by the file that it leaves, so a failure is only told.
fn run_child(program: &Path, arguments: &[std::ffi::OsString], file: Option<&Path>) {
    match Command::new(program).args(arguments).args(file).stdin(Stdio::null()).stdout(Stdio::null()).status()
    {
        Ok(status) if status.success() => {}
        Ok(status) => warn!(%status, "the compiler process failed; compiling in this process"),
        Err(error) => {
            warn!(program = %program.display(), %error, "no compiler process; compiling in this process");
        }
    }
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
