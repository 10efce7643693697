//! Programs that the tests drive and that are not crates.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::step;

/// A program, the Debian package and service that has it, and what the tests do with it.
struct Program {
    name: &'static str,
    package: &'static str,
    purpose: &'static str,
}

/// All programs that the tests need besides cargo.
const PROGRAMS: &[Program] = &[Program {
    name: "nginx",
    package: "nginx",
    purpose: "the web server in front of the host in the end-to-end stories",
}];

/// Where Debian puts servers, which is not always in `PATH`.
const SERVER_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Installs the programs that are missing, as root on Debian; elsewhere says which they are.
pub(crate) fn ensure() -> Result<()> {
    let missing: Vec<&Program> = PROGRAMS.iter().filter(|program| !is_present(program.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").is_file() {
        let lines = missing.iter().map(|program| {
            format!("\n  {} (Debian's package {}): {}", program.name, program.package, program.purpose)
        });
        bail!("programs are missing, install them and try again:{}", lines.collect::<String>());
    }
    install(&missing)
}

fn install(missing: &[&Program]) -> Result<()> {
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    println!("installing {}", packages.join(" "));
    step::quiet(apt().arg("update"))?;
    step::quiet(apt().args(["install", "--yes", "--no-install-recommends"]).args(&packages))?;
    for package in packages {
        // systemd does not look at the run level; where nothing was started, there is nothing to stop.
        let _ = step::answer(Command::new("service").args([package, "stop"]));
    }
    Ok(())
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["--quiet", "-o", "DPkg::Lock::Timeout=300"]);
    // In run level 1 no package starts the service that it brings.
    apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    apt
}

fn is_present(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = SERVER_FOLDERS.iter().map(PathBuf::from);
    env::split_paths(&path).chain(servers).any(|folder| folder.join(program).is_file())
}
