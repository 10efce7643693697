//! Log lines as systemd's journal takes them from standard error: each with its priority before it (`sd-daemon(3)`).

use std::{
    env,
    fmt::{self, Write},
    io,
};

use rustix::fs::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Full, Writer},
    },
    registry::LookupSpan,
};

/// The device and the number of the file that the journal reads, as the standard output or error of a service (`systemd.exec(5)`).
const VARIABLE: &str = "JOURNAL_STREAM";

/// The priority of errors (`syslog(3)`), which is also that of a process that ends for one.
const ERROR: u8 = 3;

/// Whether the journal reads what this process writes to its standard error.
pub(super) fn is_read() -> bool {
    let Ok(named) = env::var(VARIABLE) else { return false };
    fstat(io::stderr()).is_ok_and(|file| named == format!("{}:{}", file.st_dev, file.st_ino))
}

/// An error's text as whoever reads standard error takes it.
pub fn error(text: &str) -> String {
    if is_read() { prefixed(ERROR, text) } else { text.to_owned() }
}

/// How log lines look.
pub(super) enum Layout {
    /// With their time.
    Plain(Format),
    /// With their priority; the journal has the time.
    Journal(Format<Full, ()>),
}

impl Layout {
    /// The one for whoever reads standard error.
    pub(super) fn chosen() -> Self {
        if is_read() {
            Self::Journal(Format::default().without_time())
        } else {
            Self::Plain(Format::default())
        }
    }
}

impl<S, N> FormatEvent<S, N> for Layout
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match self {
            Self::Plain(format) => format.format_event(context, writer, event),
            Self::Journal(format) => {
                let mut text = String::new();
                format.format_event(context, Writer::new(&mut text), event)?;
                writeln!(writer, "{}", prefixed(priority(*event.metadata().level()), text.trim_end()))
            }
        }
    }
}

/// The priorities of `syslog(3)`. What is of interest to developers alone is "debug".
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => ERROR,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// The journal takes each line for a message of its own.
fn prefixed(priority: u8, text: &str) -> String {
    let mut all = String::new();
    for (number, line) in text.lines().enumerate() {
        let end = if number == 0 { "" } else { "\n" };
        // Writing to a string does not fail.
        let _ = write!(all, "{end}<{priority}>{line}");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_priority_of_all() {
        assert_eq!(prefixed(4, "one"), "<4>one");
        assert_eq!(prefixed(3, "one\n  two"), "<3>one\n<3>  two");
        assert_eq!([Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG].map(priority), [3, 4, 6, 7]);
    }
}
