//! Who may open a host's Unix socket: its access control list, and the default list of its folder.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::{
    fs::{XattrFlags, setxattr},
    process::geteuid,
};
use tempfile::TempDir;
use tests::{TestHost, guest, paths, station};

/// Users as Debian numbers them, each with a group of the same number.
const DAEMON: u32 = 1;
const WWW_DATA: u32 = 33;
const NOBODY: u32 = 65534;

/// Only root can start what connects as somebody else.
fn is_root() -> bool {
    geteuid().is_root()
}

/// A folder that everybody may look into, and a place for a socket there.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
    let socket = folder.path().join("host.sock");
    (folder, socket)
}

/// Whether a request gets an answer that `user` sends, in the group of that number.
fn is_answered(socket: &Path, user: u32, group: u32) -> bool {
    let mut client = Command::new("cgi-fcgi");
    client.args(["-bind", "-connect"]).arg(socket).env_clear();
    client.envs([("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("SERVER_PROTOCOL", "HTTP/1.1")]);
    let (_, said) = station::run(client.current_dir("/").uid(user).gid(group));
    let answered = said.contains("hello");
    assert!(answered || said.contains("Could not connect"), "{said}");
    answered
}

/// What the folder gives to all that is made in it: its owner and group, user 33, and the widest mask.
fn give_default_list(folder: &Path) {
    let entries = [(0x01, 7, u32::MAX), (0x02, 6, WWW_DATA), (0x04, 5, u32::MAX)];
    let entries = entries.into_iter().chain([(0x10, 7, u32::MAX), (0x20, 0, u32::MAX)]);
    let entry = |(tag, permissions, id): (u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let list =
        [2_u32.to_le_bytes().to_vec()].into_iter().chain(entries.map(entry)).collect::<Vec<_>>().concat();
    setxattr(folder, "system.posix_acl_default", &list, XattrFlags::empty())
        .expect("a file system with lists");
}

#[test]
fn who_is_named_connects_and_nobody_else_does() {
    if !is_root() {
        return;
    }
    let (_folder, socket) = place();
    let host = TestHost::with(guest::HELLO).socket(&socket).args(["--socket-mode", "0600"]);
    let _host = host.options("acl=u:www-data:rw,acl=g:daemon:rw").start();
    assert!(is_answered(&socket, WWW_DATA, WWW_DATA));
    assert!(is_answered(&socket, NOBODY, DAEMON));
    assert!(!is_answered(&socket, NOBODY, NOBODY));
    assert!(!is_answered(&socket, DAEMON, NOBODY));
}

#[test]
fn somebody_can_be_kept_out_of_what_is_open_to_all() {
    if !is_root() {
        return;
    }
    let (_folder, socket) = place();
    let host = TestHost::with(guest::HELLO).socket(&socket).args(["--socket-mode", "0666"]);
    let _host = host.options("acl=u:nobody:---").start();
    assert!(is_answered(&socket, WWW_DATA, WWW_DATA));
    assert!(!is_answered(&socket, NOBODY, NOBODY));
}

#[test]
fn a_host_that_becomes_another_user_keeps_the_list_of_its_socket() {
    if !is_root() {
        return;
    }
    let (folder, socket) = place();
    let cache = folder.path().join("cache");
    let host = TestHost::with(guest::HELLO).socket(&socket).cache(&cache).args(["--user", "daemon"]);
    let host = host.options("acl=u:www-data:rw").start();
    assert!(is_answered(&socket, WWW_DATA, WWW_DATA) && is_answered(&socket, DAEMON, DAEMON));
    assert!(!is_answered(&socket, NOBODY, NOBODY));
    assert_eq!(host.get("/").text(), "hello\n");
}

#[test]
fn a_reload_takes_numbers_for_names_that_are_out_of_reach() {
    if !is_root() {
        return;
    }
    let settings = "cache-dir = \"$CACHE\"\nreload-on-change = false\n[[site]]\nname = \"a\"\n\
                    module = \"$GUESTS/hello.wasm\"\n[[listen]]\naddress = \"$SOCKET\"\n";
    let host = TestHost::settings(settings).start();
    fs::set_permissions(host.folder(), Permissions::from_mode(0o755)).expect("its mode");
    let socket = host.folder().join("other.sock");
    let with = |who: &str| {
        let more = format!("[[listen]]\naddress = {socket:?}\nacl = [\"u:{who}:rw\"]\n");
        let settings = tests::filled_in(&[settings, &more].concat(), host.socket(), host.folder());
        fs::write(host.folder().join("settings.toml"), settings).expect("a file");
    };
    with("www-data");
    assert!(host.fails(&["reload"]).contains("write the number of \"www-data\""));
    with("33");
    host.ok(&["reload"]);
    assert!(is_answered(&socket, WWW_DATA, WWW_DATA));
    assert!(!is_answered(&socket, NOBODY, NOBODY));
}

#[test]
fn without_a_list_of_its_own_a_socket_has_the_default_list_of_its_folder() {
    if !is_root() {
        return;
    }
    let (folder, socket) = place();
    give_default_list(folder.path());
    let host = TestHost::with(guest::HELLO).socket(&socket).start();
    assert!(is_answered(&socket, WWW_DATA, WWW_DATA));
    assert!(!is_answered(&socket, NOBODY, NOBODY));
    assert!(host.terminate().success());
    let _host = TestHost::with(guest::HELLO).socket(&socket).args(["--socket-mode", "0600"]).start();
    assert!(!is_answered(&socket, WWW_DATA, WWW_DATA));
}

#[test]
fn a_list_of_its_own_takes_the_place_of_the_folders_default() {
    if !is_root() {
        return;
    }
    let (folder, socket) = place();
    give_default_list(folder.path());
    let _host = TestHost::with(guest::HELLO).socket(&socket).options("acl=u:nobody:rw").start();
    assert!(is_answered(&socket, NOBODY, NOBODY));
    assert!(!is_answered(&socket, WWW_DATA, WWW_DATA));
}

#[test]
fn a_file_system_without_lists_is_told_from_one_with() {
    if !is_root() {
        return;
    }
    let (folder, _) = place();
    let mut host = Command::new("unshare");
    host.args([
        "--mount",
        "sh",
        "-c",
        "mount -t ramfs none \"$1\" && exec \"$0\" --listen \"$1/s,acl=u:nobody:rw\"",
    ]);
    let (served, said) = station::run(host.arg(paths::program()).arg(folder.path()));
    assert!(!served && said.contains("keeps no access control lists") && said.contains("/run"), "{said}");
}
