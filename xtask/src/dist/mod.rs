//! `cargo xtask dist`: what operators install. A Debian package, and an archive that is also a container's context.
//!
//! The same program makes the same bytes, wherever and whenever it is packed: times are those of `SOURCE_DATE_EPOCH`, or of the last commit; owners,
//! modes and order are fixed; folders of the machine are not named in the program (<https://reproducible-builds.org/docs/>).

mod archive;
mod build;
mod debian;

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

pub(crate) use self::debian::install as install_cargo_deb;
use crate::workspace::Workspace;
use crate::{packages, step};

/// Seconds since 1970 that stand for every time in what is packed.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// `cargo xtask dist`
#[derive(Args)]
pub(crate) struct Dist {
    /// What to make [default: all]
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// Pack the program that was built with that profile, as it is, instead of building one for release
    #[arg(long, value_name = "PROFILE")]
    built: Option<String>,
    /// Where to [default: <target folder>/dist]
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// The package's revision, for another one of the same version
    #[arg(long, default_value_t = 1)]
    revision: u32,
    /// Compress less, in a fraction of the time
    #[arg(long)]
    fast: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A package for Debian 12 and later
    Deb,
    /// Program, documentation and examples, as tar.xz
    Archive,
}

/// What is packed, and how.
struct Contents<'a> {
    workspace: &'a Workspace,
    program: PathBuf,
    version: String,
    /// [`EPOCH`].
    epoch: u64,
    to: PathBuf,
    fast: bool,
}

impl Dist {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        packages::ensure(packages::DIST)?;
        let epoch = epoch(workspace)?;
        let program = match &self.built {
            Some(profile) => workspace.target.join(profile).join("fcgi-wasm-host"),
            None => build::release(workspace, epoch)?,
        };
        let to = self.to.clone().unwrap_or_else(|| workspace.target.join("dist"));
        fs::create_dir_all(&to).with_context(|| to.display().to_string())?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let contents = Contents { workspace, program, version, epoch, to, fast: self.fast };
        let wanted = |kind| self.kinds.is_empty() || self.kinds.contains(&kind);
        let deb = wanted(Kind::Deb).then(|| debian::pack(&contents, self.revision)).transpose()?;
        let archive = wanted(Kind::Archive).then(|| archive::pack(&contents)).transpose()?;
        let mut sums = Command::new("sha256sum");
        step::loud(sums.args(deb.iter().chain(&archive)))
    }
}

fn epoch(workspace: &Workspace) -> Result<u64> {
    let text = if let Ok(named) = env::var(EPOCH) {
        named
    } else {
        let mut git = Command::new("git");
        git.current_dir(&workspace.root).args(["log", "-1", "--format=%ct"]);
        step::answer(&mut git).with_context(|| format!("no time of a last commit; set {EPOCH}"))?
    };
    text.trim().parse().with_context(|| format!("{EPOCH}={text:?} is not a number of seconds"))
}
