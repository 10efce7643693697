//! Files outside the mounts, and files that are too much.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with};
use tempfile::TempDir;
use tests::{Request, Response, TestHost};

use crate::{sites, suffer};

/// What lies where no handler may look.
const SECRET: &str = "secret-of-another-site";

/// How often a name is tried while it is changed.
const RACES: usize = 5000;

/// Ways to open something for reading, and ways to open it for writing.
const READING: [&str; 4] = ["read @", "read-follow @", "touch-open @", "leak @"];
const WRITING: [&str; 7] =
    ["write @ x", "write-follow @ x", "open-write @ x", "append @ x", "truncate @", "size @ 0", "keep @"];

/// Handlers that open a pipe at once: more than the host has threads.
const WAITING: usize = 50;

/// Three folders: of the bad site, read-only and not, and of another site; and links out of the first two.
fn folders() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["ro/sub", "rw/sub", "other"] {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).expect("a folder");
        fs::write(path.join("file"), "as it was").expect("a file");
    }
    for name in ["ro/file", "rw/file"] {
        fs::write(folder.path().join(name), "as it was").expect("a file");
    }
    fs::write(folder.path().join("other/file"), SECRET).expect("a file");
    for name in ["ro", "rw"] {
        symlink("../other", folder.path().join(name).join("out")).expect("a link");
        symlink(folder.path().join("other"), folder.path().join(name).join("absolute")).expect("a link");
    }
    folder
}

fn start(folder: &TempDir) -> TestHost {
    start_with(folder, &["ro", "rw"])
}

fn start_with(folder: &TempDir, mounts: &[&str]) -> TestHost {
    let path = folder.path().display();
    let mount =
        |name: &&str| format!("{{ host = \"{path}/{name}\", guest = \"/{name}\", access = \"{name}\" }}");
    let mounts = mounts.iter().map(mount).collect::<Vec<_>>().join(", ");
    let files = if mounts.contains("rw") { ", max-files = 3000" } else { "" };
    let settings = format!("mounts = [{mounts}]\nlimits = {{ deadline = \"20s\"{files} }}");
    sites("$GUESTS/intruder.wasm", &settings).start()
}

fn script(lines: &str) -> Request {
    Request::post("/", lines.to_owned()).variable("HTTP_HOST", "bad.example")
}

/// Runs the lines and expects none of them to succeed.
fn refused(host: &TestHost, lines: &str) -> Response {
    let lines: Vec<_> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let response = suffer(host, &script(&lines.join("\n")));
    let came: Vec<_> = response.text().lines().collect();
    assert_eq!(came.len(), lines.len(), "{came:?}");
    let reasons = [
        "no-entry",
        "not-permitted",
        "loop",
        "not-directory",
        "access",
        "exist",
        "invalid",
        "read-only",
        "is-directory",
    ];
    for (line, came) in lines.iter().zip(came) {
        assert!(reasons.contains(&came), "{line}: {came}");
    }
    response
}

#[test]
fn no_path_leads_out() {
    let folder = folders();
    let host = start(&folder);
    for mount in ["/ro", "/rw"] {
        for path in [
            "../other/file",
            "sub/../../other/file",
            "./.././other/file",
            "sub/..//../other/file",
            "out/file",
            "out/",
            "out/.",
            "out/../other/file",
            "absolute/file",
            "sub/../absolute/file",
            "/etc/passwd",
            "//etc/passwd",
            "/proc/self/environ",
            "/dev/zero",
            "..",
            "../",
            "../..",
            "file/",
            "file/.",
            "file/..",
        ] {
            refused(
                &host,
                &format!("read-follow {mount} {path}\nread {mount} {path}\nstat-follow {mount} {path}x"),
            );
            refused(&host, &format!("open-write {mount} {path} x\nwrite-follow {mount} {path} x"));
        }
    }
    let other = folder.path().join("other");
    assert_eq!(fs::read_to_string(other.join("file")).expect("a file"), SECRET);
    assert_eq!(fs::read_dir(other).expect("a folder").count(), 1);
}

