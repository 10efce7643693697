//! What every instance of a route runs in, whatever it serves.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime_wasi::p2::bindings::{Command, CommandPre};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
#[cfg(feature = "wasi-03")]
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};

use super::{
    bindings::{
        authorizer::{Authorizer, AuthorizerPre},
        filter::{Filter, FilterPre},
    },
    engine::Engine,
    fault::Fault,
    filesystem::Folders,
    limits::{HOSTCALL_BYTES, Limits},
    outbound::Gate,
    store::{State, Stderr},
};
use crate::{capability::Senses, request::Variables};

/// The folders and limits of one route, and the engine.
#[derive(Clone)]
pub(super) struct Sandbox {
    pub(super) engine: Engine,
    pub(super) folders: Folders,
    pub(super) environment: Arc<[(String, String)]>,
    pub(super) outbound: Option<Gate>,
    pub(super) senses: Senses,
    pub(super) limits: Limits,
}

impl Sandbox {
    /// A store for one request.
    pub(super) fn store(&self, variables: Variables, stderr: Stderr) -> Store<State> {
        let state = State::new(self, variables, stderr);
        let mut store = Store::new(self.engine.inner(), state);
        store.limiter(|state| &mut state.limiter);
        begin(&mut store);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// The store of an instance that has served before, for another request.
    pub(super) fn renew(store: &mut Store<State>, variables: Variables, stderr: Stderr) {
        store.data_mut().resume(variables, stderr);
        begin(store);
    }

    /// An instance in a store that `store` makes. Where there is no room, instances that wait for a request make it.
    pub(super) async fn start<C: Start>(
        &self,
        component: &C,
        store: impl Fn() -> Store<State> + Send,
    ) -> (Store<State>, wasmtime::Result<C::Instance>) {
        loop {
            let mut store = store();
            match component.start(&mut store).await {
                Err(error) if self.engine.shelves().make_room(&error) => {}
                started => return (store, started),
            }
        }
    }

    /// What an error of the engine means.
    pub(super) fn fault(&self, error: &wasmtime::Error, store: &Store<State>) -> Fault {
        Fault::explain(error, self.limits, store.data().refused())
    }
}

/// What each request may use anew.
fn begin(store: &mut Store<State>) {
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    store.set_epoch_deadline(1);
}

/// A component that is linked.
pub(super) trait Start: Sync {
    /// What becomes of it.
    type Instance: Send;

    /// Makes an instance.
    fn start(
        &self,
        store: &mut Store<State>,
    ) -> impl Future<Output = wasmtime::Result<Self::Instance>> + Send;
}

macro_rules! start {
    ($($component:ident => $instance:ident),*) => {$(
        impl Start for $component<State> {
            type Instance = $instance;

            async fn start(&self, store: &mut Store<State>) -> wasmtime::Result<$instance> {
                self.instantiate_async(store).await
            }
        }
    )*};
}

start!(ProxyPre => Proxy, CommandPre => Command, AuthorizerPre => Authorizer, FilterPre => Filter);

#[cfg(feature = "wasi-03")]
start!(ServicePre => Service);
