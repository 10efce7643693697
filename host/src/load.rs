//! From checked settings to something that serves: all or nothing.

use std::{borrow::Cow, fs, io, path::PathBuf};

use thiserror::Error;

use crate::{
    admission::Admission,
    config::{Config, Execution, ModuleSource},
    generation::Generation,
    wasm::{
        Cache, CompileError, Compiler, Engine, EngineError, Folders, HandlerError, Module, Modules,
        MountError,
    },
};

/// The wiki, where the build found its component.
#[cfg(foswiki_wasm)]
static BUILT_IN: Option<&[u8]> = Some(include_bytes!(env!("FOSWIKI_WASM")));
#[cfg(not(foswiki_wasm))]
static BUILT_IN: Option<&[u8]> = None;

/// Settings that cannot be put into force.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The module's file cannot be read.
    #[error("module {}: cannot be read: {error}", file.display())]
    Module {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There is no module at all.
    #[error(
        "this program was built without the wiki handler; name a module with --module FILE, or run \
         `cargo xtask guests foswiki` and build again"
    )]
    NoBuiltIn,
    /// A mount cannot be opened.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CompileError),
    /// The module cannot serve.
    #[error(transparent)]
    Handler(#[from] HandlerError),
}

/// Starts the engine that `execution` asks for, with its cache.
pub fn modules(execution: &Execution, compiler: Compiler) -> Result<Modules, LoadError> {
    let instances = u32::try_from(execution.terms.instances).unwrap_or(u32::MAX);
    let cache = Cache::open(&execution.cache)?;
    let engine = Engine::new(instances, execution.limits.memory)?;
    Ok(Modules { engine, cache, compiler })
}

/// Loads everything that `config` names.
pub fn generation(config: &Config, modules: &Modules) -> Result<Generation, LoadError> {
    let folders = Folders::open(&config.mounts)?;
    let module = Module { arguments: config.arguments.clone(), ..module(&config.module)? };
    let Execution { terms, limits, deadline, max_response, .. } = config.execution;
    let handler = modules.handler(&module, folders, limits)?;
    let (mounts, admission) = (config.mounts.as_slice().into(), Admission::new(terms));
    Ok(Generation { handler, mounts, admission, deadline, max_response })
}

/// The bytes of a module.
pub fn module(source: &ModuleSource) -> Result<Module, LoadError> {
    match source {
        ModuleSource::BuiltIn => {
            let wasm = BUILT_IN.ok_or(LoadError::NoBuiltIn)?;
            Ok(Module { name: "built-in wiki".into(), wasm: Cow::Borrowed(wasm), arguments: Vec::new() })
        }
        ModuleSource::File(file) => {
            let wasm = fs::read(file).map_err(|error| LoadError::Module { file: file.clone(), error })?;
            Ok(Module { name: file.display().to_string(), wasm: Cow::Owned(wasm), arguments: Vec::new() })
        }
    }
}
