//! Tags in registries, whose move to another module is followed by a reload.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tracing::{info, warn};

use super::{Command, Operator};

/// How often it is looked whether it is time to ask: the interval is a setting, which may change.
const LOOK: Duration = Duration::from_secs(1);

/// Reloads whenever a module has moved in its registry, for as long as the host runs.
pub async fn follow(operator: Operator) {
    let (mut asked, mut is_away) = (Instant::now(), false);
    loop {
        sleep(LOOK).await;
        let reload = Arc::clone(&operator.reload);
        if !reload.watches() || asked.elapsed() < reload.interval() {
            continue;
        }
        asked = Instant::now();
        match spawn_blocking(move || reload.moved()).await {
            Ok(Ok(moved)) => {
                is_away = false;
                if !moved.is_empty() {
                    let modules: Vec<_> = moved.iter().map(ToString::to_string).collect();
                    info!(modules = modules.join(", "), "moved");
                    // What came of it is in the log.
                    let _ = operator.carry_out(Command::Reload(None)).await;
                }
            }
            // Once, and not whenever it is asked again.
            Ok(Err(error)) if !is_away => {
                is_away = true;
                warn!(%error, "cannot ask whether modules have moved; what was loaded serves on");
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}
