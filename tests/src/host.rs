//! The host's own program, started for one story.

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    net::{SocketAddr, TcpStream},
    os::unix::{
        fs::PermissionsExt,
        net::UnixStream,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Client, Request, Response, Running, Wire, log::Log, paths};

/// A host that listens on a Unix socket of its own; ended with the story.
#[derive(Debug)]
pub struct TestHost {
    child: Child,
    log: Log,
    folder: TempDir,
    socket: PathBuf,
}

/// The command line of a host.
#[derive(Debug)]
pub struct Builder {
    command: Command,
    folder: TempDir,
    socket: PathBuf,
    options: String,
    own_cache: bool,
    settings: Option<String>,
    linked: Option<PathBuf>,
}

/// What a host said that did not start.
#[derive(Debug)]
pub struct Refusal {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard error.
    pub log: String,
}

/// Arguments of a host that runs one request at a time. Others wait for a moment, so that asking whether it is busy never
/// keeps out the request that is to make it busy.
pub const ONE_AT_A_TIME: [&str; 6] = ["--instances", "1", "--queue", "8", "--queue-wait", "50ms"];

/// How long a request of others may take while a bad one is under way.
const DELAY: Duration = Duration::from_millis(100);

/// How often that is tried.
const ATTEMPTS: usize = 10;

impl TestHost {
    /// A host for the component of that name.
    pub fn with(guest: &str) -> Builder {
        Self::module(&paths::component(guest))
    }

    /// A host for the component in that file.
    pub fn module(file: &Path) -> Builder {
        Self::wiki().arg("--module").arg(file)
    }

    /// A host with a settings file. `$SOCKET`, `$CACHE`, `$FOLDER`, `$FILES` and `$GUESTS` stand for its socket, the cache,
    /// its folder, one in that for what handlers see, and that of all components.
    pub fn settings(text: &str) -> Builder {
        Builder { settings: Some(text.to_owned()), ..Self::wiki() }
    }

    /// A host for the wiki that is built in.
    pub fn wiki() -> Builder {
        let folder = tempfile::Builder::new().prefix("fcgi-wasm-host.").tempdir().expect("a folder");
        let socket = folder.path().join("host.sock");
        let command = begun(Command::new(paths::program()));
        let (options, own_cache, settings, linked) = (String::new(), false, None, None);
        Builder { command, folder, socket, options, own_cache, settings, linked }
    }

    /// Sends a GET request and waits for the whole response.
    pub fn get(&self, uri: &str) -> Response {
        self.send(uri)
    }

    /// Sends a request on a connection of its own and waits for the whole response.
    pub fn send(&self, request: impl Into<Request>) -> Response {
        self.connect().send(request)
    }

    /// Sends a request with its whole body on a connection of its own.
    pub fn begin(&self, request: impl Into<Request>) -> Running {
        Running::begin(self.connect(), request.into())
    }

    /// Sends a request on a connection of its own; more of its body follows.
    pub fn begin_upload(&self, request: impl Into<Request>) -> Running {
        Running::begin_upload(self.connect(), request.into())
    }

    /// Opens a connection.
    pub fn connect(&self) -> Client {
        Client::new(UnixStream::connect(&self.socket).expect("a host that listens"))
    }

    /// Opens a connection whose bytes are the story's own.
    pub fn wire(&self) -> Wire {
        Wire::new(UnixStream::connect(&self.socket).expect("a host that listens"))
    }

    /// Opens a connection to one of its TCP ports.
    pub fn connect_tcp(&self, address: SocketAddr) -> Client {
        Client::new(TcpStream::connect(address).expect("a host that listens"))
    }

    /// The path of its control socket.
    pub fn control(&self) -> PathBuf {
        let mut path = self.socket.clone().into_os_string();
        path.push(".control");
        path.into()
    }

    /// Gives it a command that goes well; returns what that says.
    pub fn ok(&self, command: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(command);
        let (told, error) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{command:?}: {status}: {error}\nits log:\n{}", self.log());
        told.into_owned()
    }

    /// Gives it a command that fails; returns what that says.
    pub fn fails(&self, command: &[&str]) -> String {
        let Output { status, stderr, .. } = self.command(command);
        let told = String::from_utf8_lossy(&stderr).into_owned();
        assert_eq!(status.code(), Some(1), "{command:?}: {told}\nits log:\n{}", self.log());
        told
    }

