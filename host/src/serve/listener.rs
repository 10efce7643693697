//! The sockets on which web servers reach the host.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Gid, Uid},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with},
};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Connections that the system keeps until they are accepted. Web servers open one per request in a burst.
const BACKLOG: i32 = 1024;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket at this path.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
}

/// Who may connect to a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketAccess {
    /// The permission bits of the socket.
    pub mode: u32,
    /// Its user, where that is not the host's.
    pub user: Option<u32>,
    /// Its group, where that is not the host's.
    pub group: Option<u32>,
}

/// A place where nobody can listen.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct ListenError {
    address: Address,
    reason: String,
}

/// A bound socket. A Unix socket's path is removed when it is dropped.
#[derive(Debug)]
pub enum Listener {
    /// A Unix socket.
    Unix(UnixListener, SocketPath),
    /// A TCP port.
    Tcp(TcpListener),
}

/// The path of a bound Unix socket, removed on drop.
#[derive(Debug)]
pub struct SocketPath(PathBuf);

pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    /// Binds `address`. Must be called within a tokio runtime.
    pub fn bind(address: &Address, access: SocketAccess) -> Result<Self, ListenError> {
        let bound = match address {
            Address::Unix(path) => bind_unix(path, access),
            Address::Tcp(address) => bind_tcp(*address),
        };
        bound.map_err(|error| ListenError { address: address.clone(), reason: error.to_string() })
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let stream = listener.accept().await?.0;
                // Responses are written whole; waiting for more to send with them only delays them.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }

    /// A connection that was made already. It is asked for from the system itself: the runtime may not know of it yet.
    pub(super) fn accept_waiting(&self) -> Option<Stream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match self {
            Self::Unix(listener, _) => {
                let stream = accept_with(listener, flags).ok()?;
                UnixStream::from_std(stream.into()).map(Stream::Unix).ok()
            }
            Self::Tcp(listener) => {
                let stream = TcpStream::from_std(accept_with(listener, flags).ok()?.into()).ok()?;
                stream.set_nodelay(true).ok()?;
                Some(Stream::Tcp(stream))
            }
        }
    }

    /// Makes the address free for another host; connections that wait can still be accepted.
    pub(super) fn give_up_address(&mut self) {
        if let Self::Unix(_, path) = self {
            path.remove();
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "{}", path.display()),
            Self::Tcp(address) => write!(formatter, "{address}"),
        }
    }
}

impl SocketPath {
    fn remove(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // Another host may have taken the place already; there is nothing to do about it.
            let _ = fs::remove_file(std::mem::take(&mut self.0));
        }
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Binds beside the path and renames, so that the socket appears with its mode and owner, or not at all.
fn bind_unix(path: &Path, access: SocketAccess) -> io::Result<Listener> {
    make_room(path)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    let _ = fs::remove_file(&beside);
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(&beside)?)?;
    let placed = fs::set_permissions(&beside, fs::Permissions::from_mode(access.mode))
        .and_then(|()| give_to(&beside, access))
        .and_then(|()| Ok(listen(&socket, BACKLOG)?))
        .and_then(|()| fs::rename(&beside, path));
    if let Err(error) = placed {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    let listener = UnixListener::from_std(socket.into())?;
    Ok(Listener::Unix(listener, SocketPath(path.to_owned())))
}

fn give_to(path: &Path, access: SocketAccess) -> io::Result<()> {
    let SocketAccess { mode: _, user, group } = access;
    if user.is_none() && group.is_none() {
        return Ok(());
    }
    Ok(rustix::fs::chown(path, user.map(Uid::from_raw), group.map(Gid::from_raw))?)
}

/// Removes a socket that a host which no longer runs left behind; anything else stays.
fn make_room(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    let taken = |reason: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, reason));
    if !found.file_type().is_socket() {
        return taken("a file that is not a socket is there; remove it or name another path");
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => taken("another process listens there"),
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let listener = std::net::TcpListener::bind(address)?;
    listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(Listener::Tcp(TcpListener::from_std(listener)?))
}
