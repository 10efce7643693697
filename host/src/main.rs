//! `fcgi-wasm-host`: arguments in, exit code out.

mod check;
mod cli;
mod commands;
mod progress;

use std::{
    env,
    io::{self, Write},
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
    config::{Config, Start, Written},
    gateway,
    operate::{self, Begun, LogFilter, Notify, Operator, Process, Report, Service, journal},
    reload::{Read, Reload, Source},
    serve::{self, Address, Bound, Hand, Handed, Listen, Probe, Server, Trial, Word},
    wall::{Grant, Network, Raised, Wall},
    wasm::{Cache, ERROR, Engine},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, level_filters::LevelFilter, warn};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The name of the settings file beside a program that a web server starts.
const BESIDE_THE_PROGRAM: &str = "fcgi-wasm-host.toml";

fn main() -> ExitCode {
    let Cli { command, written, process, .. } = Cli::read();
    let Some(command) = command else { return start(process, written) };
    LogFilter::start(LevelFilter::INFO);
    let done = match command {
        Command::Compile { modules, from_stdin, execution, registry } => {
            commands::compile(modules, from_stdin, (*execution, *registry))
        }
        Command::Check { schema: true, .. } => check::schema(),
        Command::Check { written, print: true, .. } => check::print(*written),
        Command::Check { written, .. } => check::check(*written),
        Command::Reload { weight, sticky, whose } => {
            let trial = weight.map(|weight| Trial { weight, sticky });
            commands::command(operate::Command::Reload(trial), whose)
        }
        Command::Promote { whose } => commands::command(operate::Command::Promote, whose),
        Command::Rollback { whose } => commands::command(operate::Command::RollBack, whose),
        Command::Status { json, whose } => commands::status(json, whose),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man => cli::man(),
    };
    finish(done.map_err(|error| {
        // Not with `eprintln`: standard error may be a pipe that nobody reads any more.
        let _ = writeln!(io::stderr(), "{}", told(&error));
    }))
}

/// Serves, in this process or in another one.
fn start(process: operate::Written, written: Written) -> ExitCode {
    let start = if serve::is_inherited() { Start::Spawned } else { Start::Alone };
    let service = match Service::begin(process, start == Start::Spawned) {
        Ok(Begun::Here(service)) => Arc::<Service>::from(service),
        Ok(Begun::Elsewhere(code)) => return code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}", journal::error(&told(&error.into())));
            return ExitCode::FAILURE;
        }
    };
    let log = LogFilter::start(service.level());
    let failed = |error| service.failed(&told(&error));
    if service.is_keeper() {
        return keep(&service).map_err(failed).unwrap_or(ExitCode::FAILURE);
    }
    finish(run((written, start), &service, log).map_err(failed))
}

/// Has another process serve, and keeps its sockets.
fn keep(service: &Service) -> anyhow::Result<ExitCode> {
    let _claims = service.claim_as_keeper()?;
    operate::keep(service).context("--upgrade")
}

