//! The preset for Foswiki: what each action may touch, with a handler in its place that tries everything.

use std::{fs, path::Path};

use tempfile::TempDir;
use tests::{Request, TestHost, guest};

/// The places that are tried, and which of them can be read and written (`r`, `w`) by those who show, edit, change and log in.
const TOUCHES: [(&str, [&str; 4]); 17] = [
    ("/data/Main/WebHome.txt", ["r", "r", "rw", "rw"]),
    ("/data/Main/WebHome.lease", ["r", "rw", "rw", "rw"]),
    ("/data/Main/New.lease", ["", "w", "w", "w"]),
    ("/data/Main/New.txt", ["", "", "w", "w"]),
    ("/data/.htpasswd", ["", "", "", "rw"]),
    ("/data/Main/../.htpasswd", ["", "", "", "rw"]),
    ("/data/Main/link", ["", "", "", "rw"]),
    ("/pub/Main/file", ["r", "r", "rw", "rw"]),
    ("/pub/Main/new", ["", "", "w", "w"]),
    ("/templates/view.tmpl", ["r", "r", "r", "r"]),
    ("/templates/new.tmpl", ["", "", "", ""]),
    ("/working/tmp/cgisess_new", ["w", "w", "w", "w"]),
    ("/working/README", ["r", "r", "rw", "rw"]),
    ("/lib/LocalSite.cfg", ["", "", "", ""]),
    ("/data/../lib/LocalSite.cfg", ["", "", "", ""]),
    ("/working/../../lib/LocalSite.cfg", ["", "", "", ""]),
    ("/etc/passwd", ["", "", "", ""]),
];

/// Actions of each kind.
const ACTIONS: [(&str, usize); 21] = [
    ("view", 0),
    ("viewfile", 0),
    ("rdiff", 0),
    ("compare", 0),
    ("search", 0),
    ("oops", 0),
    ("configure", 0),
    ("unknown", 0),
    ("edit", 1),
    ("preview", 1),
    ("save", 2),
    ("upload", 2),
    ("attach", 2),
    ("rename", 2),
    ("manage", 2),
    ("rest", 2),
    ("jsonrpc", 2),
    ("statistics", 2),
    ("login", 3),
    ("register", 3),
    ("resetpasswd", 3),
];

/// A wiki folder as it is before each attempt.
fn wiki() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    folder
}

fn fill(root: &Path) {
    for place in ["data/Main", "pub/Main", "templates", "working/tmp", "lib"] {
        let folder = root.join(place);
        fs::create_dir_all(&folder).expect("a folder");
        // Not the folder itself, which may be mounted.
        for entry in fs::read_dir(folder).expect("a folder") {
            fs::remove_file(entry.expect("an entry").path()).expect("a file");
        }
    }
    let files = [
        "data/Main/WebHome.txt",
        "data/Main/WebHome.lease",
        "data/.htpasswd",
        "pub/Main/file",
        "templates/view.tmpl",
        "working/README",
        "lib/LocalSite.cfg",
    ];
    for file in files {
        fs::write(root.join(file), "as it was\n").expect("a file");
    }
    std::os::unix::fs::symlink("../.htpasswd", root.join("data/Main/link")).expect("a link");
}

/// Everything below a folder, links as they are.
fn content(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(content(&path));
        } else {
            all.push((path.display().to_string(), fs::read_to_string(&path).unwrap_or_default()));
        }
    }
    all.sort();
    all
}

fn attempt(host: &TestHost, action: &str, way: &str, place: &str) -> bool {
    let script = format!("/foswiki/bin/{action}/Main/WebHome");
    let request = Request::get(&format!("/{way}?path={place}"));
    host.send(request.variable("SCRIPT_NAME", &script).variable("DOCUMENT_URI", &script)).status() == 200
}

#[test]
fn each_action_touches_what_it_needs_and_nothing_else() {
    let wiki = wiki();
    let host = TestHost::with(guest::BEHAVIOURS).arg("--root").arg(wiki.path()).start();
    for (action, kind) in ACTIONS {
        for (place, allowed) in TOUCHES {
            fill(wiki.path());
            let before = content(wiki.path());
            let read = attempt(&host, action, "open", place);
            let written = attempt(&host, action, "write", place);
            let done =
                [("r", read), ("w", written)].map(|(name, done)| if done { name } else { "" }).concat();
            assert_eq!(done, allowed[kind], "{action} {place}");
            assert!(written || content(wiki.path()) == before, "{action} {place}");
        }
    }
}

#[test]
fn a_preset_can_be_left_out() {
    let wiki = wiki();
    let host =
        TestHost::with(guest::BEHAVIOURS).args(["--preset", "none"]).mount(wiki.path(), "/all:rw").start();
    assert!(attempt(&host, "view", "write", "/all/data/Main/WebHome.txt"));
    assert!(!attempt(&host, "view", "open", "/data/Main/WebHome.txt"));
}
