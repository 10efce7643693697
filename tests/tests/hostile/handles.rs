//! Handles: what an instance holds of the host.

use std::fs;

use tempfile::TempDir;
use tests::TestHost;

use crate::{bad, fails, hostile, mount, said, sites, suffer, within};

/// Why no more handles are given.
const ALL_HANDLES: &str = "the handler holds all handles (files, streams, header maps) that an instance gets";

/// Names in a folder that is large.
const NAMES: usize = 1_000_000;

/// Where it is made: in memory, that is done in seconds.
const MEMORY_FILES: &str = "/dev/shm";

/// Names that a file may have where that is bounded (65,000 on ext4).
const LINKS: usize = 60_000;

/// What the host may need for all that handlers of one request may hold.
const MEMORY: u64 = 400 << 20;

/// A folder with one file of a mebibyte.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), vec![b'x'; 1 << 20]).expect("a file");
    folder
}

/// Very many names, of a few empty files.
fn large_folder() -> TempDir {
    let folder = tempfile::tempdir_in(MEMORY_FILES).or_else(|_| tempfile::tempdir()).expect("a folder");
    for first in (0..NAMES).step_by(LINKS) {
        let name = |number: usize| folder.path().join(number.to_string());
        fs::write(name(first), "").expect("a file");
        let others = first + 1..NAMES.min(first + LINKS);
        others.for_each(|number| fs::hard_link(name(first), name(number)).expect("another name"));
    }
    folder
}

fn start(folder: &TempDir) -> TestHost {
    hostile(&mount(folder.path(), "ro")).start()
}

#[test]
fn every_kind_of_handle_has_an_end() {
    let folder = folder();
    let host = start(&folder);
    for kind in ["headers", "timers", "files", "streams", "listings"] {
        fails(&host, &format!("/hold-{kind}?5000"), 502, ALL_HANDLES);
    }
    host.log_lines(ALL_HANDLES, 5);
    assert!(host.memory() < MEMORY, "{} bytes", host.memory());
}

#[test]
fn what_is_held_ends_with_the_request() {
    let folder = folder();
    let settings = format!("limits = {{ deadline = \"500ms\" }}\n{}", mount(folder.path(), "ro"));
    // So that others than root can count its files, too.
    let host =
        within("wall = { without = [\"dump-protection\"] }", "$GUESTS/hostile.wasm", &settings).start();
    for kind in ["headers", "timers", "files", "streams", "listings"] {
        let response = fails(&host, &format!("/hold-{kind}?30"), 504, "did not finish within its deadline");
        assert!(said(&response).contains("holding 30"), "{kind}: {}", said(&response));
    }
    tests::eventually("its files are closed", || host.open_files() < 100);
}

#[test]
fn open_files_leave_room_for_connections() {
    let folder = folder();
    let limits = "limits = { instances = 8, deadline = \"500ms\" }";
    let host = within(limits, "$GUESTS/hostile.wasm", &mount(folder.path(), "ro")).file_limit(1024).start();
    let greedy: Vec<_> = (0..7).map(|_| host.begin(bad("/hold-files?1000"))).collect();
    let modest: Vec<_> = (0..7).map(|_| host.begin(bad("/hold-files?40"))).collect();
    host.assert_serves_others();
    assert!(greedy.into_iter().all(|running| running.finish().status() == 502));
    assert!(modest.into_iter().all(|running| running.finish().status() == 504));
    host.log_lines(ALL_HANDLES, 7);
}

#[test]
fn a_host_with_few_open_files_says_so() {
    let host = sites("$GUESTS/hostile.wasm", "").file_limit(256).start();
    host.log_line("raise the limit of open files (ulimit -n)");
}

#[test]
fn a_folder_of_very_many_names() {
    let folder = large_folder();
    for access in ["ro", "rw"] {
        let settings = format!("limits = {{ deadline = \"60s\" }}\n{}", mount(folder.path(), access));
        let host = sites("$GUESTS/hostile.wasm", &settings).start();
        assert_eq!(suffer(&host, &bad("/list")).text(), format!("{NAMES}\n"));
        fails(&host, "/hold-listings?1000", 502, "the handler was to list large folders of");
        assert!(host.memory() < MEMORY, "{} bytes", host.memory());
    }
}

#[test]
fn timers_of_the_far_future() {
    let host = hostile("").start();
    let response = fails(&host, "/ages", 504, "did not finish within its deadline");
    assert_eq!(said(&response), "waiting\n");
}

#[test]
fn one_timer_that_is_named_a_million_times() {
    let host = hostile("").start();
    for count in [10_000, 100_000, 1_000_000, 4_000_000] {
        let response = suffer(&host, &bad(&format!("/crowd?{count}")));
        assert!([502, 504].contains(&response.status()), "{response:?}");
    }
}
