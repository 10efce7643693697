//! `cargo xtask guests`: every component of the repository, in `<target folder>/guests/NAME.wasm`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::step;
use crate::toolchain::{Source, TARGET, Toolchain};
use crate::workspace::Workspace;

/// The first bytes of a component; a core module has `01 00 00 00` behind the same magic.
const COMPONENT_PREAMBLE: &[u8] = b"\0asm\x0d\x00\x01\x00";

/// The profile of all guests; the root workspace and that of the test guests both define it.
const PROFILE: &str = "guest";

/// `cargo xtask guests`
#[derive(Args, Default)]
pub(crate) struct Guests {
    /// Components to build [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Where the target wasm32-wasip2 comes from
    #[arg(long, value_enum, default_value_t)]
    toolchain: Source,
}

impl Guests {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        let guests = self.chosen(Guest::all(workspace)?)?;
        let toolchain = Toolchain::find(self.toolchain, workspace)?;
        let folder = workspace.target.join("guests");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for guest in guests {
            let component = guest.build(workspace, &toolchain)?;
            let path = folder.join(format!("{}.wasm", guest.name));
            let change = if replace(&path, &component)? { "new" } else { "unchanged" };
            println!("{} ({} KiB, {change})", path.display(), component.len().div_ceil(1024));
        }
        Ok(())
    }

    fn chosen(&self, all: Vec<Guest>) -> Result<Vec<Guest>> {
        let known: Vec<&str> = all.iter().map(|guest| guest.name.as_str()).collect();
        if let Some(unknown) = self.names.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("there is no guest `{unknown}`, only {}", known.join(", "));
        }
        let wanted = |guest: &Guest| self.names.is_empty() || self.names.contains(&guest.name);
        Ok(all.into_iter().filter(wanted).collect())
    }
}

/// A package whose library is a component.
struct Guest {
    name: String,
    manifest: PathBuf,
}

impl Guest {
    /// The wiki handler and every package of the test guests' workspace.
    fn all(workspace: &Workspace) -> Result<Vec<Self>> {
        let tests = workspace.root.join("tests/guests");
        let mut guests = vec![Self::at(&workspace.root.join("guest/foswiki"))?];
        for entry in fs::read_dir(&tests).with_context(|| tests.display().to_string())? {
            let folder = entry?.path();
            if folder.join("Cargo.toml").is_file() {
                guests.push(Self::at(&folder)?);
            }
        }
        guests.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(guests)
    }

    /// The guest in `folder`, which is called like its package.
    fn at(folder: &Path) -> Result<Self> {
        let name = folder.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{}: not a package's folder", folder.display()))?;
        Ok(Self { name: name.to_owned(), manifest: folder.join("Cargo.toml") })
    }

    /// Builds the guest and returns the component's bytes.
    fn build(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<u8>> {
        // Guests are built apart from the host, whose artefacts they would otherwise lock and outdate.
        let target = workspace.target.join("guest-build");
        let mut cargo = workspace.cargo(["rustc", "--lib", "--crate-type", "cdylib", "--profile", PROFILE]);
        cargo.args(["--target", TARGET]).arg("--target-dir").arg(&target);
        cargo.arg("--manifest-path").arg(&self.manifest);
        toolchain.apply(&mut cargo);
        step::quiet(&mut cargo).with_context(|| format!("guest {}", self.name))?;

        let built = target.join(TARGET).join(PROFILE).join(format!("{}.wasm", self.name.replace('-', "_")));
        let bytes = fs::read(&built).with_context(|| built.display().to_string())?;
        if !bytes.starts_with(COMPONENT_PREAMBLE) {
            bail!("{}: not a component", built.display());
        }
        Ok(bytes)
    }
}

/// Makes `path` hold `bytes` and says whether it did not before; nobody ever sees half a file.
///
/// An unchanged file keeps its time, so that what embeds it is not built again.
fn replace(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(false);
    }
    let fresh = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&fresh, bytes).with_context(|| fresh.display().to_string())?;
    fs::rename(&fresh, path).with_context(|| path.display().to_string())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_component_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello.wasm");
        assert!(replace(&path, b"one").unwrap());
        let time = || fs::metadata(&path).unwrap().modified().unwrap();
        let first = time();

        assert!(!replace(&path, b"one").unwrap());
        assert_eq!(time(), first);
        assert!(replace(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() {
        let all =
            || ["hello", "slow"].map(|name| Guest { name: name.to_owned(), manifest: PathBuf::new() }).into();
        let chosen = |names: &[&str]| {
            let names = names.iter().copied().map(str::to_owned).collect();
            let guests = Guests { names, toolchain: Source::Auto }.chosen(all())?;
            Ok::<_, anyhow::Error>(guests.into_iter().map(|guest| guest.name).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(chosen(&[]).unwrap(), "hello slow");
        assert_eq!(chosen(&["slow"]).unwrap(), "slow");
        assert_eq!(chosen(&["fast"]).unwrap_err().to_string(), "there is no guest `fast`, only hello, slow");
    }
}
