//! What is shown on a terminal while something takes long; elsewhere nothing is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often it moves.
const TICK: Duration = Duration::from_millis(100);

/// A bar for so many bytes.
pub(crate) fn bar(bytes: usize) -> ProgressBar {
    shown(
        ProgressBar::new(bytes as u64),
        "{spinner} [{bar:24}] {bytes}/{total_bytes} {elapsed} compiling {msg}",
    )
}

/// For something of which nobody knows how long it takes.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    shown(ProgressBar::new_spinner(), "{spinner} {elapsed} {msg}").with_message(what)
}

fn shown(bar: ProgressBar, template: &str) -> ProgressBar {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}
