//! `fcgi-wasm-host`: arguments in, exit code out.

mod check;
mod cli;

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use cli::{Cli, Command};
use fcgi_wasm_host::{
    config::{Config, Execution, ModuleSource, Start, Written, WrittenExecution},
    gateway, load,
    operate::{self, Begun, Service},
    reload::Reload,
    serve::{self, Bound, Listener, Visitor},
    wall::{Grant, Network, Wall},
    wasm::{Cache, Compiler, Engine},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The name of the settings file beside a program that a web server starts.
const BESIDE_THE_PROGRAM: &str = "fcgi-wasm-host.toml";

fn main() -> ExitCode {
    let Cli { command, written, process, .. } = Cli::read();
    let Some(command) = command else { return start(process, written) };
    start_log(LevelFilter::INFO);
    let done = match command {
        Command::Compile { modules, execution } => compile(modules, execution),
        Command::Check { schema: true, .. } => check::schema(),
        Command::Check { written, print: true, .. } => check::print(*written),
        Command::Check { written, .. } => check::check(*written),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man => cli::man(),
    };
    finish(done.map_err(|error| {
        // Not with `eprintln`: standard error may be a pipe that nobody reads any more.
        let _ = writeln!(io::stderr(), "{}", told(&error));
    }))
}

/// Serves, in this process or in the background.
fn start(process: operate::Written, written: Written) -> ExitCode {
    let start = if serve::is_inherited() { Start::Spawned } else { Start::Alone };
    let service = match Service::begin(process, start == Start::Spawned) {
        Ok(Begun::Here(service)) => Arc::<Service>::from(service),
        Ok(Begun::Elsewhere(code)) => return code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}", told(&error.into()));
            return ExitCode::FAILURE;
        }
    };
    start_log(service.level());
    finish(run(written, start, &service).map_err(|error| service.failed(&told(&error))))
}

fn finish(done: Result<(), ()>) -> ExitCode {
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn told(error: &anyhow::Error) -> String {
    format!("fcgi-wasm-host: {error:#}")
}

/// Log lines go to standard error; `RUST_LOG` chooses them, and `level` is the default.
fn start_log(level: LevelFilter) {
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would be told on standard error, which is what failed; and failing to tell that would be a panic.
        .log_internal_errors(false)
        .init();
}

fn run(written: Written, start: Start, service: &Arc<Service>) -> anyhow::Result<()> {
    serve::take_passed();
    let written = beside_the_program(written, start);
    let config = Config::check(written.clone(), start)?;
    let mut wall = config.wall.clone();
    let _claims = service.claim(&mut wall)?;
    written.reuse.note().iter().for_each(|note| warn!("{note}"));
    raise_descriptor_limit();
    let threads = thread::available_parallelism()?.get();
    let sockets = Sockets::bind(&config)?;
    sockets.extend(&mut wall.network)?;
    raise_wall(&wall, &config.execution.cache)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve((written, start), config, sockets, service))
}

/// The settings in a file beside the program, where a web server starts that and there are no others.
fn beside_the_program(written: Written, start: Start) -> Written {
    let program = env::args_os().next().map(PathBuf::from);
    let file = program.and_then(|program| Some(program.parent()?.join(BESIDE_THE_PROGRAM)));
    match file.filter(|file| start == Start::Spawned && written.is_empty() && file.is_file()) {
        Some(file) => Written { config: Some(file), ..written },
        None => written,
    }
}

/// What is bound while the process may still do so. Connections wait there until the handler is loaded.
struct Sockets {
    fastcgi: Vec<Bound>,
    http: Option<TcpListener>,
}

impl Sockets {
    fn bind(config: &Config) -> anyhow::Result<Self> {
        let fastcgi = config.listen.iter().cloned().map(Bound::bind);
        Ok(Self {
            fastcgi: fastcgi.collect::<Result<_, _>>()?,
            http: config.http.map(gateway::bind).transpose()?,
        })
    }

    /// What is bound, and the first socket, to which the gateway connects, come on top of what the settings need.
    fn extend(&self, network: &mut Network) -> anyhow::Result<()> {
        let http = self.http.as_ref().map(TcpListener::local_addr).transpose()?;
        network.bind.extend(self.fastcgi.iter().filter_map(Bound::port).chain(http.map(|http| http.port())));
        network.connect.extend(http.and(self.fastcgi.first()).and_then(Bound::port));
        Ok(())
    }
}

/// Restricts the process, while it has no other threads: all that come later are inside, and so is whatever is compiled.
fn raise_wall(wall: &Wall, cache: &Path) -> anyhow::Result<()> {
    let owner = wall.identity.as_ref().map(|identity| (identity.user, identity.group));
    Cache::prepare(cache, owner)?;
    Engine::prepare();
    let mut wall = wall.clone();
    wall.grants.extend(Grant::program().context("cannot read what this program consists of")?);
    let raised = wall.raise()?;
    info!("wall: {raised}");
    raised.gaps().for_each(|gap| warn!("wall: {gap}"));
    Ok(())
}

