//! The name under which `ps` and `top` show the process.

use std::{
    env,
    ffi::{CString, OsStr},
    io,
    os::unix::process::CommandExt,
    process::Command,
};

use rustix::thread::set_name;

/// Begins this program anew as the same process, with `name` in the place of its path: what `ps` shows is what a program is begun
/// with. Returns where that is so already.
pub(super) fn begin_as(name: &str) -> io::Result<()> {
    let mut arguments = env::args_os();
    if arguments.next().as_deref() == Some(OsStr::new(name)) {
        return Ok(());
    }
    Err(Command::new(env::current_exe()?).arg0(name).args(arguments).exec())
}

/// Names the calling thread, which `top` shows, and `ps` without `-f`: the kernel keeps 15 bytes of it.
pub(super) fn set(name: &str) {
    // A name with a NUL in it cannot come from a command line.
    if let Ok(name) = CString::new(name) {
        let _ = set_name(&name);
    }
}
