//! apt, with sources, lists and a cache of its own: nothing is installed, no rights are needed, and the state of
//! the system's own lists does not matter.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::step;

/// Debian's keys, as its package debian-archive-keyring has them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A Debian release on the mirror that this system uses.
pub(crate) struct Release {
    uri: String,
    name: String,
}

impl Release {
    /// The release called `codename` and its security updates, as far as the system is set up for them.
    pub(crate) fn configured(codename: &str) -> Result<Vec<Self>> {
        // Prints the address of every index that an update would read, whether it is here or not.
        let indices = step::answer(Command::new("apt-get").args(["update", "--print-uris"]))?;
        Ok(Self::among(&indices, codename))
    }

    fn among(indices: &str, codename: &str) -> Vec<Self> {
        let names = [codename.to_owned(), format!("{codename}-security")];
        let found = names.into_iter().filter_map(|name| {
            let main = format!("/dists/{name}/main/");
            let index = indices.lines().find(|line| line.contains(&main))?;
            let (uri, _) = index.trim_start_matches('\'').split_once(&main)?;
            Some(Self { uri: uri.to_owned(), name })
        });
        found.collect()
    }

    /// Another release, `codename`, on the same mirror.
    pub(crate) fn sibling(&self, codename: &str) -> Self {
        Self { uri: self.uri.clone(), name: codename.to_owned() }
    }

    fn source(&self) -> String {
        let keys =
            if Path::new(KEYRING).is_file() { format!("[signed-by={KEYRING}] ") } else { String::new() };
        format!("deb {keys}{} {} main\n", self.uri, self.name)
    }
}

/// apt for some releases only, with fresh lists.
pub(crate) struct Apt {
    configuration: PathBuf,
}

impl Apt {
    /// Reads the lists of `releases` into `folder`.
    pub(crate) fn new(folder: &Path, releases: &[Release]) -> Result<Self> {
        for state in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(state))?;
        }
        let sources = folder.join("sources.list");
        fs::write(&sources, releases.iter().map(Release::source).collect::<String>())?;
        let configuration = folder.join("apt.conf");
        fs::write(&configuration, settings(folder))?;
        let apt = Self { configuration };
        step::quiet(apt.command("apt-get").args(["--quiet", "update", "--error-on=any"]))?;
        Ok(apt)
    }

    /// Downloads `packages` into the folder `into`.
    pub(crate) fn download(&self, packages: &[String], into: &Path) -> Result<()> {
        step::quiet(self.command("apt-get").args(["--quiet", "download"]).args(packages).current_dir(into))
    }

    /// The shared libraries that `package` needs, directly or not, and that this system has not installed.
    pub(crate) fn missing_libraries(&self, package: &str) -> Result<Vec<String>> {
        let tree =
            step::answer(self.command("apt-cache").args(["depends", "--recurse", "--important", package]))?;
        let status =
            step::answer(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Abbrev}${Package}\n"]))?;
        let installed: HashSet<&str> = status.lines().filter_map(|line| line.strip_prefix("ii ")).collect();
        let missing = |name: &&str| {
            // With a colon stand those of other architectures.
            name.starts_with("lib")
                && !name.contains(':')
                && !name.ends_with("-dev")
                && !installed.contains(name)
        };
        // Packages stand at the start of a line, what they depend on is indented.
        Ok(tree.lines().filter(missing).map(str::to_owned).collect())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Read after the system's own configuration, whose proxies remain in force.
        command.arg("-c").arg(&self.configuration);
        command
    }
}

/// Unpacks the Debian package `archive` into `root`.
pub(crate) fn unpack(archive: &Path, root: &Path) -> Result<()> {
    step::quiet(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(root))
}

/// Settings that keep apt inside `folder`, away from the system's hooks, and waiting for a bounded time only.
fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_found_among_apts_indices() {
        let indices = "'http://a.example/tools/dists/bookworm/stable/binary-amd64/Packages.xz' a 0
'http://m.example/debian/dists/bookworm/InRelease' b 0
'http://m.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' c 0
'http://m.example/debian/dists/bookworm-updates/main/binary-amd64/Packages.xz' d 0
'https://s.example/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz' e 0\n";
        let found = |codename| {
            let releases = Release::among(indices, codename);
            releases.iter().map(|release| format!("{} {}", release.uri, release.name)).collect::<Vec<_>>()
        };
        let bookworm =
            ["http://m.example/debian bookworm", "https://s.example/debian-security bookworm-security"];
        assert_eq!(found("bookworm"), bookworm);
        assert!(found("trixie").is_empty());
    }
}
