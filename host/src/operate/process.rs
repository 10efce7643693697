//! What is known of this process besides what it serves.

use std::{fs::File, os::unix::fs::FileExt, time::SystemTime};

use rustix::param::page_size;

use crate::wall::{Finding, Raised};

/// Where the system tells how much memory a process has (proc(5)); its first two numbers are pages, in all and resident.
const STATM: &str = "/proc/self/statm";

/// More than its numbers take.
const LINE: usize = 128;

/// This process.
#[derive(Debug)]
pub struct Process {
    /// Since when it runs.
    pub started: SystemTime,
    /// Opened before that is out of reach.
    statm: Option<File>,
    wall: Option<Raised>,
}

impl Process {
    /// At its beginning, before its wall is raised.
    pub fn begin() -> Self {
        Self { started: SystemTime::now(), statm: File::open(STATM).ok(), wall: None }
    }

    /// The same, behind that wall.
    #[must_use]
    pub fn behind(self, wall: Raised) -> Self {
        Self { wall: Some(wall), ..self }
    }

    /// Bytes of resident memory, where the system tells.
    pub fn memory(&self) -> Option<u64> {
        let mut line = [0; LINE];
        let read = self.statm.as_ref()?.read_at(&mut line, 0).ok()?;
        let text = str::from_utf8(&line[..read]).ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * page_size() as u64)
    }

    /// What its wall is made of.
    pub fn wall(&self) -> impl Iterator<Item = &Finding> {
        self.wall.iter().flat_map(|wall| &wall.findings)
    }
}
