//! Embeds the wiki handler where `cargo xtask guests` has built it, so that the program alone serves a wiki.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(foswiki_wasm)");
    println!("cargo::rerun-if-env-changed=FOSWIKI_WASM");
    let named = env::var_os("FOSWIKI_WASM").map(PathBuf::from);
    let Some(component) = named.or_else(built) else { return };
    println!("cargo::rerun-if-changed={}", component.display());
    if component.is_file() {
        println!("cargo::rustc-cfg=foswiki_wasm");
        println!("cargo::rustc-env=FOSWIKI_WASM={}", component.display());
    }
}

/// `guests/foswiki.wasm` in the target folder, which is somewhere above this build's output
/// (`TARGET/release/build/PACKAGE/out`, one folder deeper when a target is named).
fn built() -> Option<PathBuf> {
    let output = PathBuf::from(env::var_os("OUT_DIR")?);
    let places: Vec<_> =
        output.ancestors().skip(4).take(2).map(|folder| folder.join("guests/foswiki.wasm")).collect();
    places.iter().find(|place| place.is_file()).or(places.first()).cloned()
}
