//! A host in the background, which is no child of the story's: its socket, its pid file and its log in one folder.

use std::{
    fs::{self, File},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
};
use tempfile::TempDir;

use crate::{Client, Request, Response, eventually, guest, paths};

/// A folder for a host in the background, which is ended with the story.
#[derive(Debug)]
pub struct Station(TempDir);

impl Default for Station {
    fn default() -> Self {
        Self::new()
    }
}

impl Station {
    /// An empty folder.
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("fcgi-wasm-host.").tempdir().expect("a folder"))
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// A host for the guest that does as it is told, with a socket and a pid file here.
    pub fn command(&self) -> Command {
        let mut command = self.bare();
        command.arg("--listen").arg(self.path("host.sock")).arg("--pidfile").arg(self.path("host.pid"));
        command
            .arg("--module")
            .arg(paths::component(guest::BEHAVIOURS))
            .arg("--cache-dir")
            .arg(paths::cache());
        command
    }

    /// The program, with nothing that is about this place.
    pub fn bare(&self) -> Command {
        let mut command = Command::new(paths::program());
        command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command.current_dir(self.folder());
        command
    }

    /// Whether somebody holds the pid file.
    pub fn is_held(&self) -> bool {
        let file = File::open(self.path("host.pid"));
        file.is_ok_and(|file| flock(file, FlockOperation::NonBlockingLockShared).is_err())
    }

    /// The number in the pid file.
    pub fn pid(&self) -> u32 {
        let text = fs::read_to_string(self.path("host.pid")).expect("a pid file");
        text.trim().parse().expect("a number")
    }

    /// Sends its host a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a pid");
        kill_process(pid, signal).expect("a process that runs");
    }

    /// What the system says of its host.
    pub fn process(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid())).expect("a process")
    }

    /// Sends a request.
    pub fn send(&self, request: impl Into<Request>) -> Response {
        let socket = UnixStream::connect(self.path("host.sock")).expect("a host that listens");
        Client::new(socket).send(request)
    }

    /// A file in the folder, as far as it is there.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Asks the host to stop, and waits for its end.
    pub fn stop(&self) {
        self.signal(Signal::TERM);
        eventually("the host ends", || !self.is_held());
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // Whoever holds the file is the one whose number is in it.
        if self.is_held() {
            self.signal(Signal::KILL);
        }
    }
}

/// Runs a command to its end: whether it was content, and what it said.
pub fn run(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().expect("a command that ends");
    let said = [stdout, stderr].concat();
    (status.success(), String::from_utf8_lossy(&said).into_owned())
}
