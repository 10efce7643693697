//! The real nginx, with the configuration that operators are given.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::{TestHost, eventually, http, http::Reply, paths};

/// Where Debian's package nginx puts it.
const PROGRAM: &str = "/usr/sbin/nginx";

/// What an operator changes in `examples/nginx/foswiki.conf`.
const SOCKET: &str = "unix:/run/foswiki/foswiki.sock";
const PORT: &str = "listen 80;";
const LOCATION: &str = "location / {";
const KEEP: &str = "fastcgi_keep_conn on;";

/// An nginx in front of a host; ended with the story.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    /// An nginx that keeps its connections to the host.
    pub fn before(host: &TestHost) -> Self {
        Self::start(host, true, "")
    }

    /// The same with another location beside the host's.
    pub fn with_location(host: &TestHost, location: &str) -> Self {
        Self::start(host, true, location)
    }

    /// An nginx that makes a connection for each request.
    pub fn without_keep_alive(host: &TestHost) -> Self {
        Self::start(host, false, "")
    }

    /// Asks for a page.
    pub fn get(&self, uri: &str) -> Reply {
        http::get(self.address, uri)
    }

    /// Sends a request and waits for the response.
    pub fn send(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        http::send(self.address, method, uri, headers, body)
    }

    /// Sends the head of a request; its body goes into the stream, and the response comes out of it.
    pub fn begin(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> TcpStream {
        http::begin(self.address, method, uri, headers, b"")
    }

    /// Its error log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).expect("an error log")
    }

    fn start(host: &TestHost, keep: bool, location: &str) -> Self {
        assert!(Path::new(PROGRAM).is_file(), "{PROGRAM} is missing: run `apt-get install nginx` first");
        let folder = tempfile::Builder::new().prefix("nginx.").tempdir().expect("a folder");
        let address = free_address();
        configure(folder.path(), host.socket(), address, (keep, location));
        let child = Command::new(PROGRAM)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .expect("an nginx that starts");
        let mut nginx = Self { child, address, folder };
        eventually("nginx listens", || {
            let ended = nginx.child.try_wait().expect("a process");
            assert!(ended.is_none(), "nginx does not start:\n{}", nginx.log());
            TcpStream::connect(address).is_ok()
        });
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it, but not when it is killed.
        if kill_process(Pid::from_child(&self.child), Signal::TERM).is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// A loopback port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

/// Writes what Debian's own `nginx.conf` is, in short, around the operator's file.
fn configure(folder: &Path, socket: &Path, address: SocketAddr, (keep, location): (bool, &str)) {
    let example = fs::read_to_string(paths::repository("examples/nginx/foswiki.conf")).expect("the example");
    let keep = if keep { KEEP } else { "fastcgi_keep_conn off;" };
    let changes = [
        (SOCKET, format!("unix:{}", socket.display())),
        (PORT, format!("listen {address};")),
        (KEEP, keep.to_owned()),
        (LOCATION, format!("{location}\n\n    {LOCATION}")),
    ];
    let site = changes.iter().fold(example, |site, (from, to)| {
        assert_eq!(site.matches(from).count(), 1, "{from:?} in examples/nginx/foswiki.conf");
        site.replace(from, to)
    });
    // As root, nginx would give its workers to a user who cannot enter the story's folders.
    let user = if geteuid().is_root() { "user root;" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {};\n", folder.join(name).display()))
        .concat();
    let main = format!(
        "{user}\nworker_processes 1;\ndaemon off;\npid nginx.pid;\nevents {{ worker_connections 512; }}\n\
         http {{\n    access_log off;\n{temporary}    include site.conf;\n}}\n"
    );
    let write = |name: &str, text: &str| fs::write(PathBuf::from(folder).join(name), text);
    write("nginx.conf", &main).and_then(|()| write("site.conf", &site)).expect("configuration files");
    fs::copy("/etc/nginx/fastcgi_params", folder.join("fastcgi_params")).expect("nginx's own variables");
}
