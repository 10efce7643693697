//! The wall around the host's process: what the kernel refuses to it, and what the host does all the same.

use std::{
    fs,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{MetadataExt, PermissionsExt, chown},
            net::{SocketAddr, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::{Command, Output},
};

use rustix::process::geteuid;
use tempfile::TempDir;
use tests::{Builder, Request, TestHost, free_address, guest, http, paths};

/// A user, and a group, that own nothing.
const NOBODY: u32 = 65534;

/// Folders that everybody may look into: `ro` and `rw`, within reach, and `out`, each with a file.
fn folders() -> (TempDir, [PathBuf; 3]) {
    let folder = tempfile::tempdir().expect("a folder");
    open_to_all(folder.path());
    let folders = ["ro", "rw", "out"].map(|name| folder.path().join(name));
    for path in &folders {
        fs::create_dir(path).and_then(|()| fs::write(path.join("file"), "content")).expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("its mode");
    }
    (folder, folders)
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("its mode");
}

fn mounted([ro, rw, _]: &[PathBuf; 3]) -> Builder {
    TestHost::with(guest::BEHAVIOURS).mount(ro, "/ro").mount(rw, "/rw:rw")
}

/// The program that raises the same wall around itself and tries what it is asked for.
fn confined(arguments: &[String]) -> Output {
    Command::new(paths::example("confined")).args(arguments).output().expect("a program that runs")
}

/// Checks what comes of touches behind a wall with these options.
fn check(options: &[String], touches: &[(String, &str)]) {
    let asked = touches.iter().map(|(touch, _)| touch.clone());
    let output = confined(&options.iter().cloned().chain(asked).collect::<Vec<_>>());
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    for (touch, expected) in touches {
        let line = format!("{touch}: {expected}");
        assert!(told.lines().any(|told| told == line), "not {line:?}:\n{told}{errors}");
    }
}

fn reach([ro, rw, _]: &[PathBuf; 3]) -> Vec<String> {
    vec![format!("--ro={}", ro.display()), format!("--rw={}", rw.display())]
}

#[test]
fn files_out_of_reach_do_not_open() {
    let (_folder, folders) = folders();
    let [ro, rw, out] = folders.each_ref().map(|path| path.display());
    let denied = "PermissionDenied";
    check(
        &reach(&folders),
        &[
            (format!("read,{ro}/file"), "ok"),
            (format!("list,{ro}"), "ok"),
            (format!("write,{ro}/new"), denied),
            (format!("append,{ro}/file"), denied),
            (format!("remove,{ro}/file"), denied),
            (format!("write,{rw}/new"), "ok"),
            (format!("append,{rw}/new"), "ok"),
            (format!("rename,{rw}/new,{rw}/newer"), "ok"),
            (format!("rename,{rw}/newer,{ro}/newer"), denied),
            (format!("rename,{rw}/newer,{out}/newer"), denied),
            (format!("remove,{rw}/newer"), "ok"),
            (format!("read,{out}/file"), denied),
            (format!("write,{out}/file"), denied),
            (format!("list,{out}"), denied),
            (format!("read,{rw}/../out/file"), denied),
            ("read,/etc/passwd".into(), denied),
            ("list,/root".into(), denied),
            ("list,/".into(), denied),
            ("list,/proc".into(), denied),
            ("read,/proc/self/environ".into(), denied),
        ],
    );
}

#[test]
fn no_program_runs_but_the_host_itself() {
    let (_folder, folders) = folders();
    let script = folders[1].join("script");
    fs::write(&script, "#!/bin/sh\n").expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its mode");
    check(
        &reach(&folders),
        &[
            ("run-self".into(), "ok"),
            ("run,/bin/sh,-c".into(), "PermissionDenied"),
            ("run,/usr/bin/env".into(), "PermissionDenied"),
            (format!("run,{}", script.display()), "PermissionDenied"),
        ],
    );
}

#[test]
fn the_network_is_out_of_reach_but_for_the_ports_to_listen_on() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = server.local_addr().expect("its address");
    let own = free_address();
    let name = format!("confined.{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("an address");
    let _listener = UnixListener::bind_addr(&address).expect("a socket");
    check(
        &[format!("--bind={}", own.port())],
        &[
            (format!("bind,{own}"), "ok"),
            ("bind,127.0.0.1:0".into(), "PermissionDenied"),
            (format!("connect,{server}"), "PermissionDenied"),
            (format!("connect-abstract,{name}"), "PermissionDenied"),
            // As in a kernel without them.
            ("datagram".into(), "Unsupported"),
            ("netlink".into(), "Unsupported"),
        ],
    );
    check(
        &["--names".into()],
        &[
            ("datagram".into(), "ok"),
            ("netlink".into(), "ok"),
            (format!("connect,{server}"), "PermissionDenied"),
        ],
    );
}

#[test]
fn other_processes_and_the_system_are_out_of_reach() {
    let parent = std::process::id();
    check(
        &[],
        &[
            ("signal".into(), "PermissionDenied"),
            (format!("read,/proc/{parent}/mem"), "PermissionDenied"),
            (format!("read,/proc/{parent}/environ"), "PermissionDenied"),
            // As in a kernel without it.
            ("take-descriptor".into(), "Unsupported"),
            ("chroot,/".into(), "Unsupported"),
            ("become-member".into(), "PermissionDenied"),
        ],
    );
}

#[test]
fn a_user_is_changed_for_good() {
    let options = ["--user", "65534", "65534", "--without=landlock", "--without=seccomp", "--"];
    let options = options.map(str::to_owned);
    if geteuid().is_root() {
        let denied = |touch: &str| (touch.to_owned(), "PermissionDenied");
        let touches = ["become-root", "become-member", "chroot,/", "read,/etc/shadow", "list,/root"];
        check(&options, &touches.map(denied));
    } else {
        let errors = confined(&options).stderr;
        assert!(String::from_utf8_lossy(&errors).contains("NotRoot"));
    }
}

#[test]
fn a_wall_around_half_a_process_is_refused() {
    let output = confined(&["--thread".into()]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("Threads(2)"));
}

#[test]
fn a_host_behind_its_wall_compiles_serves_its_mounts_and_removes_its_socket() {
    let (folder, folders) = folders();
    let host = mounted(&folders).cache(&folder.path().join("cache")).start();
    assert_eq!(host.get("/open?path=/ro/file").text(), "content");
    assert_eq!(host.get("/list?path=/ro").text(), "file\n");
    assert_eq!(host.get("/write?path=/ro/file").status(), 403);
    assert_eq!(host.get("/write?path=/rw/new").text(), "written\n");
    assert_eq!(host.get("/open?path=/rw/new").text(), "written by the guest\n");
    let log = host.log();
    assert!(log.contains(" compiling ") && !log.contains("in this process"), "{log}");
    assert!(!log.contains("WARN"), "{log}");
    let socket = host.socket().to_owned();
    assert!(host.terminate().success());
    assert!(!socket.exists());
}

#[test]
fn every_thread_is_behind_the_wall() {
    let host = TestHost::with(guest::HELLO).start();
    assert_eq!(host.get("/").text(), "hello\n");
    let threads = host.threads();
    assert!(threads.len() >= 3, "{} threads", threads.len());
    for thread in threads {
        let is = |name: &str, value: &str| thread.lines().any(|line| line == format!("{name}:\t{value}"));
        assert!(is("NoNewPrivs", "1") && is("Seccomp", "2") && is("Umask", "0027"), "{thread}");
        assert!(is("CapInh", "0000000000000000") && is("CapAmb", "0000000000000000"), "{thread}");
        // Without root's capabilities the bounding set stays, and gives none to anybody.
        assert!(is("CapBnd", "0000000000000000") || !geteuid().is_root(), "{thread}");
    }
}

#[test]
fn root_becomes_another_user_and_every_thread_with_it() {
    let (folder, folders) = folders();
    let cache = folder.path().join("cache");
    let host = mounted(&folders).cache(&cache).args(["--user", "nobody", "--group", "65534"]);
    let host = host.socket(&folders[1].join("host.sock"));
    if !geteuid().is_root() {
        assert!(host.refused().log.contains("only root can become another user"));
        return;
    }
    let host = host.start();
    assert_eq!(host.get("/write?path=/rw/new").text(), "written\n");
    for thread in host.threads() {
        let all = |name: &str| thread.lines().any(|line| line == format!("{name}:{}", "\t65534".repeat(4)));
        let none = |name: &str| thread.lines().any(|line| line == format!("{name}:\t0000000000000000"));
        assert!(all("Uid") && all("Gid"), "{thread}");
        assert!(["CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"].into_iter().all(none), "{thread}");
    }
    for path in [&cache, &folders[1].join("new"), host.socket()] {
        let found = fs::metadata(path).expect("a file");
        assert_eq!((found.uid(), found.gid()), (NOBODY, NOBODY), "{}", path.display());
    }
    assert!(!host.log().contains("in this process"), "{}", host.log());
    let socket = host.socket().to_owned();
    assert!(host.terminate().success());
    assert!(!socket.exists());
}

#[test]
fn a_socket_has_the_owner_and_the_mode_that_are_named() {
    let (_folder, folders) = folders();
    let owner = if geteuid().is_root() { 54321 } else { geteuid().as_raw() };
    let access = ["--socket-mode", "0666", "--socket-owner", &owner.to_string(), "--umask", "077"];
    let host = mounted(&folders).args(access).start();
    let socket = fs::metadata(host.socket()).expect("a socket");
    assert_eq!((socket.uid(), socket.mode() & 0o777), (owner, 0o666));
    assert_eq!(host.get("/write?path=/rw/new").text(), "written\n");
    assert_eq!(fs::metadata(folders[1].join("new")).expect("a file").mode() & 0o777, 0o600);
}

#[test]
fn what_is_left_out_is_told() {
    let parts = ["landlock", "capability-drop", "dump-protection", "seccomp"];
    let host = parts.iter().fold(TestHost::with(guest::HELLO), |host, part| host.args(["--without", part]));
    let host = host.start();
    for part in parts {
        let line = host.log_line(&format!("wall: {part} switched off: --without {part}"));
        assert!(line.contains("WARN"), "{line}");
    }
    let threads = host.threads();
    assert!(threads.iter().all(|thread| thread.contains("Seccomp:\t0") && thread.contains("NoNewPrivs:\t1")));
    let host = TestHost::with(guest::HELLO).env("FCGI_WASM_HOST_WITHOUT", "seccomp landlock").start();
    host.log_lines("switched off", 2);
}

#[test]
fn what_stands_is_told_in_one_line() {
    let host = TestHost::with(guest::HELLO).start();
    let line = host.log_line("wall: ");
    for part in ["no-new-privileges", "capability-drop", "dump-protection", "landlock", "seccomp"] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn a_wall_that_cannot_be_raised_as_written_is_refused() {
    let check = |option: [&str; 2], expected: &str| {
        let refusal = TestHost::with(guest::HELLO).args(option).refused();
        assert!(refusal.log.contains(expected), "{option:?}: {}", refusal.log);
    };
    check(["--without", "lock"], "there are landlock, capability-drop, dump-protection, seccomp");
    check(["--umask", "9"], "--umask 9: \"9\" is not three octal digits");
    check(["--user", "root"], "name another user");
    check(["--user", "no-such-user"], "/etc/passwd has no \"no-such-user\"");
    check(["--group", "nogroup"], "--group nogroup: it goes with a user");
    check(["--allow-path", "/no/such:rw"], "--allow-path /no/such:rw: ");
}

#[test]
fn the_gateway_reaches_the_hosts_own_port() {
    let (fastcgi, web) = (free_address(), free_address());
    let host = TestHost::with(guest::HELLO);
    // The gateway asks the first address.
    let host = host.args(["--listen", &fastcgi.to_string(), "--http", &web.to_string()]).start();
    assert_eq!(http::get(web, "/").text(), "hello\n");
    assert_eq!(host.connect_tcp(fastcgi).send(Request::get("/")).text(), "hello\n");
}

#[test]
fn a_mount_out_of_reach_says_what_to_do() {
    if !geteuid().is_root() {
        return;
    }
    let (folder, folders) = folders();
    fs::set_permissions(&folders[0], fs::Permissions::from_mode(0o700)).expect("its mode");
    let host = mounted(&folders).cache(&folder.path().join("cache")).args(["--user", "nobody"]);
    let log = host.refused().log;
    assert!(log.contains("mount /ro: ") && log.contains("--allow-path"), "{log}");
}

#[test]
fn a_module_that_only_root_may_read_is_refused_to_another_user() {
    if !geteuid().is_root() {
        return;
    }
    let (folder, _) = folders();
    let module = folder.path().join("secret.wasm");
    fs::copy(paths::component(guest::HELLO), &module).expect("a copy");
    fs::set_permissions(&module, fs::Permissions::from_mode(0o600)).expect("its mode");
    let cache = folder.path().join("cache");
    let refusal = TestHost::module(&module).cache(&cache).args(["--user", "nobody"]).refused();
    assert!(refusal.log.contains("secret.wasm: cannot be read"), "{}", refusal.log);
    chown(&module, Some(NOBODY), None).expect("another owner");
    let host = TestHost::module(&module).cache(&cache).args(["--user", "nobody"]).start();
    assert_eq!(host.get("/").text(), "hello\n");
}
