//! The host as a process: its pid file, its life in the background, its log, its name, and the options of the old program.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::chown,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::{Signal, geteuid};
use tests::{Client, Request, Station, TestHost, eventually, free_address, guest, paths, station::run};

const NOBODY: u32 = 65534;

/// How many lines of how many columns a terminal has, that people have before them.
const SCREEN: (usize, usize) = (50, 100);

#[test]
fn a_pid_file_is_held_for_as_long_as_the_host_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.pid");
    let host = TestHost::with(guest::HELLO).arg("--pidfile").arg(&file).start();
    let pid = fs::read_to_string(&file).expect("a pid file");
    assert!(fs::exists(format!("/proc/{}", pid.trim())).expect("its process"));
    let refusal = TestHost::with(guest::HELLO).arg("-p").arg(&file).refused();
    let told = format!("process {0} runs and holds it; stop that first (kill {0})", pid.trim());
    assert!(refusal.log.contains(&told), "{}", refusal.log);
    assert_eq!(host.get("/").text(), "hello\n");
    assert!(host.terminate().success());
    assert!(!file.exists());
}

#[test]
fn a_pid_file_that_was_left_behind_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.pid");
    let start = || TestHost::with(guest::HELLO).arg("--pidfile").arg(&file).start();
    // The number of a process that runs, but is none of ours.
    fs::write(&file, "1\n").expect("a file");
    drop(start()); // Killed.
    let left = fs::read_to_string(&file).expect("a pid file");
    let host = start();
    let pid = fs::read_to_string(&file).expect("a pid file");
    assert!(pid != left && pid != "1\n", "{pid}");
    assert!(host.terminate().success());
}

#[test]
fn a_host_that_does_not_start_leaves_no_pid_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.pid");
    TestHost::module(Path::new("/no/such.wasm")).arg("--pidfile").arg(&file).refused();
    assert!(!file.exists());
}

#[test]
fn a_host_that_becomes_another_user_keeps_its_pid_file() {
    if !geteuid().is_root() {
        return;
    }
    for (owner, removed) in [(0, false), (NOBODY, true)] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("its mode");
        chown(folder.path(), Some(owner), None).expect("its owner");
        let file = folder.path().join("host.pid");
        let host =
            TestHost::with(guest::HELLO).cache(&folder.path().join("cache")).args(["--user", "nobody"]);
        let host = host.arg("--pidfile").arg(&file).open_to_all().start();
        assert_eq!(host.get("/").text(), "hello\n");
        assert!(host.terminate().success());
        assert_eq!(file.exists(), !removed, "a folder of user {owner}");
    }
}

#[test]
fn a_daemon_serves_when_its_command_returns() {
    let station = Station::new();
    let (good, said) = run(station.command().args(["--daemon", "--log-file", "host.log"]));
    assert!(good, "{said}");
    assert_eq!(said, "");
    assert_eq!(station.send("/visits").text(), "1\n");
    // It leads a session of its own, and nobody waits for it.
    let stat = station.process("stat");
    let fields: Vec<_> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    assert_eq!(fields[3], station.pid().to_string());
    assert!(station.text("host.log").contains(" listening "));
    let refused = run(station.command().arg("-d"));
    assert!(!refused.0 && refused.1.contains(&format!("kill {}", station.pid())), "{}", refused.1);
    station.stop();
    assert!(!station.path("host.pid").exists() && !station.path("host.sock").exists());
    assert!(station.text("host.log").trim_end().ends_with("stopped"));
}

#[test]
fn a_daemon_that_does_not_start_says_why() {
    let station = Station::new();
    let check = |option: &[&str], expected: &str| {
        let (good, said) = run(station.command().arg("--daemon").args(option));
        assert!(!good && said.matches(expected).count() == 1, "{said}");
        assert!(!station.path("host.pid").exists() && !station.path("host.sock").exists());
    };
    check(&["--memory", "1KiB"], "--memory 1KiB: between 1 MiB");
    check(&["--memory", "1KiB", "--log-file", "host.log"], "--memory 1KiB: between 1 MiB");
    assert!(station.text("host.log").contains("between 1 MiB"));
    check(&["--log-file", "none/host.log"], "none/host.log: No such file");
    check(&["--mount", "none:/none"], "mount /none: ");
}

#[test]
fn a_log_file_goes_on_where_it_was() {
    let station = Station::new();
    assert!(run(station.command().args(["-d", "--log-file", "host.log"])).0);
    fs::rename(station.path("host.log"), station.path("host.log.1")).expect("a log");
    station.send("/trap");
    eventually("the old one has it", || station.text("host.log.1").contains("/trap"));
    station.signal(Signal::USR1);
    eventually("there is a new one", || station.text("host.log").contains("the log goes on here"));
    station.send("/exit");
    eventually("the new one has it", || station.text("host.log").contains("/exit"));
    assert!(!station.text("host.log.1").contains("/exit"));
}

#[test]
fn a_signal_for_the_log_ends_no_host() {
    let host = TestHost::with(guest::HELLO).start();
    host.reopen_log();
    host.log_line("there is no --log-file");
    assert_eq!(host.get("/").text(), "hello\n");
}

