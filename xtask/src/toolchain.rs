//! Where the target wasm32-wasip2 comes from: the installed Rust, or Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;

use crate::debian::Unpacked;
use crate::step;
use crate::workspace::Workspace;

/// The target of every guest.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// How long rustup may take for its 30 MB; without a network it often does not give up by itself.
const RUSTUP_LIMIT: Duration = Duration::from_mins(2);

/// Which sources [`Toolchain::find`] may use.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Source {
    /// The installed Rust, adding the target with rustup if need be, else Debian's packages
    #[default]
    Auto,
    /// Only the installed Rust
    Rustup,
    /// Only Debian's packages
    Debian,
}

/// A Rust that builds for [`TARGET`].
pub(crate) enum Toolchain {
    /// The installed one.
    Installed,
    /// Debian's, with the standard library built from source and the installed Rust's linkers.
    Debian { unpacked: Unpacked, linkers: Linkers },
}

impl Toolchain {
    /// Finds a toolchain, fetching what is missing; the error says what was tried and what helps.
    pub(crate) fn find(source: Source, workspace: &Workspace) -> Result<Self> {
        let sysroot = sysroot()?;
        match source {
            Source::Rustup => Self::installed(&sysroot),
            Source::Debian => Self::debian(&sysroot, workspace),
            // What is here already goes before what would have to be fetched.
            Source::Auto if !has_target(&sysroot) && Unpacked::present(workspace).is_some() => {
                Self::debian(&sysroot, workspace)
            }
            Source::Auto => Self::installed(&sysroot).or_else(|rustup| {
                Self::debian(&sysroot, workspace).map_err(|debian| {
                    anyhow!(
                        "the target {TARGET} is missing: run `rustup target add {TARGET}` where rustup reaches its \
                         server, or use a Debian system whose apt sources are reached\n  rustup: {rustup:#}\n  \
                         Debian: {debian:#}"
                    )
                })
            }),
        }
    }

    fn installed(sysroot: &Path) -> Result<Self> {
        if !has_target(sysroot) {
            eprintln!("xtask: adding the target {TARGET}");
            step::within(RUSTUP_LIMIT, Command::new("rustup").args(["target", "add", TARGET]))?;
        }
        if !has_target(sysroot) {
            bail!("the target is not in {}", sysroot.display());
        }
        Ok(Self::Installed)
    }

    fn debian(sysroot: &Path, workspace: &Workspace) -> Result<Self> {
        // Looked for first: without them there is no use in a compiler.
        let linkers = Linkers::of(sysroot)?;
        Ok(Self::Debian { unpacked: Unpacked::fetch(workspace)?, linkers })
    }

    /// Makes `cargo` build with this toolchain, whatever flags the host is being built with.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(flags);
        }
        if let Self::Debian { unpacked, linkers } = self {
            // Debian's compiler is a stable one, and building the standard library is not stable.
            cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
            cargo.env("RUSTFLAGS", "-Clink-self-contained=yes").env("PATH", linkers.path());
            cargo.env("RUSTC", unpacked.rustc()).env("LD_LIBRARY_PATH", unpacked.libraries());
        }
    }
}

/// The folders with `wasm-component-ld` and the `wasm-ld` that it calls.
pub(crate) struct Linkers([PathBuf; 2]);

impl Linkers {
    /// Finds the linkers that rustup's toolchains have whatever their targets.
    fn of(sysroot: &Path) -> Result<Self> {
        let rustlib = sysroot.join("lib/rustlib");
        let folder = std::fs::read_dir(&rustlib)
            .with_context(|| rustlib.display().to_string())?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .find(|folder| folder.join("wasm-component-ld").is_file())
            .with_context(|| format!("no wasm-component-ld under {}", rustlib.display()))?;
        let lld = folder.join("gcc-ld");
        Ok(Self([folder, lld]))
    }

    /// `PATH` with the linkers behind everything else.
    fn path(&self) -> std::ffi::OsString {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        for folder in &self.0 {
            path.push(":");
            path.push(folder);
        }
        path
    }
}

/// The folder of the installed Rust that cargo would use.
fn sysroot() -> Result<PathBuf> {
    let folder = step::answer(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(folder.trim_end()))
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}
