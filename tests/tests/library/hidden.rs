//! Hidden files, and all ways round.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use fcgi_wasm_host::{
    capability::Access,
    wasm::{Folders, Quotas},
};

use crate::sandbox::{Sandbox, check, run};

const FILES: [&str; 4] =
    ["site/data/.htpasswd", "site/data/topic", "site/data/sub/topic", "site/other/topic"];

/// A folder with a hidden file, and a handler that may write there and in the folder above.
fn site(files: &[&str]) -> (Sandbox, fcgi_wasm_host::wasm::Handler) {
    let sandbox = Sandbox::new(files);
    let mounts = [
        sandbox.mount("site/data", Access::ReadWrite, &[".htpasswd"]),
        sandbox.mount("site", Access::ReadWrite, &[]),
        sandbox.mount("site/data/sub", Access::ReadWrite, &[]),
    ];
    let handler = sandbox.intruder(&mounts, Quotas::default());
    (sandbox, handler)
}

#[test]
fn a_hidden_file_has_no_name() {
    let (sandbox, handler) = site(&FILES);
    check(
        &handler,
        "
        list /data -> sub topic
        list /site:data -> sub topic
        list /sub -> topic
        read /data .htpasswd -> no-entry
        read-follow /data .htpasswd -> no-entry
        read /data ./.htpasswd -> no-entry
        read /data sub/../.htpasswd -> no-entry
        read /data sub//..//.htpasswd -> no-entry
        read /data .HtPasswd -> no-entry
        read /data .htpasswd/ -> no-entry
        read /data:sub ../.htpasswd -> not-permitted
        read /sub ../.htpasswd -> not-permitted
        read /site data/.htpasswd -> no-entry
        read /site:data .htpasswd -> no-entry
        read /site:data/sub/.. .htpasswd -> no-entry
        read /site other/../data/.htpasswd -> no-entry
        stat /data .htpasswd -> no-entry
        stat-follow /site data/.htpasswd -> no-entry
        hash /data .htpasswd -> no-entry
        keep /data .htpasswd -> no-entry
        readlink /data .htpasswd -> no-entry
        read /data topic -> site/data/topic
        read /site data/sub/topic -> site/data/sub/topic
        stat /data topic -> DescriptorType::RegularFile 15
        stat /data . -> DescriptorType::Directory 4096
        ",
    );
    assert_eq!(sandbox.content("site/data/.htpasswd").as_deref(), Some("site/data/.htpasswd"));
}

#[test]
fn a_hidden_file_cannot_be_changed() {
    let (sandbox, handler) = site(&FILES);
    check(
        &handler,
        "
        write /data .htpasswd x -> not-permitted
        write /data .HTPASSWD x -> not-permitted
        write /data sub/../.htpasswd x -> not-permitted
        write /site data/.htpasswd x -> not-permitted
        write /data .htpasswd/ x -> not-permitted
        open-write /data .htpasswd x -> no-entry
        truncate /data .htpasswd -> no-entry
        append /data .htpasswd x -> not-permitted
        create-new /data .htpasswd -> not-permitted
        size /data .htpasswd 0 -> no-entry
        touch /data .htpasswd -> no-entry
        touch-follow /site data/.htpasswd -> no-entry
        unlink /data .htpasswd -> no-entry
        unlink /site data/.htpasswd -> no-entry
        rmdir /data .htpasswd -> no-entry
        mkdir /data .htpasswd -> not-permitted
        symlink topic /data .htpasswd -> not-permitted
        link /data .htpasswd /data found -> no-entry
        link /data topic /data .htpasswd -> not-permitted
        link /site other/topic /site data/.htpasswd -> not-permitted
        rename /data .htpasswd /data found -> no-entry
        rename /data topic /data .htpasswd -> not-permitted
        rename /sub topic /site data/.htpasswd -> not-permitted
        rename /site other /site data/.htpasswd -> not-permitted
        ",
    );
    assert_eq!(sandbox.content("site/data/.htpasswd").as_deref(), Some("site/data/.htpasswd"));
    assert_eq!(sandbox.content("site/data/topic").as_deref(), Some("site/data/topic"));
}

