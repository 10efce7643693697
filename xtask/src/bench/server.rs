//! A server that is measured: started, watched and ended with all its processes.

use std::fs::{self, File};
use std::ops::Sub;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::interrupt::Interrupt;

/// How long a server may take until it can be reached; the host compiles its component first.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How long a server may take to end when it is asked to.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How often something that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running server. It ends, with all processes of its group, when this is dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command` with its output in the file `log`.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Result<Self> {
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // Backtraces cost, and only some of the servers would make them.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LOG");
        // In a group of their own, all processes can be counted and ended, and Ctrl-C does not reach them.
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().context(program)?;
        Ok(Self { child, log })
    }

    /// Waits until `reachable` is true.
    pub(crate) fn wait_for(&mut self, reachable: impl Fn() -> bool, interrupt: &Interrupt) -> Result<()> {
        let started = Instant::now();
        while !reachable() {
            interrupt.check()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended ({status}): {}", self.last_words());
            }
            if started.elapsed() > START_LIMIT {
                bail!("not reached within {} s: {}", START_LIMIT.as_secs(), self.last_words());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// What its processes have used until now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of_group(self.child.id())
    }

    fn last_words(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default().lines().last().unwrap_or_default().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        // What has ended already needs no signal.
        let _ = kill_process_group(group, Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(LOOK_EVERY);
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// What a server's processes have used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system time, that of children that have ended included.
    pub(crate) cpu: Duration,
    /// Proportional share of memory, in KiB: what is shared counts once.
    pub(crate) pss: u64,
    /// Sum of each process's largest resident set, in KiB: what is shared counts in each.
    pub(crate) hwm: u64,
}

impl Sub for Usage {
    type Output = Duration;

    /// The time used between two looks.
    fn sub(self, earlier: Self) -> Duration {
        self.cpu.saturating_sub(earlier.cpu)
    }
}

impl Usage {
    fn of_group(group: u32) -> Result<Self> {
        let mut sum = Self::default();
        for entry in fs::read_dir("/proc")? {
            let folder = entry?.path();
            // Processes come and go meanwhile.
            let Ok(stat) = fs::read_to_string(folder.join("stat")) else { continue };
            let Some(ticks) = ticks(&stat, Some(group)) else { continue };
            sum.cpu += Duration::from_secs(ticks) / ticks_per_second();
            sum.pss += kib(&folder.join("smaps_rollup"), "Pss:");
            sum.hwm += kib(&folder.join("status"), "VmHWM:");
        }
        Ok(sum)
    }
}

/// The time that a process and its ended children used (proc(5), `/proc/pid/stat`), if it belongs to `group` or none
/// is asked for.
pub(crate) fn ticks(stat: &str, group: Option<u32>) -> Option<u64> {
    // The name before the last parenthesis may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let (pgrp, times) = (fields.get(2)?, fields.get(11..15)?);
    group
        .is_none_or(|group| pgrp.parse() == Ok(group))
        .then(|| times.iter().filter_map(|time| time.parse::<u64>().ok()).sum())
}

pub(crate) fn ticks_per_second() -> u32 {
    u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100).max(1)
}

/// The value of the line of `file` that begins with `key`, or 0.
fn kib(file: &Path, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok());
    value.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_group() {
        let stat = "7 (a) b) S 1 5 5 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1 0 99";
        assert_eq!(ticks(stat, Some(5)), Some(4330));
        assert_eq!(ticks(stat, None), Some(4330));
        assert_eq!(ticks(stat, Some(6)), None);
        assert_eq!(ticks("", None), None);
    }

    #[test]
    fn a_server_ends_with_all_its_processes() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' TERM; sleep 1000 & echo started; wait; wait"]);
        let log = folder.path().join("log");
        let mut server = Server::start(shell, log.clone()).unwrap();
        let group = Pid::from_child(&server.child);
        let interrupt = Interrupt::default();
        let started = || fs::read_to_string(&log).is_ok_and(|text| text.contains("started"));
        server.wait_for(started, &interrupt).unwrap();
        assert!(server.usage().unwrap().hwm > 0);

        drop(server);
        let gone = || rustix::process::test_kill_process_group(group).is_err();
        let dropped = Instant::now();
        while !gone() {
            assert!(dropped.elapsed() < START_LIMIT, "a process is left");
            thread::sleep(LOOK_EVERY);
        }
    }

    #[test]
    fn a_server_that_ends_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo no such module; exit 3"]);
        let mut server = Server::start(shell, folder.path().join("log")).unwrap();
        let error = server.wait_for(|| false, &Interrupt::default()).unwrap_err().to_string();
        assert!(error.contains("no such module"), "{error}");
    }
}
