//! Where the build puts what the stories run, and where the repository keeps what they read.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use crate::station::run;

/// The host's program, built as the test was.
pub fn program() -> PathBuf {
    built(profile().join("fcgi-wasm-host"), "cargo build -p fcgi-wasm-host, with the same profile,")
}

/// What `cargo xtask dist` makes of that program, of that kind (`deb`, `archive`) and revision, in that folder.
pub fn packed(kind: &str, revision: u32, folder: &Path) -> PathBuf {
    let profile = profile();
    let mut xtask =
        Command::new(built(profile.join("xtask"), "cargo build -p xtask, with the same profile,"));
    xtask.args(["dist", "--fast", "--built"]).arg(profile.file_name().expect("a name")).arg(kind);
    xtask.args(["--revision", &revision.to_string(), "--to"]).arg(folder);
    xtask.env("CARGO_TARGET_DIR", target()).env("SOURCE_DATE_EPOCH", "1790000000");
    let (good, said) = run(xtask.env("CARGO_MANIFEST_DIR", repository("xtask")));
    assert!(good, "{said}");
    // `sha256sum` has the last word.
    said.split_whitespace().last().expect("a path").into()
}

/// The host's example program of that name, built as the test was.
pub fn example(name: &str) -> PathBuf {
    built(profile().join("examples").join(name), "cargo build --examples, with the same profile,")
}

/// The component of that name.
pub fn component(name: &str) -> PathBuf {
    built(target().join(format!("guests/{name}.wasm")), "cargo xtask guests")
}

/// The main file of that package of npm, of those in `tests/clients/package.json`.
pub fn npm(package: &str) -> PathBuf {
    built(target().join(format!("clients/node_modules/{package}/lib/main.js")), "cargo xtask clients")
}

/// The folder of Python's packages of which `tests/kubernetes/requirements.txt` has the list.
pub fn kubernetes() -> PathBuf {
    let folder = target().join("kubernetes");
    assert!(folder.join("installed").is_file(), "{} is missing: run `cargo xtask test`", folder.display());
    folder
}

/// The folder in which all stories keep compiled components, so that each is compiled once.
pub fn cache() -> PathBuf {
    let folder = target().join("test-cache");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).expect("a cache folder");
    folder
}

/// A file of the repository, by its path from the root.
pub fn repository(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the repository");
    root.join(path)
}

/// Copies a folder with all that is in it; links remain links.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&source, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    profile().parent().expect("a profile's folder in the target folder").to_owned()
}

/// The folder of what was built as this program was, which is in `target/PROFILE/deps`.
fn profile() -> PathBuf {
    let own = env::current_exe().expect("the path of this program");
    own.ancestors().nth(2).expect("a program in target/PROFILE/deps").to_owned()
}

fn built(file: PathBuf, command: &str) -> PathBuf {
    assert!(file.is_file(), "{} is missing: run `{command}` first", file.display());
    file
}
