//! A `FastCGI` application server that trusts no handler.
//!
//! Web servers reach it over `FastCGI`; each request runs in a fresh instance of a WebAssembly component that sees
//! the folders its route was given and nothing else. `docs/ARCHITECTURE.md` describes the rooms and who may know whom.

pub mod admission;
pub mod body;
pub mod capability;
pub mod cgi;
pub mod config;
pub mod gateway;
pub mod generation;
pub mod load;
pub mod operate;
pub mod registry;
pub mod reload;
pub mod request;
pub mod response;
pub mod route;
pub mod serve;
pub mod site;
pub mod trust;
pub mod wall;
pub mod wasm;
