//! `cargo xtask test`: everything that must hold, cheapest first, ending at the first failure.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::guests::Guests;
use crate::workspace::Workspace;
use crate::{clients, deny, dist, fuzz, kubernetes, packages, step};

/// Check everything: format, dependencies, components, lints, host, tests
#[derive(Args, Clone, Copy)]
pub(crate) struct Test {
    /// Also what takes minutes: a thousand reloads, dozens of upgrades, compiling a large component under load
    #[arg(long)]
    slow: bool,
}

/// One thing that must hold.
type Check = fn(&Workspace) -> Result<()>;

/// What is checked before the tests proper, which are last, so that their summary closes the output.
const CHECKS: [(&str, Check); 11] = [
    ("programs", |_| packages::ensure(packages::TESTS).and_then(|()| packages::ensure(packages::DIST))),
    ("packager", dist::install_cargo_deb),
    ("clients", clients::install),
    ("schemas of Kubernetes", kubernetes::install),
    ("format", format),
    ("dependencies", deny::check),
    ("guests", |workspace| Guests::default().run(workspace)),
    ("lints", lints),
    ("build", build),
    ("fuzz", fuzz::short),
    ("examples in the documentation", doctests),
];

/// The profile of everything that is built here, so that build scripts, macros and dependencies are compiled once.
const PROFILE: &str = "checks";

/// What is built here: everything. The host's default build is what is left of it without a feature that adds to it alone.
const EVERYTHING: [&str; 3] = ["--workspace", "--features", "wasi-03"];

/// The workspaces of the test components and of the examples.
const GUESTS: [&str; 2] = ["tests/guests/Cargo.toml", "examples/handlers/Cargo.toml"];

/// The fuzz targets' own workspace.
const FUZZ: &str = "fuzz/targets/Cargo.toml";

impl Test {
    /// `cargo xtask test`
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        for (name, check) in CHECKS {
            println!("\n== {name}");
            check(workspace).with_context(|| format!("{name} failed"))?;
        }
        println!("\n== tests");
        tests(workspace, self.slow).context("tests failed")
    }
}

fn format(workspace: &Workspace) -> Result<()> {
    step::loud(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
    for guests in GUESTS {
        step::loud(&mut workspace.cargo(["fmt", "--all", "--check", "--manifest-path", guests]))?;
    }
    // Not --all, which would go into the packages that it depends on.
    step::loud(&mut workspace.cargo(["fmt", "--check", "--manifest-path", FUZZ]))
}

fn lints(workspace: &Workspace) -> Result<()> {
    let mut all = workspace.cargo(["clippy", "--profile", PROFILE]);
    step::loud(all.args(EVERYTHING).args(["--all-targets", "--", "-D", "warnings"]))?;
    // The components' bindings compile for every target, and clippy may not know theirs.
    let target = workspace.target.join("guest-build");
    GUESTS.into_iter().try_for_each(|guests| {
        let mut clippy = workspace.cargo(["clippy", "--workspace", "--manifest-path", guests]);
        step::loud(clippy.arg("--target-dir").arg(&target).args(["--", "-D", "warnings"]))
    })
}

/// Builds all at once: package by package, shared dependencies would be built with one set of features after another.
fn build(workspace: &Workspace) -> Result<()> {
    step::loud(workspace.cargo(["build", "--profile", PROFILE]).args(EVERYTHING).arg("--all-targets"))
}

fn doctests(workspace: &Workspace) -> Result<()> {
    step::loud(workspace.cargo(["test", "--profile", PROFILE]).args(EVERYTHING).args(["--doc", "--quiet"]))
}

fn tests(workspace: &Workspace, slow: bool) -> Result<()> {
    if has_nextest(workspace) {
        let mut run = workspace.cargo(["nextest", "run", "--cargo-profile", PROFILE]);
        run.args(EVERYTHING);
        if slow {
            run.args(["--run-ignored", "all", "--profile", "slow"]);
        }
        return step::loud(&mut run);
    }
    let mut test = workspace.cargo(["test", "--profile", PROFILE]);
    test.args(EVERYTHING).arg("--all-targets");
    if slow {
        test.args(["--", "--include-ignored"]);
    }
    step::loud(&mut test)
}

fn has_nextest(workspace: &Workspace) -> bool {
    let mut version: Command = workspace.cargo(["nextest", "--version"]);
    version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
