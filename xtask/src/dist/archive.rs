//! The archive: program, documentation and examples in one folder. With `examples/container` in it, it is a container's context.

use std::env::consts::ARCH;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::Contents;
use crate::{files, step};

/// What is in it besides the program.
const PARTS: [&str; 6] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "docs", "examples"];

/// Packs it; returns its path.
pub(super) fn pack(contents: &Contents<'_>) -> Result<PathBuf> {
    let Contents { workspace, program, version, epoch, to, fast } = contents;
    let stage = tempfile::Builder::new().prefix(".archive.").tempdir_in(to)?;
    let name = format!("fcgi-wasm-host-{version}-{ARCH}");
    let folder = stage.path().join(&name);
    files::stripped(program, &folder.join("fcgi-wasm-host"))?;
    for part in PARTS {
        files::copy(&workspace.root.join(part), &folder.join(part))?;
    }
    let (tar, packed) = (stage.path().join("archive.tar"), to.join(format!("{name}.tar.xz")));
    let mut command = Command::new("tar");
    command.args(["--create", "--sort=name", "--format=gnu", "--owner=0", "--group=0", "--numeric-owner"]);
    command.args(["--mode=u=rwX,go=rX", &format!("--mtime=@{epoch}"), "--directory"]).arg(stage.path());
    step::quiet(command.arg("--file").arg(&tar).arg(&name))?;
    // In one thread: the bytes would depend on how many there are.
    let mut xz = Command::new("xz");
    step::quiet(xz.args(["--threads=1", if *fast { "-0" } else { "-9" }]).arg(&tar))?;
    std::fs::rename(tar.with_extension("tar.xz"), &packed)?;
    Ok(packed)
}
