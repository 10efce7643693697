//! What is told of a swap, and of what serves.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{serve::Trial, site::Identity};

/// What came of the latest attempt to replace what is served.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When.
    pub at: SystemTime,
    /// What was done, or why nothing was.
    pub told: Result<Done, String>,
}

/// What a swap has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The number of the generation that was loaded.
    pub generation: u64,
    /// The share of requests that it answers, where that is not all of them.
    pub trial: Option<Trial>,
    /// What has changed, a line each.
    pub changes: Vec<String>,
    /// The names of settings that have changed since the start, and that only a restart puts into force.
    pub left_out: Vec<String>,
}

/// What serves, for people and programs.
#[derive(Debug)]
pub struct Status {
    /// The number of the generation that serves.
    pub generation: u64,
    /// Since when it does.
    pub since: SystemTime,
    /// The generation on trial, and its share.
    pub candidate: Option<(u64, Trial)>,
    /// The generation that a rollback takes back, if nothing is on trial.
    pub before: Option<u64>,
    /// Old generations that still run requests.
    pub old: Vec<OldGeneration>,
    /// The sites, in the order in which they were written.
    pub sites: Vec<Arc<Identity>>,
    /// Where connections are accepted.
    pub listeners: Vec<String>,
    /// Open connections.
    pub connections: usize,
    /// Requests that run, of all generations.
    pub running: usize,
    /// The module that is compiled now, and for how long already.
    pub compiling: Option<(String, Duration)>,
    /// The latest reload or rollback, or the start.
    pub last: Outcome,
}

/// An old generation that still runs requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldGeneration {
    /// Its number.
    pub number: u64,
    /// How many requests.
    pub running: usize,
    /// How long ago it was replaced.
    pub age: Duration,
}
