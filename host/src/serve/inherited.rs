//! The listening socket that a web server passes, as file descriptor 0, to a program that it starts (FastCGI 1.0 §2.2).

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
};

use rustix::net::{AddressFamily, SocketType, sockopt};

use super::{listener::Socket, peers::Peers};

/// Whether file descriptor 0 is a listening socket: whoever started this program expects it to be served.
pub fn is_inherited() -> bool {
    // Anything but a socket is an error here.
    sockopt::socket_acceptconn(io::stdin()).unwrap_or(false)
}

/// Takes the socket at file descriptor 0, for those `peers`. The descriptor itself stays as it is.
pub(super) fn socket(peers: &Peers) -> Result<Socket, String> {
    if !is_inherited() {
        return Err("it is not a listening socket; a web server that starts the host passes one, as does \
                    spawn-fcgi"
            .into());
    }
    let (family, kind) = described(io::stdin()).map_err(|error| error.to_string())?;
    if kind != SocketType::STREAM {
        return Err("it is not a stream socket".into());
    }
    // A copy, because the runtime closes what it is given.
    let copy = io::stdin().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    match family {
        AddressFamily::UNIX if !peers.networks.is_empty() => {
            Err("it is a Unix socket: name users with allow-uid=USER, not networks with allow=".into())
        }
        AddressFamily::UNIX => unix(copy).map_err(|error| error.to_string()),
        AddressFamily::INET | AddressFamily::INET6 => tcp(copy, peers),
        family => Err(format!("it is a socket of another kind ({family:?})")),
    }
}

fn described(fd: impl AsFd) -> rustix::io::Result<(AddressFamily, SocketType)> {
    Ok((sockopt::socket_domain(&fd)?, sockopt::socket_type(&fd)?))
}

fn unix(socket: OwnedFd) -> io::Result<Socket> {
    let listener = UnixListener::from(socket);
    listener.set_nonblocking(true)?;
    // Its path belongs to whoever made it.
    Ok(Socket::unix(listener, None))
}

fn tcp(socket: OwnedFd, peers: &Peers) -> Result<Socket, String> {
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    check(address, peers)?;
    let taken = listener.set_nonblocking(true).map(|()| Socket::tcp(listener));
    taken.map_err(|error| error.to_string())
}

/// The same rules as for a port of the host's own.
fn check(address: SocketAddr, peers: &Peers) -> Result<(), String> {
    if !peers.users.is_empty() {
        return Err(format!("it is {address}, a TCP port: name networks with allow=NETWORK, not users"));
    }
    if address.ip().is_unspecified() && !peers.names_addresses() {
        return Err(format!(
            "it is {address}, and anyone who reaches that could pose as any user; have one address such as 127.0.0.1 \
             bound, or name who may connect with --listen fd:0,allow=NETWORK"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_everybody_reaches_are_refused_without_a_list() {
        let check = |address: &str, networks: &[&str], users: &[u32], expected| {
            let networks = networks.iter().map(|one| one.parse().expect("a network")).collect();
            let peers = Peers { networks, users: users.into(), web_servers: None };
            let told = check(address.parse().expect("an address"), &peers);
            assert_eq!(told.is_ok(), expected, "{address} {told:?}");
        };
        check("127.0.0.1:9000", &[], &[], true);
        check("0.0.0.0:9000", &[], &[], false);
        check("[::]:9000", &[], &[], false);
        check("0.0.0.0:9000", &["10.0.0.0/8"], &[], true);
        check("127.0.0.1:9000", &[], &[33], false);
    }
}
