//! Components, and the roles that each serves: that is decided by what it exports.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use thiserror::Error;
use wasmtime::component::InstancePre;

use super::{
    authorizer::{Authorizer, Decision},
    cache::{Cache, Key, Mapped, cache_key},
    command::Command,
    compile::{CompileError, Compiler},
    engine::Engine,
    fault::Fault,
    filesystem::Folders,
    filter::{File, Filter},
    http::{HttpHandler, Invocation, Respond},
    imports::{self, Files},
    interfaces::{self, AUTHORIZATION, Exports, FILTERING, INCOMING_HANDLER, Interfaces, RUN},
    limits::Limits,
    outbound::Gate,
    reuse::Reuse,
    sandbox::Sandbox,
    store::{State, Stderr},
};
#[cfg(feature = "wasi-03")]
use super::{interfaces::HANDLER, service::Service};
use crate::{capability::Senses, request::Variables};

/// Why a component is refused that would go round the guard.
const ROUND: &str = "it reaches files by wasi:filesystem@0.3, which heeds no hidden files, no names that may be written and \
                     no quotas; take them from its mounts, or build it with wasi:filesystem@0.2";

/// A component, ready to run with the folders and limits of one route.
///
/// It serves one or several roles.
pub struct Handler {
    responder: Option<Responder>,
    authorizer: Option<Authorizer>,
    filter: Option<Filter>,
    exports: Arc<Exports>,
}

/// The ways to answer a request with a response.
enum Responder {
    Http(HttpHandler),
    #[cfg(feature = "wasi-03")]
    Service(Service),
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
    #[error("{module}: cannot serve requests: it exports {exports}; a handler exports one of {wanted}", wanted = interfaces::wanted())]
    Exports {
        /// Where it came from.
        module: String,
        /// What it exports, for people.
        exports: String,
    },
    /// It is no program, so there is nobody to take arguments.
    #[error(
        "{module}: takes no arguments, since it is not run as a program (wasi:cli/run); leave its arguments out"
    )]
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
    engine: Engine,
    /// For components with asynchronous functions, from the first one on.
    asynchronous: OnceLock<Engine>,
    cache: Cache,
    compiler: Compiler,
}

/// A component as it was delivered.
#[derive(Debug, Clone)]
pub struct Module {
    /// Where it came from, for messages.
    pub name: String,
    /// Its bytes: a component, or a core module that is a program of WASI preview 1.
    pub wasm: Cow<'static, [u8]>,
}

/// A component that is compiled and linked: what all its handlers share. Its code stays mapped, and in the cache, as long as
/// there is one.
#[derive(Clone)]
pub struct Linked {
    name: String,
    mapped: Arc<Mapped>,
    plain: InstancePre<State>,
    /// The same, where files are reached through the guard alone.
    guarded: InstancePre<State>,
    exports: Arc<Exports>,
    engine: Engine,
}

/// What the handler of one route is given.
#[derive(Clone)]
pub struct Grants {
    /// The folders that it sees.
    pub folders: Folders,
    /// Variables that it finds in its environment, before those of the request.
    pub environment: Arc<[(String, String)]>,
    /// What a program finds behind its own name when it is started. Nothing of a request ever gets there.
    pub arguments: Vec<String>,
    /// Its way to other servers, if it has one.
    pub outbound: Option<Gate>,
    /// What it learns of the world.
    pub senses: Senses,
    /// What one instance may use.
    pub limits: Limits,
    /// How often one instance answers, for handlers of `wasi:http`. Those of other interfaces are always fresh.
    pub reuse: Reuse,
}

impl Modules {
    /// Handlers run in `engine`; their machine code is made by `compiler` and kept in `cache`.
    pub fn new(engine: Engine, cache: Cache, compiler: Compiler) -> Self {
        Self { engine, asynchronous: OnceLock::new(), cache, compiler }
    }