    fn command(&self, command: &[&str]) -> Output {
        let mut program = Command::new(paths::program());
        program.args(command).env_remove("RUST_LOG");
        if !command.contains(&"--control") {
            program.arg("--control").arg(self.control());
        }
        program.output().expect("a program that runs")
    }

    /// The path of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A folder that lives as long as the host, with the socket in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Checks that a good request on a fresh connection is answered in time, whatever else is under way. A machine that
    /// does something else for a moment delays requests, too: one attempt of some must go well.
    pub fn assert_serves_others(&self) {
        let attempt = || {
            let started = Instant::now();
            assert_eq!(self.get("/visits").text(), "1\n");
            started.elapsed()
        };
        let best = (0..ATTEMPTS).map(|_| attempt()).find(|taken| *taken < DELAY);
        assert!(best.is_some(), "others wait for more than {DELAY:?}; the log:\n{}", self.log());
    }

    /// Waits for a log line with `text` in it and returns that.
    pub fn log_line(&self, text: &str) -> String {
        let line = self.log.wait_for(text);
        line.unwrap_or_else(|| panic!("nothing with {text:?} in the log:\n{}", self.log.text()))
    }

    /// Waits for so many log lines with `text` in them.
    pub fn log_lines(&self, text: &str, count: usize) {
        let enough = self.log.wait_for_count(text, count);
        assert!(enough, "not {count} times {text:?} in the log:\n{}", self.log.text());
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Its resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(self.process_folder().join("status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }

    /// A folder in that, for what handlers see.
    pub fn files(&self) -> PathBuf {
        files(self.folder())
    }

    /// What the system says about each of its threads.
    pub fn threads(&self) -> Vec<String> {
        let threads = fs::read_dir(self.process_folder().join("task")).expect("a process");
        // One may end meanwhile.
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok()).collect()
    }

    /// What the system says about its process.
    fn process_folder(&self) -> PathBuf {
        format!("/proc/{}", self.child.id()).into()
    }

    /// Sockets that it has open: its connections, and some of its own. Only root sees those of a host that is not
    /// [`watched`](Builder::watched).
    pub fn sockets(&self) -> usize {
        let open = fs::read_dir(self.process_folder().join("fd")).expect("a process");
        let targets = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Asks it to load its settings again.
    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a process that runs");
    }

    /// Asks it to open its log anew.
    pub fn reopen_log(&self) {
        kill_process(Pid::from_child(&self.child), Signal::USR1).expect("a process that runs");
    }

    /// Descriptors that it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(self.process_folder().join("fd")).expect("a process").count()
    }

    /// Asks it to stop.
    pub fn stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a process that runs");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        assert!(self.log.wait_for_end(), "the host does not end; its log:\n{}", self.log.text());
        self.child.wait().expect("its exit status")
    }

    /// Asks it to stop and waits for its end.
    pub fn terminate(self) -> ExitStatus {
        self.stop();
        self.wait()
    }
}

impl AsRef<Path> for TestHost {
    fn as_ref(&self) -> &Path {
        &self.socket
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let ended = self.child.wait();
        // A host that crashed fails its story, whatever that was about.
        let crashed = ended.is_ok_and(|status| status.signal().is_some_and(|signal| signal != 9));
        if !std::thread::panicking() {
            assert!(!crashed, "the host crashed; its log:\n{}", self.log.text());
        }
    }
}

impl Builder {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds options, with commas between them, to the address of its own socket.
    #[must_use]
    pub fn options(mut self, options: &str) -> Self {
        self.options = format!(",{options}");
        self
    }

    /// Lets whoever runs the story look at the descriptors of the host's process.
    #[must_use]
    pub fn watched(self) -> Self {
        self.args(["--without", "dump-protection"])
    }

    /// Lets the guest see `folder` as `guest`, a path with `:ro` or `:rw` behind it or not.
    #[must_use]
    pub fn mount(self, folder: &Path, guest: &str) -> Self {
        self.arg("--mount").arg(format!("{}:{guest}", folder.display()))
    }

    /// Listens at `socket` instead of in a folder of its own.
    #[must_use]
    pub fn socket(mut self, socket: &Path) -> Self {
        socket.clone_into(&mut self.socket);
        self
    }

