//! Compiled code: made beside requests, kept within bounds, shared by hosts.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use tests::{Request, TestHost, eventually, guest};

use super::stamped;

/// A host of one module, with a cache that has room for little more than that.
fn small_cache(cache: &Path) -> TestHost {
    fs::set_permissions(cache, fs::Permissions::from_mode(0o700)).expect("a mode");
    let builder = TestHost::wiki().cache(cache).args(["--no-watch", "--cache-size", "1KiB"]);
    let module = builder.folder().join("handler.wasm");
    fs::write(&module, stamped(guest::HELLO, 0)).expect("a file");
    builder.arg("--module").arg(module).start()
}

fn replace(host: &TestHost, stamp: u8) {
    fs::write(host.folder().join("handler.wasm"), stamped(guest::HELLO, stamp)).expect("a file");
    host.ok(&["reload"]);
}

fn files(cache: &Path) -> usize {
    fs::read_dir(cache).expect("a folder").count()
}

#[test]
fn what_no_generation_uses_is_removed_when_the_cache_is_full() {
    let cache = tempfile::tempdir().expect("a folder");
    let host = small_cache(cache.path());
    for stamp in 1..4 {
        replace(&host, stamp);
    }
    // What serves, and what can be taken back.
    eventually("two are left", || files(cache.path()) == 2);
    host.ok(&["rollback"]);
    assert_eq!(host.get("/").text(), "hello\n");
    assert_eq!(host.log().matches("compiling").count(), 4, "{}", host.log());
}

#[test]
fn nobody_removes_what_another_host_runs() {
    let cache = tempfile::tempdir().expect("a folder");
    let (one, other) = (small_cache(cache.path()), small_cache(cache.path()));
    for stamp in 1..4 {
        replace(&other, stamp);
    }
    eventually("three are left", || files(cache.path()) == 3);
    drop(one);
    replace(&other, 4);
    eventually("two are left", || files(cache.path()) == 2);
}

#[test]
fn a_compiler_that_fails_says_so_and_changes_nothing() {
    let cache = tempfile::tempdir().expect("a folder");
    let host = small_cache(cache.path());
    let mut broken = stamped(guest::HELLO, 1);
    let middle = broken.len() / 2;
    broken[middle..middle + 64].fill(0xff);
    fs::write(host.folder().join("handler.wasm"), broken).expect("a file");
    assert!(host.fails(&["reload"]).contains("handler.wasm: not a webassembly component"));
    assert_eq!(host.get("/").text(), "hello\n");
}

/// The longest that one of a hundred requests takes, of so many one after the other.
fn slowest_of_a_hundred(host: &TestHost, requests: usize) -> Duration {
    let mut connection = host.connect();
    let mut taken: Vec<_> = (0..requests)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(connection.send(Request::get("/").keep()).text(), "hello\n");
            started.elapsed()
        })
        .collect();
    taken.sort_unstable();
    taken[requests * 99 / 100]
}

#[test]
fn compiling_delays_no_request() {
    const ATTEMPTS: u8 = 8;

    let cache = tempfile::tempdir().expect("a folder");
    let host = small_cache(cache.path());
    let delayed = |stamp: u8| {
        let quiet = slowest_of_a_hundred(&host, 3000);
        // The wiki is the largest that is always there; it is compiled beside, and tried on as good as no request.
        fs::write(host.folder().join("handler.wasm"), stamped("foswiki", stamp)).expect("a file");
        let busy = thread::scope(|scope| {
            let reload = scope.spawn(|| host.ok(&["reload", "--weight", "1", "--sticky"]));
            host.log_lines("compiling", usize::from(stamp) + 1);
            assert!(host.ok(&["status"]).contains("compiling "));
            let busy = slowest_of_a_hundred(&host, 3000);
            assert!(!reload.is_finished(), "compiled before anything was measured");
            reload.join().expect("a reload");
            host.ok(&["rollback"]);
            busy
        });
        busy > quiet * 2
    };
    // On a machine that does other things as well, some attempts go badly.
    assert!(
        (1..=ATTEMPTS).any(|stamp| !delayed(stamp)),
        "requests were delayed in all of {ATTEMPTS} attempts"
    );
}
