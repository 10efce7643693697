//! What the program does besides serving: compile ahead of time, and talk to a host that runs.

use std::{
    env,
    ffi::OsString,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
};

use anyhow::bail;
use fcgi_wasm_host::{
    config::{Config, Execution, ModuleSource, Start, Whose, WrittenExecution, WrittenRegistry, control},
    load,
    operate::{self, control::Answer},
    registry::Registry,
    wasm::{ChildCompiler, Compiler, Module},
};
use rustix::process::nice;
use tokio::runtime::Runtime;

use crate::progress;

/// The lowest priority of a process.
const LEAST: i32 = 19;

/// Compiles modules ahead of time; or, beside a host that serves, the one that it writes to standard input.
pub(crate) fn compile(
    modules: Vec<PathBuf>,
    from_stdin: Option<String>,
    (execution, registry): (WrittenExecution, WrittenRegistry),
) -> anyhow::Result<()> {
    let settings = registry.check()?;
    let execution = Execution::check(execution, Start::Alone)?;
    let compiled = load::modules(&execution, Compiler::Here)?;
    if let Some(name) = from_stdin {
        // Requests come first. Where that cannot be had, they have half of the processors all the same.
        let _ = nice(LEAST);
        let mut wasm = Vec::new();
        io::stdin().lock().read_to_end(&mut wasm)?;
        compiled.compile(&Module { name, wasm: wasm.into() })?;
        return Ok(());
    }
    let sources = if modules.is_empty() {
        vec![ModuleSource::BuiltIn]
    } else {
        let read = |module: PathBuf| ModuleSource::read(&module, Path::new(""));
        modules.into_iter().map(read).collect::<Result<_, _>>().map_err(anyhow::Error::msg)?
    };
    let registry = Registry::new(&execution.cache);
    let read = |source| load::module(source, &registry, &settings);
    let modules = sources.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let progress = progress::bar(modules.iter().map(|module| module.wasm.len()).sum());
    for module in modules {
        progress.set_message(module.name.clone());
        let file = compiled.compile(&module)?;
        progress.inc(module.wasm.len() as u64);
        progress.suspend(|| println!("{}: {}", module.name, file.display()));
    }
    progress.finish_and_clear();
    Ok(())
}

/// Compiling takes some hundred megabytes, which a child process gives back, and takes no processor from requests.
pub(crate) fn compiler(config: &Config) -> Compiler {
    let Ok(program) = env::current_exe() else { return Compiler::Here };
    let arguments: Vec<OsString> = vec![
        "compile".into(),
        "--cache-dir".into(),
        config.execution.cache.clone().into(),
        format!("--instances={}", config.execution.terms.instances).into(),
        format!("--memory={}B", config.execution.memory).into(),
        "--from-stdin".into(),
    ];
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get().div_ceil(2));
    // The compiler's own threads, and no log of a program inside a program.
    let environment = vec![("RAYON_NUM_THREADS", threads.to_string()), ("RUST_LOG", "off".to_owned())];
    Compiler::Child(ChildCompiler { program, arguments, environment })
}

/// Has a host carry out a command, and says what that has changed.
pub(crate) fn command(command: operate::Command, whose: Whose) -> anyhow::Result<()> {
    let socket = control(whose)?;
    let waiting = progress::spinner("waiting for the host");
    let answer = alone()?.block_on(operate::control::command(&socket, command))?;
    waiting.finish_and_clear();
    let Answer { error, generation, weight, changes, takes_restart } = answer;
    if let Some(error) = error {
        bail!("not {command}, what served before serves on: {error}");
    }
    let mut out = io::stdout().lock();
    for change in changes {
        writeln!(out, "{change}")?;
    }
    for setting in takes_restart {
        writeln!(out, "takes a restart: {setting}")?;
    }
    let share = weight.map(|weight| format!(", with {weight} % of the requests")).unwrap_or_default();
    writeln!(out, "{command}: generation {} serves{share}", generation.unwrap_or_default())?;
    Ok(())
}

pub(crate) fn status(json: bool, whose: Whose) -> anyhow::Result<()> {
    let report = alone()?.block_on(operate::control::status(&control(whose)?))?;
    let text = if json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// A runtime for one thing.
fn alone() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
