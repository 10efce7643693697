//! The sockets on which web servers reach the host.

use std::{
    fs, io,
    net::SocketAddr,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Gid, Uid},
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, getpeername, getsockname,
        listen, socket_with, sockopt,
    },
};
use thiserror::Error;
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    acl::Acl,
    dispatch::Dispatch,
    handover::{Hand, Handed},
    inherited,
    peers::{Peer, Peers, Refusals},
    sendfile::SendFile,
    stream::Stream,
};
use crate::trust::Trust;

/// Connections that the system keeps until they are accepted. Web servers open one per request in a burst.
const BACKLOG: i32 = 1024;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket at this path.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
    /// The listening socket that a web server passes, as file descriptor 0, to a program that it starts
    /// (FastCGI 1.0 §2.2).
    Inherited,
    /// A listening socket that systemd passes, by its name or number; `systemd` where it is the only one.
    Passed(String),
}

/// One place to listen, and what is decided there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The place.
    pub address: Address,
    /// Who may connect.
    pub peers: Peers,
    /// What those are believed.
    pub trust: Trust,
    /// How the web server there is told to send a file, if handlers may ask for that.
    pub sendfile: Option<SendFile>,
    /// The permissions of a Unix socket.
    pub access: SocketAccess,
    /// The names of the sites that can be reached there. None: all.
    pub sites: Vec<String>,
}

impl Listen {
    /// A Unix socket for the user and group of its owner alone.
    pub fn private(path: PathBuf, owner: Option<(u32, u32)>) -> Self {
        let (user, group) = owner.unzip();
        let access = SocketAccess { mode: 0o600, user, group, acl: Acl::default() };
        Self { address: Address::Unix(path), access, ..Self::anybody() }
    }

    /// A place where everybody is received, and believed what every web server is.
    pub(super) fn anybody() -> Self {
        Self {
            address: Address::Inherited,
            peers: Peers::default(),
            trust: Trust::default(),
            sendfile: None,
            access: SocketAccess::default(),
            sites: Vec::new(),
        }
    }
}

/// The permissions of a Unix socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketAccess {
    /// The permission bits of the socket.
    pub mode: u32,
    /// Its user, where that is not the host's.
    pub user: Option<u32>,
    /// Its group, where that is not the host's.
    pub group: Option<u32>,
    /// Who else may open it, or may not.
    pub acl: Acl,
}

/// A place where nobody can listen.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct ListenError {
    address: Address,
    reason: String,
}

/// A bound socket, on which connections wait until it is served. A Unix socket's path is removed when it is dropped.
#[derive(Debug)]
pub struct Bound {
    socket: Socket,
    listen: Listen,
}

/// A socket whose connections are accepted. A Unix socket's path is removed when it is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: AsyncFd<OwnedFd>,
    kind: Kind,
    refusals: Refusals,
}

/// A listening socket that nobody waits for yet.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) descriptor: OwnedFd,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A Unix socket; its path where the host made it.
    Unix(Option<SocketPath>),
    Tcp,
}

/// The path of a bound Unix socket, removed on drop.
#[derive(Debug)]
pub struct SocketPath(PathBuf);

impl Bound {
    /// Binds the address, or takes the socket that is there already.
    pub fn bind(listen: Listen) -> Result<Self, ListenError> {
        let bound = match &listen.address {
            Address::Unix(path) => bind_unix(path, &listen.access).map_err(|error| error.to_string()),
            Address::Tcp(address) => bind_tcp(*address).map_err(|error| error.to_string()),
            Address::Inherited => inherited::socket(&listen.peers),
            Address::Passed(name) => inherited::passed(name, &listen.peers),
        };
        match bound {
            Ok(socket) => Ok(Self { socket, listen }),
            Err(reason) => Err(ListenError { address: listen.address, reason }),
        }
    }

    /// Takes a socket that another process of this program has bound to that address.
    pub fn taken(listen: Listen, socket: OwnedFd) -> Self {
        let socket = match &listen.address {
            Address::Unix(path) => Socket::unix(socket, Some(SocketPath(path.clone()))),
            Address::Tcp(_) | Address::Inherited | Address::Passed(_) => Socket::tcp(socket),
        };
        Self { socket, listen }
    }

    /// Binds the address, or takes the socket that was handed over for it; what is bound here is handed on to the keeper, if there
    /// is one.
    pub fn bind_or_take(
        listen: Listen,
        handed: &mut Handed,
        keeper: Option<&Hand>,
    ) -> Result<Self, ListenError> {
        if let Some(socket) = handed.remove(&listen.address.to_string()) {
            return Ok(Self::taken(listen, socket));
        }
        let bound = Self::bind(listen)?;
        if let (Some(keeper), Address::Unix(_) | Address::Tcp(_)) = (keeper, &bound.listen.address) {
            let failed = |error: io::Error| ListenError {
                address: bound.listen.address.clone(),
                reason: format!("it cannot be handed to the keeper: {error}"),
            };
            keeper.give(&bound.listen.address, &bound.socket.descriptor).map_err(failed)?;
        }
        Ok(bound)
    }

