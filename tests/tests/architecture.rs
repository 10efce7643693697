//! Who may import whom in the host: the table of `docs/ARCHITECTURE.md`, held against the sources.

use std::{collections::BTreeSet, fs, path::Path};

/// A room, the rooms of the host that it may use, and the crates.
type Layer = (&'static str, &'static [&'static str], &'static [&'static str]);

const ENGINE: &[&str] = &["wasmtime", "wasmtime_wasi", "wasmtime_wasi_http", "wasmtime_wasi_io"];

const LAYERS: &[Layer] = &[
    ("capability.rs", &[], &[]),
    ("trust.rs", &[], &[]),
    ("wall", &[], &["landlock", "libc", "rustix", "seccompiler", "thiserror"]),
    ("response.rs", &[], &["bytes", "http", "thiserror"]),
    ("request", &["trust"], &["bytes", "fcgi", "http", "thiserror"]),
    ("cgi", &["response"], &["bytes", "http", "thiserror"]),
    ("body.rs", &[], &["bytes", "http_body", "thiserror"]),
    ("admission.rs", &[], &["thiserror", "tokio"]),
    (
        "wasm",
        &["body", "capability", "cgi", "request"],
        &[
            "async_trait",
            "bytes",
            "cap_fs_ext",
            "cap_primitives",
            "cap_std",
            "crc32fast",
            "dashmap",
            "http",
            "http_body",
            "http_body_util",
            "hyper",
            "hyper_util",
            "rustix",
            "rustls_native_certs",
            "sha2",
            "tempfile",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tracing",
            "wasi_preview1_component_adapter_provider",
            "wasmparser",
            "wasmtime",
            "wasmtime_wasi",
            "wasmtime_wasi_http",
            "wasmtime_wasi_io",
            "wit_component",
        ],
    ),
    (
        "registry",
        &["wasm"],
        &[
            "base64",
            "oci_client",
            "ring",
            "rustls_native_certs",
            "serde",
            "serde_json",
            "sha2",
            "tempfile",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tracing",
        ],
    ),
    ("route", &["request"], &["http", "thiserror"]),
    ("site.rs", &["admission", "capability", "route", "wasm"], &[]),
    ("generation.rs", &["route", "site"], &["thiserror"]),
    (
        "serve",
        &[
            "admission",
            "body",
            "capability",
            "generation",
            "request",
            "response",
            "route",
            "site",
            "trust",
            "wasm",
        ],
        &[
            "arc_swap",
            "bytes",
            "fcgi",
            "http",
            "ipnet",
            "listenfd",
            "rustix",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
        ],
    ),
    (
        "config",
        &["admission", "capability", "registry", "route", "serve", "trust", "wall", "wasm"],
        &[
            "bytesize",
            "cap_std",
            "clap",
            "http",
            "humantime",
            "ipnet",
            "schemars",
            "serde",
            "serde_ignored",
            "serde_json",
            "serde_spanned",
            "strsim",
            "toml",
            "tracing_subscriber",
        ],
    ),
    (
        "load.rs",
        &["admission", "capability", "config", "generation", "registry", "route", "site", "wasm"],
        &["thiserror", "tracing"],
    ),
    (
        "reload",
        &["admission", "config", "generation", "load", "registry", "serve", "site", "wasm"],
        &["arc_swap", "thiserror", "tokio", "tokio_util", "tracing"],
    ),
    (
        "operate",
        &["reload", "serve", "wall"],
        &[
            "bytes",
            "clap",
            "http",
            "http_body_util",
            "humantime",
            "hyper",
            "hyper_util",
            "notify",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "tracing_subscriber",
        ],
    ),
    (
        "gateway.rs",
        &["request", "serve"],
        &[
            "bytes",
            "fcgi",
            "http",
            "http_body_util",
            "hyper",
            "hyper_util",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
        ],
    ),
];

#[test]
fn every_room_imports_only_what_it_may() {
    let crates = dependencies("host/Cargo.toml");
    let mut broken = Vec::new();
    for (room, rooms, allowed) in LAYERS {
        for (file, text) in sources(&root().join("host/src").join(room)) {
            let used = names(&text);
            let inside = used.iter().filter_map(|name| name.strip_prefix("crate::"));
            for name in inside.filter(|name| !rooms.contains(name) && !room.starts_with(name)) {
                broken.push(format!("{file} uses crate::{name}"));
            }
            for name in used.iter().filter(|name| crates.contains(*name) && !allowed.contains(&name.as_str()))
            {
                broken.push(format!("{file} uses the crate {name}"));
            }
        }
    }
    assert!(broken.is_empty(), "against docs/ARCHITECTURE.md:\n{}", broken.join("\n"));
}

#[test]
fn every_room_has_its_layer() {
    let known: BTreeSet<_> = LAYERS
        .iter()
        .map(|(room, ..)| *room)
        .chain(["check.rs", "cli.rs", "commands.rs", "lib.rs", "main.rs", "progress.rs"])
        .collect();
    for entry in fs::read_dir(root().join("host/src")).expect("the host's sources") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(
            known.contains(name.as_str()),
            "host/src/{name} has no layer in docs/ARCHITECTURE.md and here"
        );
    }
}

#[test]
fn the_protocol_knows_nothing_but_bytes() {
    assert_eq!(dependencies("host/fcgi/Cargo.toml"), BTreeSet::from(["bytes".to_owned()]));
}

#[test]
fn the_engine_has_one_door() {
    for (room, _, allowed) in LAYERS.iter().filter(|(room, ..)| *room != "wasm") {
        assert!(ENGINE.iter().all(|name| !allowed.contains(name)), "{room}");
    }
}

#[test]
fn unsafe_code_is_where_compiled_modules_are_mapped() {
    let marked: Vec<_> = sources(&root().join("host"))
        .into_iter()
        .filter(|(_, text)| text.contains("unsafe {") || text.contains("unsafe fn"))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert!(marked[0].ends_with("wasm/cache.rs"), "{marked:?}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// The names under a manifest's `[dependencies]`, as they stand in code.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(manifest)).expect(manifest);
    let section = text.split("[dependencies]").nth(1).expect("dependencies");
    let lines = section.lines().skip(1).take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// The sources at or below a path, without their tests.
fn sources(path: &Path) -> Vec<(String, String)> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
        return entries.flat_map(|entry| sources(&entry)).collect();
    }
    let is_source = path.extension().is_some_and(|extension| extension == "rs");
    if !is_source || path.ends_with("tests.rs") {
        return Vec::new();
    }
    let text = fs::read_to_string(path).expect("a source");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    vec![(path.display().to_string(), code)]
}

/// Every `crate::room` and every name before `::`, nested imports included.
fn names(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for statement in code.split(';') {
        let Some(at) = statement.find("use crate::{") else { continue };
        let tree = &statement[at + "use crate::{".len()..];
        let mut depth = 0;
        for part in tree.split_inclusive(['{', '}', ',']) {
            if depth == 0 {
                let name = part.trim().split([':', ',', '{', '}']).next().unwrap_or_default();
                names.insert(format!("crate::{name}"));
            }
            depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
        }
    }
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let start = before.rfind(|character| !is_name(character)).map_or(0, |at| at + 1);
        if before[..start].ends_with("::") && !before[..start].ends_with(" ::") {
            continue;
        }
        let name = &before[start..];
        if name == "crate" {
            let room = code[at + 2..].split(|character| !is_name(character)).next().unwrap_or_default();
            names.insert(format!("crate::{room}"));
        } else {
            names.insert(name.to_owned());
        }
    }
    names.remove("crate::");
    names
}

#[test]
fn names_are_found_wherever_they_stand() {
    let code =
        "use crate::{body, request::{A, B}, wasm::C};\nfn f() { crate::serve::x(); tokio::spawn(y::z) }";
    let expected = ["crate::body", "crate::request", "crate::serve", "crate::wasm"];
    let found = names(code);
    assert!(expected.iter().all(|name| found.contains(*name)), "{found:?}");
    assert!(found.contains("tokio") && !found.contains("z"), "{found:?}");
}
