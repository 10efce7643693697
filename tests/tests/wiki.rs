//! The wiki that is built in, over a copy of the example.

use std::{fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;
use tests::{Builder, Request, TestHost, noise, paths};

/// A copy of the example wiki, in the folder `wiki` of a folder of its own.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    paths::copy(&paths::repository("examples/wiki"), &folder.path().join("wiki")).expect("a copy");
    folder
}

fn wiki(folder: &Path) -> Builder {
    TestHost::wiki().arg("--root").arg(folder.join("wiki"))
}

#[test]
fn pages_are_made_of_topics() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    for uri in
        ["/", "/bin/view/Main/WebHome", "/bin/view/Main", "/wiki/bin/view.cgi/Main/WebHome", "/Main/WebHome"]
    {
        let page = host.get(uri);
        assert_eq!(page.status(), 200, "{uri}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().starts_with("<!DOCTYPE html>") && page.text().contains("This is a small wiki"));
    }
}

#[test]
fn a_changed_topic_is_seen_at_once() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    let topic = folder.path().join("wiki/data/Sandbox/BrandNew.txt");
    assert_eq!(host.get("/bin/view/Sandbox/BrandNew").status(), 404);
    for text in ["its first text", "its second text"] {
        fs::write(&topic, text).expect("a topic");
        assert!(host.get("/bin/view/Sandbox/BrandNew").text().contains(text));
    }
}

#[test]
fn a_page_that_the_browser_has_is_not_sent_again() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    let page = host.get("/bin/view/System/WebHome");
    let tag = page.header("etag").expect("a tag").to_owned();
    let again = host.send(Request::get("/bin/view/System/WebHome").header("If-None-Match", &tag));
    assert_eq!((again.status(), again.body()), (304, &b""[..]));
}

#[test]
fn the_source_is_shown_where_the_operator_allows_it() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    let request = Request::get("/bin/view/Main/WebHome?raw=text");
    assert_eq!(host.send(request.clone()).status(), 403);
    let source = host.send(request.variable("FOSWIKI_ALLOW_RAW", "all"));
    assert_eq!(source.status(), 200);
    assert!(source.text().contains("---+!! Welcome to the %SITENAME%"), "{}", source.text());
}

#[test]
fn attachments_are_sent_whole_and_in_parts() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    let file = fs::read(folder.path().join("wiki/pub/Main/WebHome/banner.png")).expect("a file");
    for uri in ["/pub/Main/WebHome/banner.png", "/bin/viewfile/Main/WebHome/banner.png"] {
        let whole = host.get(uri);
        assert_eq!((whole.status(), whole.header("content-type")), (200, Some("image/png")));
        assert_eq!(whole.body(), file);
        let part = host.send(Request::get(uri).header("Range", "bytes=100-199"));
        assert_eq!((part.status(), part.body()), (206, &file[100..200]));
        let range = format!("bytes 100-199/{}", file.len());
        assert_eq!(part.header("content-range"), Some(range.as_str()));
        let beyond = host.send(Request::get(uri).header("Range", "bytes=10000000-"));
        assert_eq!(beyond.status(), 416);
    }
}

#[test]
fn a_large_attachment_needs_no_memory() {
    let folder = copy();
    let file = noise(100_000_000);
    fs::write(folder.path().join("wiki/pub/Main/WebHome/large.bin"), &file).expect("a file");
    let host = wiki(folder.path()).args(["--memory", "16MiB"]).start();
    let response = host.get("/pub/Main/WebHome/large.bin");
    assert_eq!(response.header("content-length"), Some("100000000"));
    assert_eq!(response.body(), file);
}

#[test]
fn what_is_not_there_or_closed_is_a_page_that_says_so() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    let check = |request: Request, status: u16| {
        let page = host.send(request.clone());
        assert_eq!(page.status(), status, "{request:?}");
        assert!(page.text().starts_with("<!DOCTYPE html>"));
        assert!(!page.text().contains("summer timetable"), "{request:?}");
    };
    check(Request::get("/bin/view/Main/NoSuchTopic"), 404);
    check(Request::get("/bin/view/NoSuchWeb/WebHome"), 404);
    check(Request::get("/pub/Main/WebHome/none.txt"), 404);
    check(Request::get("/bin/view/Main/EditorsNotes"), 403);
    check(Request::get("/bin/viewfile/Main/EditorsNotes/draft.txt"), 403);
    check(Request::get("/pub/Main/EditorsNotes/draft.txt"), 403);
    check(Request::new("PUT", "/bin/view/Main/WebHome"), 405);
}

#[test]
fn nobody_becomes_an_editor_by_saying_so() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    let forged = Request::get("/bin/view/Main/EditorsNotes")
        .variable("REMOTE_USER", "BenWriter")
        .variable("REDIRECT_REMOTE_USER", "BenWriter")
        .header("Remote-User", "BenWriter");
    assert_eq!(host.send(forged).status(), 403);
}

#[test]
fn the_wiki_sees_its_folders_alone() {
    let folder = copy();
    let wiki_folder = folder.path().join("wiki");
    fs::write(folder.path().join("secret.txt"), "a secret").expect("a file");
    fs::create_dir(wiki_folder.join("lib")).expect("a folder");
    fs::write(wiki_folder.join("lib/LocalSite.cfg"), "a secret").expect("a file");
    symlink(folder.path().join("secret.txt"), wiki_folder.join("data/Main/LinkedOut.txt")).expect("a link");
    symlink("/etc", wiki_folder.join("pub/Main/WebHome/etc")).expect("a link");
    let host = wiki(folder.path()).start();
    for uri in [
        "/bin/view/Main/LinkedOut",
        "/bin/view/../../secret",
        "/bin/view/Main/..%2f..%2f..%2fsecret",
        "/pub/Main/WebHome/etc/passwd",
        "/pub/Main/WebHome/../../../../secret.txt",
        "/pub/../lib/LocalSite.cfg",
        "/pub/..%2flib%2fLocalSite.cfg",
        "/bin/viewfile/Main/WebHome?filename=../../../lib/LocalSite.cfg",
        "/bin/viewfile/Main/WebHome?filename=../../../../etc/passwd",
    ] {
        let response = host.get(uri);
        let text = String::from_utf8_lossy(response.body());
        assert!(!text.contains("a secret") && !text.contains("root:"), "{uri}: {text}");
    }
}

#[test]
fn data_is_not_writable() {
    let folder = copy();
    let host = wiki(folder.path()).start();
    let save = Request::post("/bin/save/Sandbox/WebHome", "text=changed")
        .variable("CONTENT_TYPE", "application/x-www-form-urlencoded");
    assert!(host.send(save).status() >= 400);
    assert!(!host.get("/bin/view/Sandbox/WebHome").text().contains("changed"));
}

#[test]
fn a_folder_that_is_no_wiki_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let refusal = TestHost::wiki().arg("--root").arg(folder.path()).refused();
    assert!(refusal.log.contains("has none of the folders data, pub, templates, working"), "{}", refusal.log);
}

#[test]
fn a_folder_that_leads_out_of_its_wiki_is_refused() {
    let folder = copy();
    fs::remove_dir_all(folder.path().join("wiki/pub")).expect("a folder");
    symlink("/etc", folder.path().join("wiki/pub")).expect("a link");
    let refusal = wiki(folder.path()).refused();
    assert!(refusal.log.contains("pub is not a folder inside it"), "{}", refusal.log);
}
