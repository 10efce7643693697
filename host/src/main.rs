//! `fcgi-wasm-host`: arguments in, exit code out.

mod cli;

use std::{env, ffi::OsString, io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use clap::Parser;
use cli::{Cli, Command};
use fcgi_wasm_host::{
    config::{Config, Execution, ModuleSource, Written, WrittenExecution},
    gateway, load,
    serve::{self, Dispatch, Listener},
    wasm::Compiler,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Cli { command, written } = Cli::parse();
    start_log();
    let done = match command {
        Some(Command::Compile { modules, execution }) => compile(modules, execution),
        None => run(written),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fcgi-wasm-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Log lines go to standard error; `RUST_LOG` chooses them, and `info` is the default.
fn start_log() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

fn run(written: Written) -> anyhow::Result<()> {
    let config = Config::check(written)?;
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let compiler = compiler(&config);
    let modules = load::modules(&config.execution, compiler)?;
    let generation = load::generation(&config, &modules)?;
    let current = Arc::new(ArcSwap::from_pointee(generation));
    // Before anybody can connect: from then on, stopping means to finish what runs.
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let mut listeners = Vec::new();
    for address in &config.listen {
        listeners.push(Listener::bind(address, config.socket)?);
        info!(%address, "listening");
    }
    let gateway = match config.http {
        Some(address) => Some(gateway::start(address, config.listen[0].clone(), stop.clone()).await?),
        None => None,
    };
    let dispatch = Arc::new(Dispatch::new(current));
    let cut = serve::serve(listeners, dispatch, stop, config.execution.drain).await;
    if let Some(gateway) = gateway {
        gateway.await?;
    }
    if cut > 0 {
        bail!(
            "{cut} connections were cut: their requests did not finish within {:?}",
            config.execution.drain
        );
    }
    info!("stopped");
    Ok(())
}

fn compile(modules: Vec<PathBuf>, written: WrittenExecution) -> anyhow::Result<()> {
    let execution = Execution::check(written)?;
    let sources = if modules.is_empty() {
        vec![ModuleSource::BuiltIn]
    } else {
        modules.into_iter().map(ModuleSource::File).collect()
    };
    let compiled = load::modules(&execution, Compiler::Here)?;
    for source in sources {
        let module = load::module(&source)?;
        let file = compiled.compile(&module)?;
        println!("{}: {}", module.name, file.display());
    }
    Ok(())
}

/// Compiling takes some hundred megabytes, which a child process gives back.
fn compiler(config: &Config) -> Compiler {
    let Ok(program) = env::current_exe() else { return Compiler::Here };
    let mut arguments: Vec<OsString> = vec!["compile".into()];
    if let ModuleSource::File(file) = &config.module {
        arguments.push(file.into());
    }
    arguments.extend([
        "--cache-dir".into(),
        config.execution.cache.clone().into(),
        format!("--instances={}", config.execution.terms.instances).into(),
        format!("--memory={}B", config.execution.limits.memory).into(),
    ]);
    Compiler::Child(program, arguments)
}

/// SIGTERM and SIGINT end the host in good order.
fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM"),
            _ = interrupt.recv() => info!("SIGINT"),
        }
        stop.cancel();
    });
    Ok(())
}

/// Each connection takes a descriptor; the soft limit is often 1024, and the hard one far above it.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "cannot raise the limit of open files");
    }
}
