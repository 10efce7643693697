//! A host in the background, of which its caller knows that it serves.
//!
//! The command that is given begins the program a second time, and waits for a word from it over a pipe that stands in the place
//! of its standard output. Only the second one loads anything.

use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode, Stdio},
};

use rustix::{
    process::setsid,
    stdio::{dup2_stderr, dup2_stdout},
};

/// Tells the second one what it is.
const MARK: &str = "FCGI_WASM_HOST_DETACHED";

/// The word.
const READY: &str = "ready\n";

/// The longest that is said instead: all errors of a settings file.
const LONGEST: u64 = 1 << 20;

/// Whether this process is the second one.
pub(super) fn is_detached() -> bool {
    env::var_os(MARK).is_some()
}

/// Begins the second one, under that name if there is one, and waits until it serves, or says why it does not. The exit code is for
/// whoever gave the command.
pub(super) fn begin(name: Option<&str>) -> io::Result<ExitCode> {
    let mut arguments = env::args_os();
    let own = arguments.next();
    let mut command = Command::new(env::current_exe()?);
    if let Some(shown) = name.map(Into::into).or(own) {
        command.arg0(shown);
    }
    command.args(arguments).env(MARK, "yes").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut said = String::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(LONGEST).read_to_string(&mut said)?;
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    io::stderr().write_all(said.as_bytes())?;
    let code = child.wait()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.filter(|code| *code > 0).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Leaves the caller's session, whose terminal then sends no signals.
pub(super) fn leave_session() -> io::Result<()> {
    setsid()?;
    Ok(())
}

/// Tells the caller that it need not wait any longer, and lets go of what is the caller's: standard error too, unless that is a
/// `log` already.
pub(super) fn ready(log: bool) -> io::Result<()> {
    io::stdout().write_all(READY.as_bytes())?;
    io::stdout().flush()?;
    let null = fs::OpenOptions::new().write(true).open("/dev/null")?;
    if !log {
        dup2_stderr(&null)?;
    }
    Ok(dup2_stdout(&null)?)
}

/// Tells the caller why there is no host.
pub(super) fn failed(reason: &str) {
    // If it has gone, nobody wants to know.
    let _ = writeln!(io::stdout(), "{reason}").and_then(|()| io::stdout().flush());
}