async fn serve(
    (written, start): (Written, Start),
    config: Config,
    sockets: Sockets,
    service: &Arc<Service>,
) -> anyhow::Result<()> {
    // Before anything else: from then on, stopping means to finish what runs, and to leave no socket behind.
    let stop = CancellationToken::new();
    stop_on_signals(&stop, start, (service, config.execution.patience.drain))?;
    if start == Start::Alone {
        service.reopen_on_signal().context("cannot handle SIGUSR1")?;
    }
    let compiler = compiler(&config);
    let reload = Reload::first((written, start), config.clone(), compiler)?;
    let current = reload.current();
    reload_on_signal(reload, service)?;
    let patience = config.execution.patience;
    let warmed = Visitor::new(Arc::clone(&current), patience);
    let warmed = warmed.warm(service.pages(), config.execution.terms.instances);
    stop.run_until_cancelled(warmed).await;
    let mut listeners = Vec::new();
    for (bound, listen) in sockets.fastcgi.into_iter().zip(&config.listen) {
        listeners.push(Listener::new(bound)?);
        info!(address = %listen.address, "listening");
    }
    let to = &config.listen[0].address;
    let http = sockets.http.map(|http| gateway::start(http, to.clone(), stop.clone()));
    let gateway = http.transpose()?;
    service.ready()?;
    service.watch(Visitor::new(Arc::clone(&current), patience));
    let cut = serve::serve(listeners, Arc::clone(&current), stop, patience).await;
    if let Some(gateway) = gateway {
        gateway.await?;
    }
    if cut > 0 {
        bail!("{cut} connections were cut: their requests did not finish within {:?}", patience.drain);
    }
    for site in current.load().sites() {
        let (requests, failures) = site.figures.read();
        info!(site = site.name, requests, failures, "served");
    }
    info!("stopped");
    Ok(())
}

fn compile(modules: Vec<PathBuf>, written: WrittenExecution) -> anyhow::Result<()> {
    let execution = Execution::check(written, Start::Alone)?;
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
    let arguments: Vec<OsString> = vec![
        "compile".into(),
        "--cache-dir".into(),
        config.execution.cache.clone().into(),
        format!("--instances={}", config.execution.terms.instances).into(),
        format!("--memory={}B", config.execution.memory).into(),
    ];
    Compiler::Child(program, arguments)
}

/// SIGHUP loads everything again. Signals that come while that happens are one more afterwards.
fn reload_on_signal(reload: Reload, service: &Arc<Service>) -> anyhow::Result<()> {
    let mut received = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let (reload, service) = (Arc::new(reload), Arc::clone(service));
    tokio::spawn(async move {
        while received.recv().await.is_some() {
            info!("SIGHUP");
            service.notify().reloading();
            let loading = Arc::clone(&reload);
            // Opening folders and compiling modules holds up nobody there.
            let status = match tokio::task::spawn_blocking(move || loading.again()).await {
                Ok(Ok(left_out)) if left_out.is_empty() => {
                    info!("reloaded");
                    "reloaded".to_owned()
                }
                Ok(Ok(left_out)) => {
                    let left_out = left_out.join(", ");
                    warn!(left_out, "reloaded, but for settings that take a restart");
                    format!("reloaded, but these take a restart: {left_out}")
                }
                Ok(Err(error)) => {
                    error!("not reloaded, what served before serves on: {error}");
                    format!("not reloaded: {error}")
                }
                Err(error) => {
                    error!(%error, "not reloaded, what served before serves on");
                    format!("not reloaded: {error}")
                }
            };
            service.notify().status(&status);
            // Whatever came of it: the host serves.
            service.notify().ready();
        }
    });
    Ok(())
}

/// SIGTERM and SIGINT end the host in good order; where a web server started it, SIGUSR1 as well, with which such servers
/// ask for the same.
fn stop_on_signals(
    stop: &CancellationToken,
    start: Start,
    (service, drain): (&Arc<Service>, Duration),
) -> anyhow::Result<()> {
    let mut signals = vec![("SIGTERM", SignalKind::terminate()), ("SIGINT", SignalKind::interrupt())];
    if start == Start::Spawned {
        signals.push(("SIGUSR1", SignalKind::user_defined1()));
    }
    for (name, kind) in signals {
        let mut received = signal(kind).with_context(|| format!("cannot handle {name}"))?;
        let (stop, service) = (stop.clone(), Arc::clone(service));
        tokio::spawn(async move {
            received.recv().await;
            info!("{name}");
            service.notify().stopping(drain);
            stop.cancel();
        });
    }
    Ok(())
}

/// Each connection takes a descriptor; the soft limit is often 1024, and the hard one far above it.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "cannot raise the limit of open files");
    }
}
