//! The program as it goes out.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::EPOCH;
use crate::guests::Guests;
use crate::step;
use crate::workspace::Workspace;

/// What stands in the program for the sources' folder, and for that of cargo.
const SOURCES: &str = "/usr/src/fcgi-wasm-host";
const CARGO: &str = "/usr/share/cargo";

/// Between arguments in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Builds the handler that is inside and then the program, which names no folder of this machine.
pub(super) fn release(workspace: &Workspace, epoch: u64) -> Result<PathBuf> {
    Guests::only(["foswiki"]).run(workspace)?;
    // Apart from other builds: with other flags, each would build everything anew after the other.
    let target = workspace.target.join("dist-build");
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME says where crates are")?;
    // The last one that fits counts: the target folder may be inside the sources', or not.
    let places = [(&*workspace.root, SOURCES), (&workspace.target, SOURCES), (&cargo_home, CARGO)];
    let mapped = |option: &str, separator| {
        let map = |(from, to): (&Path, &str)| format!("{option}={}={to}", from.display());
        places.map(map).join(separator)
    };
    let mut cargo = workspace.cargo(["build", "--release", "--locked", "--package", "fcgi-wasm-host"]);
    cargo.arg("--target-dir").arg(&target);
    cargo.env("FOSWIKI_WASM", workspace.target.join("guests/foswiki.wasm"));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", mapped("--remap-path-prefix", SEPARATOR));
    // What crates compile in C.
    cargo.env("CFLAGS", mapped("-ffile-prefix-map", " ")).env(EPOCH, epoch.to_string());
    step::loud(&mut cargo)?;
    Ok(target.join("release/fcgi-wasm-host"))
}
