//! The only door to the WebAssembly engine: compile, limit, instantiate and run components.
//!
//! Nothing outside this room names a type of the engine. A [`Handler`] is a component that is ready to run with the
//! capabilities and limits of one route; [`Handler::invoke`] runs one request in an instance of its own.

mod command;
mod compile;
mod engine;
mod fault;
mod filesystem;
mod handler;
mod http;
mod limits;
mod preview1;
mod sandbox;
mod stdio;
mod store;
mod turn;

pub use compile::{Cache, CompileError, Compiler, cache_key};
pub use engine::{Engine, EngineError, Pool};
pub use fault::Fault;
pub use filesystem::{Folders, MountError};
pub use handler::{Handler, HandlerError, Module, Modules, Role};
pub use http::{Invocation, Respond};
pub use limits::Limits;
pub use store::{STDERR_LIMIT, Stderr};
