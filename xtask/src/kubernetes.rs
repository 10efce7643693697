//! What checks Kubernetes' manifests in the tests: schemas, and a program that reads them, out of packages of Python.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{packages, step};

/// What says which packages they are, and in which version exactly.
const LIST: &str = "tests/kubernetes/requirements.txt";

/// Installs them into the target folder, unless they are there already.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let (list, to) = (workspace.root.join(LIST), workspace.target.join("kubernetes"));
    let wanted = fs::read_to_string(&list).context(LIST)?;
    // Written last, so that what is there is complete.
    let mark = to.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    packages::ensure(packages::PYTHON)?;
    if to.is_dir() {
        fs::remove_dir_all(&to).with_context(|| to.display().to_string())?;
    }
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--no-compile",
        "--target",
    ]);
    step::quiet(pip.arg(&to).arg("--requirement").arg(&list))?;
    Ok(fs::write(mark, wanted)?)
}