fn finish(done: Result<(), ()>) -> ExitCode {
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn told(error: &anyhow::Error) -> String {
    format!("{ERROR}{error:#}")
}

fn run((written, start): (Written, Start), service: &Arc<Service>, log: LogFilter) -> anyhow::Result<()> {
    serve::take_passed();
    let keeper = operate::keeper();
    let handed = keeper.as_ref().map(Handed::receive).transpose().context("the keeper")?;
    let handed = handed.unwrap_or_else(serve::kept);
    let note = written.reuse.note();
    let source = Source { written: beside_the_program(written, start), start };
    let read = source.read()?;
    log.set(read.config.log.as_deref());
    let mut wall = read.config.wall.clone();
    let _claims = service.claim(&mut wall)?;
    if let Some(note) = note {
        warn!("{note}");
    }
    raise_descriptor_limit();
    let threads = thread::available_parallelism()?.get();
    let sockets = Sockets::bind(&read.config, handed, keeper)?;
    sockets.keep(service.notify());
    sockets.extend(&mut wall.network)?;
    let process = Process::begin();
    let process = process.behind(raise_wall(&wall, &read.config.execution.cache)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve((source, read), sockets, process, (service, log)))
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
    keeper: Option<Hand>,
    /// What an earlier process has bound, and the settings do not name any more.
    unwanted: Handed,
}

impl Sockets {
    fn bind(config: &Config, mut handed: Handed, keeper: Option<Hand>) -> anyhow::Result<Self> {
        let mut bind = |listen| Bound::bind_or_take(listen, &mut handed, keeper.as_ref());
        let owner = config.wall.identity.as_ref().map(|identity| (identity.user, identity.group));
        let control = config.control.as_ref().map(|path| bind(Listen::private(path.clone(), owner)));
        let control =
            control.transpose().context("the control socket; name another one with --control, or none")?;
        let fastcgi = config.listen.iter().cloned().map(bind).collect::<Result<_, _>>()?;
        let http = config.http.map(|address| gateway::bind(address, &mut handed, keeper.as_ref()));
        let http = http.transpose()?;
        Ok(Self { fastcgi, http, control, keeper, unwanted: handed })
    }

    /// Has systemd keep what outlives this process, where the unit says so.
    fn keep(&self, notify: &Notify) {
        let all = self.fastcgi.iter().chain(&self.control);
        for bound in all.filter(|bound| matches!(bound.listen().address, Address::Unix(_) | Address::Tcp(_)))
        {
            notify.keep_socket(&serve::kept_name(&bound.listen().address.to_string()), bound.socket());
        }
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

async fn serve(
    (source, read): (Source, Read),
    sockets: Sockets,
    process: Process,
    (service, log): (&Arc<Service>, LogFilter),
) -> anyhow::Result<()> {
    // Before anything else: from then on, stopping means to finish what runs, and to leave no socket behind.
    let stop = CancellationToken::new();
    stop_on_signals(&stop, source.start, (service, read.config.execution.patience.drain))?;
    if source.start == Start::Alone {
        service.reopen_on_signal().context("cannot handle SIGUSR1")?;
    }
    let hangups = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let Sockets { fastcgi, http, control, keeper, unwanted } = sockets;
    let (compiler, instances) = (commands::compiler(&read.config), read.config.execution.terms.instances);
    let to = read.config.listen[0].address.clone();
    let serving = (fastcgi, keeper.clone(), stop.clone());
    // Opening folders, compiling modules and asking for pages holds up nobody there.
    let reload = spawn_blocking(move || Reload::first(source, read, compiler, serving)).await??;
    let operator = Operator { reload: Arc::new(reload), service: Arc::clone(service), log };
    let warmed = Probe::new(operator.reload.current()).warm(service.pages(), instances);
    stop.run_until_cancelled(warmed).await;
    operator.reload.open();
    for address in operator.reload.status().listeners {
        info!(%address, "listening");
    }
    operate(&operator, hangups, (control, process));
    let http = http.map(|http| gateway::start(http, to, stop)).transpose()?;
    service.ready()?;
    for address in unwanted.abandon() {
        service.notify().forget_socket(&serve::kept_name(&address));
        keeper.as_ref().map(|keeper| keeper.say(&Word::Unbound(address))).transpose()?;
    }
    service.watch(Probe::new(operator.reload.current()));
    let server = operator.reload.server();
    if service.notify().keeps_sockets() {
        server.leave_paths();
    }
    if let Some(keeper) = keeper {
        heed(keeper, server.clone())?;
    }
    let cut = server.stopped().await;
    if let Some(gateway) = http {
        gateway.await?;
    }
    let serving = operator.reload.current().load_full();
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
fn operate(operator: &Operator, hangups: Signal, (control, process): (Option<Bound>, Process)) {
    tokio::spawn(reload_on_signal(operator.clone(), hangups));
    tokio::spawn(operate::watch(operator.clone()));
    tokio::spawn(operate::follow(operator.clone()));
    tokio::spawn(operator.clone().tidy());
    if let Some(control) = control {
        let reload = Arc::clone(&operator.reload);
        let report = move || Report::new(reload.status(), &process);
        // It is waited for: whether its path stays for the next process is decided at its end.
        let serving = operate::control::serve(control, operator.clone(), report);
        operator.reload.server().run_beside(serving);
    }
}

/// Tells the keeper that requests are answered, and leaves when it says so. Without it, there is nobody to send signals.
fn heed(keeper: Hand, server: Server) -> io::Result<()> {
    keeper.say(&Word::Ready)?;
    let listen = move || {
        if let Ok(Some(Word::Leave)) = keeper.hear() {
            info!("another process goes on");
            server.leave();
        } else {
            warn!("the keeper has ended");
            server.stopping().cancel();
        }
    };
    thread::Builder::new().name("keeper".into()).spawn(listen).map(drop)
}

/// SIGHUP loads everything again. Signals that come while that happens are one more afterwards.
async fn reload_on_signal(operator: Operator, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        info!("SIGHUP");
        // What came of it is in the log.
        let _ = operator.carry_out(operate::Command::Reload(None)).await;
    }
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