    /// Lets processes of every user connect: those of web servers that become another one.
    #[must_use]
    pub fn open_to_all(self) -> Self {
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755))
            .expect("a folder of this user's");
        self.args(["--socket-mode", "0666"])
    }

    /// Keeps compiled components in `folder`, not with those of all other stories.
    #[must_use]
    pub fn cache(mut self, folder: &Path) -> Self {
        self.own_cache = true;
        self.arg("--cache-dir").arg(folder)
    }

    /// Lets the system grant it no more open files than that. Comes before its arguments.
    #[must_use]
    pub fn file_limit(mut self, most: u32) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(paths::program());
        self.command = begun(command);
        self
    }

    /// Runs a copy of the program in its folder, which can be replaced. Comes before its arguments.
    #[must_use]
    pub fn upgradable(mut self) -> Self {
        self.command = begun(Command::new(self.copied()));
        self.arg("--upgrade")
    }

    /// Runs a copy of the program in its folder as another user from the beginning. Comes before its arguments.
    #[must_use]
    pub fn as_user(mut self, user: u32) -> Self {
        self.command = begun(Command::new(self.copied()));
        self.command.uid(user).gid(user);
        fs::set_permissions(self.folder(), Permissions::from_mode(0o755)).expect("a folder of this user's");
        self
    }

    fn copied(&self) -> PathBuf {
        let program = self.folder.path().join("program");
        fs::copy(paths::program(), &program).expect("a copy");
        program
    }

    /// Has a link in the place of its settings file.
    #[must_use]
    pub fn linked_settings(mut self, target: &str) -> Self {
        self.linked = Some(target.into());
        self
    }

    /// Its own folder, before it starts.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder in that, for what handlers see.
    pub fn files(&self) -> PathBuf {
        files(self.folder())
    }

    /// Starts the host and waits until it listens.
    pub fn start(self) -> TestHost {
        let compiling = (!self.own_cache).then(one_at_a_time);
        let host = self.spawn();
        // Its own socket is the last of all.
        host.log_line(&format!("listening address={}", host.socket.display()));
        drop(compiling);
        host
    }

    /// Starts a host that is expected to end at once, and returns what it says.
    pub fn refused(self) -> Refusal {
        let host = self.spawn();
        let log = host.log.clone();
        let status = host.wait();
        assert!(!status.success(), "the host ended well; its log:\n{}", log.text());
        Refusal { status, log: log.text() }
    }

    fn spawn(self) -> TestHost {
        let Self { mut command, folder, socket, options, own_cache, settings, linked } = self;
        if let Some(settings) = settings {
            let file = folder.path().join("settings.toml");
            if let Some(target) = linked {
                std::os::unix::fs::symlink(target, &file).expect("a link");
            } else {
                fs::write(&file, filled_in(&settings, &socket, folder.path())).expect("a settings file");
            }
            command.arg("--config").arg(file);
        } else {
            let mut listen = socket.clone().into_os_string();
            listen.push(options);
            command.arg("--listen").arg(listen);
            if !own_cache {
                command.arg("--cache-dir").arg(paths::cache());
            }
        }
        let mut child = command.spawn().expect("a host that starts");
        let log = Log::of(child.stderr.take().expect("its standard error"));
        TestHost { child, log, folder, socket }
    }
}

/// The folder of the files that handlers see, which is made when it is missing.
fn files(folder: &Path) -> PathBuf {
    let files = folder.join("files");
    fs::create_dir_all(&files).expect("a folder");
    files
}

/// How a host is begun: its log is read, and nothing else is there.
fn begun(mut command: Command) -> Command {
    command.env("RUST_LOG", "info").env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A settings file with the places of one story.
pub fn filled_in(settings: &str, socket: &Path, folder: &Path) -> String {
    let [socket, folder] = [socket, folder].map(|path| path.display().to_string());
    let (cache, guests) = (paths::cache(), paths::target().join("guests"));
    let files = files(folder.as_ref()).display().to_string();
    let text = settings.replace("$SOCKET", &socket).replace("$FOLDER", &folder).replace("$FILES", &files);
    text.replace("$CACHE", &cache.display().to_string()).replace("$GUESTS", &guests.display().to_string())
}

/// Hosts that share a cache start one after the other, so that only the first one compiles.
fn one_at_a_time() -> File {
    let lock = File::create(paths::target().join("test-cache.lock")).expect("a lock file");
    lock.lock().expect("a lock");
    lock
}
