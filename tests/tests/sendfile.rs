//! Files that handlers name and web servers send.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use tempfile::TempDir;
use tests::{Apache, Lighttpd, Nginx, TestHost, WebServer, guest};

/// A folder with files to send, and some that are not to be sent.
fn files() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a folder of this user's");
    fs::create_dir_all(path.join("pub/Web")).expect("a folder");
    fs::write(path.join("pub/Web/a b.png"), tests::noise(100_000)).expect("a file");
    fs::write(path.join("secret"), "secret").expect("a file");
    symlink("../secret", path.join("pub/link")).expect("a link");
    folder
}

fn sending(folder: &Path, form: &str) -> TestHost {
    let host = TestHost::with(guest::BEHAVIOURS).mount(&folder.join("pub"), "/pub");
    host.open_to_all().options(&format!("sendfile={form}")).start()
}

/// Paths that no web server may be told to send.
const REFUSED: [&str; 6] =
    ["/etc/passwd", "/pub/../secret", "/pub/link", "/pub/Web", "/pub/none", "pub/Web/a%20b.png"];

#[test]
fn lighttpd_and_apache_are_told_where_the_file_is() {
    let folder = files();
    let host = sending(folder.path(), "x-sendfile");
    let response = host.get("/with?x-sendfile=/pub/Web/a%20b.png&content-length=0&etag=1");
    let file = format!("{}/pub/Web/a%20b.png", folder.path().display());
    assert_eq!(response.header("x-sendfile"), Some(file.as_str()));
    assert_eq!((response.header("etag"), response.header("content-length")), (Some("1"), None));
    assert_eq!(response.text(), "");
    assert!(host.get("/env").text().contains("FCGI_WASM_HOST_SENDFILE=on\n"));
    for path in REFUSED {
        assert_eq!(host.get(&format!("/with?x-sendfile={path}")).status(), 502, "{path}");
    }
    host.log_line("in none of the handler's mounts");
    host.log_line("a link leads out of the mount");
}

/// What has the guest name the file, and say the rest of a response.
const FILE: &str = "/with?x-sendfile=/pub/Web/a%20b.png&content-type=image/png&set-cookie=a=1";

/// Checks that a web server sends the file and nothing else.
fn check(server: &WebServer) {
    let bytes = tests::noise(100_000);
    let whole = server.get(FILE);
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("image/png")));
    assert_eq!((whole.header("set-cookie"), &whole.body[..]), (Some("a=1"), &bytes[..]));
    assert_eq!(whole.header("x-sendfile"), None);
    for (range, part) in
        [("bytes=10-19", 10..20), ("bytes=-5", 99_995..100_000), ("bytes=99990-", 99_990..100_000)]
    {
        let reply = server.send("GET", FILE, &[("Range", range)], b"");
        assert_eq!((reply.status, &reply.body[..]), (206, &bytes[part]), "{range}");
    }
    let head = server.send("HEAD", FILE, &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length").unwrap_or("100000"), "100000");
    for path in REFUSED {
        let refused = server.get(&format!("/with?x-sendfile={path}"));
        assert_eq!(refused.status, 502, "{path}");
        assert!(!refused.text().contains("root:") && !refused.text().contains("secret"), "{path}");
    }
    // What a web server would take for an order of the host's does not come from a handler.
    for order in
        ["x-sendfile2=/etc/passwd%200-99", "x-lighttpd-send-file=/etc/passwd", "x-accel-redirect=/etc/passwd"]
    {
        assert_eq!(server.get(&format!("/with?{order}")).text(), "with headers\n", "{order}");
    }
    assert_eq!(server.get("/visits").text(), "1\n");
}

#[test]
fn lighttpd_sends_the_file() {
    let folder = files();
    let host = sending(folder.path(), "x-sendfile");
    check(&Lighttpd::sending(&host, &folder.path().join("pub")));
}

#[test]
fn apache_sends_the_file() {
    let folder = files();
    let host = sending(folder.path(), "x-sendfile-raw");
    check(&Apache::sending(&host, &folder.path().join("pub")));
}

#[test]
fn nginx_sends_the_file() {
    let folder = files();
    let host = sending(folder.path(), "x-accel-redirect:/protected");
    let alias = format!("location /protected/ {{ internal; alias {}/; }}", folder.path().display());
    let nginx = Nginx::with_location(&host, &alias);
    check(&nginx);
    assert_eq!(nginx.get("/protected/pub/Web/a%20b.png").status, 404);
}

#[test]
fn the_web_servers_keep_to_their_own_folders() {
    let (mounted, known) = (files(), files());
    let refused = |server: &WebServer| {
        let reply = server.get(FILE);
        assert!(matches!(reply.status, 403 | 404 | 502), "{}", reply.status);
        assert_ne!(reply.body, tests::noise(100_000));
    };
    let pub_folder = known.path().join("pub");
    refused(&Lighttpd::sending(&sending(mounted.path(), "x-sendfile"), &pub_folder));
    refused(&Apache::sending(&sending(mounted.path(), "x-sendfile-raw"), &pub_folder));
}
