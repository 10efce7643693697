//! What systemd is told: that the host serves, loads, stops, lives (`sd_notify(3)`).
//!
//! The socket is connected once, before the wall is raised: behind it, neither its path nor its name could be reached.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::AsFd,
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    process,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use thiserror::Error;
use tracing::warn;

use crate::serve::send_with;

/// How long systemd may leave a message lying before the host goes on without having said it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest status: a line that `systemctl status` shows.
const STATUS: usize = 500;

/// Whom to tell; nobody where nobody asked for it.
#[derive(Debug, Default)]
pub struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
    /// How many sockets are kept for the next process of the service.
    store: u64,
}

/// The socket that was named for it cannot be reached.
#[derive(Debug, Error)]
#[error("NOTIFY_SOCKET {socket:?}: {error}; unset it, or start the host by systemd")]
pub struct NotifyError {
    socket: OsString,
    error: io::Error,
}

impl Notify {
    /// As the environment says. `NOTIFY_SOCKET` is a path, or an abstract name with `@` before it.
    pub fn from_env() -> Result<Self, NotifyError> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let connected = connect(&name).map_err(|error| NotifyError { socket: name, error })?;
        let variable = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
        // Meant for another process if it names one.
        let ours = env::var_os("WATCHDOG_PID").is_none()
            || variable("WATCHDOG_PID") == Some(u64::from(process::id()));
        let watchdog = variable("WATCHDOG_USEC").filter(|time| ours && *time > 0).map(Duration::from_micros);
        // systemd 254 and later say it, where the unit has a FileDescriptorStoreMax=.
        let store = variable("FDSTORE").unwrap_or_default();
        Ok(Self { socket: Some(connected), watchdog, store })
    }

    /// The host serves: for the first time, or again after [`reloading`](Self::reloading), whatever came of that.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// It loads its settings again.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}{:06}", now.tv_sec, now.tv_nsec / 1000));
    }

    /// It stops, which may take so long.
    pub fn stopping(&self, at_most: Duration) {
        self.send(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", at_most.as_micros()));
    }

    /// What `systemctl status` shows.
    pub fn status(&self, text: &str) {
        // One line: what is behind its end would be another message.
        let line = text.lines().collect::<Vec<_>>().join("; ");
        self.send(&format!("STATUS={}", &line[..line.floor_char_boundary(STATUS)]));
    }

    /// How often [`alive`](Self::alive) is to be said: twice as often as systemd insists on it.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// The host answers requests.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Whether sockets are kept for the next process of the service.
    pub fn keeps_sockets(&self) -> bool {
        self.socket.is_some() && self.store > 0
    }

    /// Has a socket kept for the next process of the service, which finds it under that name.
    pub fn keep_socket(&self, name: &str, kept: impl AsFd) {
        let Some(socket) = self.socket.as_ref().filter(|_| self.keeps_sockets()) else { return };
        let message = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0");
        let sent = send_with(socket, message.as_bytes(), Some(kept.as_fd()));
        if let Err(error) = sent {
            warn!(%error, name, "systemd cannot be given a socket to keep");
        }
    }

    /// Has a socket not kept any longer.
    pub fn forget_socket(&self, name: &str) {
        if self.keeps_sockets() {
            self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"));
        }
    }

    fn send(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(message.as_bytes()) {
            warn!(%error, message, "cannot tell systemd");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    match name.as_bytes() {
        [b'@', name @ ..] => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        [b'/', ..] => socket.connect(name)?,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a path nor an abstract name")),
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Notify, UnixDatagram) {
        let (ours, theirs) = UnixDatagram::pair().expect("two sockets");
        (Notify { socket: Some(ours), watchdog: Some(Duration::from_secs(10)), store: 0 }, theirs)
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 2048];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn messages() {
        let (notify, systemd) = pair();
        let check = |send: &dyn Fn(&Notify), expected: &str| {
            send(&notify);
            assert_eq!(received(&systemd), expected);
        };
        check(&Notify::ready, "READY=1");
        check(&Notify::alive, "WATCHDOG=1");
        check(&|notify| notify.stopping(Duration::from_secs(2)), "STOPPING=1\nEXTEND_TIMEOUT_USEC=2000000");
        check(&|notify| notify.status("one\nREADY=1"), "STATUS=one; READY=1");
        check(&|notify| notify.status(&"ä".repeat(400)), &format!("STATUS={}", "ä".repeat(250)));
        assert_eq!(notify.watchdog(), Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_time_of_a_reload_is_the_machines() {
        let (notify, systemd) = pair();
        notify.reloading();
        let message = received(&systemd);
        let time = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a time");
        let now = clock_gettime(ClockId::Monotonic).tv_sec * 1_000_000;
        let time: i64 = time.parse().expect("microseconds");
        assert!((now - 60_000_000..=now + 1_000_000).contains(&time), "{time}, {now}");
    }

    #[test]
    fn nobody_is_told_where_nobody_asked() {
        Notify::default().ready();
        assert_eq!(Notify::default().watchdog(), None);
        for name in ["vsock:2:1234", "/no/such/socket", "@no-such-socket"] {
            assert!(connect(OsStr::new(name)).is_err(), "{name}");
        }
    }
}
