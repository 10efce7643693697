//! A host that a web server starts: its socket is file descriptor 0, and its settings are in the environment.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tests::{Apache, Client, Lighttpd, Request, TestHost, WebServer, eventually, filled_in, guest, paths};

const SPAWN_FCGI: &str = "/usr/bin/spawn-fcgi";

/// A process that ends with its story.
struct Process(Child);

impl Process {
    /// Starts the host as strict web servers do: with `socket` as file descriptor 0, and 1 and 2 closed.
    fn host(socket: impl Into<OwnedFd>, environment: &[(&str, &str)]) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", r#"exec "$0" >&- 2>&-"#]).arg(paths::program());
        Self::start(settings(&mut shell, guest::BEHAVIOURS).envs(environment.iter().copied()), socket)
    }

    fn start(command: &mut Command, stdin: impl Into<OwnedFd>) -> Self {
        Self(command.stdin(stdin.into()).spawn().expect("a process that starts"))
    }

    /// What is behind one of its file descriptors.
    fn descriptor(&self, number: u32) -> PathBuf {
        fs::read_link(format!("/proc/{}/fd/{number}", self.0.id())).expect("a descriptor that is open")
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("a process that runs");
    }

    fn wait(mut self) -> ExitStatus {
        eventually("the process ends", || self.0.try_wait().expect("a process").is_some());
        self.0.wait().expect("its exit status")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that a host for `component` must know, in the environment.
fn settings<'a>(command: &'a mut Command, component: &str) -> &'a mut Command {
    command
        .env_clear()
        .env("FCGI_WASM_HOST_MODULE", paths::component(component))
        .env("FCGI_WASM_HOST_CACHE_DIR", paths::cache())
}

fn unix() -> (TempDir, PathBuf, UnixListener) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spawned.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    (folder, path, listener)
}

fn connect(socket: &Path) -> Client {
    Client::new(UnixStream::connect(socket).expect("a socket that listens"))
}

#[test]
fn a_unix_socket_is_served_with_all_other_descriptors_closed() {
    let (_folder, socket, listener) = unix();
    // So that its descriptors can be looked at below.
    let host = Process::host(listener, &[("FCGI_WASM_HOST_WITHOUT", "dump-protection")]);
    for _ in 0..3 {
        assert_eq!(connect(&socket).send("/visits").text(), "1\n");
    }
    // What the handler prints goes nowhere, and to nobody's connection.
    let response = connect(&socket).send("/stderr?bytes=100000");
    assert_eq!((response.text(), response.stdout.len() < 1000), ("printed\n", true));
    for number in [1, 2] {
        assert_eq!(host.descriptor(number), Path::new("/dev/null"));
    }
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code(), Some(0));
    assert!(socket.exists(), "the socket is the web server's");
}

