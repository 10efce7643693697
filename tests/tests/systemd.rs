//! What systemd expects of a service: words on a socket, and sockets that outlive it. It is played here, as it does not run everywhere.

use std::{
    fs::{self, File},
    io::IoSliceMut,
    mem::MaybeUninit,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::{
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::{Pid, Signal, kill_process},
};
use tempfile::TempDir;
use tests::{Client, PATIENCE, Request, Station, TestHost, eventually, guest, paths, station::run};

const ANALYZE: &str = "/usr/bin/systemd-analyze";

/// Where a host sends its words.
struct Systemd {
    socket: UnixDatagram,
    name: String,
    _folder: TempDir,
}

impl Systemd {
    fn at_a_path() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let name = path.display().to_string();
        Self::with(UnixDatagram::bind(path), name, folder)
    }

    fn at_a_name() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder.path().display().to_string();
        let address = SocketAddr::from_abstract_name(&name).expect("an address");
        Self::with(UnixDatagram::bind_addr(&address), format!("@{name}"), folder)
    }

    fn with(socket: std::io::Result<UnixDatagram>, name: String, folder: TempDir) -> Self {
        let socket = socket.expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self { socket, name, _folder: folder }
    }

    /// The next word, and the socket that comes with it.
    fn is_given(&self) -> (String, OwnedFd) {
        let mut text = [0; 2048];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(&mut text)];
        let received = recvmsg(&self.socket, parts, &mut rights, RecvFlags::CMSG_CLOEXEC).expect("a word");
        let sockets = rights.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        });
        let socket = sockets.flatten().next().expect("a socket");
        (String::from_utf8_lossy(&text[..received.bytes]).into_owned(), socket)
    }

    /// The next word.
    fn hears(&self) -> String {
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer).expect("a word");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}

