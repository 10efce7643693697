//! What is logged, which may change while the host runs.

use std::{
    io::{self, IsTerminal},
    sync::Arc,
};

use tracing::{level_filters::LevelFilter, warn};
use tracing_subscriber::EnvFilter;

use super::journal::Layout;

/// The variable that goes before all settings.
const VARIABLE: &str = "RUST_LOG";

/// What is logged. Its clones are the same.
#[derive(Clone)]
pub struct LogFilter {
    usual: LevelFilter,
    replace: Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>,
}

impl LogFilter {
    /// Begins to log, on standard error, and in the journal's words where that reads it: what `RUST_LOG` says, else from the `usual` level on.
    pub fn start(usual: LevelFilter) -> Self {
        let filter = EnvFilter::builder().with_default_directive(usual.into()).from_env_lossy();
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            // It would be told on standard error, which is what failed; and failing to tell that would be a panic.
            .log_internal_errors(false)
            .event_format(Layout::chosen())
            .with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Self {
            usual,
            replace: Arc::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())),
        }
    }

    /// Logs what the settings say, or the usual, unless `RUST_LOG` says it.
    pub fn set(&self, written: Option<&str>) {
        if std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty()) {
            return;
        }
        let filter = EnvFilter::builder().with_default_directive(self.usual.into());
        let filter = filter.parse(written.unwrap_or_default()).map_err(|error| error.to_string());
        // Settings have been checked.
        if let Err(error) = filter.and_then(|filter| (self.replace)(filter)) {
            warn!("the log goes on as before: {error}");
        }
    }
}
