//! What is told about a host that runs, for programs as JSON and for people as text.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use humantime::{format_duration, format_rfc3339_seconds};
use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::{
    reload::{Done, Status},
    serve::Trial,
};

/// What serves, and how it goes. Times are UTC (RFC 3339), durations seconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Since when it runs.
    pub started: String,
    /// The number of the generation that serves.
    pub generation: u64,
    /// Since when it does.
    pub since: String,
    /// A generation on trial.
    pub trial: Option<OnTrial>,
    /// The generation that a rollback serves again.
    pub before: Option<u64>,
    /// Generations that were replaced and still run requests.
    pub old: Vec<Old>,
    /// The latest reload or rollback, or the start.
    pub last: Last,
    /// Where web servers connect.
    pub listeners: Vec<String>,
    /// Their connections.
    pub connections: usize,
    /// Requests that run.
    pub running: usize,
    /// A module that is compiled now.
    pub compiling: Option<Compiling>,
    /// The sites, and their requests since each was loaded first.
    pub sites: Vec<Site>,
    /// Bytes of resident memory, of which much may be shared.
    pub memory: Option<u64>,
    /// What the wall around the process is made of, a part each.
    pub wall: Vec<String>,
}

/// A module that is compiled now.
#[derive(Debug, Serialize, Deserialize)]
pub struct Compiling {
    /// Where it comes from.
    pub module: String,
    /// For how long already.
    pub seconds: u64,
}

/// A generation on trial.
#[derive(Debug, Serialize, Deserialize)]
pub struct OnTrial {
    /// Its number.
    pub generation: u64,
    /// So many of a hundred requests are its.
    pub weight: u8,
    /// Whether a client stays with its generation.
    pub sticky: bool,
}

/// A generation that was replaced and still runs requests.
#[derive(Debug, Serialize, Deserialize)]
pub struct Old {
    /// Its number.
    pub generation: u64,
    /// How many requests.
    pub running: usize,
    /// How long ago it was replaced.
    pub seconds: u64,
}

/// What came of the latest reload or rollback.
#[derive(Debug, Serialize, Deserialize)]
pub struct Last {
    /// When.
    pub at: String,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// What it changed.
    pub changes: Vec<String>,
    /// Settings that take a restart.
    pub takes_restart: Vec<String>,
}

/// A site's figures.
#[derive(Debug, Serialize, Deserialize)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Those that its handlers did not answer, or not fully.
    pub failures: u64,
}

impl Report {
    /// Of these.
    pub fn new(status: Status, process: &Process) -> Self {
        let Status { generation, since, candidate, before, old, sites, listeners, .. } = status;
        let Status { connections, running, compiling, last, .. } = status;
        let trial = |(generation, Trial { weight, sticky })| OnTrial { generation, weight, sticky };
        let figures = sites.iter().map(|site| {
            let (requests, failures) = site.figures.read();
            Site { name: site.name.clone(), requests, failures }
        });
        let (error, Done { changes, left_out, .. }) = match last.told {
            Ok(done) => (None, done),
            Err(error) => (Some(error), Done::default()),
        };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: written(process.started),
            generation,
            since: written(since),
            trial: candidate.map(trial),
            before,
            old: old
                .into_iter()
                .map(|old| Old { generation: old.number, running: old.running, seconds: old.age.as_secs() })
                .collect(),
            last: Last { at: written(last.at), error, changes, takes_restart: left_out },
            listeners,
            connections,
            running,
            compiling: compiling.map(|(module, time)| Compiling { module, seconds: time.as_secs() }),
            sites: figures.collect(),
            memory: process.memory(),
            wall: process.wall().map(ToString::to_string).collect(),
        }
    }
}

fn written(time: SystemTime) -> String {
    format_rfc3339_seconds(time).to_string()
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "fcgi-wasm-host {}, process {}, running since {}",
            self.version, self.pid, self.started
        )?;
        writeln!(out, "generation {} serves since {}", self.generation, self.since)?;
        if let Some(OnTrial { generation, weight, sticky }) = &self.trial {
            let by = if *sticky { "clients" } else { "requests" };
            writeln!(out, "generation {generation} is on trial with {weight} % of the {by}")?;
        }
        if let Some(before) = self.before {
            writeln!(out, "generation {before} served before, and can be taken back")?;
        }
        for Old { generation, running, seconds } in &self.old {
            let age = format_duration(Duration::from_secs(*seconds));
            writeln!(
                out,
                "generation {generation} was replaced {age} ago, and still runs {running} requests"
            )?;
        }
        match &self.last.error {
            Some(error) => writeln!(out, "last reload failed at {}: {error}", self.last.at)?,
            None => writeln!(out, "last change at {}", self.last.at)?,
        }
        for setting in &self.last.takes_restart {
            writeln!(out, "takes a restart: {setting}")?;
        }
        let (connections, running) = (self.connections, self.running);
        writeln!(
            out,
            "{connections} connections at {}, {running} requests running",
            self.listeners.join(", ")
        )?;
        if let Some(Compiling { module, seconds }) = &self.compiling {
            writeln!(out, "compiling {module} for {seconds} s")?;
        }
        if let Some(memory) = self.memory {
            writeln!(out, "{} MiB of memory", memory >> 20)?;
        }
        for part in &self.wall {
            writeln!(out, "wall: {part}")?;
        }
        for Site { name, requests, failures } in &self.sites {
            writeln!(out, "site {name}: {requests} requests, {failures} failures")?;
        }
        Ok(())
    }
}
