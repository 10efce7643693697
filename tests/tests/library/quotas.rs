//! How much a request and a site may write.

use std::{fs, sync::Arc};

use fcgi_wasm_host::{
    capability::{Access, Mount, Quota},
    wasm::{Exceeded, Fault, Handler, Quotas, Usage, What, Whose},
};

use crate::sandbox::{Sandbox, check, run};

const ROOMY: Quota = Quota { bytes: 1 << 30, files: 1 << 20 };

fn handler(sandbox: &Sandbox, request: Option<Quota>, site: Option<&Arc<Usage>>) -> Handler {
    let mounts = [sandbox.mount("data", Access::ReadWrite, &[])];
    sandbox.intruder(&mounts, Quotas { request, site: site.cloned() })
}

#[test]
fn a_request_may_add_so_many_bytes() {
    let sandbox = Sandbox::new(&["data/old"]);
    let request = Some(Quota { bytes: 3000, files: 9 });
    check(
        &handler(&sandbox, request, None),
        "
        open-write /data old over -> ok
        fill /data a 2 -> ok
        put /data a 0 again -> ok
        fill /data b 1 -> quota
        put /data a 1000000 x -> quota
        append /data a 0123456789 -> ok
        size /data a 3048 -> quota
        size /data a 10 -> ok
        append /data a x -> ok
        read /data b ->
        ",
    );
    assert_eq!(sandbox.content("data/a").as_deref(), Some("againxxxxxx"));
}

#[test]
fn a_request_may_make_so_many_files() {
    let sandbox = Sandbox::new(&["data/old"]);
    let request = Some(Quota { bytes: 3000, files: 4 });
    check(
        &handler(&sandbox, request, None),
        "
        write /data old x -> ok
        create-new /data a -> ok
        create-new /data a -> exist
        mkdir /data b -> ok
        mkdir /data b -> exist
        symlink a /data c -> ok
        link /data a /data d -> ok
        create-new /data e -> quota
        write /data e x -> quota
        mkdir /data e -> quota
        symlink a /data e -> quota
        link /data a /data e -> quota
        rename /data a /data e -> ok
        write /data old y -> ok
        ",
    );
}

#[test]
fn all_handlers_of_a_site_share_its_quota() {
    let sandbox = Sandbox::new(&["data/old"]);
    fs::write(sandbox.at("data/old"), vec![b'x'; 1500]).expect("a file");
    let site = Arc::new(Usage::new(Quota { bytes: 4000, files: 3 }));
    let mounts = [sandbox.mount("data", Access::ReadWrite, &[])];
    site.count(&mounts).expect("a folder that can be read");
    assert_eq!(site.held(), (1500, 1));
    let (one, other) = (handler(&sandbox, None, Some(&site)), handler(&sandbox, Some(ROOMY), Some(&site)));
    check(&one, "fill /data a 1 -> ok\n fill /data b 2 -> quota\n unlink /data b -> ok");
    check(&other, "fill /data b 2 -> quota");
    assert_eq!(site.held(), (1500 + 3 * 1024 - 1024, 3));
    check(&other, "rename /data b /data old -> ok\n create-new /data c -> quota");
    check(
        &one,
        "create-new /data c -> ok\n unlink /data a -> ok\n unlink /data old -> ok\n truncate /data c -> ok",
    );
    assert_eq!(site.held(), (0, 1));
    check(&one, "mkdir /data d -> ok\n write /data d/e x -> ok");
    check(&one, "unlink /data d/e -> ok\n rmdir /data d -> ok\n unlink /data c -> ok");
    assert_eq!(site.held(), (0, 0));
}

#[test]
fn a_handler_that_fails_for_its_quota_is_told_apart() {
    let sandbox = Sandbox::new(&["data/old"]);
    let handler = handler(&sandbox, Some(Quota { bytes: 100, files: 1 }), None);
    let bytes = Fault::Quota(Exceeded { whose: Whose::Request, what: What::Bytes, limit: 100 });
    for end in ["trap", "exit", "silent"] {
        assert_eq!(run(&handler, &["fill /data old 1", end]), Err(bytes.clone()), "{end}");
    }
    let files = Fault::Quota(Exceeded { whose: Whose::Request, what: What::Files, limit: 1 });
    assert_eq!(run(&handler, &["mkdir /data a", "mkdir /data b", "trap"]), Err(files));
    assert_eq!(run(&handler, &["fill /data old 1"]), Ok(vec!["quota".into()]));
    assert_eq!(run(&handler, &["silent"]), Err(Fault::NoResponse));
}

#[test]
fn a_full_disk_is_told_apart() {
    let sandbox = Sandbox::new(&[]);
    let full =
        Mount { host: "/dev".into(), guest: "/dev".into(), access: Access::ReadWrite, hidden: Vec::new() };
    let handler = sandbox.intruder(&[full], Quotas::default());
    check(&handler, "open-write /dev full x -> insufficient-space");
    assert_eq!(run(&handler, &["append /dev full x", "silent"]), Err(Fault::DiskFull));
}
