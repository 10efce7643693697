//! Compiled components on disk: made once, trusted only where nobody else can write.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use tests::{TestHost, guest, paths};

/// A folder for compiled components that is this story's own.
fn cache() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("its mode");
    folder
}

fn compiled(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.collect();
    files.sort();
    files
}

fn compile(cache: &Path, modules: &[&Path]) -> Output {
    let mut command = Command::new(paths::program());
    command.arg("compile").args(modules).arg("--cache-dir").arg(cache);
    command.output().expect("a program that runs")
}

#[test]
fn a_component_is_compiled_at_the_first_start_and_mapped_at_the_second() {
    let cache = cache();
    let first = TestHost::with(guest::HELLO).cache(cache.path()).start();
    first.log_line("compiling");
    assert_eq!(first.get("/").text(), "hello\n");
    let [file] = &compiled(cache.path())[..] else { panic!("one file") };
    assert_eq!(file.extension(), Some("cwasm".as_ref()));
    let made = fs::metadata(file).expect("a file").ino();

    let second = TestHost::with(guest::HELLO).cache(cache.path()).start();
    assert_eq!(second.get("/").text(), "hello\n");
    assert!(!second.log().contains("compiling"), "{}", second.log());
    assert_eq!(fs::metadata(file).expect("a file").ino(), made);
}

#[test]
fn components_can_be_compiled_ahead_of_time() {
    let cache = cache();
    let output = compile(cache.path(), &[&paths::component(guest::HELLO)]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let [file] = &compiled(cache.path())[..] else { panic!("one file") };
    assert!(output.status.success() && told.contains(&*file.to_string_lossy()), "{told}");
    let host = TestHost::with(guest::HELLO).cache(cache.path()).start();
    assert_eq!(host.get("/").text(), "hello\n");
    assert!(!host.log().contains("compiling"), "{}", host.log());
}

#[test]
fn the_name_of_the_file_does_not_matter() {
    let cache = cache();
    let copy = cache.path().join("copy.wasm");
    fs::copy(paths::component(guest::HELLO), &copy).expect("a copy");
    assert!(compile(cache.path(), &[&paths::component(guest::HELLO), &copy]).status.success());
    assert_eq!(compiled(cache.path()).len(), 2, "the copy and one compiled component");
}

#[test]
fn what_cannot_be_mapped_is_compiled_anew() {
    let cache = cache();
    assert!(compile(cache.path(), &[&paths::component(guest::HELLO)]).status.success());
    let [file] = &compiled(cache.path())[..] else { panic!("one file") };
    let whole = fs::read(file).expect("a file");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damage in [&b""[..], b"not machine code", &whole[..1000], &whole[..whole.len() - 1], &flipped] {
        fs::remove_file(file).and_then(|()| fs::write(file, damage)).expect("a file");
        let host = TestHost::with(guest::HELLO).cache(cache.path()).start();
        host.log_line("cached code is unusable; compiling it anew");
        assert_eq!(host.get("/").text(), "hello\n");
    }
}

#[test]
fn a_cache_that_others_can_write_is_refused() {
    let cache = cache();
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    let refusal = TestHost::with(guest::HELLO).cache(cache.path()).refused();
    assert!(refusal.log.contains("is writable by others (mode 777); chmod 0700 it"), "{}", refusal.log);
    assert!(compiled(cache.path()).is_empty());
}

#[test]
fn a_cache_is_made_for_its_user_alone() {
    let folder = cache();
    let cache = folder.path().join("new/cache");
    assert!(compile(&cache, &[&paths::component(guest::HELLO)]).status.success());
    assert_eq!(fs::metadata(&cache).expect("a folder").permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_cache_that_is_no_folder_is_named() {
    let refusal = TestHost::with(guest::HELLO).cache(Path::new("/dev/null")).refused();
    assert!(refusal.log.contains("cache folder /dev/null"), "{}", refusal.log);
}

#[test]
fn what_is_not_a_component_is_named() {
    let folder = cache();
    let file = folder.path().join("page.wasm");
    let check = |bytes: &[u8]| {
        fs::write(&file, bytes).expect("a file");
        let refusal = TestHost::module(&file).cache(folder.path()).refused();
        let name = file.to_string_lossy();
        assert!(refusal.log.contains(&format!("{name}: not a webassembly component")), "{}", refusal.log);
        assert_eq!(refusal.status.code(), Some(1));
    };
    check(b"<!DOCTYPE html>");
    check(b"");
    check(&fs::read(paths::component(guest::HELLO)).expect("a component")[..500]);
}

#[test]
fn a_core_module_that_is_a_program_is_compiled_at_the_first_start_alone() {
    let cache = cache();
    let module = paths::component(guest::COMMAND_C);
    assert!(fs::read(&module).expect("a module").starts_with(b"\0asm\x01\0\0\0"));
    for compiles in [true, false] {
        let host = TestHost::module(&module).cache(cache.path()).start();
        assert_eq!(host.get("/app").text(), "GET /app\n0 bytes\n");
        assert_eq!(host.log().contains("compiling"), compiles, "{}", host.log());
    }
    assert_eq!(compiled(cache.path()).len(), 1);
}

#[test]
fn a_core_module_that_is_no_program_is_named() {
    let folder = cache();
    let file = folder.path().join("library.wasm");
    // Empty and valid.
    fs::write(&file, b"\0asm\x01\0\0\0").expect("a file");
    let refusal = TestHost::module(&file).cache(folder.path()).refused();
    assert!(refusal.log.contains("library.wasm: a core module instead of a component"), "{}", refusal.log);
    assert!(refusal.log.contains("it exports no _start"), "{}", refusal.log);
}

#[test]
fn a_component_that_handles_no_requests_is_named() {
    let folder = cache();
    let file = folder.path().join("empty.wasm");
    // A component, empty and valid.
    fs::write(&file, b"\0asm\x0d\0\x01\0").expect("a file");
    let refusal = TestHost::module(&file).cache(folder.path()).refused();
    assert!(refusal.log.contains("empty.wasm: cannot serve requests"), "{}", refusal.log);
    assert!(refusal.log.contains("incoming-handler"), "{}", refusal.log);
}

#[cfg(not(feature = "wasi-03"))]
#[test]
fn a_component_for_a_feature_that_is_not_there_is_told_which() {
    let folder = cache();
    let log = TestHost::with(guest::BEHAVIOURS_03).cache(folder.path()).refused().log;
    assert!(log.contains("behaviours-03.wasm: needs WASI 0.3"), "{log}");
    assert!(log.contains("build it with the feature wasi-03"), "{log}");
}

#[test]
fn a_missing_module_is_named() {
    let refusal = TestHost::module(Path::new("/nowhere/wiki.wasm")).refused();
    let expected = "module /nowhere/wiki.wasm: cannot be read: No such file or directory";
    assert!(refusal.log.contains(expected), "{}", refusal.log);
    assert_eq!(refusal.status.code(), Some(1));
}

#[test]
fn all_mistakes_of_a_command_line_are_told_at_once() {
    let refusal = TestHost::with(guest::HELLO)
        .args(["--memory", "1KiB", "--instances", "0", "--mount", "nonsense", "--root", "/nowhere"])
        .refused();
    for mistake in ["--memory 1KiB", "--instances 0", "--mount nonsense", "--root /nowhere"] {
        assert!(refusal.log.contains(mistake), "{mistake} in {}", refusal.log);
    }
}
