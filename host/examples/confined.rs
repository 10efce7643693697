//! Raises the wall of the host around itself, and tries what others ask for.
//!
//! A program of the wall's own tests: each touch is a verb and its operands with commas between them, and is answered by
//! one line, `ok` or the system's error.

use std::{
    env,
    error::Error,
    fs::{self, OpenOptions},
    io,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{self, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use clap::{Parser, ValueEnum};
use fcgi_wasm_host::wall::{Access, Grant, Identity, Network, Part, Wall};
use rustix::{
    net::{AddressFamily, SocketType, socket},
    process::{
        Gid, Pid, PidfdFlags, PidfdGetfdFlags, Uid, getppid, pidfd_getfd, pidfd_open, test_kill_process,
    },
    thread::{set_thread_groups, set_thread_uid},
};

/// Raises the wall, then tries what it is asked for
#[derive(Debug, Parser)]
struct Cli {
    /// Folder that may be read
    #[arg(long)]
    ro: Vec<PathBuf>,

    /// Folder that may be written
    #[arg(long)]
    rw: Vec<PathBuf>,

    /// Port that may be bound
    #[arg(long)]
    bind: Vec<u16>,

    /// Looks up names
    #[arg(long)]
    names: bool,

    /// User and group to become
    #[arg(long, num_args = 2)]
    user: Vec<u32>,

    /// Part to do without
    #[arg(long)]
    without: Vec<String>,

    /// Begins a thread before, which must be refused
    #[arg(long)]
    thread: bool,

    /// What to try: VERB[,OPERAND…]
    touches: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Verb {
    Read,
    List,
    Write,
    Append,
    Remove,
    Rename,
    Connect,
    ConnectAbstract,
    Datagram,
    Netlink,
    Bind,
    Run,
    RunSelf,
    Signal,
    TakeDescriptor,
    Chroot,
    BecomeRoot,
    BecomeMember,
}

fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    if cli.thread {
        thread::spawn(thread::park);
    }
    let raised = wall(&cli)?.raise()?;
    raised.findings.iter().for_each(|finding| println!("{finding}"));
    for touch in &cli.touches {
        let mut operands = touch.split(',');
        let verb = Verb::from_str(operands.next().unwrap_or_default(), false)?;
        let [first, second] = [(); 2].map(|()| operands.next().unwrap_or_default());
        match attempt(verb, first, second) {
            Ok(()) => println!("{touch}: ok"),
            Err(error) => println!("{touch}: {:?}", error.kind()),
        }
    }
    Ok(())
}

fn wall(cli: &Cli) -> io::Result<Wall> {
    let grant = |access| move |path: &PathBuf| Grant { path: path.clone(), access };
    let mut grants = Grant::program()?;
    grants.extend(cli.ro.iter().map(grant(Access::Read)));
    grants.extend(cli.rw.iter().map(grant(Access::Write)));
    let identity = match cli.user[..] {
        [user, group] => Some(Identity { user, group, groups: Vec::new() }),
        _ => None,
    };
    let without =
        Part::ALL.into_iter().filter(|part| cli.without.iter().any(|name| name == part.name())).collect();
    let network = Network { bind: cli.bind.clone(), names: cli.names, ..Network::default() };
    Ok(Wall { grants, network, identity, umask: 0o27, without })
}

fn attempt(verb: Verb, first: &str, second: &str) -> io::Result<()> {
    match verb {
        Verb::Read => fs::read(first).map(drop),
        Verb::List => fs::read_dir(first).map(drop),
        Verb::Write => fs::write(first, "written"),
        Verb::Append => OpenOptions::new().append(true).open(first).map(drop),
        Verb::Remove => fs::remove_file(first),
        Verb::Rename => fs::rename(first, second),
        Verb::Connect => TcpStream::connect(address(first)?).map(drop),
        Verb::ConnectAbstract => {
            UnixStream::connect_addr(&net::SocketAddr::from_abstract_name(first)?).map(drop)
        }
        Verb::Datagram => UdpSocket::bind("127.0.0.1:0").map(drop),
        Verb::Netlink => Ok(socket(AddressFamily::NETLINK, SocketType::RAW, None).map(drop)?),
        Verb::Bind => TcpListener::bind(address(first)?).map(drop),
        Verb::Run => run(Path::new(first), second),
        Verb::RunSelf => run(&env::current_exe()?, "--help"),
        Verb::Signal => Ok(test_kill_process(parent()?)?),
        Verb::TakeDescriptor => {
            let own = pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
            Ok(pidfd_getfd(own, 0, PidfdGetfdFlags::empty()).map(drop)?)
        }
        Verb::Chroot => Ok(rustix::process::chroot(first)?),
        Verb::BecomeRoot => Ok(set_thread_uid(Uid::ROOT)?),
        Verb::BecomeMember => Ok(set_thread_groups(&[Gid::ROOT])?),
    }
}

fn address(text: &str) -> io::Result<SocketAddr> {
    text.parse().map_err(io::Error::other)
}

fn parent() -> io::Result<Pid> {
    getppid().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn run(program: &Path, argument: &str) -> io::Result<()> {
    let quiet = || Stdio::null();
    let status =
        Command::new(program).arg(argument).stdin(quiet()).stdout(quiet()).stderr(quiet()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}