#[test]
fn no_link_leads_to_a_hidden_file() {
    let (sandbox, handler) = site(&FILES);
    fs::hard_link(sandbox.at("site/data/.htpasswd"), sandbox.at("site/other/again")).expect("a link");
    symlink(sandbox.at("site/data/.htpasswd"), sandbox.at("site/other/absolute")).expect("a link");
    check(
        &handler,
        "
        symlink .htpasswd /data link -> ok
        symlink link /data second -> ok
        symlink ../data/second /site other/third -> ok
        symlink .. /data sub/up -> ok
        symlink loop /data loop -> ok
        read-follow /data link -> no-entry
        read-follow /data second -> no-entry
        read-follow /site other/third -> no-entry
        read-follow /data sub/up/.htpasswd -> no-entry
        read-follow /data link/ -> no-entry
        read-follow /data loop -> loop
        read-follow /site other/absolute -> not-permitted
        read /data link -> loop
        stat /data link -> DescriptorType::SymbolicLink 9
        stat-follow /data second -> no-entry
        write-follow /data link x -> not-permitted
        write-follow /site other/third x -> not-permitted
        touch-follow /data link -> no-entry
        read /site other/again -> no-entry
        stat /site other/again -> no-entry
        open-write /site other/again x -> no-entry
        write /site other/again x -> not-permitted
        touch /site other/again -> no-entry
        link /site other/again /site other/third-name -> no-entry
        rename /site other/again /site other/moved -> no-entry
        unlink /site other/again -> no-entry
        ",
    );
    assert_eq!(sandbox.content("site/data/.htpasswd").as_deref(), Some("site/data/.htpasswd"));
}

#[test]
fn a_hidden_file_is_not_made_either() {
    let (sandbox, handler) = site(&FILES[1..]);
    check(
        &handler,
        "
        read /data .htpasswd -> no-entry
        symlink .htpasswd /data link -> ok
        write /data .htpasswd x -> not-permitted
        write /data .HTPASSWD x -> not-permitted
        write-follow /data link x -> not-permitted
        write /site data/.htpasswd x -> not-permitted
        mkdir /site data/.htpasswd -> not-permitted
        mkdir /site data/.htpasswd/ -> not-permitted
        link /data topic /site data/.htpasswd -> not-permitted
        rename /data topic /data .htpasswd -> not-permitted
        symlink topic /data .htpasswd -> not-permitted
        ",
    );
    assert!(!sandbox.at("site/data/.htpasswd").exists());
}

#[test]
fn the_folder_of_a_hidden_file_stays_where_it_is() {
    let (sandbox, handler) = site(&["site/data/kept", "site/data/sub/gone", "site/other/.htpasswd"]);
    check(
        &handler,
        "
        rename /site data /site elsewhere -> not-permitted
        rename /site data/ /site elsewhere -> not-permitted
        unlink /data kept -> ok
        unlink /sub gone -> ok
        rmdir /site data/sub -> ok
        rmdir /site data -> not-permitted
        rename /site other /site data -> not-permitted
        rename /site other /site new -> ok
        rename /site new/.htpasswd /site data/.htpasswd -> not-permitted
        ",
    );
    assert!(sandbox.at("site/data").is_dir());
}

#[test]
fn a_file_that_becomes_hidden_is_lost() {
    let (sandbox, handler) = site(&FILES);
    symlink("topic", sandbox.at("site/data/.htpasswd.new")).expect("a link");
    fs::rename(sandbox.at("site/data/.htpasswd.new"), sandbox.at("site/data/.htpasswd")).expect("a file");
    check(&handler, "read /data topic -> no-entry\n write /data topic x -> not-permitted");
    fs::remove_file(sandbox.at("site/data/.htpasswd")).expect("a link");
    check(&handler, "read /data topic -> site/data/topic");
}

#[test]
fn a_hidden_file_is_never_seen_while_it_is_replaced() {
    let (sandbox, handler) = site(&FILES);
    let (place, fresh) = (sandbox.at("site/data/.htpasswd"), sandbox.at("site/data/sub/fresh"));
    symlink("../data/.htpasswd", sandbox.at("site/other/link")).expect("a link");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::write(&fresh, "secret").expect("a file");
                fs::rename(&fresh, &place).expect("a file");
            }
        });
        let script = ["read /site data/.htpasswd", "read-follow /site other/link", "write /data .htpasswd x"];
        let script: Vec<_> = script.into_iter().cycle().take(3000).collect();
        let came = run(&handler, &script);
        done.store(true, Ordering::Relaxed);
        let came = came.expect("an answer");
        let refused = ["no-entry", "not-permitted"];
        assert!(came.iter().all(|line| refused.contains(&line.as_str())), "{came:?}");
    });
}

#[test]
fn only_files_directly_inside_are_hidden() {
    let sandbox = Sandbox::new(&FILES);
    for (name, reason) in
        [("sub", "it is a folder"), ("sub/topic", "directly inside"), ("..", "directly inside")]
    {
        let told = Folders::open(&[sandbox.mount("site/data", Access::Read, &[name])]).err().expect(name);
        assert!(told.to_string().contains(reason), "{told}");
    }
}