#[test]
fn a_quiet_host_says_what_is_wrong_and_nothing_else() {
    let station = Station::new();
    assert!(run(station.command().args(["-d", "-q", "--log-file", "host.log"])).0);
    station.send("/visits");
    assert_eq!(station.text("host.log"), "");
    station.send("/trap");
    eventually("the failure is there", || station.text("host.log").contains("WARN"));
}

#[test]
fn a_process_has_the_name_that_it_is_given() {
    for daemon in [true, false] {
        let station = Station::new();
        let mut command = station.command();
        command.args(["--pname", "foswiki", "--log-file", "host.log"]);
        let child = if daemon {
            assert!(run(command.arg("--daemon")).0);
            None
        } else {
            Some(command.spawn().expect("a host that starts"))
        };
        eventually("the host listens", || station.text("host.log").contains(" listening "));
        assert!(station.process("cmdline").starts_with("foswiki\0--listen\0"));
        assert_eq!(station.process("comm"), "foswiki\n");
        assert_eq!(station.send("/visits").text(), "1\n");
        station.stop();
        if let Some(mut child) = child {
            assert!(child.wait().expect("its exit status").success());
        }
    }
}

#[test]
fn pages_are_asked_for_before_the_host_is_ready() {
    let host =
        TestHost::with(guest::BEHAVIOURS).args(["--nproc", "3", "--warming=/visits,/status?code=404,/trap"]);
    let host = host.start();
    let warmed = host.log_line("warmed path=\"/visits\" instances=3");
    host.log_line("not warmed: the page was refused path=\"/status?code=404\" status=404");
    host.log_line("not warmed: the page was refused path=\"/trap\"");
    let log = host.log();
    assert!(log.find(&warmed) < log.find(" listening "), "{log}");
    assert_eq!(host.get("/visits").text(), "1\n");
    host.stop();
    host.log_line("requests=10 failures=3");
    let wiki = paths::repository("examples/wiki");
    let host = TestHost::wiki().arg("--root").arg(wiki).args(["-w", "-n", "2"]).start();
    host.log_line("warmed path=\"/\" instances=2");
}

#[test]
fn the_options_of_the_old_program_are_understood() {
    let station = Station::new();
    let mut command = station.bare();
    let socket = station.path("host.sock");
    let old = [
        "-n",
        "3",
        "-p",
        "host.pid",
        "-M",
        "FCGI::ProcManager",
        "-x",
        "100",
        "-c",
        "10",
        "-s",
        "100000",
        "-a",
        "foswiki",
    ];
    command.args(["--log-file", "host.log", "-w", "-d", "-l"]).arg(socket).args(old);
    command.arg("--module").arg(paths::component(guest::BEHAVIOURS)).arg("--cache-dir").arg(paths::cache());
    let (good, said) = run(&mut command);
    assert!(good, "{said}");
    // Instances are used again.
    let visits: Vec<_> = (0..9).map(|_| station.send("/visits").text().to_owned()).collect();
    assert!(visits.iter().any(|visits| visits != "1\n"), "{visits:?}");
    let log = station.text("host.log");
    assert!(log.contains("--max 100: what a request leaves"), "{log}");
    assert!(
        log.contains("--manager has no meaning here") && log.contains("--check has no meaning here"),
        "{log}"
    );
}

#[test]
fn a_port_without_an_address_is_this_machines_own() {
    let address = free_address();
    let host = TestHost::with(guest::HELLO).arg("--listen").arg(format!(":{}", address.port())).start();
    host.log_line(&format!("listening address={address}"));
    let connection = TcpStream::connect(address).expect("a host that listens");
    assert_eq!(Client::new(connection).send(Request::get("/")).text(), "hello\n");
}

#[test]
fn help_fits_on_a_screen_and_all_of_it_is_there() {
    let say = |argument: &str| run(Station::new().bare().arg(argument));
    let (lines, columns) = SCREEN;
    for option in ["-h", "-?"] {
        let (good, text) = say(option);
        assert!(good && text.lines().count() <= lines, "{} lines:\n{text}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
    }
    let (_, text) = say("--help");
    for option in ["--manager", "--check", "--drain-timeout", "--allow-path"] {
        assert!(text.contains(option), "{option}");
    }
}

#[test]
fn packagers_get_completions_and_a_manual_page() {
    let say = |arguments: &[&str]| run(Station::new().bare().args(arguments));
    for shell in ["bash", "fish", "zsh"] {
        let (good, text) = say(&["completions", shell]);
        assert!(good && text.contains("pidfile"), "{shell}: {text}");
    }
    let (good, page) = say(&["man"]);
    assert!(good && page.contains(".TH fcgi-wasm-host 1") && page.contains("\\-\\-pidfile"), "{page}");
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("a shell");
    let mut stdin = bash.stdin.take().expect("its standard input");
    std::io::Write::write_all(&mut stdin, say(&["completions", "bash"]).1.as_bytes())
        .expect("a shell that reads");
    drop(stdin);
    assert!(bash.wait().expect("its exit status").success());
}
