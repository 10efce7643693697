//! The Debian package, as an operator has it: installed, served from, upgraded, removed, on a machine of the story's own.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use tests::{Machine, Mark, eventually, paths, station::run};

const SOCKET: &str = "/run/fcgi-wasm-host/wiki.sock";
const SETTINGS: &str = "/etc/fcgi-wasm-host/settings.toml";
const PAGE: &str = "/bin/view/Main/WebHome";

/// What dpkg, its triggers and the accounts' own files are after any package came and went.
const OF_THE_SYSTEM: [&str; 5] =
    ["/var/lib/dpkg/", "/var/log/", "/var/cache/man/", "/var/lib/systemd/", "/tmp/"];

/// Where the user stays.
const ACCOUNTS: [&str; 5] = ["/etc/.pwd.lock", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"];

/// A machine with the first revision of the package.
fn installed() -> Machine {
    let machine = Machine::new();
    install(&machine, 1);
    // Another story has compiled the wiki already, perhaps.
    paths::copy(&paths::cache(), &machine.path("/tmp/compiled")).expect("a copy");
    machine.ok("find /tmp/compiled -type f -exec install --owner=fcgi-wasm-host --mode=0600 -t /var/cache/fcgi-wasm-host {} +");
    machine
}

fn install(machine: &Machine, revision: u32) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let package = paths::packed("deb", revision, folder.path());
    fs::copy(package, machine.path("/tmp/package.deb")).expect("a copy");
    machine.ok("dpkg --force-confdef --force-confold --install /tmp/package.deb && rm /tmp/package.deb")
}

/// The process that serves, in the machine's own numbers.
fn serving(machine: &Machine) -> Option<String> {
    let (_, status) = machine.run(&format!("fcgi-wasm-host status --control {SOCKET}.control"));
    Some(status.split_once("process ")?.1.split_once(',')?.0.to_owned())
}

#[test]
fn a_package_is_installed_upgraded_removed_and_purged() {
    let machine = installed();
    nothing_runs_unasked(&machine);
    machine.ok(&format!("runuser -u fcgi-wasm-host -- fcgi-wasm-host check --config {SETTINGS}"));
    assert!(machine.ok("/etc/init.d/fcgi-wasm-host start").contains("fcgi-wasm-host runs, as process"));
    assert_eq!(machine.send(SOCKET, PAGE).status(), 200);
    let process = serving(&machine).expect("a host");
    let user = machine.ok(&format!("stat --format=%U /proc/{process}"));
    assert_eq!(user, "fcgi-wasm-host\n");
    assert_eq!(machine.ok(&format!("stat --format='%U:%G %a' {SOCKET}")), "www-data:www-data 660\n");
    machine.ok("echo FOSWIKI_CHILDREN=5 >>/etc/default/fcgi-wasm-host");
    upgraded_under_load(&machine, &process);
    assert!(machine.text("/etc/default/fcgi-wasm-host").ends_with("FOSWIKI_CHILDREN=5\n"));
    machine.ok("dpkg --remove fcgi-wasm-host");
    assert_eq!(serving(&machine), None);
    assert!(!machine.path("/usr/bin/fcgi-wasm-host").exists());
    assert!(machine.path(SETTINGS).exists());
    machine.ok("dpkg --purge fcgi-wasm-host");
    nothing_is_left(&machine);
}

fn nothing_runs_unasked(machine: &Machine) {
    assert!(!machine.path("/run/fcgi-wasm-host").exists());
    let enabled = machine.ok("find /etc -name 'S*fcgi-wasm-host' -o -path '*.wants/fcgi-wasm-host.*'");
    assert_eq!(enabled, "");
    let account = machine.ok("getent passwd fcgi-wasm-host");
    assert!(account.ends_with(":/nonexistent:/usr/sbin/nologin\n"), "{account}");
    let marked = machine.ok("dpkg-query --show --showformat='${Conffiles}' fcgi-wasm-host");
    let mut marked: Vec<_> = marked.split_whitespace().filter(|word| word.starts_with('/')).collect();
    marked.sort_unstable();
    let etc = ["default/fcgi-wasm-host", "fcgi-wasm-host/settings.toml", "init.d/fcgi-wasm-host"];
    let etc = etc.into_iter().chain(["logrotate.d/fcgi-wasm-host"]).map(|file| format!("/etc/{file}"));
    assert_eq!(marked, etc.collect::<Vec<_>>());
    for file in machine.ok("dpkg --listfiles fcgi-wasm-host").lines() {
        let found = fs::symlink_metadata(machine.path(file)).expect(file);
        let program = file == "/usr/bin/fcgi-wasm-host" || file == "/etc/init.d/fcgi-wasm-host";
        let mode = if found.is_dir() || program { 0o755 } else { 0o644 };
        assert!(file == "/." || found.mode() & 0o7777 == mode, "{file}: {:o}", found.mode());
        assert_eq!((found.uid(), found.gid()), (0, 0), "{file}");
    }
}