    /// The socket itself.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.descriptor.as_fd()
    }

    /// What is bound, and for whom.
    pub fn listen(&self) -> &Listen {
        &self.listen
    }

    /// The socket, if it is one of Unix, and what removes its path when it is dropped.
    pub fn into_unix(self) -> Option<(UnixListener, Option<SocketPath>)> {
        match self.socket {
            Socket { descriptor, kind: Kind::Unix(path) } => Some((descriptor.into(), path)),
            Socket { kind: Kind::Tcp, .. } => None,
        }
    }

    /// The port, if it is one of TCP.
    pub fn port(&self) -> Option<u16> {
        let address = SocketAddr::try_from(getsockname(&self.socket.descriptor).ok()?).ok()?;
        Some(address.port())
    }
}

impl Listener {
    /// Begins to wait for connections. Must be called within a tokio runtime.
    pub fn new(Bound { socket, listen }: Bound) -> Result<Self, ListenError> {
        let Socket { descriptor, kind } = socket;
        let socket = announced(descriptor)
            .map_err(|error| ListenError { address: listen.address, reason: error.to_string() })?;
        Ok(Self { socket, kind, refusals: Refusals::default() })
    }

    /// The next connection; nothing when its peer was refused.
    pub(super) async fn accept(&mut self, dispatch: &Dispatch) -> io::Result<Option<Stream>> {
        let accepted = self.socket.async_io(Interest::READABLE, accept).await?;
        Ok(self.admit(accepted, dispatch))
    }

    /// A connection that was made already, or nothing when its peer was refused; an error when there is none. It is asked
    /// for from the system itself: the runtime may not know of it yet.
    pub(super) fn accept_waiting(&mut self, dispatch: &Dispatch) -> io::Result<Option<Stream>> {
        let accepted = accept(self.socket.get_ref())?;
        Ok(self.admit(accepted, dispatch))
    }

    /// What removes the path of the socket, if it has one that is the host's own. Connections that wait can still be accepted.
    pub(super) fn take_path(&mut self) -> Option<SocketPath> {
        match &mut self.kind {
            Kind::Unix(path) => path.take(),
            Kind::Tcp => None,
        }
    }

    /// Closes a connection whose peer is not allowed, or cannot be told.
    fn admit(&mut self, accepted: OwnedFd, dispatch: &Dispatch) -> Option<Stream> {
        let (peer, stream) = match &self.kind {
            Kind::Unix(_) if dispatch.peers(Peers::admits_every_user)? => {
                return Some(Stream::unix(accepted));
            }
            Kind::Unix(_) => {
                let user = sockopt::socket_peercred(&accepted).ok()?.uid.as_raw();
                (Peer::User(user), Stream::unix(accepted))
            }
            Kind::Tcp => {
                // Responses are written whole; waiting for more to send with them only delays them.
                sockopt::set_tcp_nodelay(&accepted, true).ok()?;
                if !dispatch.peers(Peers::names_addresses)? {
                    return Some(Stream::tcp(accepted));
                }
                let address = SocketAddr::try_from(getpeername(&accepted).ok()??).ok()?;
                (Peer::Address(address.ip()), Stream::tcp(accepted))
            }
        };
        if dispatch.peers(|peers| peers.admits(peer))? {
            return Some(stream);
        }
        self.refusals.note(peer);
        None
    }
}

impl Socket {
    /// Takes a listening Unix socket, with its path where that is to be removed with it.
    pub(super) fn unix(descriptor: impl Into<OwnedFd>, path: Option<SocketPath>) -> Self {
        Self { descriptor: descriptor.into(), kind: Kind::Unix(path) }
    }

    /// Takes a listening TCP socket.
    pub(super) fn tcp(descriptor: impl Into<OwnedFd>) -> Self {
        Self { descriptor: descriptor.into(), kind: Kind::Tcp }
    }
}

/// Tells the runtime of a listening socket.
#[expect(
    deprecated,
    reason = "its unsafe successor asks for what an owned descriptor is by itself: one open file"
)]
fn announced(listening: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(listening, Interest::READABLE)
}

fn accept(listening: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(accept_with(listening, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?)
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "{}", path.display()),
            Self::Tcp(address) => write!(formatter, "{address}"),
            Self::Inherited => formatter.write_str("fd:0"),
            Self::Passed(name) => write!(formatter, "fd:{name}"),
        }
    }
}

impl SocketPath {
    /// Leaves the path where it is: another process goes on with the socket.
    pub(super) fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // Another host may have taken the place already; there is nothing to do about it.
        let _ = fs::remove_file(&self.0);
    }
}

/// Binds beside the path and renames, so that the socket appears with its mode and owner, or not at all.
fn bind_unix(path: &Path, access: &SocketAccess) -> io::Result<Socket> {
    make_room(path)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    let _ = fs::remove_file(&beside);
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(&beside)?)?;
    let placed = fs::set_permissions(&beside, fs::Permissions::from_mode(access.mode))
        .and_then(|()| access.acl.put(&beside, access.mode))
        .and_then(|()| give_to(&beside, access))
        .and_then(|()| Ok(listen(&socket, BACKLOG)?))
        .and_then(|()| fs::rename(&beside, path));
    if let Err(error) = placed {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    Ok(Socket::unix(socket, Some(SocketPath(path.to_owned()))))
}

fn give_to(path: &Path, access: &SocketAccess) -> io::Result<()> {
    let SocketAccess { mode: _, user, group, acl: _ } = *access;
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

fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let listener = std::net::TcpListener::bind(address)?;
    listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(Socket::tcp(listener))
}
