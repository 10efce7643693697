//! Mounts in which files of some names may be written.

use std::{fs, os::unix::fs::symlink};

use fcgi_wasm_host::{capability::Access, wasm::Quotas};

use crate::sandbox::{Sandbox, check};

const FILES: [&str; 5] =
    ["data/Web/Topic.txt", "data/Web/Topic.lease", "data/hard.lease", "data/Web/Other.lease", "tmp/free"];

fn wiki() -> (Sandbox, fcgi_wasm_host::wasm::Handler) {
    let sandbox = Sandbox::new(&FILES);
    symlink("Topic.txt", sandbox.at("data/Web/link.lease")).expect("a link");
    fs::remove_file(sandbox.at("data/hard.lease")).expect("a file");
    fs::hard_link(sandbox.at("data/Web/Topic.txt"), sandbox.at("data/hard.lease")).expect("a link");
    let names = vec!["*.lease".to_owned(), "exact".to_owned()];
    let mounts = [
        sandbox.mount("data", Access::ReadWriteNamed(names), &[]),
        sandbox.mount("tmp", Access::ReadWrite, &[]),
    ];
    let handler = sandbox.intruder(&mounts, Quotas::default());
    (sandbox, handler)
}

#[test]
fn files_of_those_names_can_be_written() {
    let (sandbox, handler) = wiki();
    check(
        &handler,
        "
        read /data Web/Topic.txt -> data/Web/Topic.txt
        read-follow /data Web/link.lease -> data/Web/Topic.txt
        write /data Web/New.lease one -> ok
        create-new /data Web/Fresh.lease -> ok
        write /data exact one -> ok
        write /data:Web Topic.lease two -> ok
        append /data Web/New.lease two -> ok
        put /data Web/New.lease 6 three -> ok
        open-write /data Web/New.lease O -> ok
        read /data Web/New.lease -> Onetwothree
        size /data Web/New.lease 3 -> ok
        touch /data Web/New.lease -> ok
        touch-follow /data Web/New.lease -> ok
        touch-open /data Web/New.lease -> ok
        rename /data Web/New.lease /data Web/Moved.lease -> ok
        rename /data Web/Moved.lease /data:Web Other.lease -> ok
        rename /tmp free /data Web/In.lease -> ok
        rename /data Web/In.lease /tmp out.lease -> ok
        unlink /data Web/Fresh.lease -> ok
        truncate /data Web/Other.lease -> ok
        ",
    );
    assert_eq!(sandbox.content("data/Web/Other.lease").as_deref(), Some(""));
    assert_eq!(sandbox.content("tmp/out.lease").as_deref(), Some("tmp/free"));
}

#[test]
fn nothing_else_can_be() {
    let (sandbox, handler) = wiki();
    check(
        &handler,
        "
        write /data Web/Topic.txt x -> not-permitted
        open-write /data Web/Topic.txt x -> not-permitted
        write /data:Web Topic.txt x -> not-permitted
        truncate /data Web/Topic.txt -> not-permitted
        append /data Web/Topic.txt x -> not-permitted
        size /data Web/Topic.txt 0 -> not-permitted
        keep /data Web/Topic.txt -> not-permitted
        create-new /data Web/New.txt -> not-permitted
        create-new /data Web/New.lease.txt -> not-permitted
        create-new /data Web/New.LEASE -> not-permitted
        create-new /data exactly -> not-permitted
        write /data Web/New.lease/ x -> is-directory
        write /data Web/New.lease/../Topic.txt x -> no-entry
        write /data Web/Topic.lease/../Topic.txt x -> not-directory
        touch /data Web/Topic.txt -> not-permitted
        touch-open /data Web/Topic.txt -> not-permitted
        touch /data Web -> not-permitted
        touch /data . -> not-permitted
        touch-open /data Web -> not-permitted
        unlink /data Web/Topic.txt -> not-permitted
        rename /data Web/Topic.txt /data Web/Topic2.lease -> not-permitted
        rename /data Web/Topic.lease /data Web/Topic.txt -> not-permitted
        rename /data Web/Topic.txt /tmp Topic.txt -> not-permitted
        rename /tmp free /data Web/Topic.txt -> not-permitted
        rename /data Web /data Web.lease -> not-permitted
        mkdir /data new.lease -> not-permitted
        rmdir /data Web -> not-permitted
        ",
    );
    assert_eq!(sandbox.content("data/Web/Topic.txt").as_deref(), Some("data/Web/Topic.txt"));
}

#[test]
fn no_link_makes_another_file_writable() {
    let (sandbox, handler) = wiki();
    check(
        &handler,
        "
        write /data Web/link.lease x -> loop
        write-follow /data Web/link.lease x -> loop
        open-write /data Web/link.lease x -> loop
        touch-follow /data Web/link.lease -> not-permitted
        touch /data Web/link.lease -> loop
        write /data hard.lease x -> not-permitted
        truncate /data hard.lease -> not-permitted
        touch-open /data hard.lease -> not-permitted
        symlink Topic.txt /data Web/second.lease -> not-permitted
        symlink ../data/Web/Topic.txt /tmp out -> ok
        write-follow /tmp out x -> not-permitted
        link /data Web/Topic.txt /data Web/Topic2.lease -> not-permitted
        link /data Web/Topic.txt /tmp Topic.txt -> not-permitted
        link /data Web/Topic.lease /tmp Topic.lease -> not-permitted
        link /tmp free /data free.lease -> not-permitted
        symlink free /tmp in.lease -> ok
        rename /tmp in.lease /data in.lease -> not-permitted
        mkdir /tmp folder.lease -> ok
        rename /tmp folder.lease /data folder.lease -> not-permitted
        ",
    );
    assert_eq!(sandbox.content("data/Web/Topic.txt").as_deref(), Some("data/Web/Topic.txt"));
}
