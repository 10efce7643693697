//! Modules from OCI registries: what a reference stands for, and its bytes.
//!
//! A module is an artifact with one layer of WebAssembly, as `wkg`, `oras` and others push it. What a tag stands for is asked of
//! the registry at each load; what is pinned by its digest, and has been here before, needs no registry. Where it is demanded,
//! a module is signed, as `cosign sign --key` does it. What was pulled is kept beside the compiled code, so that a host starts
//! while its registry is away.

mod client;
mod credentials;
mod error;
mod reference;
mod signature;
mod store;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::Client;
pub use error::RegistryError;
pub use reference::{Reference, SCHEME};
use signature::Keys;
use store::Store;
use tracing::{info, warn};

/// The port at which registries have others speak for them: who may pull, and where what is large is kept.
pub const ELSEWHERE: u16 = 443;

/// How registries are talked to, and what is demanded of modules from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Users and passwords, in a file as `docker login` writes it.
    pub credentials: Option<PathBuf>,
    /// Public keys, one of which must have signed each module. None: nobody need have.
    pub keys: Vec<PathBuf>,
    /// Registries that speak HTTP without TLS: `HOST` or `HOST:PORT`.
    pub plain_http: Vec<String>,
    /// How often it is asked whether tags have moved.
    pub interval: Duration,
}

/// What comes from registries.
pub struct Registry {
    store: Store,
    /// What references without a digest stood for when they were pulled last.
    seen: Mutex<HashMap<Reference, String>>,
}

/// The bytes of a module.
#[derive(Debug)]
pub struct Pulled {
    /// The digest of its manifest, `sha256:…`.
    pub digest: String,
    /// WebAssembly.
    pub wasm: Vec<u8>,
}

impl Registry {
    /// Keeps what it pulls in `folder`, which belongs to the host's user alone.
    pub fn new(folder: &Path) -> Self {
        Self { store: Store::new(folder), seen: Mutex::default() }
    }

    /// The module that `reference` stands for now. Where the registry is away, and a process has not pulled it before, it is what
    /// it stood for when any process with this folder pulled it.
    ///
    /// Takes as long as the network does, up to some minutes; must be called where that holds up nobody.
    pub fn pull(&self, reference: &Reference, settings: &Settings) -> Result<Pulled, RegistryError> {
        let of = |reason| RegistryError { module: reference.to_string(), reason };
        let keys = Keys::read(&settings.keys).map_err(of)?;
        if let Some(digest) = reference.digest()
            && let Some(record) = self.store.record(reference).filter(|record| record.digest == digest)
            && keys.as_ref().is_none_or(|keys| keys.check(&record).is_ok())
            && let Ok(wasm) = self.store.module(&record.module)
        {
            return Ok(Pulled { digest: record.digest, wasm });
        }
        let fetched =
            Client::new(settings).and_then(|client| client.fetch(reference, keys.is_some(), &self.store));
        let (record, wasm) = match fetched {
            Ok(fetched) => fetched,
            Err(reason) => {
                let kept =
                    self.store.record(reference).filter(|_| reason.is_outage() && !self.is_seen(reference));
                let Some(record) = kept else { return Err(of(reason)) };
                warn!(module = %reference, %reason, digest = record.digest, "the registry is away: serving what was pulled before");
                let wasm = self.store.module(&record.module).map_err(of)?;
                (record, wasm)
            }
        };
        // Even if it is refused below: only another one is worth a try then.
        self.seen().insert(reference.clone(), record.digest.clone());
        keys.map(|keys| keys.check(&record)).transpose().map_err(of)?;
        self.store.keep_record(reference, &record).map_err(of)?;
        info!(module = %reference, digest = record.digest, bytes = wasm.len(), "pulled");
        Ok(Pulled { digest: record.digest, wasm })
    }

    /// Which of `used`, which were pulled, stand for something else by now.
    ///
    /// Takes as long as the network does; must be called where that holds up nobody.
    pub fn moved(
        &self,
        settings: &Settings,
        used: &HashSet<Reference>,
    ) -> Result<Vec<Reference>, RegistryError> {
        let seen = {
            let mut seen = self.seen();
            seen.retain(|reference, _| used.contains(reference));
            seen.clone()
        };
        let mut moved = Vec::new();
        for (reference, before) in seen.into_iter().filter(|(one, _)| one.digest().is_none()) {
            let now = Client::new(settings).and_then(|client| client.digest(&reference));
            match now {
                Ok(now) if now != before => moved.push(reference),
                Ok(_) => {}
                Err(reason) => return Err(RegistryError { module: reference.to_string(), reason }),
            }
        }
        Ok(moved)
    }

    fn is_seen(&self, reference: &Reference) -> bool {
        self.seen().contains_key(reference)
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Reference, String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
