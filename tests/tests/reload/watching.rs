//! Files that change are loaded by themselves, and never half of one.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
    thread,
    time::Duration,
};

use tests::{TestHost, eventually, filled_in, guest, paths};

use super::{SETTINGS, stamped, version_of, versioned, write};

/// A host that looks after its files itself.
fn watching() -> TestHost {
    TestHost::settings(&SETTINGS.replace("reload-on-change = false\n", "")).start()
}

/// A host of a module in its own folder.
fn with_module() -> TestHost {
    let builder = TestHost::wiki();
    let module = builder.folder().join("handler.wasm");
    fs::copy(paths::component(guest::HELLO), &module).expect("a copy");
    builder.arg("--module").arg(module).start()
}

fn serves_behaviours(host: &TestHost) -> bool {
    host.get("/visits").text() == "1\n"
}

#[test]
fn settings_that_are_replaced_are_loaded() {
    let host = watching();
    write(&host, &versioned(1).replace("reload-on-change = false\n", ""));
    eventually("the new version answers", || version_of(&host) == 1);
    write(&host, "site = 3");
    host.log_line("not reloaded, what served before serves on");
    write(&host, &versioned(2).replace("reload-on-change = false\n", ""));
    eventually("the new version answers", || version_of(&host) == 2);
}

#[test]
fn a_module_is_loaded_when_another_one_is_put_in_its_place() {
    let host = with_module();
    let new = host.folder().join("new.wasm");
    fs::copy(paths::component(guest::BEHAVIOURS), &new).expect("a copy");
    fs::rename(new, host.folder().join("handler.wasm")).expect("its place");
    eventually("the new module answers", || serves_behaviours(&host));
    assert!(host.log_line(" reloaded").contains("handler.wasm: new code"));
}

#[test]
fn a_module_that_is_copied_slowly_is_loaded_whole() {
    let host = with_module();
    let bytes = fs::read(paths::component(guest::BEHAVIOURS)).expect("a component");
    let mut copy = File::create(host.folder().join("handler.wasm")).expect("a file");
    for piece in bytes.chunks(bytes.len() / 10 + 1) {
        copy.write_all(piece).expect("room");
        thread::sleep(Duration::from_millis(90));
        assert_eq!(host.get("/").text(), "hello\n");
    }
    eventually("the new module answers", || serves_behaviours(&host));
}

#[test]
fn a_copy_that_stops_half_way_changes_nothing() {
    let host = with_module();
    let module = host.folder().join("handler.wasm");
    let bytes = fs::read(paths::component(guest::BEHAVIOURS)).expect("a component");
    fs::write(&module, &bytes[..bytes.len() / 2]).expect("a file");
    host.log_line("not reloaded, what served before serves on");
    assert_eq!(host.get("/").text(), "hello\n");
    fs::write(&module, &bytes).expect("a file");
    eventually("the new module answers", || serves_behaviours(&host));
}

/// As Kubernetes changes the files of a volume: all of them at once, by turning a link to another folder.
#[test]
fn a_link_that_is_turned_is_followed() {
    let builder = TestHost::settings(&SETTINGS.replace("reload-on-change = false\n", ""));
    let folder = builder.folder().to_owned();
    let fill = |name: &str, version: usize| {
        let socket = folder.join("host.sock");
        let text = filled_in(&versioned(version).replace("reload-on-change = false\n", ""), &socket, &folder);
        fs::create_dir_all(folder.join(name)).expect("a folder");
        fs::write(folder.join(name).join("settings.toml"), text).expect("a file");
    };
    fill("..one", 1);
    fill("..two", 2);
    symlink("..one", folder.join("..data")).expect("a link");
    let host = builder.linked_settings("..data/settings.toml").start();
    assert_eq!(version_of(&host), 1);
    symlink("..two", folder.join("..new")).expect("a link");
    fs::rename(folder.join("..new"), folder.join("..data")).expect("the link's place");
    eventually("the new version answers", || version_of(&host) == 2);
}

#[test]
fn a_change_of_a_watched_file_makes_instances_new() {
    let settings = SETTINGS.replace("reload-on-change = false\n", "");
    let settings =
        settings.replace("env =", "watch = [\"$FOLDER/LocalSite.cfg\"]\nlimits = { reuse = 1000 }\nenv =");
    let builder = TestHost::settings(&settings);
    let watched = builder.folder().join("LocalSite.cfg");
    fs::write(&watched, "1").expect("a file");
    let host = builder.start();
    assert_eq!(host.get("/visits").text(), "1\n");
    assert_eq!(host.get("/visits").text(), "2\n");
    fs::write(&watched, "22").expect("a file");
    eventually("a fresh instance answers", || host.get("/visits").text() == "1\n");
    fs::remove_file(&watched).expect("a file");
    host.log_lines(" reloaded", 2);
}

#[test]
fn a_file_is_loaded_once_however_often_it_was_written() {
    let host = with_module();
    for stamp in 0..5 {
        fs::write(host.folder().join("handler.wasm"), stamped(guest::HELLO, stamp)).expect("a file");
    }
    host.log_line(" reloaded");
    fs::write(host.folder().join("handler.wasm"), stamped(guest::HELLO, 9)).expect("a file");
    host.log_lines(" reloaded", 2);
    assert_eq!(host.log().matches(" reloaded").count(), 2, "{}", host.log());
}
