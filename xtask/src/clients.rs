//! `cargo xtask clients`: the packages of npm that the tests drive.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::step;
use crate::workspace::Workspace;

/// What says which packages they are, and in which version exactly.
const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs what `tests/clients` lists into the target folder, unless that is there already.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let (from, to) = (workspace.root.join("tests/clients"), workspace.target.join("clients"));
    let mut wanted = Vec::new();
    for list in LISTS {
        wanted.push(fs::read(from.join(list)).with_context(|| format!("tests/clients/{list}"))?);
    }
    // Written last, so that what is there is complete.
    let mark = to.join("installed");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted.concat()) {
        return Ok(());
    }
    fs::create_dir_all(&to)?;
    for (list, content) in LISTS.iter().zip(&wanted) {
        fs::write(to.join(list), content)?;
    }
    let mut npm = Command::new("npm");
    step::quiet(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&to))?;
    Ok(fs::write(mark, wanted.concat())?)
}
