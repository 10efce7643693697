//! What handlers can import.

use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::bindings::cli::environment;
#[cfg(feature = "wasi-03")]
use wasmtime_wasi::p3::bindings::cli::environment as environment_03;

use super::{
    cgi,
    command::{self, Program},
    engine::Engine,
    guard, listing, opening,
    store::State,
};
use crate::request::Variables;

/// How a handler reaches files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// As the engine has it: below its mounts, which may be read-only.
    Plain,
    /// Through the guard, which knows what else the mounts say.
    Guarded,
}

/// Everything that a handler can import. The environment is the request's own: its CGI variables.
pub(super) fn linker(engine: &Engine, files: Files) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine.inner());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    wasmtime_wasi_io::add_to_linker_async(&mut linker)?;
    environment::add_to_linker::<State, Environments>(&mut linker, State::environment)?;
    match files {
        Files::Plain => {
            listing::add_to_linker(&mut linker)?;
            opening::add_to_linker(&mut linker)?;
        }
        Files::Guarded => guard::add_to_linker(&mut linker)?,
    }
    linker.allow_shadowing(false);
    cgi::add_to_linker(&mut linker)?;
    #[cfg(feature = "wasi-03")]
    if engine.is_asynchronous() {
        add_wasi_03(&mut linker)?;
    }
    Ok(linker)
}

/// The same in WASI 0.3. Components import both: what their languages' libraries are made of is 0.2 still.
#[cfg(feature = "wasi-03")]
fn add_wasi_03(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    linker.allow_shadowing(true);
    environment_03::add_to_linker::<State, Environments>(linker, State::environment)?;
    opening::add_to_linker_03(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// `wasi:cli/environment` made when it is asked for: most handlers never do.
pub(super) struct Environment<'a> {
    pub(super) variables: &'a Variables,
    pub(super) granted: &'a [(String, String)],
    pub(super) program: Option<&'a Program>,
}

struct Environments;

impl HasData for Environments {
    type Data<'a> = Environment<'a>;
}

impl environment::Host for Environment<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        let mut all = self.granted.to_vec();
        let is_granted = |name: &str| self.granted.iter().any(|(other, _)| other == name);
        if self.program.is_some() {
            let own = command::environment(self.variables).into_iter();
            all.extend(own.filter(|(name, _)| !is_granted(name)));
            return Ok(all);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let own = self.variables.iter().map(|(name, value)| (text(name), text(value)));
        all.extend(own.filter(|(name, _)| !is_granted(name)));
        Ok(all)
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.program.map(|program| program.arguments.to_vec()).unwrap_or_default())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

#[cfg(feature = "wasi-03")]
impl environment_03::Host for Environment<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        environment::Host::get_environment(self)
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        environment::Host::get_arguments(self)
    }

    fn get_initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        environment::Host::initial_cwd(self)
    }
}