    /// Compiles a component into the cache; returns the file.
    pub fn compile(&self, module: &Module) -> Result<PathBuf, CompileError> {
        let engine = self.engine(Interfaces::read(&module.wasm).as_ref(), module)?;
        self.cache.compile(engine, module)
    }

    /// Compiles or maps a component and links it; where it is the same as one that is linked already, it is that.
    pub fn link(&self, module: &Module, before: Option<&Linked>) -> Result<Linked, HandlerError> {
        let name = module.name.clone();
        let named = Interfaces::read(&module.wasm);
        if let Some(named) = &named {
            check(&named.exports, &name)?;
        }
        let engine = self.engine(named.as_ref(), module)?;
        let key = cache_key(engine, &module.wasm);
        if let Some(linked) = before.filter(|linked| linked.mapped.key == key) {
            return Ok(Linked { name, ..linked.clone() });
        }
        let mapped = self.cache.component(engine, key, (&self.compiler, module))?;
        let component = &mapped.component;
        let exports = Exports::of(component);
        check(&exports, &name)?;
        let linked = |files| {
            let linker = imports::linker(engine, files);
            let ready = linker.and_then(|linker| linker.instantiate_pre(component));
            ready.map_err(|error| unsuitable(&name, &error))
        };
        let (plain, guarded) = (linked(Files::Plain)?, linked(Files::Guarded)?);
        let exports = Arc::new(exports);
        Ok(Linked { name, mapped, plain, guarded, exports, engine: engine.clone() })
    }

    /// The module that is compiled now, and for how long already.
    pub fn compiling(&self) -> Option<(String, Duration)> {
        self.cache.compiling()
    }

    /// Forgets what is not among these, and keeps the cache within its bound.
    pub fn keep<'a>(&self, in_use: impl Iterator<Item = &'a Linked>) {
        let keys: HashSet<_> = in_use.map(Linked::key).collect();
        self.cache.clear(|key| keys.contains(key));
    }

    /// The engine for a component that names these interfaces.
    fn engine(&self, named: Option<&Interfaces>, module: &Module) -> Result<&Engine, CompileError> {
        if !named.is_some_and(Interfaces::are_asynchronous) {
            return Ok(&self.engine);
        }
        if !cfg!(feature = "wasi-03") {
            return Err(CompileError::Asynchronous { module: module.name.clone() });
        }
        if let Some(engine) = self.asynchronous.get() {
            return Ok(engine);
        }
        let engine = self.engine.asynchronous()?;
        Ok(self.asynchronous.get_or_init(|| engine))
    }
}

/// Whether there is anything that serves.
fn check(exports: &Exports, module: &str) -> Result<(), HandlerError> {
    if exports.serves_anything() {
        return Ok(());
    }
    Err(HandlerError::Exports { module: module.to_owned(), exports: exports.to_string() })
}

/// Whether a component reaches files by an interface that the guard does not stand before.
fn goes_round(component: &InstancePre<State>) -> bool {
    let (ty, engine) = (component.component().component_type(), component.engine());
    let mut names = ty.imports(engine).map(|(name, _)| name);
    names.any(|name| name.starts_with("wasi:filesystem/") && name.contains("@0.3"))
}

fn unsuitable(module: &str, error: &wasmtime::Error) -> HandlerError {
    HandlerError::Unsuitable { module: module.to_owned(), reason: format!("{error:#}") }
}

impl Linked {
    /// What identifies its code.
    pub fn key(&self) -> Key {
        self.mapped.key
    }

    /// A handler with what one route grants it.
    pub fn handler(&self, grants: Grants) -> Result<Handler, HandlerError> {
        if !grants.arguments.is_empty() && !self.exports.is_program() {
            return Err(HandlerError::Arguments { module: self.name.clone() });
        }
        self.granted(grants).map_err(|error| unsuitable(&self.name, &error))
    }

