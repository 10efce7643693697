//! The wiki as the authorizer of attachments that the web server sends itself.

use std::{fs, net::SocketAddr};

use fcgi::Role;
use tests::{
    Apache, Lighttpd, Nginx, Request, TestHost, WebServer, example, free_address, guest,
    http::{self, Reply},
    paths,
};

/// The folder that the host and the web server see.
const WIKI: &str = "examples/wiki";

/// An attachment that everybody may see, and one for editors.
const FREE: &str = "/pub/Main/WebHome/timetable.txt";
const EDITORS: &str = "/pub/Main/EditorsNotes/draft.txt";

fn wiki(options: &str) -> TestHost {
    TestHost::wiki().arg("--root").arg(paths::repository(WIKI)).options(options).start()
}

fn file(path: &str) -> Vec<u8> {
    fs::read(paths::repository(&format!("{WIKI}{path}"))).expect("a file")
}

/// Checks that this is a file as the web server itself sends it: the wiki would have said how to show it.
fn assert_sent(reply: &Reply, path: &str) {
    assert_eq!((reply.status, &reply.body), (200, &file(path)), "{path}");
    assert_eq!(reply.header("content-disposition"), None, "{path}");
    assert_eq!(reply.header("content-length"), Some(file(path).len().to_string().as_str()), "{path}");
    assert!(reply.header("content-security-policy").is_some_and(|policy| policy.starts_with("sandbox")));
}

/// Checks what a web server gives to a guest, who gets the status `refused` for what nobody may see.
fn check_guest(server: &WebServer, refused: u16) {
    let free = server.get(FREE);
    assert_sent(&free, FREE);
    let part = server.send("GET", FREE, &[("Range", "bytes=0-4")], b"");
    assert_eq!((part.status, &part.body[..]), (206, &file(FREE)[..5]));
    for (uri, status) in [
        (EDITORS, 401),
        ("/pub/Main/%45ditorsNotes/draft.txt", 401),
        ("/pub//Main/EditorsNotes/draft.txt", 401),
        ("/pub/Main/WebHome/missing.txt", 404),
        ("/pub/Main/Missing/a.txt", refused),
        ("/pub/Main/a.txt", refused),
        ("/pub/Main/WebHome/", refused),
    ] {
        let reply = server.get(uri);
        assert_eq!(reply.status, status, "{uri}");
        assert!(status != 401 || reply.header("www-authenticate").is_some(), "{uri}");
    }
    assert_eq!(server.send("POST", FREE, &[], b"a body").status, refused);
    check_ways_around(server, &[]);
}

