//! `fcgi-wasm-host`: arguments in, exit code out.

mod check;
mod cli;
mod progress;

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal, Read as _, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
};

use anyhow::{Context, bail};
use cli::{Cli, Command};
use fcgi_wasm_host::{
    config::{Config, Execution, ModuleSource, Start, Whose, Written, WrittenExecution, control},
    gateway, load,
    operate::{self, Process, Report, control::Answer},
    reload::{Read, Reload, Source},
    serve::{self, Bound, Listen, Trial},
    wall::{Grant, Network, Raised, Wall},
    wasm::{Cache, ChildCompiler, Compiler, ERROR, Engine, Module},
};
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The name of the settings file beside a program that a web server starts.
const BESIDE_THE_PROGRAM: &str = "fcgi-wasm-host.toml";

fn main() -> ExitCode {
    let Cli { command, written } = Cli::read();
    start_log();
    let done = match command {
        Some(Command::Compile { modules, from_stdin, execution }) => compile(modules, from_stdin, execution),
        Some(Command::Reload { weight, sticky, whose }) => {
            let trial = weight.map(|weight| Trial { weight, sticky });
            self::command(operate::Command::Reload(trial), whose)
        }
        Some(Command::Promote { whose }) => self::command(operate::Command::Promote, whose),
        Some(Command::Rollback { whose }) => self::command(operate::Command::RollBack, whose),
        Some(Command::Status { json, whose }) => status(json, whose),
        Some(Command::Check { schema: true, .. }) => check::schema(),
        Some(Command::Check { written, print: true, .. }) => check::print(*written),
        Some(Command::Check { written, .. }) => check::check(*written),
        None => run(written),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not with `eprintln`: standard error may be a pipe that nobody reads any more.
            let _ = writeln!(io::stderr(), "{ERROR}{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Log lines go to standard error; `RUST_LOG` chooses them, and `info` is the default.
fn start_log() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would be told on standard error, which is what failed; and failing to tell that would be a panic.
        .log_internal_errors(false)
        .init();
}

fn run(written: Written) -> anyhow::Result<()> {
    let start = if serve::is_inherited() { Start::Spawned } else { Start::Alone };
    let source = Source { written: beside_the_program(written, start), start };
    let mut read = source.read()?;
    raise_descriptor_limit();
    let threads = thread::available_parallelism()?.get();
    let sockets = Sockets::bind(&read.config)?;
    sockets.extend(&mut read.config.wall.network)?;
    let process = Process::begin();
    let raised = raise_wall(&read.config.wall, &read.config.execution.cache)?;
    let process = process.behind(raised);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve(source, read, (sockets, process)))
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
    control: Option<Bound>,
}

impl Sockets {
    fn bind(config: &Config) -> anyhow::Result<Self> {
        let fastcgi = config.listen.iter().cloned().map(Bound::bind);
        let owner = config.wall.identity.as_ref().map(|identity| (identity.user, identity.group));
        let control = config.control.as_ref().map(|path| Bound::bind(Listen::private(path.clone(), owner)));
        Ok(Self {
            fastcgi: fastcgi.collect::<Result<_, _>>()?,
            control: control
                .transpose()
                .context("the control socket; name another one with --control, or none")?,
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
fn raise_wall(wall: &Wall, cache: &Path) -> anyhow::Result<Raised> {
    let owner = wall.identity.as_ref().map(|identity| (identity.user, identity.group));
    Cache::prepare(cache, owner)?;
    Engine::prepare();
    let mut wall = wall.clone();
    wall.grants.extend(Grant::program().context("cannot read what this program consists of")?);
    let raised = wall.raise()?;
    info!("wall: {raised}");
    raised.gaps().for_each(|gap| warn!("wall: {gap}"));
    Ok(raised)
}

async fn serve(source: Source, read: Read, (sockets, process): (Sockets, Process)) -> anyhow::Result<()> {
    // Before anything else: from then on, stopping means to finish what runs, and to leave no socket behind.
    let stop = CancellationToken::new();
    stop_on_signals(&stop, source.start)?;
    let Sockets { fastcgi, http, control } = sockets;
    let (compiler, to) = (compiler(&read.config), read.config.listen[0].address.clone());
    let signals = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let stopping = stop.clone();
    let first = spawn_blocking(move || Reload::first(source, read, compiler, (fastcgi, stopping)));
    let reload = Arc::new(first.await??);
    for address in reload.status().listeners {
        info!(%address, "listening");
    }
    operate(Arc::clone(&reload), signals, (control, process));
    let http = http.map(|http| gateway::start(http, to, stop)).transpose()?;
    let cut = reload.server().stopped().await;
    if let Some(gateway) = http {
        gateway.await?;
    }
    let serving = reload.current().load_full();
    if cut > 0 {
        let drain = serving.patience.drain;
        bail!("{cut} connections were cut: their requests did not finish within {drain:?}");
    }
    for site in serving.stable.sites() {
        let (requests, failures) = site.figures.read();
        info!(site = site.name, requests, failures, "served");
    }
    info!("stopped");
    Ok(())
}

/// What is done beside requests, for as long as the host runs.
fn operate(reload: Arc<Reload>, hangups: Signal, (control, process): (Option<Bound>, Process)) {
    tokio::spawn(reload_on_signal(Arc::clone(&reload), hangups));
    tokio::spawn(operate::watch(Arc::clone(&reload)));
    tokio::spawn(operate::tidy(Arc::clone(&reload)));
    if let Some(control) = control {
        let reported = Arc::clone(&reload);
        let report = move || Report::new(reported.status(), &process);
        tokio::spawn(operate::control::serve(control, reload, report));
    }
}

/// Compiles modules ahead of time; or, beside a host that serves, the one that it writes to standard input.
fn compile(
    modules: Vec<PathBuf>,
    from_stdin: Option<String>,
    written: WrittenExecution,
) -> anyhow::Result<()> {
    let execution = Execution::check(written, Start::Alone)?;
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
        modules.into_iter().map(ModuleSource::File).collect()
    };
    let modules = sources.iter().map(load::module).collect::<Result<Vec<_>, _>>()?;
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

/// The lowest priority of a process.
const LEAST: i32 = 19;

/// Compiling takes some hundred megabytes, which a child process gives back, and takes no processor from requests.
fn compiler(config: &Config) -> Compiler {
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
fn command(command: operate::Command, whose: Whose) -> anyhow::Result<()> {
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

fn status(json: bool, whose: Whose) -> anyhow::Result<()> {
    let report = alone()?.block_on(operate::control::status(&control(whose)?))?;
    let text = if json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// A runtime for one thing.
fn alone() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// SIGHUP loads everything again. Signals that come while that happens are one more afterwards.
async fn reload_on_signal(reload: Arc<Reload>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        info!("SIGHUP");
        // What came of it is in the log.
        let _ = operate::carry_out(&reload, operate::Command::Reload(None)).await;
    }
}

/// SIGTERM and SIGINT end the host in good order; where a web server started it, SIGUSR1 as well, with which such servers
/// ask for the same.
fn stop_on_signals(stop: &CancellationToken, start: Start) -> anyhow::Result<()> {
    let mut signals = vec![("SIGTERM", SignalKind::terminate()), ("SIGINT", SignalKind::interrupt())];
    if start == Start::Spawned {
        signals.push(("SIGUSR1", SignalKind::user_defined1()));
    }
    for (name, kind) in signals {
        let mut received = signal(kind).with_context(|| format!("cannot handle {name}"))?;
        let stop = stop.clone();
        tokio::spawn(async move {
            received.recv().await;
            info!("{name}");
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