/// The second revision takes over from the first, and no request fails meanwhile.
fn upgraded_under_load(machine: &Machine, before: &str) {
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(machine.send(SOCKET, PAGE).status(), 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _over = Mark(&over);
        install(machine, 2);
        eventually("the new program serves", || serving(machine).is_some_and(|process| process != before));
        let so_far = answered.load(Ordering::Relaxed);
        eventually("it answers", || answered.load(Ordering::Relaxed) > so_far + 10);
    });
    let version = machine.ok("dpkg-query --show --showformat='${Version}' fcgi-wasm-host");
    assert!(version.ends_with("-2"), "{version}");
}

fn nothing_is_left(machine: &Machine) {
    assert_eq!(machine.ok("find /etc /usr /var /run -name '*fcgi-wasm-host*'"), "");
    let is_expected = |path: &String| {
        let account = ACCOUNTS.iter().any(|file| path.trim_end_matches('-') == *file);
        account
            || path == "/usr/sbin/policy-rc.d"
            || OF_THE_SYSTEM.iter().any(|folder| path.starts_with(folder))
    };
    let left: Vec<_> = machine.changed().into_iter().filter(|path| !is_expected(path)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What the installed unit has in the line of that name.
fn line(machine: &Machine, name: &str) -> String {
    let unit = machine.text("/usr/lib/systemd/system/fcgi-wasm-host.service");
    let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name}= in {unit}")).to_owned()
}

#[test]
fn the_units_serve_with_the_packages_settings() {
    let machine = installed();
    // Two programs of systemd's play its part: one keeps the socket, the other takes the log.
    machine.ok("install --directory --owner=fcgi-wasm-host /run/fcgi-wasm-host /run/systemd/journal /run/log/journal");
    let mut journal = machine.command("exec /lib/systemd/systemd-journald").spawn().expect("a journal");
    eventually("the journal listens", || machine.path("/run/systemd/journal/stdout").exists());
    let activate = "systemd-socket-activate --setenv=JOURNAL_STREAM --fdname=wiki --listen=/run/fcgi-wasm-host/wiki.sock";
    let (user, start) = (line(&machine, "User"), line(&machine, "ExecStart"));
    // As systemd says it to a service.
    let stream = "JOURNAL_STREAM=$(stat --dereference --format=%d:%i /proc/self/fd/2)";
    let start = format!("{stream} exec runuser -u {user} -- {activate} {start}");
    let script = format!("exec systemd-cat --identifier=host sh -c '{start}'");
    let mut host = machine.command(&script).spawn().expect("a host");
    eventually("the socket is there", || machine.path(SOCKET).exists());
    assert_eq!(machine.send(SOCKET, PAGE).status(), 200);
    let reload = format!("runuser -u {user} -- {}", line(&machine, "ExecReload"));
    machine.ok(&reload);
    machine.ok(&format!("echo nonsense >>{SETTINGS}"));
    let (good, said) = machine.run(&reload);
    assert!(!good && said.contains("settings.toml"), "{said}");
    let logged = |priority: &str| {
        machine.ok(&format!(
            "journalctl --directory=/run/log/journal -t host --output=cat --priority={priority}"
        ))
    };
    eventually("the journal has it", || logged("warning").contains("settings.toml"));
    assert!(logged("info").contains("listening") && !logged("warning").contains("listening"));
    drop(machine);
    let _ = (host.wait(), journal.wait());
}

#[test]
fn lintian_has_nothing_to_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = paths::packed("deb", 1, folder.path());
    // It is no upload to Debian.
    let mut lintian = Command::new("lintian");
    lintian.args([
        "--allow-root",
        "--fail-on=error,warning",
        "--suppress-tags=initial-upload-closes-no-bugs",
    ]);
    let (good, said) = run(lintian.arg(package));
    assert!(good, "{said}");
}

#[test]
fn the_same_program_is_packed_into_the_same_bytes() {
    for kind in ["deb", "archive"] {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let [one, other] = folders.each_ref().map(|folder| {
            let packed = paths::packed(kind, 1, folder.path());
            (packed.file_name().expect("a name").to_owned(), fs::read(packed).expect("a file"))
        });
        assert!(one == other, "{kind}");
        for folder in &folders {
            assert_eq!(
                fs::read_dir(folder.path()).expect("a folder").count(),
                1,
                "nothing else is left there"
            );
        }
    }
}
