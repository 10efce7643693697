//! The process as a service, and what operators do with it: begin it in the background, reload it, look at it, take a change back,
//! replace its program.

pub mod control;
mod daemon;
mod filter;
pub mod journal;
mod keeper;
mod log;
mod notify;
mod options;
mod pidfile;
mod process;
mod report;
mod service;
mod tags;
mod title;
mod watch;

use std::{fmt, sync::Arc, time::Duration};

pub use filter::LogFilter;
pub use keeper::{keep, keeper};
pub use log::LogFileError;
pub use notify::{Notify, NotifyError};
pub use options::{Pages, Written};
pub use pidfile::PidFileError;
pub use process::Process;
pub use report::Report;
pub use service::{Begun, Claims, Service, ServiceError};
pub use tags::follow;
use tokio::{
    task::{block_in_place, spawn_blocking},
    time::interval,
};
use tracing::{error, info, warn};
pub use watch::watch;

use crate::{
    reload::{Done, Reload},
    serve::Trial,
};

/// How often it is looked whether generations that were replaced have ended.
const TIDY: Duration = Duration::from_millis(500);

/// What can be done to what is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Load everything again; with a trial, for some requests only.
    Reload(Option<Trial>),
    /// Let what is on trial answer all requests.
    Promote,
    /// End the trial, or serve again what was served before.
    RollBack,
}

/// Carries out commands, and tells those who want to know.
#[derive(Clone)]
pub struct Operator {
    /// What is served.
    pub reload: Arc<Reload>,
    /// The process.
    pub service: Arc<Service>,
    /// What it logs.
    pub log: LogFilter,
}

impl Operator {
    /// Carries out a command, where that holds up nobody. The log and systemd are told what came of it; the error is for people.
    pub async fn carry_out(&self, command: Command) -> Result<Done, String> {
        let notify = self.service.notify();
        notify.reloading();
        let reload = Arc::clone(&self.reload);
        let work = move || match command {
            Command::Reload(trial) => reload.again(trial),
            Command::Promote => reload.promote(),
            Command::RollBack => reload.roll_back(),
        };
        let done = spawn_blocking(work).await.map_err(|error| error.to_string());
        let done = done.and_then(|done| done.map_err(|error| error.to_string()));
        match &done {
            Ok(done) => {
                self.log.set(self.reload.log().as_deref());
                tell(done, command);
                notify.status(&format!("{command}: generation {} serves", done.generation));
            }
            Err(error) => {
                error!("not {command}, what served before serves on: {error}");
                notify.status(&format!("not {command}: {error}"));
            }
        }
        // Whatever came of it: the host serves.
        notify.ready();
        done
    }

    /// Looks after generations that were replaced, for as long as the host runs.
    pub async fn tidy(self) {
        let mut often = interval(TIDY);
        loop {
            often.tick().await;
            // It may remove files.
            block_in_place(|| self.reload.tidy());
        }
    }
}

fn tell(done: &Done, command: Command) {
    let Done { generation, trial, changes, left_out } = done;
    let changes = changes.join("; ");
    if let Some(Trial { weight, sticky }) = trial {
        info!(generation, weight, sticky, changes, "{command}, on trial");
    } else {
        info!(generation, changes, "{command}");
    }
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        warn!(left_out, "some settings take a restart");
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reload(_) => "reloaded",
            Self::Promote => "promoted",
            Self::RollBack => "rolled back",
        })
    }
}