#[test]
fn a_host_says_what_it_does() {
    for systemd in [Systemd::at_a_path(), Systemd::at_a_name()] {
        let host = TestHost::with(guest::HELLO).env("NOTIFY_SOCKET", &systemd.name).start();
        assert_eq!(systemd.hears(), "READY=1");
        host.reload();
        assert!(systemd.hears().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!([systemd.hears(), systemd.hears()], ["STATUS=reloaded: generation 2 serves", "READY=1"]);
        assert_eq!(host.get("/").text(), "hello\n");
        host.stop();
        assert_eq!(systemd.hears(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000");
        assert!(host.wait().success());
    }
}

#[test]
fn settings_that_are_refused_are_said_and_the_host_serves_on() {
    let systemd = Systemd::at_a_path();
    let settings = "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"$SOCKET\"\n\
                    [[site]]\nname = \"a\"\nmodule = \"$GUESTS/hello.wasm\"\n";
    let host = TestHost::settings(settings).env("NOTIFY_SOCKET", &systemd.name).start();
    assert_eq!(systemd.hears(), "READY=1");
    fs::write(host.folder().join("settings.toml"), "site = 3").expect("a settings file");
    host.reload();
    assert!(systemd.hears().starts_with("RELOADING=1"));
    assert!(systemd.hears().starts_with("STATUS=not reloaded: "));
    assert_eq!(systemd.hears(), "READY=1");
    assert_eq!(host.get("/").text(), "hello\n");
}

#[test]
fn a_host_that_answers_is_known_to_live() {
    let systemd = Systemd::at_a_path();
    let host = TestHost::with(guest::BEHAVIOURS).env("NOTIFY_SOCKET", &systemd.name);
    let host = host.env("WATCHDOG_USEC", "200000").args(["--warming=/visits"]).start();
    assert_eq!(systemd.hears(), "READY=1");
    (0..3).for_each(|_| assert_eq!(systemd.hears(), "WATCHDOG=1"));
    host.stop();
    host.log_line("failures=0");
}

#[test]
fn a_host_whose_handler_is_stuck_is_not() {
    let systemd = Systemd::at_a_path();
    let host = TestHost::with(guest::BEHAVIOURS).env("NOTIFY_SOCKET", &systemd.name);
    // Warming asks as well, and gives up after the deadline.
    let host = host.env("WATCHDOG_USEC", "200000").args(["--warming=/sleep?ms=600000", "--deadline", "3s"]);
    let host = host.args(["--nproc", "1"]).start();
    assert_eq!(systemd.hears(), "READY=1");
    // The answer comes late, and no other word before it.
    let before = std::time::Instant::now();
    assert_eq!(systemd.hears(), "WATCHDOG=1");
    assert!(before.elapsed().as_millis() > 2000);
    host.log_line("/sleep");
}

#[test]
fn a_socket_that_nobody_reads_is_said() {
    let refusal = TestHost::with(guest::HELLO).env("NOTIFY_SOCKET", "/no/such/socket").refused();
    assert!(refusal.log.contains("NOTIFY_SOCKET \"/no/such/socket\""), "{}", refusal.log);
}

/// A host with one socket from systemd.
struct Activated(Child);

impl Activated {
    /// As systemd starts it: the socket is descriptor 3, and its pid is named.
    fn start(socket: impl Into<OwnedFd>, names: &str, listen: &str, component: &str, log: &Path) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", r#"export LISTEN_PID=$$; exec "$0" "$@" 3<&0 </dev/null"#]).arg(paths::program());
        shell.args(["--listen", listen]).arg("--module").arg(paths::component(component));
        shell.arg("--cache-dir").arg(paths::cache()).env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", names);
        shell.env("FCGI_WASM_HOST_CONTROL", "none");
        shell.stdin(socket.into()).stderr(File::create(log).expect("a log"));
        Self(shell.spawn().expect("a host that starts"))
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("a process that runs");
        assert!(self.0.wait().expect("its exit status").success());
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sockets_from_systemd_are_served() {
    let station = Station::new();
    let log = station.path("log");
    for listen in ["fd:wiki", "fd:3,trust=user", "fd:systemd"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let host = Activated::start(listener, "wiki", listen, guest::HELLO, &log);
        let mut connection = Client::new(std::net::TcpStream::connect(address).expect("a port that listens"));
        assert_eq!(connection.send("/").text(), "hello\n", "{listen}");
        host.stop();
    }
}

#[test]
fn no_request_is_lost_while_a_host_is_started_again() {
    let station = Station::new();
    let (path, log) = (station.path("wiki.sock"), station.path("log"));
    let listener = UnixListener::bind(&path).expect("a socket");
    let start = |component| {
        let copy = listener.try_clone().expect("a copy");
        Activated::start(copy, "wiki", "fd:wiki", component, &log)
    };
    let connect = || Client::new(UnixStream::connect(&path).expect("a socket that listens"));
    let old = start(guest::BEHAVIOURS);
    let mut running = connect();
    let id = running.begin("/drip?chunks=3&ms=100");
    running.wait_for_body(id, 1);
    let ended = std::thread::spawn(move || old.stop());
    assert!(running.finish(id).text().ends_with("chunk 3\n"));
    ended.join().expect("a host that ends in good order");
    // Nobody is there, and nobody is refused.
    let mut waiting: Vec<_> = (0..10).map(|_| connect()).collect();
    let ids: Vec<_> = waiting.iter_mut().map(|one| one.begin(Request::get("/"))).collect();
    let _new = start(guest::HELLO);
    for (connection, id) in waiting.iter_mut().zip(ids) {
        assert_eq!(connection.finish(id).text(), "hello\n");
    }
    assert!(path.exists());
}

/// As with `FileDescriptorStoreMax=` in the unit: what the host has bound itself outlives it, too.
#[test]
fn no_request_is_lost_where_systemd_keeps_the_hosts_own_sockets() {
    let (systemd, station) = (Systemd::at_a_path(), Station::new());
    let host = TestHost::with(guest::HELLO).args(["--control", "none"]);
    let host = host.env("NOTIFY_SOCKET", &systemd.name).env("FDSTORE", "8").start();
    let (word, socket) = systemd.is_given();
    let name = word.lines().find_map(|line| line.strip_prefix("FDNAME=")).expect("a name").to_owned();
    assert!(word.starts_with("FDSTORE=1\n"), "{word}");
    assert_eq!(host.get("/").text(), "hello\n");
    host.stop();
    host.log_line("stopped");
    let path = host.socket().to_owned();
    let mut waiting = Client::new(UnixStream::connect(&path).expect("a socket that listens"));
    let id = waiting.begin("/visits");
    let listen = path.display().to_string();
    let next = Activated::start(socket, &name, &listen, guest::BEHAVIOURS, &station.path("log"));
    assert_eq!(waiting.finish(id).text(), "1\n");
    next.stop();
    assert!(!path.exists());
}

#[test]
fn sockets_that_were_not_passed_are_refused() {
    let check = |listen: &str, expected: &str| {
        let refusal = TestHost::with(guest::HELLO).args(["--listen", listen]).refused();
        assert!(refusal.log.contains(expected), "{}", refusal.log);
    };
    check("fd:wiki", "cannot listen on fd:wiki: nothing was passed");
    check("fd:2", "fd:NAME");
    let station = Station::new();
    let log = station.path("log");
    let (ours, _theirs) = UnixStream::pair().expect("two sockets");
    let cases: [(OwnedFd, &str, &str); 4] = [
        (UnixListener::bind(station.path("a")).expect("a socket").into(), "fd:app", "but fd:wiki"),
        (ours.into(), "fd:wiki", "nobody listens on it"),
        (File::open("/dev/null").expect("a device").into(), "fd:wiki", "not a socket"),
        (TcpListener::bind("0.0.0.0:0").expect("a port").into(), "fd:wiki", "could pose as any user"),
    ];
    for (descriptor, listen, expected) in cases {
        let mut host = Activated::start(descriptor, "wiki", listen, guest::HELLO, &log);
        eventually("the host ends", || host.0.try_wait().expect("a process").is_some());
        let said = fs::read_to_string(&log).expect("a log");
        assert!(said.contains(expected), "{said}");
    }
}

/// The units with a program that is there.
fn units(station: &Station) -> Vec<PathBuf> {
    let names = ["fcgi-wasm-host.service", "fcgi-wasm-host.socket", "foswiki.service"];
    let unit = |name: &str| {
        let text = fs::read_to_string(paths::repository("examples/service").join(name)).expect("a unit");
        let program = paths::program().display().to_string();
        let path = station.path(name);
        fs::write(&path, text.replace("/usr/local/bin/fcgi-wasm-host", &program)).expect("a file");
        path
    };
    names.map(unit).into()
}

#[test]
fn systemd_understands_the_units() {
    assert!(Path::new(ANALYZE).is_file(), "{ANALYZE} is missing: run `apt-get install systemd`");
    let (good, said) = run(Command::new(ANALYZE).args(["verify", "--man=no"]).args(units(&Station::new())));
    // What versions before 253 say of a type that they do not know is expected.
    let known = |line: &&str| !line.is_empty() && !line.contains("notify-reload");
    assert!(good && said.lines().find(known).is_none(), "{said}");
}

#[test]
fn the_units_leave_a_service_as_little_as_is_documented() {
    let docs = fs::read_to_string(paths::repository("docs/operating.md")).expect("docs/operating.md");
    let station = Station::new();
    for unit in units(&station).iter().filter(|unit| unit.extension().is_some_and(|kind| kind == "service")) {
        let (_, said) =
            run(Command::new(ANALYZE).args(["security", "--offline=true", "--no-pager"]).arg(unit));
        let (_, figure) = said.rsplit_once("exposure level for ").unwrap_or_else(|| panic!("{said}"));
        let mut words = figure.split([':', ' ']).filter(|word| !word.is_empty());
        let [Some(name), Some(figure)] = [words.next(), words.next()] else { panic!("{said}") };
        assert!(docs.contains(&format!("| `{name}` | {figure} |")), "{name} {figure} in docs/operating.md");
    }
}

#[test]
fn the_options_of_the_units_are_the_hosts() {
    let station = Station::new();
    let unit = fs::read_to_string(paths::repository("examples/service/foswiki.service")).expect("a unit");
    let socket = station.path("host.sock").display().to_string();
    let root = paths::repository("examples/wiki").display().to_string();
    let values = [("BIND", socket.as_str()), ("ROOT", &root), ("CHILDREN", "3")];
    // As systemd puts them in: a variable is one argument, and an empty one too.
    let line = unit.replace("\\\n", " ");
    let line = line.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    let fill = |word: &str| {
        let (before, variable) = word.split_once("${FOSWIKI_").unwrap_or((word, ""));
        let value = values.iter().find(|(name, _)| variable.strip_suffix('}') == Some(*name));
        format!("{before}{}", value.map_or("", |(_, value)| value))
    };
    let mut command = station.bare();
    command.args(line.split_whitespace().skip(1).map(fill)).arg("--cache-dir").arg(paths::cache());
    command.arg("--pidfile").arg(station.path("host.pid")).arg("--daemon").stdout(Stdio::null());
    let (good, said) = run(&mut command);
    assert!(good, "{said}");
    assert_eq!(station.send("/bin/view/Main/WebHome").status(), 200);
}
