//! What the manual of foswiki.fcgi says of web servers, as it is written now: docs/migrating-from-foswiki-fcgi.md.

use std::{net::SocketAddr, path::PathBuf};

use tests::{Apache, Builder, Lighttpd, Nginx, TestHost, WebServer, free_address, http, paths};

/// An attachment that everybody may see.
const FREE: &str = "Main/WebHome/timetable.txt";

fn root() -> PathBuf {
    paths::repository("examples/wiki")
}

fn wiki() -> Builder {
    TestHost::wiki().arg("--root").arg(root())
}

/// A wiki at a port; the host ends with the story.
fn at(address: SocketAddr) -> TestHost {
    wiki().arg("--listen").arg(address.to_string()).start()
}

/// Pages come, their links lead to pages, and so do those to attachments.
fn check(server: &WebServer, bin: &str, attachments: &str) {
    let page = server.get(&format!("{bin}/view/Main/WebHome"));
    assert_eq!(page.status, 200, "{}", server.log());
    assert!(page.text().contains("This is a small wiki"));
    assert!(page.text().contains(&format!("\"{bin}/view/")), "{}", page.text());
    assert!(!page.text().contains("foswiki.fcgi"), "{}", page.text());
    let missing = server.get(&format!("{bin}/view/Main/NoSuchTopic"));
    assert!(missing.status == 404 && missing.text().contains("NoSuchTopic"), "{}", missing.status);
    assert_eq!(server.get(&format!("{bin}/viewfile/{FREE}")).status, 200);
    assert_eq!(server.get(&format!("{attachments}/{FREE}")).status, 200, "{}", server.log());
    assert_ne!(server.get(&format!("{attachments}/Main/EditorsNotes/draft.txt")).status, 200);
    let saved = server.send("POST", &format!("{bin}/save/Main/WebHome"), &[], b"text=x");
    assert_eq!(saved.status, 403, "the wiki's own answer");
}

#[test]
fn mod_fastcgi_with_a_static_server_or_a_socket() {
    let host = wiki().open_to_all().start();
    check(&Apache::external(&host).start(), "/foswiki/bin", "/foswiki/pub");
}

#[test]
fn mod_fastcgi_with_a_port() {
    let address = free_address();
    let _host = at(address);
    check(&Apache::external_port(address).start(), "/foswiki/bin", "/foswiki/pub");
}

#[test]
fn apache_that_asks_for_passwords() {
    let host = wiki().options("trust=user").open_to_all().start();
    let server = Apache::external(&host).with_login().start();
    let page = "/foswiki/bin/viewauth/Main/WebHome";
    assert_eq!(server.get(page).status, 401);
    let known = http::basic("ben", Apache::PASSWORD);
    let reply = server.send("GET", page, &[("Authorization", &known)], b"");
    assert!(reply.status == 200 && reply.text().contains("BenWriter"), "{}", reply.text());
    let wrong = http::basic("ben", "wrong");
    assert_eq!(server.send("GET", page, &[("Authorization", &wrong)], b"").status, 401);
    assert_eq!(server.get("/foswiki/bin/view/Main/WebHome").status, 200);
}

#[test]
fn mod_fcgid_by_the_place_of_the_program() {
    check(&Apache::aliased(&Apache::settings(&root())).start(), "/foswiki/bin", "/foswiki/pub");
}

#[test]
fn only_htaccess_with_mod_rewrite() {
    let server = Apache::with_htaccess("rewrite", &Apache::settings(&root())).start();
    check(&server, "/foswiki/bin", "/foswiki/bin/viewfile");
    assert_ne!(server.get("/foswiki/bin/fcgi-wasm-host.toml").status, 200);
}

#[test]
fn only_htaccess_with_mod_actions() {
    let server = Apache::with_htaccess("actions", &Apache::settings(&root())).start();
    check(&server, "/foswiki/bin", "/foswiki/bin/viewfile");
    assert_ne!(server.get("/foswiki/bin/fcgi-wasm-host.toml").status, 200);
}

#[test]
fn lighttpd_with_a_port() {
    let address = free_address();
    let _host = at(address);
    check(&Lighttpd::external(address).start(), "/foswiki/bin", "/foswiki/pub");
}

#[test]
fn nginx_with_short_urls() {
    let address = free_address();
    let _host = at(address);
    let server = Nginx::migrated(address, &root()).start();
    check(&server, "/foswiki/bin", "/pub");
    assert_eq!(server.get("/Main/WebHome").status, 200);
    assert_eq!(server.get("/").status, 200);
    // The web server sends these itself, and nothing else of the wiki's folder.
    assert!(server.get("/pub/System/DocumentGraphics/help.png").header("expires").is_some());
    for outside in ["/data/Main/WebHome.txt", "/pub/System/../../data/Main/WebHome.txt", "/templates/"] {
        let reply = server.get(outside);
        assert!(reply.status != 200 || !reply.text().contains("%META"), "{outside}");
    }
}
