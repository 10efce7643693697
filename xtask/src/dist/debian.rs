//! The Debian package. `[package.metadata.deb]` in `host/Cargo.toml` says what is in it; what of that is no file of the repository, or
//! not as it stands there, is made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Contents, EPOCH};
use crate::workspace::Workspace;
use crate::{files, step};

/// The version of cargo-deb: another one may make other bytes of the same files.
const CARGO_DEB: &str = "3.8.0";

/// Who answers for the package, in its list of changes.
const MAINTAINER: &str = "fcgi-wasm-host authors <fcgi-wasm-host@packages.invalid>";

/// Where a service finds the program when it was installed by hand, and by a package.
const PROGRAM: (&str, &str) = ("/usr/local/bin/fcgi-wasm-host", "/usr/bin/fcgi-wasm-host");

/// The examples' user is the web server's; the package brings a user of its own.
const USER: (&str, &str) = ("User=www-data\nGroup=www-data\n", "User=fcgi-wasm-host\nGroup=fcgi-wasm-host\n");

/// What all versions of systemd understand. It answers for settings that are refused.
const RELOAD: &str =
    "Type=notify\nExecReload=/usr/bin/fcgi-wasm-host reload --config /etc/fcgi-wasm-host/settings.toml\n";

/// What stands above the units instead of how they are copied.
const UNIT: &str =
    "# `systemctl edit` changes this; /usr/share/doc/fcgi-wasm-host/docs/installing.md is about it.\n\n";

/// What stands above the script instead.
const SCRIPT: &str = "#!/bin/sh\n# fcgi-wasm-host as a service of System V init; /etc/default/fcgi-wasm-host has its settings.\n\n";

/// What stands below the script's head as well: where systemd runs the machine, it hands everything on to that.
const FUNCTIONS: &str = "### END INIT INFO\n\n. /lib/lsb/init-functions\n";

/// A command line of the program that prints a file, and which.
const PRINTED: [(&[&str], &str); 4] = [
    (&["man"], "fcgi-wasm-host.1"),
    (&["completions", "bash"], "fcgi-wasm-host.bash"),
    (&["completions", "zsh"], "_fcgi-wasm-host"),
    (&["completions", "fish"], "fcgi-wasm-host.fish"),
];

/// The program, in a folder of its own below the target folder: the one place that has it, built once.
fn cargo_deb(workspace: &Workspace) -> PathBuf {
    workspace.target.join("cargo-deb").join(CARGO_DEB)
}

/// Builds cargo-deb, unless that is there already.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let folder = cargo_deb(workspace);
    if folder.join("bin/cargo-deb").is_file() {
        return Ok(());
    }
    println!("building cargo-deb {CARGO_DEB}");
    let mut cargo = workspace.cargo(["install", "cargo-deb", "--locked", "--quiet", "--version", CARGO_DEB]);
    cargo.args(["--no-default-features", "--features", "lzma", "--root"]).arg(&folder);
    step::loud(&mut cargo)
}

/// Packs it; returns its path.
pub(super) fn pack(contents: &Contents<'_>, revision: u32) -> Result<PathBuf> {
    let Contents { workspace, program, version, epoch, to, fast } = contents;
    install(workspace)?;
    // To cargo-deb, a target folder in which all has been built.
    let stage = tempfile::Builder::new().prefix(".deb.").tempdir_in(to)?;
    let built = stage.path().join("release");
    files::stripped(program, &built.join("fcgi-wasm-host"))?;
    let version = format!("{version}-{revision}");
    prepare(contents, &built.join("package"), &version)?;
    let packed = stage.path().join("packed.deb");
    let mut cargo_deb = Command::new(cargo_deb(workspace).join("bin/cargo-deb"));
    cargo_deb.current_dir(&workspace.root).args([
        "--manifest-path",
        "host/Cargo.toml",
        "--no-build",
        "--no-strip",
    ]);
    cargo_deb.args(["--quiet", "--locked", "--deb-version", &version, "--maintainer", MAINTAINER]);
    cargo_deb.args(fast.then_some("--fast")).arg("--output").arg(&packed);
    cargo_deb.env("CARGO_TARGET_DIR", stage.path()).env(EPOCH, epoch.to_string());
    step::quiet(&mut cargo_deb)?;
    let architecture =
        step::answer(Command::new("dpkg-deb").arg("--field").arg(&packed).arg("Architecture"))?;
    let named = to.join(format!("fcgi-wasm-host_{version}_{}.deb", architecture.trim()));
    fs::rename(packed, &named)?;
    Ok(named)
}

