//! Real web servers in the foreground, with the configurations below `examples`.

mod apache;
mod caddy;
mod haproxy;
mod lighttpd;
mod nginx;

use std::{
    fs::{self, File, Permissions},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub use apache::Apache;
pub use caddy::Caddy;
pub use haproxy::HaProxy;
pub use lighttpd::Lighttpd;
pub use nginx::Nginx;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{eventually, http, http::Reply, paths};

/// A web server; ended with its story.
#[derive(Debug)]
pub struct WebServer {
    child: Child,
    place: Place,
}

/// A web server that has ended.
#[derive(Debug)]
pub struct Stopped(WebServer);

/// Where a web server lives: a folder that everybody may enter, and a port.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    address: SocketAddr,
}

/// Who logs in where a web server asks for passwords, all with the same one.
const USERS: [&str; 2] = ["ben", "stranger"];

/// The password of all users.
const PASSWORD: &str = "secret";

/// Where a web server writes what it has to say, in its folder.
const LOG: &str = "error.log";

impl WebServer {
    /// Asks for a page.
    pub fn get(&self, uri: &str) -> Reply {
        http::get(self.address(), uri)
    }

    /// Sends a request and waits for the response.
    pub fn send(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        http::send(self.address(), method, uri, headers, body)
    }

    /// Sends the head of a request; its body goes into the stream, and the response comes out of it.
    pub fn begin(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> TcpStream {
        http::begin(self.address(), method, uri, headers, b"")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.address
    }

    /// Its error log so far.
    pub fn log(&self) -> String {
        self.place.log()
    }

    /// The folder that it lives in.
    pub fn folder(&self) -> &Path {
        self.place.folder()
    }

    /// The processes that it has started, and those that they have.
    pub fn children(&self) -> Vec<Pid> {
        descendants(Pid::from_child(&self.child))
    }

    /// Ends it at once; what is in its folder stays.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a process that runs");
        self.child.wait().expect("its end");
    }

    /// Runs it again where it was, after it was [killed](Self::kill).
    pub(crate) fn again(&mut self, program: &mut Command, package: &str) {
        self.child = self.place.spawn(program, package);
        self.wait();
    }

    /// Waits until it listens.
    fn wait(&mut self) {
        eventually("the web server listens", || {
            let ended = self.child.try_wait().expect("a process");
            assert!(ended.is_none(), "it does not start:\n{}", self.log());
            TcpStream::connect(self.address()).is_ok()
        });
    }

    /// Asks it to stop and waits for its end. Its exit status says nothing: lighttpd's is 1 at times.
    pub fn stop(mut self) -> Stopped {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a process that runs");
        eventually("the web server ends", || self.child.try_wait().expect("a process").is_some());
        Stopped(self)
    }
}

impl Stopped {
    /// Its error log so far: what it has started may still write.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        // Its children end with it, but not when it is killed.
        let running = matches!(self.child.try_wait(), Ok(None));
        if running && kill_process(Pid::from_child(&self.child), Signal::TERM).is_ok() {
            let _ = self.child.wait();
        }
    }
}

impl Place {
    /// A fresh folder, and a loopback port that was free a moment ago.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("{name}.")).tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of this user's");
        Self { folder, address: free_address() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder().join(name);
        fs::write(&file, text).expect("a file");
        file
    }

    /// The folder of a site of its own, empty at first.
    pub(crate) fn www(&self) -> PathBuf {
        let www = self.folder().join("www");
        fs::create_dir_all(&www).expect("a folder");
        www
    }

    /// A file of passwords, as `htpasswd` makes it.
    pub(crate) fn passwords(&self) -> PathBuf {
        self.passwords_of(USERS.map(|user| (user, PASSWORD)))
    }

    /// The same for these users, each with a password.
    pub(crate) fn passwords_of<'a>(&self, users: impl IntoIterator<Item = (&'a str, &'a str)>) -> PathBuf {
        let file = self.write("passwords", "");
        for (user, password) in users {
            let htpasswd = Command::new("htpasswd").arg("-bB").arg(&file).args([user, password]).output();
            let made = htpasswd.is_ok_and(|output| output.status.success());
            assert!(made, "no htpasswd: run `apt-get install apache2-utils`");
        }
        file
    }

    /// Runs a web server that Debian's `package` has, and waits until it listens.
    pub fn run(self, program: &mut Command, package: &str) -> WebServer {
        let mut server = WebServer { child: self.spawn(program, package), place: self };
        server.wait();
        server
    }

    fn spawn(&self, program: &mut Command, package: &str) -> Child {
        let name = Path::new(program.get_program()).to_owned();
        assert!(name.is_file(), "{} is missing: run `apt-get install {package}`", name.display());
        let log = File::options().create(true).append(true).open(self.folder().join(LOG)).expect("a log");
        program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).current_dir(self.folder());
        program.spawn().expect("a web server that starts")
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder().join(LOG)).expect("an error log");
        String::from_utf8_lossy(&log).into_owned()
    }
}

/// A loopback port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

/// A file below `examples` with an operator's changes, each of which it has one place for.
pub fn example(file: &str, changes: &[(&str, String)]) -> String {
    let example = fs::read_to_string(paths::repository("examples").join(file)).expect("the example");
    changes.iter().fold(example, |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from:?} in examples/{file}");
        text.replace(from, to)
    })
}

/// The same where one change is made in `count` places.
fn example_in_places(file: &str, count: usize, (from, to): &(&str, String)) -> String {
    let example = fs::read_to_string(paths::repository("examples").join(file)).expect("the example");
    assert_eq!(example.matches(from).count(), count, "{from:?} in examples/{file}");
    example.replace(from, to)
}

/// The children of a process, and theirs.
fn descendants(parent: Pid) -> Vec<Pid> {
    let children = format!("/proc/{0}/task/{0}/children", parent.as_raw_nonzero());
    // A process may end meanwhile.
    let children = fs::read_to_string(children).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// The user that this process belongs to.
fn own_user() -> u32 {
    fs::metadata("/proc/self").map(|own| own.uid()).expect("this process")
}