#[test]
fn what_is_read_only_stays_as_it_is() {
    let folder = folders();
    refused(
        &start(&folder),
        "
        write /ro file x
        write /ro new x
        create-new /ro new
        truncate /ro file
        size /ro file 0
        append /ro file x
        touch /ro file
        touch-open /ro file
        mkdir /ro new
        rmdir /ro sub
        unlink /ro file
        symlink /etc/passwd /ro new
        link /ro file /ro new
        link /ro file /rw new
        link /rw sub/file /ro new
        rename /ro file /rw new
        rename /ro file /ro new
        rename /rw sub /ro new
        rename /rw sub/file /ro file
        symlink /etc/passwd /rw new
        ",
    );
    assert_eq!(fs::read_to_string(folder.path().join("ro/file")).expect("a file"), "as it was");
    assert_eq!(fs::read_dir(folder.path().join("ro")).expect("a folder").count(), 4);
}

#[test]
fn a_folder_that_becomes_a_link_and_back() {
    let folder = folders();
    let host = start(&folder);
    let done = AtomicBool::new(false);
    for mount in ["ro", "rw"] {
        let (one, other) = (folder.path().join(mount).join("sub"), folder.path().join(mount).join("out"));
        done.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).expect("both");
                }
            });
            let ways = [format!("read-follow /{mount} sub/file"), format!("write-follow /{mount} out/new x")];
            let lines: Vec<_> = ways.iter().cycle().take(RACES).map(String::as_str).collect();
            let response = host.send(script(&lines.join("\n")));
            done.store(true, Ordering::Relaxed);
            assert_eq!(response.text().lines().count(), RACES);
            assert!(!response.text().contains(SECRET));
            assert!(response.text().contains("as it was"), "{}", &response.text()[..200]);
        });
    }
    assert_eq!(fs::read_dir(folder.path().join("other")).expect("a folder").count(), 1);
}

/// Puts a named pipe, a socket and, where the system lets it, a device into a folder; returns their names.
fn others(folder: &Path) -> Vec<&'static str> {
    let make = |name: &str, kind, device| mknodat(CWD, folder.join(name), kind, Mode::RWXU, device);
    make("pipe", FileType::Fifo, 0).expect("a pipe");
    UnixListener::bind(folder.join("socket")).expect("a socket");
    let terminal = make("device", FileType::CharacterDevice, makedev(5, 0));
    if terminal.is_ok() { vec!["pipe", "socket", "device"] } else { vec!["pipe", "socket"] }
}

#[test]
fn pipes_sockets_and_devices() {
    let folder = folders();
    // Without a mount that can be written, files are reached by another way.
    let ways = [("ro", start_with(&folder, &["ro"]), "not-permitted"), ("rw", start(&folder), "unsupported")];
    for (mount, host, told) in &ways {
        for name in others(&folder.path().join(mount)) {
            let check = |way: &str, told: &str| {
                let line = way.replace('@', &format!("/{mount} {name}"));
                assert_eq!(suffer(host, &script(&line)).text().trim_end(), told, "{line}");
            };
            for (ways, told) in [(&READING[..], "unsupported"), (&WRITING[..], told)] {
                for way in ways {
                    check(way, told);
                }
            }
        }
        let waiting: Vec<_> =
            (0..WAITING).map(|_| host.begin(script(&format!("read /{mount} pipe")))).collect();
        host.assert_serves_others();
        assert!(waiting.into_iter().all(|running| running.finish().text() == "unsupported\n"));
    }
    let [_, (_, host, _)] = ways;
    assert_eq!(suffer(&host, &script("unlink /rw pipe\nunlink /rw socket")).text(), "ok\nok\n");
}

#[test]
fn four_gibibytes_of_nothing() {
    let folder = folders();
    let host = start(&folder);
    let made = "write /rw hole x\nsize /rw hole 4294967296\nput /rw hole 4294967296 x\nstat /rw hole";
    let response = suffer(&host, &script(made));
    assert!(response.text().ends_with("4294967297\n"), "{}", response.text());
    let read = suffer(&host, &script("read /rw hole"));
    assert_eq!(read.status(), 502);
    host.log_line("the handler reached its memory limit");
    assert!(host.memory() < 300 << 20, "{} bytes", host.memory());
}

#[test]
fn very_many_links_and_files() {
    let folder = folders();
    let host = start(&folder);
    let lines: Vec<_> = (0..3500).map(|number| format!("link /rw sub/file /rw {number}")).collect();
    let running = host.begin(script(&lines.join("\n")));
    host.assert_serves_others();
    let response = running.finish();
    let count = |what: &str| response.text().lines().filter(|line| *line == what).count();
    assert_eq!((count("ok"), count("quota")), (3000, 500));
}
