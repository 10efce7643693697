//! The wiki in folders, as Foswiki lays them out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use foswiki::{
    actions::{Request, answer},
    store::{Attachments, Files, Store},
};

/// A folder that is there as long as its test.
struct Folder(PathBuf);

impl Folder {
    /// A folder with these files in it.
    fn with(files: &[(&str, &[u8])]) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("foswiki-files-{}-{number}", process::id()));
        for (path, content) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Folder(folder)
    }

    fn wiki(&self) -> Files {
        Files::new(self.0.join("data"), self.0.join("pub"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn topics_and_histories() {
    let folder = Folder::with(&[
        ("data/Main/WebPreferences.txt", b""),
        ("data/Main/Page.txt", b"caf\xE9 3"),
        ("data/Main/Page,pfv/1", b"one"),
        ("data/Main/Page,pfv/1.m", b"JaneTester\n"),
        ("data/Main/Page,pfv/2", b"two"),
        ("data/Main/Page,pfv/10", b"ten"),
        ("data/Main/Page,pfv/ATTACHMENTS/a.txt/1", b"old"),
        ("data/Main/Page.txt,v", b"RCS"),
        ("data/Main/.changes", b"[]"),
        ("data/Main/bad name.txt", b""),
        ("data/Main/Sub/WebPreferences.txt", b""),
        ("data/Main/NoWeb/Page.txt", b""),
        ("data/.htpasswd", b"secret"),
        ("pub/Main/Page/a.txt", b"new"),
        ("pub/Main/Page/folder/b.txt", b"deep"),
    ]);
    let wiki = folder.wiki();
    assert_eq!(wiki.topic("Main", "Page").unwrap().unwrap(), "caf\\xE9 3");
    assert_eq!(wiki.topics("Main").unwrap(), ["Page", "WebPreferences"]);
    assert_eq!(
        (wiki.webs("").unwrap(), wiki.webs("Main").unwrap()),
        (vec!["Main".to_owned()], vec!["Main/Sub".to_owned()])
    );
    assert_eq!(wiki.revisions("Main", "Page").unwrap(), [1, 2, 10]);
    assert_eq!(wiki.revision("Main", "Page", 2).unwrap().unwrap(), "two");
    assert_eq!(wiki.revision("Main", "Page", 3).unwrap(), None);
    for (name, revision, expected) in [
        ("a.txt", None, Some("new")),
        ("a.txt", Some(1), Some("old")),
        ("folder/b.txt", None, Some("deep")),
        ("folder", None, None),
    ] {
        let found = wiki.attachment(("Main", "Page"), name, revision).unwrap().map(|mut file| {
            let mut text = String::new();
            file.content.read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(found.as_deref(), expected, "{name} {revision:?}");
    }
}

#[test]
fn no_name_leads_outside() {
    let folder = Folder::with(&[
        ("data/Main/WebPreferences.txt", b""),
        ("pub/Main/Page/a.txt", b""),
        ("outside.txt", b"secret"),
    ]);
    let wiki = folder.wiki();
    for name in [
        "../outside",
        "../../outside",
        "/outside",
        "..",
        ".",
        "",
        "a/../../outside",
        "outside\0",
        "..\\outside",
    ] {
        assert_eq!(wiki.topic("Main", name).unwrap(), None, "{name:?}");
        assert_eq!(wiki.topic(name, "outside").unwrap(), None, "{name:?}");
        assert_eq!(wiki.revision(name, "outside", 1).unwrap(), None, "{name:?}");
        assert_eq!(wiki.revisions("Main", name).unwrap(), [0; 0], "{name:?}");
        assert_eq!(wiki.topics(name).unwrap(), [""; 0], "{name:?}");
        assert!(name.is_empty() || wiki.webs(name).unwrap().is_empty(), "{name:?}");
        let file = format!("{name}.txt");
        assert!(wiki.attachment(("Main", "Page"), &file, None).unwrap().is_none(), "{name:?}");
        assert!(wiki.attachment((name, "Page"), "a.txt", None).unwrap().is_none(), "{name:?}");
        assert!(wiki.attachment(("Main", name), "a.txt", None).unwrap().is_none(), "{name:?}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_and_says_nothing() {
    // A folder in a topic's place.
    let folder = Folder::with(&[("data/Main/WebPreferences.txt", b""), ("data/Main/Page.txt/file", b"")]);
    let path = [("SCRIPT_NAME", "/foswiki/bin/view"), ("PATH_INFO", "/Main/Page")];
    let request = Request::new(path.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut logged = None;
    let response = answer(&folder.wiki(), &request, 0, |error| logged = Some(error.to_string()));
    assert_eq!(response.status, 500);
    assert!(logged.is_some());
}

/// Every topic of the example wiki, as its administrator sees it.
#[test]
fn the_example_wiki_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/wiki");
    let wiki = Files::new(root.join("data"), root.join("pub"));
    for web in wiki.webs("").unwrap() {
        for topic in wiki.topics(&web).unwrap() {
            let variables = [
                ("SCRIPT_NAME", "/bin/view"),
                ("PATH_INFO", &format!("/{web}/{topic}")),
                ("REMOTE_USER", "admin"),
            ];
            let request = Request::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
            let response = answer(&wiki, &request, 0, |error| panic!("{web}.{topic}: {error}"));
            assert_eq!(response.status, 200, "{web}.{topic}");
            let read = foswiki::topic::Topic::parse(&wiki.topic(&web, &topic).unwrap().unwrap());
            for meta in read.all("FILEATTACHMENT") {
                let file =
                    wiki.attachment((&web, &topic), meta.value("name").unwrap(), None).unwrap().unwrap();
                assert_eq!(meta.value("size").unwrap(), file.len.to_string(), "{web}.{topic}: {meta:?}");
            }
        }
    }
}
