//! The worlds in `wit/` are what they say they are.

use wit_parser::{Resolve, WorldItem, WorldKey};

#[test]
fn a_handler_of_http_requests_exports_the_standard_interface() {
    let mut resolve = Resolve::default();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let (package, _) = resolve.push_dir(folder).expect("valid interfaces");
    let world = resolve.select_world(&[package], Some("http-handler")).expect("the world");
    let exports = &resolve.worlds[world].exports;
    let names: Vec<_> = exports.keys().map(|key: &WorldKey| resolve.name_world_key(key)).collect();
    assert_eq!(names, ["wasi:http/incoming-handler@0.2.12"]);
    assert!(exports.values().all(|item| matches!(item, WorldItem::Interface { .. })));
}
