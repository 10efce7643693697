//! The script for System V init, run as an operator runs it, with the file that foswiki.fcgi had.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, process::Command};

use rustix::process::{Signal, geteuid};
use tests::{Client, Request, Response, Station, eventually, example, free_address, paths, station::run};

/// A wiki as a service, in a folder.
struct Service {
    station: Station,
    address: SocketAddr,
}

impl Service {
    /// The script and its file, with the places of one story; `more` stands at the end of the file.
    fn new(more: &str) -> Self {
        let (station, address) = (Station::new(), free_address());
        let wiki = station.path("wiki");
        paths::copy(&paths::repository("examples/wiki"), &wiki).expect("a copy");
        let open = |path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
        open(station.folder());
        let changes = [
            ("FOSWIKI_ROOT=/var/www/foswiki", format!("FOSWIKI_ROOT={}", wiki.display())),
            ("FOSWIKI_BIND=127.0.0.1:9000", format!("FOSWIKI_BIND={address}")),
        ];
        fs::write(station.path("default"), example("service/foswiki.default", &changes) + more)
            .expect("a file");
        let path = |name: &str| station.path(name).display().to_string();
        let changes = [
            ("HOST=/usr/local/bin/fcgi-wasm-host", format!("HOST={}", paths::program().display())),
            ("PIDFILE=/run/foswiki.pid", format!("PIDFILE={}", path("host.pid"))),
            ("LOGFILE=/var/log/foswiki/host.log", format!("LOGFILE={}", path("host.log"))),
            ("CACHE=/var/cache/foswiki", format!("CACHE={}", path("cache"))),
            ("RUNTIME=/run/foswiki", format!("RUNTIME={}", path("run"))),
            ("FOSWIKI_USER=www-data", "FOSWIKI_USER=nobody".into()),
            ("[ -r /etc/default/foswiki ] && . /etc/default/foswiki", format!(". {}", path("default"))),
        ];
        fs::write(station.path("init"), example("service/foswiki.init", &changes)).expect("a script");
        Self { station, address }
    }

    /// Runs the script: its exit code, and what it says.
    fn run(&self, action: &str) -> (i32, String) {
        let mut script = Command::new("/bin/sh");
        script.arg(self.station.path("init")).arg(action).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
        let output = script.output().expect("a script that ends");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().expect("an exit code"), String::from_utf8_lossy(&said).into_owned())
    }

    fn check(&self, action: &str, code: i32, expected: &str) {
        let (found, said) = self.run(action);
        assert!(
            found == code && said.contains(expected),
            "{action}: {found}: {said}{}",
            self.station.text("host.log")
        );
    }

    fn page(&self) -> Response {
        let socket = std::net::TcpStream::connect(self.address).expect("a host that listens");
        Client::new(socket).send(Request::get("/bin/view/Main/WebHome"))
    }

    fn answers(&self) {
        assert_eq!(self.page().status(), 200);
    }
}

#[test]
fn a_wiki_is_started_reloaded_restarted_and_stopped() {
    let service = Service::new("");
    service.check("status", 3, "does not run");
    service.check("reload", 7, "does not run");
    service.check("start", 0, "foswiki runs, as process");
    // Without a moment's wait.
    service.answers();
    let pid = service.station.pid();
    service.check("status", 0, &format!("as process {pid}"));
    service.check("start", 0, &format!("runs already, as process {pid}"));
    if geteuid().is_root() {
        assert!(service.station.process("status").contains("\nUid:\t65534\t65534"));
    }
    assert!(service.station.process("cmdline").starts_with("foswiki\0"));
    service.check("reload", 0, "");
    eventually("it is reloaded", || service.station.text("host.log").contains(" reloaded"));
    assert_eq!(service.station.pid(), pid);
    service.answers();
    service.check("restart", 0, "foswiki runs, as process");
    assert_ne!(service.station.pid(), pid);
    service.answers();
    service.check("stop", 0, "has stopped");
    assert!(!service.station.path("host.pid").exists());
    service.check("status", 3, "does not run");
    service.check("stop", 0, "does not run");
}

#[test]
fn a_program_that_was_replaced_takes_over() {
    let service = Service::new("FOSWIKI_UPGRADE=true\n");
    service.check("upgrade", 0, "does not run");
    service.check("start", 0, "foswiki runs, as process");
    service.answers();
    let pid = service.station.pid();
    service.check("upgrade", 0, "");
    eventually("another process serves", || service.station.text("host.log").contains(" upgraded"));
    service.answers();
    assert_eq!(service.station.pid(), pid);
    service.check("stop", 0, "has stopped");
}

#[test]
fn what_a_host_leaves_behind_is_in_nobodys_way() {
    let service = Service::new(
        "FOSWIKI_QUIET=true\nFOSWIKI_WARMING=/bin/view/Main/WebHome,/\nFOSWIKI_MAX_REQUESTS=100\n",
    );
    service.check("start", 0, "foswiki runs");
    service.station.signal(Signal::KILL);
    eventually("it is gone", || !service.station.is_held());
    service.check("status", 1, "left");
    // Another process has its number now.
    fs::write(service.station.path("host.pid"), format!("{}\n", std::process::id())).expect("a pid file");
    service.check("status", 1, "left");
    service.check("stop", 0, "does not run");
    service.check("start", 0, "foswiki runs");
    service.answers();
    service.check("force-stop", 0, "has been stopped");
    assert!(!service.station.path("host.pid").exists());
    let log = service.station.text("host.log");
    assert!(!log.contains("INFO"), "{log}");
}

#[test]
fn a_start_that_fails_says_why() {
    let service = Service::new("FOSWIKI_ROOT=/no/such/wiki\n");
    service.check("start", 1, "/no/such/wiki");
    service.check("status", 3, "does not run");
    service.check("begin", 2, "usage: ");
}

#[test]
fn the_log_is_rotated_without_losing_a_line() {
    let service = Service::new("");
    service.check("start", 0, "foswiki runs");
    let [log, old] = ["host.log", "host.log.1"].map(|name| service.station.path(name));
    fs::rename(&log, &old).expect("a log");
    // As logrotate makes it, for the user of the host.
    fs::write(&log, "").expect("a log");
    if geteuid().is_root() {
        std::os::unix::fs::chown(&log, Some(65534), Some(65534)).expect("its owner");
    }
    service.check("reopen", 0, "");
    eventually("the log goes on", || service.station.text("host.log").contains("the log goes on here"));
    service.check("stop", 0, "has stopped");
    assert!(service.station.text("host.log").trim_end().ends_with("stopped"));
    assert!(run(Command::new("sh").arg("-n").arg(service.station.path("init"))).0);
}
