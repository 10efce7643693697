//! Settings and modules loaded again, while the ones before serve on.

use std::sync::Arc;

use arc_swap::ArcSwap;
use thiserror::Error;

use crate::{
    admission::Door,
    config::{Config, ConfigErrors, Start, Written},
    generation::Generation,
    load::{self, LoadError},
    wasm::{Compiler, Modules},
};

/// What is served, and how to load it again.
pub struct Reload {
    written: Written,
    start: Start,
    /// The settings in force since the start, for what only a restart changes.
    started: Config,
    modules: Modules,
    door: Arc<Door>,
    current: Arc<ArcSwap<Generation>>,
}

/// Nothing was changed: what served before serves on.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// They cannot be put into force.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// They need more memory for an instance than the pool was made for.
    #[error(
        "memory: an instance with {new} bytes does not fit into the pool, which was made for {old}; restart the host"
    )]
    Memory {
        /// What the largest instance may have now, in bytes.
        new: usize,
        /// What it could have at the start.
        old: usize,
    },
}

impl Reload {
    /// Loads what `config` says, which was read from `written`.
    pub fn first(
        (written, start): (Written, Start),
        config: Config,
        compiler: Compiler,
    ) -> Result<Self, LoadError> {
        let modules = load::modules(&config.execution, compiler)?;
        let door = load::door(&config.execution);
        let generation = load::generation(&config, &modules, &door, None)?;
        let current = Arc::new(ArcSwap::from_pointee(generation));
        Ok(Self { written, start, started: config, modules, door, current })
    }

    /// What serves.
    pub fn current(&self) -> Arc<ArcSwap<Generation>> {
        Arc::clone(&self.current)
    }

    /// Reads the settings again, loads everything that they name, and serves that instead: all of it, or nothing. A request
    /// that begins after this has returned is not answered by what served before.
    ///
    /// Returns the names of settings that have changed and that only a restart puts into force.
    pub fn again(&self) -> Result<Vec<&'static str>, ReloadError> {
        let config = Config::check(self.written.clone(), self.start)?;
        let (old, new) = (self.started.execution.memory, config.execution.memory);
        if new > old {
            return Err(ReloadError::Memory { new, old });
        }
        let before = self.current.load_full();
        let generation = load::generation(&config, &self.modules, &self.door, Some(&before))?;
        self.current.store(Arc::new(generation));
        Ok(self.left_out(&config))
    }

    /// What of the settings is about the process, and not about what it serves.
    fn left_out(&self, config: &Config) -> Vec<&'static str> {
        let (old, new) = (&self.started, config);
        let changes = [
            ("listen", old.listen != new.listen),
            ("http", old.http != new.http),
            ("limits.instances, queue, queue-wait of the host", old.execution.terms != new.execution.terms),
            ("head-timeout, stall-timeout, drain-timeout", old.execution.patience != new.execution.patience),
            ("cache-dir", old.execution.cache != new.execution.cache),
            ("wall", old.wall != new.wall),
        ];
        changes.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
    }
}