#[test]
fn a_tcp_port_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let host = Process::host(listener, &[]);
    let mut connection = Client::new(TcpStream::connect(address).expect("a port that listens"));
    assert_eq!(connection.send("/visits").text(), "1\n");
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn both_signals_that_web_servers_send_let_requests_finish() {
    for signal in [Signal::TERM, Signal::USR1] {
        let (_folder, socket, listener) = unix();
        let host = Process::host(listener, &[]);
        assert_eq!(connect(&socket).send("/visits").text(), "1\n");
        let mut connection = connect(&socket);
        let running = connection.begin(Request::get("/drip?chunks=5&ms=100"));
        connection.wait_for_body(running, 1);
        host.signal(signal);
        let response = connection.finish(running);
        assert!(response.is_complete() && response.text().ends_with("chunk 5\n"), "{signal:?}");
        assert_eq!(host.wait().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn the_environment_says_everything() {
    let (folder, socket, listener) = unix();
    for name in ["one", "two"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let mounts = format!("{0}/one:/one:rw {0}/two:/two", folder.path().display());
    let environment = [
        ("FCGI_WASM_HOST_LISTEN", "fd:0,trust=user"),
        ("FCGI_WASM_HOST_MOUNT", &mounts),
        ("FCGI_WASM_HOST_DEADLINE", "200ms"),
        ("FCGI_WASM_HOST_MEMORY", "16MiB"),
    ];
    let _host = Process::host(listener, &environment);
    let claim = Request::get("/env").variable("REMOTE_USER", "SomeUser");
    assert!(connect(&socket).send(claim).text().contains("REMOTE_USER=SomeUser"));
    assert_eq!(connect(&socket).send("/write?path=/one/file").text(), "written\n");
    assert_eq!(connect(&socket).send("/write?path=/two/file").status(), 403);
    assert_eq!(connect(&socket).send("/loop").status(), 504);
    let given = connect(&socket).send("/memory").text().trim().parse::<u32>();
    assert!(given.is_ok_and(|mib| mib < 16));
}

#[test]
fn a_settings_file_beside_the_program_says_everything() {
    let (folder, socket, listener) = unix();
    let program = folder.path().join("wiki.fcgi");
    std::os::unix::fs::symlink(paths::program(), &program).expect("a link");
    let settings = "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"fd:0\"\ntrust = [\"user\"]\n\
                    [[site]]\nname = \"a\"\nmodule = \"$GUESTS/behaviours.wasm\"\nenv = { SITE = \"a\" }\n";
    let settings = filled_in(settings, &socket, folder.path());
    fs::write(folder.path().join("fcgi-wasm-host.toml"), settings).expect("a settings file");
    let _host = Process::start(Command::new(&program).env_clear(), listener);
    let response = connect(&socket).send(Request::get("/env").variable("REMOTE_USER", "SomeUser"));
    assert!(response.text().contains("SITE=a\n") && response.text().contains("REMOTE_USER=SomeUser\n"));
}

#[test]
fn the_component_is_compiled_beside_a_socket_that_stays_the_hosts() {
    let (folder, socket, listener) = unix();
    let cache = folder.path().join("cache");
    let host = Process::host(listener, &[("FCGI_WASM_HOST_CACHE_DIR", cache.to_str().expect("a path"))]);
    assert_eq!(connect(&socket).send("/visits").text(), "1\n");
    assert_eq!(fs::read_dir(cache).expect("a cache").count(), 1);
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn peers_of_a_socket_from_elsewhere_are_looked_at_too() {
    let (_folder, socket, listener) = unix();
    let _host = Process::host(listener, &[("FCGI_WASM_HOST_LISTEN", "fd:0,allow-uid=54321")]);
    connect(&socket).wait_for_close();
    let (_folder, socket, listener) = unix();
    let _host = Process::host(listener, &[("FCGI_WEB_SERVER_ADDRS", "127.0.0.1")]);
    connect(&socket).wait_for_close();
}

#[test]
fn a_host_that_nobody_gave_a_socket_says_so() {
    let refusal = TestHost::with(guest::HELLO).args(["--listen", "fd:0"]).refused();
    assert!(refusal.log.contains("fd:0: it is not a listening socket"), "{}", refusal.log);
    let output = settings(&mut Command::new(paths::program()), guest::HELLO)
        .stdin(Stdio::null())
        .output()
        .expect("a host that ends");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && log.contains("--listen is missing"), "{log}");
}

#[test]
fn a_host_of_its_own_does_not_mind_what_is_at_descriptor_0() {
    let (folder, _socket, listener) = unix();
    let own = folder.path().join("own.sock");
    let environment = [("FCGI_WASM_HOST_LISTEN", own.to_str().expect("a path"))];
    let _host = Process::host(listener, &environment);
    eventually("the host listens", || UnixStream::connect(&own).is_ok());
    assert_eq!(connect(&own).send("/visits").text(), "1\n");
}

#[test]
fn spawn_fcgi_starts_a_host() {
    assert!(Path::new(SPAWN_FCGI).is_file(), "{SPAWN_FCGI} is missing: run `apt-get install spawn-fcgi`");
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("spawned.sock");
    let null = fs::File::open("/dev/null").expect("the null device");
    let mut spawn = Command::new(SPAWN_FCGI);
    spawn.arg("-n").arg("-s").arg(&socket).arg("--").arg(paths::program());
    let host = Process::start(settings(&mut spawn, guest::HELLO), null);
    eventually("the socket is there", || UnixStream::connect(&socket).is_ok());
    assert_eq!(connect(&socket).send("/").text(), "hello\n");
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code(), Some(0));
}

/// Lets a web server serve, and stop; then all of its hosts, which write into its log, have stopped in good order.
fn serves_and_stops(server: WebServer) {
    for _ in 0..20 {
        assert_eq!(server.get("/visits").text(), "1\n");
    }
    let echoed = server.send("POST", "/echo", &[], &tests::noise(300_000));
    assert_eq!((echoed.status, echoed.body), (200, tests::noise(300_000).to_vec()));
    let stopped = server.stop();
    let count = |text: &str| stopped.log().matches(text).count();
    eventually("all hosts have stopped", || {
        count(": listening") > 0 && count(": stopped") == count(": listening")
    });
}

#[test]
fn lighttpd_starts_hosts_and_ends_them() {
    serves_and_stops(Lighttpd::spawning());
}

#[test]
fn mod_fcgid_starts_hosts_and_ends_them() {
    serves_and_stops(Apache::spawning());
}
