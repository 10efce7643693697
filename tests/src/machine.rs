//! A machine of a story's own: this one, of which whatever is changed is gone with the story.
//!
//! It has this machine's files below a layer of its own in memory (overlayfs), its own `/run`, and its own processes, of which none
//! outlives it. The network is this machine's. Nothing runs there at first, so that System V init's tools do what systemd would.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::{Client, Request, Response, station::run};

/// Mounts it all below the folder that is its argument, and then keeps it for as long as its standard input is open.
const KEEP: &str = r#"
set -e
cd "$0"
mount -t tmpfs -o mode=755 machine .
cd "$0"
mkdir changed work root
mount -t overlay -o lowerdir=/,upperdir=changed,workdir=work machine root
mount -t proc proc root/proc
mount -t tmpfs -o mode=755 run root/run
mount --rbind /dev root/dev
mount --rbind /sys root/sys
# In a container's image this often keeps packages from starting services.
rm -f root/usr/sbin/policy-rc.d
echo ready
exec cat
"#;

/// The search path there, as a login has it.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Ended with the story.
#[derive(Debug)]
pub struct Machine {
    keeper: Child,
    folder: TempDir,
    /// The number of its first process, seen from outside.
    first: String,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// Begins one.
    pub fn new() -> Self {
        assert!(
            geteuid().is_root(),
            "only root can make a machine: run the tests as root, as in a container"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let mut unshare = Command::new("unshare");
        unshare.args([
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            KEEP,
        ]);
        unshare.arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = unshare.spawn().expect("unshare, of the package util-linux");
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().expect("a pipe")).read_line(&mut said).expect("a word");
        if said != "ready\n" {
            let mut why = String::new();
            keeper.stderr.take().expect("a pipe").read_to_string(&mut why).expect("its reason");
            panic!(
                "no machine without namespaces and overlayfs, which a container may lack (--privileged): {why}"
            );
        }
        let children = format!("/proc/{0}/task/{0}/children", keeper.id());
        let first = fs::read_to_string(children).expect("its first process").trim().to_owned();
        Self { keeper, folder, first }
    }

    /// A path of it, from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.inside("root").join(path.trim_start_matches('/'))
    }

    /// A file of it, as far as it is there.
    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// A shell with that script, as root.
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.first, "--mount", "--pid", "chroot"]);
        command.arg(self.folder.path().join("root")).args(["/bin/sh", "-c", script]);
        let environment = [("PATH", PATH), ("HOME", "/root"), ("LC_ALL", "C.UTF-8"), ("TERM", "dumb")];
        command.env_clear().envs(environment).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command
    }

    /// Runs a script: whether it was content, and what it said.
    pub fn run(&self, script: &str) -> (bool, String) {
        run(&mut self.command(script))
    }

    /// What a script says, which must be content.
    pub fn ok(&self, script: &str) -> String {
        let (good, said) = self.run(script);
        assert!(good, "{script}: {said}");
        said
    }

    /// Sends a request over a Unix socket of it.
    pub fn send(&self, socket: &str, request: impl Into<Request>) -> Response {
        Client::new(UnixStream::connect(self.path(socket)).expect("a host that listens")).send(request)
    }

    /// The files that are not as they were when it began, in order.
    pub fn changed(&self) -> Vec<String> {
        let mut found = Vec::new();
        let changed = self.inside("changed");
        let mut folders = vec![changed.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
                if entry.file_type().expect("its type").is_dir() {
                    folders.push(entry.path());
                } else {
                    let path = entry.path();
                    let path = path.strip_prefix(&changed).expect("a path below it");
                    found.push(Path::new("/").join(path).display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    fn inside(&self, part: &str) -> PathBuf {
        let folder = self.folder.path().strip_prefix("/").expect("an absolute path").join(part);
        Path::new("/proc").join(&self.first).join("root").join(folder)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process ends with it, and all others with that.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
