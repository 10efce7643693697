//! The wiki as the authorizer of attachments that the web server sends itself.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use fcgi::Role;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tests::{Nginx, Request, TestHost, eventually, free_address, guest, http, http::Reply, paths};

const LIGHTTPD: &str = "/usr/sbin/lighttpd";

/// The folder that the host and the web server see.
const WIKI: &str = "examples/wiki";

/// An attachment that everybody may see, and one for editors.
const FREE: &str = "/pub/Main/WebHome/timetable.txt";
const EDITORS: &str = "/pub/Main/EditorsNotes/draft.txt";

fn wiki(options: &str) -> TestHost {
    TestHost::wiki().arg("--root").arg(paths::repository(WIKI)).options(options).start()
}

/// A file of the examples with an operator's changes.
fn changed(file: &str, changes: &[(&str, String)]) -> String {
    let example = fs::read_to_string(paths::repository(file)).expect("the example");
    changes.iter().fold(example, |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from} in {file}");
        text.replace(from, to)
    })
}

/// Checks what a web server gives to a guest; `get` asks it.
fn check_guest(get: impl Fn(&str) -> Reply) {
    let free = get(FREE);
    let file = fs::read(paths::repository(&format!("{WIKI}{FREE}"))).expect("the file");
    assert_eq!((free.status, &free.body), (200, &file));
    // The wiki would have said how to show it: this is the web server's own answer.
    assert_eq!(free.header("content-disposition"), None);
    for (uri, status) in [
        (EDITORS, 401),
        ("/pub/Main/%45ditorsNotes/draft.txt", 401),
        ("/pub//Main/EditorsNotes/draft.txt", 401),
        ("/pub/Main/WebHome/missing.txt", 404),
        ("/pub/Main/Missing/a.txt", 403),
        ("/pub/Main/a.txt", 403),
    ] {
        assert_eq!(get(uri).status, status, "{uri}");
    }
    // Whatever a web server makes of these, it is not the file.
    for way in ["WebHome/../EditorsNotes", "WebHome/..%2fEditorsNotes", "WebHome/%2e%2e/EditorsNotes"] {
        let reply = get(&format!("/pub/Main/{way}/draft.txt"));
        assert!(matches!(reply.status, 400..=404), "{way}: {}", reply.status);
    }
}

#[test]
fn the_rules_of_a_topic_hold_for_its_files() {
    let status = |host: &TestHost, uri: &str, user: &str| {
        let request = Request::get(uri).role(Role::Authorizer).variable("REMOTE_USER", user);
        host.begin_upload(request).finish().status()
    };
    let trusted = wiki("trust=user");
    for (user, expected) in [("", 401), ("stranger", 403), ("ada", 200), ("ben", 200), ("admin", 200)] {
        assert_eq!(status(&trusted, EDITORS, user), expected, "{user}");
        assert_eq!(status(&trusted, FREE, user), 200, "{user}");
    }
    let untrusted = wiki("trust=https");
    assert_eq!(status(&untrusted, EDITORS, "ben"), 401);
}

/// Locations for nginx in front of a host, as operators are given them.
fn locations(host: &TestHost) -> String {
    let changes = [
        ("unix:/run/foswiki/foswiki.sock", format!("unix:{}", host.socket().display())),
        ("root /srv/foswiki;", format!("root {};", paths::repository(WIKI).display())),
    ];
    changed("examples/nginx/attachments.conf", &changes)
}

#[test]
fn nginx_asks_before_it_sends_a_file() {
    let host = wiki("trust=https");
    let nginx = Nginx::with_location(&host, &locations(&host));
    check_guest(|uri| nginx.get(uri));
    // The wiki's own pages are there as before.
    assert_eq!(nginx.get("/bin/view/Main/WebHome").status, 200);
    assert_eq!(nginx.get("/authorize-attachment").status, 404);
}

/// A web server that ends with its story.
struct Lighttpd {
    child: Child,
    address: SocketAddr,
}

impl Lighttpd {
    fn start(folder: &Path, configuration: &str) -> Self {
        assert!(Path::new(LIGHTTPD).is_file(), "{LIGHTTPD} is missing: run `apt-get install lighttpd`");
        let address = free_address();
        let file = folder.join("lighttpd.conf");
        let listen = format!("server.bind = \"{}\"\nserver.port = {}\n", address.ip(), address.port());
        fs::write(&file, listen + configuration).expect("a configuration");
        let child = Command::new(LIGHTTPD).arg("-D").arg("-f").arg(file).stdin(Stdio::null()).spawn();
        let lighttpd = Self { child: child.expect("a lighttpd that starts"), address };
        eventually("lighttpd listens", || TcpStream::connect(address).is_ok());
        lighttpd
    }
}

impl Drop for Lighttpd {
    fn drop(&mut self) {
        if kill_process(Pid::from_child(&self.child), Signal::TERM).is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// The same for lighttpd, in a folder that lives as long.
fn lighttpd(host: &TestHost) -> (Lighttpd, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let changes = [
        ("/run/foswiki/foswiki.sock", host.socket().display().to_string()),
        ("/srv/foswiki/pub/", format!("{}/pub/", paths::repository(WIKI).display())),
    ];
    let own = format!("server.document-root = \"{}\"\n", folder.path().display());
    let attachments = changed("examples/lighttpd/attachments.conf", &changes);
    (Lighttpd::start(folder.path(), &(own + &attachments)), folder)
}

#[test]
fn lighttpd_asks_before_it_sends_a_file() {
    let host = wiki("trust=https");
    let (lighttpd, _folder) = lighttpd(&host);
    check_guest(|uri| http::get(lighttpd.address, uri));
}

#[test]
fn no_file_is_sent_where_nobody_decides() {
    let host = TestHost::with(guest::HELLO).start();
    let (lighttpd, _folder) = lighttpd(&host);
    assert_eq!(http::get(lighttpd.address, FREE).status, 500);
    let nginx = Nginx::with_location(&host, &locations(&host));
    assert_eq!(nginx.get(FREE).status, 500);
}
