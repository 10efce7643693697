//! Running other programs: loudly, quietly, for their answer, or for a bounded time.

use std::io::{self, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often [`within`] looks whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs `command` with this program's own output and input.
pub(crate) fn loud(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| described(command))?;
    succeeded(command, status)
}

/// Runs `command`, showing what it printed only if it fails.
pub(crate) fn quiet(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| described(command))?;
    if !output.status.success() {
        io::stderr().write_all(&output.stdout)?;
        io::stderr().write_all(&output.stderr)?;
    }
    succeeded(command, output.status)
}

/// Runs `command` and returns what it wrote to its standard output.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| described(command))?;
    if !output.status.success() {
        bail!("{}: {}", described(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| described(command))
}

/// Runs `command` without its output, ending it when it takes longer than `limit`.
pub(crate) fn within(limit: Duration, command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| described(command))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return succeeded(command, status);
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{}: no end after {} s", described(command), limit.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{}: {status}", described(command));
    }
    Ok(())
}

/// The program's name and its arguments, as one would type them.
fn described(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy());
    format!("`{}`", words.collect::<Vec<_>>().join(" "))
}
