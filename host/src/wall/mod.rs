//! The second wall: what the kernel refuses to this process, whoever controls it.
//!
//! The first wall is the sandbox of each request. Should code of a handler ever come out of it, it finds a process that
//! reaches the mounts and little else, can become nobody else, and cannot get back what was given up.

mod calls;
mod identity;
mod privileges;
mod raised;
mod reach;

use std::{fmt, fs, io};

pub use identity::Identity;
pub use raised::{Finding, Raised, State};
pub use reach::{Access, Grant, Network};
use rustix::{fs::Mode, process::umask};
use thiserror::Error;

/// What stays possible behind the wall; everything else is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wall {
    /// The folders and files within reach.
    pub grants: Vec<Grant>,
    /// The network within reach.
    pub network: Network,
    /// Who the process becomes; nobody else without it.
    pub identity: Option<Identity>,
    /// The permission bits that files and folders made from now on do not get.
    pub umask: u32,
    /// The parts that are left out.
    pub without: Vec<Part>,
}

/// A part of the wall that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Landlock: files, TCP ports, signals.
    Landlock,
    /// Giving up the capabilities of root.
    CapabilityDrop,
    /// No core dumps, and no debugger of the same user: either would show the memory of all requests.
    DumpProtection,
    /// A filter of system calls that the host has no use for.
    Seccomp,
}

/// The wall cannot be raised as it was wished. The process may be restricted in part, and should end.
#[derive(Debug, Error)]
pub enum WallError {
    /// Other threads run, and would stay outside.
    #[error("the wall can only be raised by the process's only thread, and there are {0}")]
    Threads(usize),
    /// Not root.
    #[error("--user: only root can become another user; start as root, or as that user without --user")]
    NotRoot,
    /// The process could become the user again that it was.
    #[error("--user: user {0} could become root again")]
    Regained(u32),
    /// The kernel refuses a part.
    #[error("{part}: {reason}{}", way_out(part))]
    Refused {
        /// What it refuses.
        part: &'static str,
        /// Its reason.
        reason: String,
    },
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Landlock, Self::CapabilityDrop, Self::DumpProtection, Self::Seccomp];

    /// Its name in settings and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Landlock => "landlock",
            Self::CapabilityDrop => "capability-drop",
            Self::DumpProtection => "dump-protection",
            Self::Seccomp => "seccomp",
        }
    }
}

impl Wall {
    /// Raises the wall around the process for good. Threads and child processes that begin after it are inside; there must
    /// not be any before.
    pub fn raise(&self) -> Result<Raised, WallError> {
        let threads = fs::read_dir("/proc/self/task").map_err(refused("/proc/self/task"))?.count();
        if threads != 1 {
            return Err(WallError::Threads(threads));
        }
        umask(Mode::from_raw_mode(self.umask));
        privileges::give_up_new()?;
        let mut findings =
            vec![Finding::in_force("no-new-privileges", "no program that is started gains any")];
        // Only with root's capabilities can the bounding set be emptied, and the user be changed.
        let bounded = self.part(Part::CapabilityDrop).then(privileges::empty_bounding_set).transpose()?;
        if let Some(identity) = &self.identity {
            findings.push(identity.assume()?);
        }
        findings.push(self.finding(Part::CapabilityDrop, || privileges::drop_capabilities(bounded))?);
        // After the user is changed: that makes a process dumpable, or not, by the system's settings.
        findings.push(self.finding(Part::DumpProtection, privileges::protect_memory)?);
        findings.push(self.finding(Part::Landlock, || reach::restrict(&self.grants, &self.network))?);
        findings.push(self.finding(Part::Seccomp, || calls::restrict(self.network.names))?);
        Ok(Raised { findings })
    }

    fn part(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }

    fn finding(
        &self,
        part: Part,
        raise: impl FnOnce() -> Result<Finding, WallError>,
    ) -> Result<Finding, WallError> {
        if self.part(part) { raise() } else { Ok(Finding::off(part)) }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The error for a part that the kernel refuses.
fn refused<E: fmt::Display>(part: &'static str) -> impl FnOnce(E) -> WallError {
    move |error| WallError::Refused { part, reason: error.to_string() }
}

fn way_out(part: &str) -> String {
    let known = Part::ALL.into_iter().find(|known| known.name() == part);
    known.map_or_else(String::new, |part| format!("; --without {part} does without it"))
}

/// The error of a raw system call.
fn os(error: rustix::io::Errno) -> io::Error {
    error.into()
}