/// Checks that no other spelling leads to what may not be seen: whatever a web server makes of it, it is not the file.
fn check_ways_around(server: &WebServer, headers: &[(&str, &str)]) {
    for way in [
        "WebHome/../EditorsNotes",
        "WebHome/..%2fEditorsNotes",
        "WebHome/%2e%2e/EditorsNotes",
        "WebHome/%252e%252e/EditorsNotes",
        ".//EditorsNotes",
        "EditorsNotes%2f",
        "EditorsNotes;",
        "WebHome/timetable.txt/../../EditorsNotes",
    ] {
        let reply = server.send("GET", &format!("/pub/Main/{way}/draft.txt"), headers, b"");
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
    example("nginx/attachments.conf", &changes)
}

#[test]
fn nginx_asks_before_it_sends_a_file() {
    let host = wiki("trust=https");
    let nginx = Nginx::with_location(&host, &locations(&host));
    check_guest(&nginx, 403);
    // The wiki's own pages are there as before.
    assert_eq!(nginx.get("/bin/view/Main/WebHome").status, 200);
    assert_eq!(nginx.get("/authorize-attachment").status, 404);
}

#[test]
fn lighttpd_asks_before_it_sends_a_file() {
    let host = wiki("trust=https");
    let lighttpd = Lighttpd::with_attachments(&host, &paths::repository(WIKI));
    check_guest(&lighttpd, 403);
}

/// The header with which a client says who it is.
fn login(user: &str, password: &str) -> [(&'static str, String); 1] {
    [("Authorization", http::basic(user, password))]
}

/// Checks what Apache gives to those who say who they are, and that it believes none whose password it has not checked.
fn check_users(apache: &WebServer, refused: u16) {
    let get = |uri: &str, user: &str, password: &str| {
        let [(name, value)] = login(user, password);
        apache.send("GET", uri, &[(name, &value)], b"")
    };
    for uri in [FREE, EDITORS] {
        let sent = get(uri, "ben", Apache::PASSWORD);
        assert_sent(&sent, uri);
        assert_eq!(sent.header("content-type"), Some("text/plain"), "{uri}");
        assert_eq!(sent.header("www-authenticate"), None, "{uri}");
        // The wiki knows all of these, and Apache none.
        for (user, password) in
            [("ben", "wrong"), ("ben", ""), ("admin", Apache::PASSWORD), ("admin", ""), ("guest", "")]
        {
            let reply = get(uri, user, password);
            assert_eq!(reply.status, 401, "{uri} for {user}:{password}");
        }
    }
    assert_eq!(get(FREE, "stranger", Apache::PASSWORD).status, 200);
    assert_eq!(get(EDITORS, "stranger", Apache::PASSWORD).status, refused);
    assert_eq!(get("/pub/Main/Missing/a.txt", "ben", Apache::PASSWORD).status, refused);
    let [(name, value)] = login("stranger", Apache::PASSWORD);
    check_ways_around(apache, &[(name, &value)]);
    assert_eq!(apache.send("GET", FREE, &[("Authorization", "Bearer x")], b"").status, 401);
}

/// The wiki for `mod_authnz_fcgi`, which speaks TCP.
fn wiki_over_tcp() -> (TestHost, SocketAddr) {
    let address = free_address();
    let wiki = TestHost::wiki().arg("--root").arg(paths::repository(WIKI));
    (wiki.args(["--listen", &format!("{address},trust=user")]).start(), address)
}

#[test]
fn mod_authnz_fcgi_asks_before_it_sends_a_file() {
    let (host, address) = wiki_over_tcp();
    let apache = Apache::with_attachments(address, &paths::repository(WIKI));
    check_guest(&apache, 401);
    check_users(&apache, 403);
    drop(host);
    // Nobody decides about guests, whom Apache then takes for users without a password.
    assert_eq!(apache.get(FREE).status, 401);
    let [(name, value)] = login("ben", Apache::PASSWORD);
    assert_eq!(apache.send("GET", FREE, &[(name, &value)], b"").status, 500);
}

#[test]
fn mod_fcgid_asks_before_it_sends_a_file() {
    let apache = Apache::spawning_with_attachments(&paths::repository(WIKI));
    // The wiki's own pages are there as well.
    assert_eq!(apache.get("/bin/view/Main/WebHome").status, 200);
    check_guest(&apache, 401);
    check_users(&apache, 401);
}

#[test]
fn the_wiki_vouches_for_no_name_that_a_client_gives_itself() {
    let trusted = wiki("trust=user");
    for question in [("FCGI_APACHE_ROLE", "AUTHENTICATOR"), ("REMOTE_PASSWD", ""), ("REMOTE_PASSWD", "x")] {
        for uri in [FREE, EDITORS] {
            let claim = Request::get(uri).role(Role::Authorizer).variable("REMOTE_USER", "admin");
            let claim = claim.variable(question.0, question.1);
            assert_eq!(trusted.begin_upload(claim).finish().status(), 401, "{uri} {question:?}");
        }
    }
}

#[test]
fn no_file_is_sent_where_nobody_decides() {
    let host = TestHost::with(guest::HELLO).start();
    let lighttpd = Lighttpd::with_attachments(&host, &paths::repository(WIKI));
    assert_eq!(lighttpd.get(FREE).status, 500);
    let nginx = Nginx::with_location(&host, &locations(&host));
    assert_eq!(nginx.get(FREE).status, 500);
}