    fn granted(&self, grants: Grants) -> wasmtime::Result<Handler> {
        let Self { name: _, mapped: _, plain, guarded, exports, engine } = self;
        let Grants { folders, environment, arguments, outbound, senses, limits, reuse } = grants;
        if folders.is_guarded() && goes_round(plain) {
            return Err(wasmtime::Error::msg(ROUND));
        }
        let component = if folders.need_guard() { guarded } else { plain };
        let sandbox = Sandbox { engine: engine.clone(), folders, environment, outbound, senses, limits };
        let authorizer =
            exports.offers(AUTHORIZATION).then(|| Authorizer::new(component.clone(), sandbox.clone()));
        let filter = exports.offers(FILTERING).then(|| Filter::new(component.clone(), sandbox.clone()));
        let responder = self.responder(component, sandbox, (arguments, reuse))?;
        let (authorizer, filter) = (authorizer.transpose()?, filter.transpose()?);
        Ok(Handler { responder, authorizer, filter, exports: Arc::clone(exports) })
    }

    fn responder(
        &self,
        component: &InstancePre<State>,
        sandbox: Sandbox,
        (arguments, reuse): (Vec<String>, Reuse),
    ) -> wasmtime::Result<Option<Responder>> {
        let Self { name, exports, .. } = self;
        #[cfg(feature = "wasi-03")]
        if exports.offers(HANDLER) {
            return Ok(Some(Responder::Service(Service::new(component.clone(), sandbox)?)));
        }
        Ok(if exports.offers(INCOMING_HANDLER) {
            Some(Responder::Http(HttpHandler::new(component.clone(), sandbox, reuse)?))
        } else if exports.offers(RUN) {
            let arguments = self::arguments(name, arguments);
            Some(Responder::Command(Command::new(component.clone(), sandbox, arguments)?))
        } else {
            None
        })
    }
}

impl Handler {
    /// Whether it can be asked for that role.
    pub fn serves(&self, role: Role) -> bool {
        match role {
            Role::Responder => self.responder.is_some(),
            Role::Authorizer => self.authorizer.is_some(),
            Role::Filter => self.filter.is_some(),
        }
    }

    /// What the component exports, for people.
    pub fn exports(&self) -> impl fmt::Display {
        &self.exports
    }

    /// Answers one request to its end. Dropping the future cancels the handler.
    ///
    /// Returns its application status: 0, or what a program exited with after a response that is whole all the same.
    /// An error after [`Respond::head`] was called means that the response is incomplete.
    pub async fn invoke(&self, invocation: Invocation, respond: &mut impl Respond) -> Result<u32, Fault> {
        match &self.responder {
            Some(Responder::Http(handler)) => handler.invoke(invocation, respond).await.map(|()| 0),
            // In places of their own, so that requests for others do not carry the room for them.
            #[cfg(feature = "wasi-03")]
            Some(Responder::Service(service)) => {
                Box::pin(service.invoke(invocation, respond)).await.map(|()| 0)
            }
            Some(Responder::Command(command)) => Box::pin(command.invoke(invocation, respond)).await,
            None => Err(Fault::Role(Role::Responder)),
        }
    }

    /// Decides about one request. Dropping the future cancels the handler.
    pub async fn authorize(&self, variables: Variables, stderr: Stderr) -> Result<Decision, Fault> {
        match &self.authorizer {
            Some(authorizer) => authorizer.authorize(variables, stderr).await,
            None => Err(Fault::Role(Role::Authorizer)),
        }
    }

    /// Answers one request with what it makes of `file`. The same holds as for [`Handler::invoke`].
    pub async fn filter(
        &self,
        invocation: Invocation,
        file: File,
        respond: &mut impl Respond,
    ) -> Result<(), Fault> {
        match &self.filter {
            Some(filter) => filter.invoke(invocation, file, respond).await,
            None => Err(Fault::Role(Role::Filter)),
        }
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

/// A program's arguments. Its own name is that of its file, without the folders, which are not its business.
fn arguments(module: &str, arguments: Vec<String>) -> Arc<[String]> {
    let name = module.rsplit('/').next().unwrap_or_default();
    std::iter::once(name.to_owned()).chain(arguments).collect()
}
