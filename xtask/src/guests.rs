//! `cargo xtask guests`: every component of the repository, in `<target folder>/guests/NAME.wasm`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::guest::Guest;
use crate::toolchain::{Source, Toolchain};
use crate::workspace::Workspace;

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
    /// Those alone, so that nothing is needed that only others need.
    pub(crate) fn only<const N: usize>(names: [&str; N]) -> Self {
        Self { names: names.map(str::to_owned).into(), ..Self::default() }
    }

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
            || ["hello", "slow"].map(|name| Guest::at(&Path::new("tests/guests").join(name)).unwrap()).into();
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
