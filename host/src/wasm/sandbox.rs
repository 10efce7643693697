//! What every instance of a route runs in, whatever it serves.

use std::sync::Arc;

use wasmtime::Store;

use super::{
    engine::Engine,
    fault::Fault,
    filesystem::Folders,
    limits::{HOSTCALL_BYTES, Limits},
    outbound::Gate,
    store::{State, Stderr},
};
use crate::request::Variables;

/// The folders and limits of one route, and the engine.
#[derive(Clone)]
pub(super) struct Sandbox {
    pub(super) engine: Engine,
    pub(super) folders: Folders,
    pub(super) environment: Arc<[(String, String)]>,
    pub(super) outbound: Option<Gate>,
    pub(super) limits: Limits,
}

impl Sandbox {
    /// A store for one request.
    pub(super) fn store(&self, variables: Variables, stderr: Stderr) -> Store<State> {
        let state = State::new(self, variables, stderr);
        let mut store = Store::new(self.engine.inner(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// What an error of the engine means.
    pub(super) fn fault(&self, error: &wasmtime::Error, store: &Store<State>) -> Fault {
        Fault::explain(error, self.limits, store.data().refused())
    }
}
