//! `cargo xtask demo`: the example wiki in a browser, from a copy that may be edited at will.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::guests::Guests;
use crate::workspace::Workspace;
use crate::{files, step};

/// `cargo xtask demo`
#[derive(Args)]
pub(crate) struct Demo {
    /// Where the wiki is served over HTTP
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    http: String,
}

impl Demo {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        Guests::only(["foswiki"]).run(workspace)?;
        step::loud(&mut workspace.cargo(["build", "--release", "--package", "fcgi-wasm-host"]))?;

        let folder = tempfile::Builder::new().prefix("foswiki-demo.").tempdir()?;
        let wiki = folder.path().join("wiki");
        files::copy(&workspace.root.join("examples/wiki"), &wiki)?;

        // Taken over before the host starts, so that no signal ends this program and leaves the copy behind.
        let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        let mut host = Command::new(workspace.target.join("release/fcgi-wasm-host"));
        host.arg("--listen").arg(folder.path().join("foswiki.sock")).arg("--root").arg(&wiki);
        host.args(["--http", &self.http]);
        // In a group of its own the host gets each Ctrl-C once: from this program.
        let host = host.process_group(0).spawn().context("fcgi-wasm-host")?;
        supervise(host, signals)
    }
}

/// Waits for `host`; the first signal asks it to end, the second one ends it.
fn supervise(mut host: Child, mut signals: Signals) -> Result<()> {
    let pid = Pid::from_child(&host);
    let handle = signals.handle();
    let forwarder = thread::spawn(move || {
        let mut asked = false;
        for _ in signals.forever() {
            let signal = if asked { Signal::KILL } else { Signal::TERM };
            // The host may just have ended by itself.
            let _ = kill_process(pid, signal);
            asked = true;
        }
        asked
    });
    let status = host.wait()?;
    handle.close();
    let asked = forwarder.join().unwrap_or(false);
    if !asked && !status.success() {
        bail!("fcgi-wasm-host: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use signal_hook::low_level::raise;

    use super::*;

    /// One test, because a signal reaches the whole process.
    #[test]
    fn signals_end_the_host() {
        let outcome = |script: &str, raised: u8| {
            let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).unwrap();
            let mut host = Command::new("sh");
            let host = host.args(["-c", script]).process_group(0).spawn().unwrap();
            (0..raised).for_each(|_| raise(SIGTERM).unwrap());
            supervise(host, signals)
        };
        assert!(outcome("exec sleep 1000", 1).is_ok());
        assert!(outcome("exit 0", 0).is_ok());
        let error = outcome("exit 3", 0).unwrap_err();
        assert_eq!(error.to_string(), "fcgi-wasm-host: exit status: 3");
    }
}
