//! The only door to the WebAssembly engine: compile, limit, instantiate and run components.
//!
//! Nothing outside this room names a type of the engine. A [`Handler`] is a component that is ready to run with the
//! capabilities and limits of one route; [`Handler::invoke`] runs one request in an instance of its own.

mod authorizer;
mod bindings;
mod cache;
mod cgi;
mod command;
mod compile;
mod engine;
mod errors;
mod fault;
mod filesystem;
mod filter;
mod guard;
mod handler;
mod http;
mod imports;
mod interfaces;
mod limits;
mod listing;
mod opening;
mod outbound;
mod preview1;
mod reuse;
mod sandbox;
mod senses;
#[cfg(feature = "wasi-03")]
mod service;
mod stdio;
mod store;
mod turn;

pub use authorizer::Decision;
pub use cache::{Cache, Key, MODULE, REFERENCE, UNFINISHED, cache_key};
pub use compile::{ChildCompiler, CompileError, Compiler, ERROR};
pub use engine::{Engine, EngineError, Pool};
pub use fault::Fault;
pub use filesystem::{Folders, MountError};
pub use filter::File;
pub use guard::{Exceeded, Quotas, Usage, What, Whose};
pub use handler::{Grants, Handler, HandlerError, Linked, Module, Modules, Role};
pub use http::{Invocation, Respond};
pub use limits::Limits;
pub use outbound::{Gate, GateError};
pub use reuse::Reuse;
pub use store::Stderr;