/// Makes what the package has and the repository has not.
fn prepare(contents: &Contents<'_>, folder: &Path, version: &str) -> Result<()> {
    let Contents { workspace, program, epoch, .. } = contents;
    let service = |name: &str| {
        let path = workspace.root.join("examples/service").join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    for unit in ["fcgi-wasm-host.service", "fcgi-wasm-host.socket"] {
        files::write(&folder.join(unit), &unit_of_package(&service(unit)?))?;
    }
    files::write(&folder.join("init"), &script_of_package(&service("foswiki.init")?))?;
    files::write(&folder.join("logrotate"), &renamed(&service("logrotate")?))?;
    for (arguments, file) in PRINTED {
        files::write(&folder.join(file), &step::answer(Command::new(program).args(arguments))?)?;
    }
    files::copy(&workspace.root.join("examples"), &folder.join("examples"))?;
    // It is installed elsewhere.
    fs::remove_dir_all(folder.join("examples/wiki"))?;
    files::write(&folder.join("changelog.Debian"), &changelog(version, *epoch)?)?;
    files::copy(&workspace.root.join("CHANGELOG.md"), &folder.join("changes"))?;
    for file in ["fcgi-wasm-host.1", "changelog.Debian", "changes"] {
        step::quiet(Command::new("gzip").args(["--best", "--no-name"]).arg(folder.join(file)))?;
    }
    Ok(())
}

fn unit_of_package(example: &str) -> String {
    let sections = example.find("[Unit]").map_or(example, |begin| &example[begin..]);
    let unit = format!("{UNIT}{sections}").replace(PROGRAM.0, PROGRAM.1).replace(USER.0, USER.1);
    let types = unit.find("# systemd before 253").zip(unit.find("ExecStart="));
    match types {
        Some((begin, end)) => format!("{}{RELOAD}{}", &unit[..begin], &unit[end..]),
        None => unit,
    }
}

fn script_of_package(example: &str) -> String {
    let rest = example.find("### BEGIN INIT INFO").map_or(example, |begin| &example[begin..]);
    let script = renamed(&format!("{SCRIPT}{rest}")).replace(PROGRAM.0, PROGRAM.1);
    script.replace("### END INIT INFO\n", FUNCTIONS)
}

/// The service that has the package's name, and its user.
fn renamed(example: &str) -> String {
    let wiki = example.replace("/var/www/foswiki", "/usr/share/fcgi-wasm-host/wiki");
    wiki.replace("foswiki", "fcgi-wasm-host").replace("www-data", "fcgi-wasm-host")
}

/// The package's own changes, as Debian reads them; the program's are beside them.
fn changelog(version: &str, epoch: u64) -> Result<String> {
    let mut date = Command::new("date");
    let date =
        step::answer(date.env("LC_ALL", "C").args(["--utc", "--rfc-email", &format!("--date=@{epoch}")]))?;
    Ok(format!(
        "fcgi-wasm-host ({version}) unstable; urgency=medium\n\n  * The program's changes are in changelog.gz.\n\n \
         -- {MAINTAINER}  {}\n",
        date.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_become_the_packages_own() {
        let unit = "# Copy this\n\n[Unit]\nX=1\n[Service]\n# systemd before 253 …\nType=notify\nType=notify-reload\n\
                    ExecStart=/usr/local/bin/fcgi-wasm-host -x\nUser=www-data\nGroup=www-data\n";
        let expected = format!(
            "{UNIT}[Unit]\nX=1\n[Service]\n{RELOAD}ExecStart=/usr/bin/fcgi-wasm-host -x\nUser=fcgi-wasm-host\n\
             Group=fcgi-wasm-host\n"
        );
        assert_eq!(unit_of_package(unit), expected);
        assert_eq!(
            renamed("a /var/log/foswiki\nb www-data\n"),
            "a /var/log/fcgi-wasm-host\nb fcgi-wasm-host\n"
        );
    }
}
