//! Components, and the roles that each serves: that is decided by what it exports.

use std::{borrow::Cow, fmt, path::PathBuf, sync::Arc};

use thiserror::Error;
use wasmtime::component::Component;

use super::{
    command::Command,
    compile::{Cache, CompileError, Compiler},
    engine::Engine,
    fault::Fault,
    filesystem::Folders,
    http::{HttpHandler, Invocation, Respond},
    limits::Limits,
    sandbox::Sandbox,
    store,
};

/// The interface of a component that answers HTTP requests, without its version.
const INCOMING_HANDLER: &str = "wasi:http/incoming-handler";

/// The interface of a program, without its version.
const RUN: &str = "wasi:cli/run";

/// The versions of WASI that are served, up to their last dot.
const WASI: &str = "0.2.";

/// A component, ready to run with the folders and limits of one route.
///
/// It serves one or several roles.
pub struct Handler {
    responder: Option<Responder>,
}

/// The ways to answer a request with a response.
enum Responder {
    Http(HttpHandler),
    Command(Command),
}

/// A role that a handler can be asked for (FastCGI §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers a request.
    Responder,
    /// Decides whether a request may be answered.
    Authorizer,
    /// Answers a request with what it makes of a file.
    Filter,
}

/// A module that cannot serve requests.
#[derive(Debug, Error)]
pub enum HandlerError {
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It exports nothing that serves a role.
    #[error(
        "{module}: cannot serve requests: it exports {exports}; a handler exports {INCOMING_HANDLER}@{WASI}x \
         or {RUN}@{WASI}x"
    )]
    Exports {
        /// Where it came from.
        module: String,
        /// What it exports, for people.
        exports: String,
    },
    /// It is no program, so there is nobody to take arguments.
    #[error("{module}: takes no arguments, since it exports no {RUN}; leave --arg out")]
    Arguments {
        /// Where it came from.
        module: String,
    },
    /// It wants something that the host does not have, or exports something else under a handler's name.
    #[error("{module}: cannot serve requests: {reason}")]
    Unsuitable {
        /// Where it came from.
        module: String,
        /// The engine's reason.
        reason: String,
    },
}

/// Makes handlers: everything that all of them share.
pub struct Modules {
    /// Runs them.
    pub engine: Engine,
    /// Keeps their machine code.
    pub cache: Cache,
    /// Makes it.
    pub compiler: Compiler,
}

/// A component as it was delivered.
#[derive(Debug, Clone)]
pub struct Module {
    /// Where it came from, for messages.
    pub name: String,
    /// Its bytes: a component, or a core module that is a program of WASI preview 1.
    pub wasm: Cow<'static, [u8]>,
    /// What a program finds behind its own name when it is started. Nothing of a request ever gets there.
    pub arguments: Vec<String>,
}

impl Modules {
    /// Compiles a component into the cache; returns the file.
    pub fn compile(&self, module: &Module) -> Result<PathBuf, CompileError> {
        self.cache.compile(&self.engine, module)
    }

    /// Compiles or maps a component and links it.
    pub fn handler(
        &self,
        module: &Module,
        folders: Folders,
        limits: Limits,
    ) -> Result<Handler, HandlerError> {
        let component = self.cache.component(&self.engine, &self.compiler, module)?;
        let exports = Exports::of(&component);
        if !exports.incoming_handler && !exports.run {
            let (module, exports) = (module.name.clone(), exports.to_string());
            return Err(HandlerError::Exports { module, exports });
        }
        if !module.arguments.is_empty() && exports.incoming_handler {
            return Err(HandlerError::Arguments { module: module.name.clone() });
        }
        let sandbox = Sandbox { engine: self.engine.clone(), folders, limits };
        Handler::link(&component, &exports, sandbox, module).map_err(|error| HandlerError::Unsuitable {
            module: module.name.clone(),
            reason: format!("{error:#}"),
        })
    }
}

impl Handler {
    /// Whether it can be asked for that role.
    pub fn serves(&self, role: Role) -> bool {
        match role {
            Role::Responder => self.responder.is_some(),
            Role::Authorizer | Role::Filter => false,
        }
    }

    /// Answers one request to its end. Dropping the future cancels the handler.
    ///
    /// Returns its application status: 0, or what a program exited with after a response that is whole all the same.
    /// An error after [`Respond::head`] was called means that the response is incomplete.
    pub async fn invoke(&self, invocation: Invocation, respond: &mut impl Respond) -> Result<u32, Fault> {
        match &self.responder {
            Some(Responder::Http(handler)) => handler.invoke(invocation, respond).await.map(|()| 0),
            Some(Responder::Command(command)) => command.invoke(invocation, respond).await,
            None => Err(Fault::Role(Role::Responder)),
        }
    }

    fn link(
        component: &Component,
        exports: &Exports,
        sandbox: Sandbox,
        module: &Module,
    ) -> wasmtime::Result<Self> {
        let linked = store::linker(sandbox.engine.inner())?.instantiate_pre(component)?;
        let responder = if exports.incoming_handler {
            Responder::Http(HttpHandler::new(linked, sandbox)?)
        } else {
            Responder::Command(Command::new(linked, sandbox, arguments(module))?)
        };
        Ok(Self { responder: Some(responder) })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Responder => "responder",
            Self::Authorizer => "authorizer",
            Self::Filter => "filter",
        })
    }
}

/// What a component offers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Exports {
    incoming_handler: bool,
    run: bool,
    names: Vec<String>,
}

impl Exports {
    fn of(component: &Component) -> Self {
        let (ty, engine) = (component.component_type(), component.engine().clone());
        let names = ty.exports(&engine).map(|(name, _)| name.to_owned()).collect();
        Self::named(names)
    }

    fn named(names: Vec<String>) -> Self {
        let has = |interface: &str, versions: &str| {
            names.iter().any(|name| {
                name.split_once('@')
                    .is_some_and(|(name, version)| name == interface && version.starts_with(versions))
            })
        };
        Self { incoming_handler: has(INCOMING_HANDLER, WASI), run: has(RUN, WASI), names }
    }
}

impl fmt::Display for Exports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.as_slice() {
            [] => formatter.write_str("nothing"),
            names => formatter.write_str(&names.join(", ")),
        }
    }
}

/// A program's arguments. Its own name is that of its file, without the folders, which are not its business.
fn arguments(module: &Module) -> Arc<[String]> {
    let name = module.name.rsplit('/').next().unwrap_or_default();
    std::iter::once(name.to_owned()).chain(module.arguments.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_serves_what_its_exports_say() {
        let check = |names: &[&str], expected: bool, told: &str| {
            let exports = Exports::named(names.iter().map(|&name| name.to_owned()).collect());
            assert_eq!(exports.incoming_handler, expected, "{names:?}");
            assert_eq!(exports.to_string(), told);
        };
        check(&[], false, "nothing");
        check(&["wasi:http/incoming-handler@0.2.12"], true, "wasi:http/incoming-handler@0.2.12");
        check(&["wasi:http/incoming-handler@0.2.0", "x"], true, "wasi:http/incoming-handler@0.2.0, x");
        check(&["wasi:http/incoming-handler@0.3.0"], false, "wasi:http/incoming-handler@0.3.0");
        check(&["wasi:http/incoming-handler"], false, "wasi:http/incoming-handler");
    }
}
