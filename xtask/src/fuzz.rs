//! `cargo xtask fuzz`: random input for what reads from outside, for a bounded time.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::step;
use crate::workspace::Workspace;

/// All targets: the sources in `fuzz/targets`.
const TARGETS: [&str; 5] = ["record", "params", "connection", "cgi", "config"];

/// The one that has the host itself in it: minutes to build, and without memory errors to be found.
const WITH_HOST: &str = "config";

/// How long each target runs among the other checks.
const SHORT: u32 = 15;

/// Longest input: some of the longest records there are would take all the time.
const MAX_LEN: u32 = 4096;

/// The version that is installed where there is none.
const CARGO_FUZZ: &str = "0.13.2";

/// Give random input to what reads from outside, for a bounded time
#[derive(Args)]
pub(crate) struct Fuzz {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,

    /// Which targets run [default: all]
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,
}

impl Fuzz {
    /// `cargo xtask fuzz`
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        if !has_nightly() {
            bail!(
                "fuzz targets are built by a nightly toolchain: run `rustup toolchain install nightly` first"
            );
        }
        let all = TARGETS.map(str::to_owned);
        let targets = if self.targets.is_empty() { &all[..] } else { &self.targets };
        targets.iter().try_for_each(|target| fuzz(workspace, target, self.minutes * 60))
    }
}

/// A short run of every target; without a nightly toolchain there is the replay of the corpora, which is a test.
pub(crate) fn short(workspace: &Workspace) -> Result<()> {
    if !has_nightly() {
        println!("no nightly toolchain: the corpora are replayed by the tests of fuzz, nothing new is tried");
        return Ok(());
    }
    let quick = TARGETS.iter().filter(|target| **target != WITH_HOST);
    quick.into_iter().try_for_each(|target| fuzz(workspace, target, SHORT))
}

/// Runs a target for so many seconds. What it finds new is kept in the target folder, beside the inputs that fail.
fn fuzz(workspace: &Workspace, target: &str, seconds: u32) -> Result<()> {
    install(workspace)?;
    let folder = |name: &str| -> Result<PathBuf> {
        let folder = workspace.target.join(name).join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (found, failed) = (folder("fuzz-corpus")?, folder("fuzz-artifacts")?);
    println!("{target}: {seconds} s");
    let mut run = cargo(workspace);
    run.args(["fuzz", "run", "--fuzz-dir", "fuzz/targets", "--target-dir"])
        .arg(workspace.target.join("fuzz"));
    if target == WITH_HOST {
        run.args(["--features", "host", "--sanitizer", "none"]);
    }
    run.arg(target).arg(&found).arg(workspace.root.join("fuzz/corpus").join(target));
    run.arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_LEN}"),
        format!("-artifact_prefix={}/", failed.display()),
        // Two lines at the end instead of one for each discovery.
        "-verbosity=0".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]);
    step::quiet(&mut run)
        .with_context(|| format!("an input of {target} fails; it is in {}", failed.display()))
}

fn install(workspace: &Workspace) -> Result<()> {
    if succeeds(cargo(workspace).args(["fuzz", "--version"])) {
        return Ok(());
    }
    println!("installing cargo-fuzz");
    step::quiet(&mut workspace.cargo(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ]))
}

fn has_nightly() -> bool {
    succeeds(Command::new("rustup").args(["run", "nightly", "cargo", "--version"]))
}

/// The nightly toolchain's own, whatever started this program.
fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new("rustup");
    cargo.current_dir(&workspace.root).args(["run", "nightly", "cargo"]);
    // Flags for the host's build are not for this one.
    for name in ["CARGO", "RUSTC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        cargo.env_remove(name);
    }
    cargo
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_run() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/targets");
        let files = fs::read_dir(folder).expect("the targets").map(|entry| entry.expect("a file").path());
        let sources = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
        let mut names: Vec<_> = sources.map(|file| file.file_stem().expect("a name").to_owned()).collect();
        let mut known = TARGETS;
        names.sort();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
