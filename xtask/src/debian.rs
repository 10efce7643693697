//! A Rust for wasm32-wasip2 out of Debian's packages, unpacked into `<target folder>/wasm-toolchain`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt::{Apt, Release, unpack};
use crate::step;
use crate::toolchain::TARGET;
use crate::workspace::Workspace;

/// The compiler that Debian keeps new enough for its browsers, the host's standard library, and the source of all.
const RUST: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];

/// The C library beneath the standard library.
const LIBC: &str = "wasi-libc";

/// The first release whose wasi-libc knows wasm32-wasip2; the package suits every machine and release.
const LIBC_RELEASE: &str = "trixie";

/// The file that only a complete toolchain has: the names of the packages in it.
const STAMP: &str = "packages";

/// A complete unpacked toolchain.
pub(crate) struct Unpacked {
    root: PathBuf,
}

impl Unpacked {
    /// The toolchain that an earlier run has left.
    pub(crate) fn present(workspace: &Workspace) -> Option<Self> {
        let root = home(workspace);
        root.join(STAMP).is_file().then_some(Self { root })
    }

    /// Downloads and unpacks the toolchain, unless another run does so meanwhile.
    pub(crate) fn fetch(workspace: &Workspace) -> Result<Self> {
        let codename = debian_codename()?;
        fs::create_dir_all(&workspace.target)?;
        let lock = File::create(workspace.target.join("wasm-toolchain.lock"))?;
        lock.lock()?;
        if let Some(unpacked) = Self::present(workspace) {
            return Ok(unpacked);
        }
        eprintln!("xtask: making a toolchain for {TARGET} of Debian's packages");
        // What is left behind by a run that was killed goes with the target folder.
        let temporary = tempfile::Builder::new().prefix("wasm-toolchain.").tempdir_in(&workspace.target)?;
        let archives = download(&codename, temporary.path())?;
        let fresh = Self { root: temporary.path().join("root") };
        fresh.unpack(&archives)?;

        let root = home(workspace);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::rename(&fresh.root, &root).with_context(|| root.display().to_string())?;
        Ok(Self { root })
    }

    /// The compiler.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    /// The folder of the libraries that the compiler needs and the system may not have.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH))
    }

    fn unpack(&self, archives: &Path) -> Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(archives)? {
            let archive = entry?;
            unpack(&archive.path(), &self.root)?;
            names.push(archive.file_name().to_string_lossy().into_owned());
        }
        let lib = self.root.join("usr/lib");
        let self_contained = lib.join("rustlib").join(TARGET).join("lib/self-contained");
        fs::create_dir_all(&self_contained)?;
        for entry in
            fs::read_dir(lib.join(TARGET)).with_context(|| format!("{LIBC} does not know {TARGET}"))?
        {
            let file = entry?;
            fs::copy(file.path(), self_contained.join(file.file_name()))?;
        }
        step::answer(Command::new(self.rustc()).arg("-vV").env("LD_LIBRARY_PATH", self.libraries()))?;
        names.sort();
        fs::write(self.root.join(STAMP), names.join("\n") + "\n")?;
        Ok(())
    }
}

/// Where the toolchain is, once it is complete.
fn home(workspace: &Workspace) -> PathBuf {
    workspace.target.join("wasm-toolchain")
}

/// Downloads all packages of the toolchain into a folder of `temporary` and returns that folder.
fn download(codename: &str, temporary: &Path) -> Result<PathBuf> {
    let archives = temporary.join("archives");
    fs::create_dir(&archives)?;
    let own = Release::configured(codename)?;
    let archive =
        own.first().with_context(|| format!("apt has no source for main of Debian's {codename}"))?;
    let libc = archive.sibling(LIBC_RELEASE);

    let apt = Apt::new(&temporary.join("rust"), &own)?;
    let mut packages: Vec<String> = RUST.map(str::to_owned).to_vec();
    packages.extend(apt.missing_libraries(RUST[1])?);
    apt.download(&packages, &archives)?;
    Apt::new(&temporary.join("libc"), &[libc])?.download(&[LIBC.to_owned()], &archives)?;
    Ok(archives)
}

/// The code name of the Debian release that this system is.
fn debian_codename() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let value = |key: &str| {
        release.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"'))
    };
    if value("ID=") != Some("debian") {
        bail!("this system is {}", value("ID=").unwrap_or("unknown"));
    }
    Ok(value("VERSION_CODENAME=").context("/etc/os-release has no VERSION_CODENAME")?.to_owned())
}
