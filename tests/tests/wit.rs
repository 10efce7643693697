//! The worlds in `wit/` are what they say they are.

use wit_parser::{Resolve, WorldItem, WorldKey};

/// Checks that the world exports that interface alone.
fn check(world: &str, expected: &str) {
    let mut resolve = Resolve::default();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let (package, _) = resolve.push_dir(folder).expect("valid interfaces");
    let world = resolve.select_world(&[package], Some(world)).expect("the world");
    let exports = &resolve.worlds[world].exports;
    let names: Vec<_> = exports.keys().map(|key: &WorldKey| resolve.name_world_key(key)).collect();
    assert_eq!(names, [expected]);
    assert!(exports.values().all(|item| matches!(item, WorldItem::Interface { .. })));
}

#[test]
fn each_kind_of_handler_exports_one_interface() {
    check("http-handler", "wasi:http/incoming-handler@0.2.12");
    check("command", "wasi:cli/run@0.2.12");
    check("authorizer", "fcgi-wasm-host:handler/authorization@0.1.0");
    check("filter", "fcgi-wasm-host:handler/filtering@0.1.0");
}
