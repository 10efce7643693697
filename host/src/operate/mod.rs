//! What operators do with a host that runs: reload it, look at it, take a change back.

pub mod control;
mod keeper;
mod process;
mod report;
mod watch;

use std::{fmt, sync::Arc, time::Duration};

pub use keeper::{keep, keeper};
pub use process::Process;
pub use report::Report;
use tokio::time::interval;
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

/// Carries out a command, where that holds up nobody. The log has what came of it; so has the error, for people.
pub async fn carry_out(reload: &Arc<Reload>, command: Command) -> Result<Done, String> {
    let reload = Arc::clone(reload);
    let work = move || match command {
        Command::Reload(trial) => reload.again(trial),
        Command::Promote => reload.promote(),
        Command::RollBack => reload.roll_back(),
    };
    let done = tokio::task::spawn_blocking(work).await;
    match done.map_err(|error| error.to_string()).and_then(|done| done.map_err(|error| error.to_string())) {
        Ok(done) => {
            tell(&done, command);
            Ok(done)
        }
        Err(error) => {
            error!("not {command}, what served before serves on: {error}");
            Err(error)
        }
    }
}

/// Looks after generations that were replaced, for as long as the host runs.
pub async fn tidy(reload: Arc<Reload>) {
    let mut often = interval(TIDY);
    loop {
        often.tick().await;
        reload.tidy();
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
