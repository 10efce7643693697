//! Listening sockets that whoever starts the program passes to it: a web server one as file descriptor 0 (FastCGI 1.0 §2.2),
//! systemd any number with names (`sd_listen_fds(3)`).

use std::{
    env, io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    sync::LazyLock,
};

use listenfd::ListenFd;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::{handover::Handed, listener::Socket, peers::Peers};
use crate::request::decoded;

/// Whether file descriptor 0 is a listening socket: whoever started this program expects it to be served.
pub fn is_inherited() -> bool {
    // Anything but a socket is an error here.
    sockopt::socket_acceptconn(io::stdin()).unwrap_or(false)
}

/// The name of the socket that systemd passes where it passes only one.
pub(super) const ONLY: &str = "systemd";

/// The number of the first descriptor that systemd passes.
const FIRST: usize = 3;

/// Everything that systemd has passed, for as long as the process runs.
static PASSED: LazyLock<Vec<Passed>> = LazyLock::new(Passed::all);

/// A socket from systemd.
struct Passed {
    name: String,
    socket: Result<OwnedFd, String>,
}

/// Takes what systemd has passed, so that no child process gets it. Must come while the process has one thread, as it changes the
/// environment.
pub fn take_passed() {
    LazyLock::force(&PASSED);
}

/// What stands before the address in the name of a socket that an earlier process of the service had systemd keep.
const KEPT: &str = "bound-";

/// The name under which a socket of this address is kept: such names have no colons (`sd_pid_notify_with_fds(3)`).
pub fn kept_name(address: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b':' && byte != b'%';
    let encoded = address
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    encoded.fold(KEPT.to_owned(), |name, part| name + &part)
}

/// The sockets that an earlier process of the service had systemd keep, by their addresses.
pub fn kept() -> Handed {
    let mut kept = Handed::default();
    for Passed { name, socket } in PASSED.iter() {
        let address = name.strip_prefix(KEPT).map(|name| decoded(name.as_bytes()));
        if let (Some(Ok(address)), Ok(Ok(socket))) =
            (address.map(String::from_utf8), socket.as_ref().map(OwnedFd::try_clone))
        {
            kept.put(address, socket);
        }
    }
    kept
}

/// Takes the socket at file descriptor 0, for those `peers`. The descriptor itself stays as it is.
pub(super) fn socket(peers: &Peers) -> Result<Socket, String> {
    if !is_inherited() {
        return Err("it is not a listening socket; a web server that starts the host passes one, as does \
                    spawn-fcgi"
            .into());
    }
    // A copy, because the runtime closes what it is given.
    taken(io::stdin().as_fd().try_clone_to_owned(), peers)
}

/// Takes the socket that systemd calls `name`, or that has that number, for those `peers`.
pub(super) fn passed(name: &str, peers: &Peers) -> Result<Socket, String> {
    let passed = find(&PASSED, name)?;
    let socket = passed.socket.as_ref().map_err(Clone::clone)?;
    if !sockopt::socket_acceptconn(socket).unwrap_or(false) {
        return Err("nobody listens on it: its unit needs ListenStream=, and Accept=no".into());
    }
    // A copy: settings that are loaded later may name it again.
    taken(socket.try_clone(), peers)
}

/// The only one, or the one of that number or name.
fn find<'a>(all: &'a [Passed], name: &str) -> Result<&'a Passed, String> {
    let named: Vec<_> = match name.parse::<usize>() {
        _ if name == ONLY => all.iter().collect(),
        Ok(number) => number.checked_sub(FIRST).and_then(|index| all.get(index)).into_iter().collect(),
        Err(_) => all.iter().filter(|passed| passed.name == name).collect(),
    };
    match named.as_slice() {
        [one] => Ok(one),
        [] if all.is_empty() => {
            Err("nothing was passed: no .socket unit started the host, or Accept=yes stands in it".into())
        }
        [] => {
            Err(format!("systemd passed no such socket, but {}; FileDescriptorName= names one", names(all)))
        }
        several => Err(format!(
            "{} sockets were passed under that name; give each a unit with a FileDescriptorName= of its own, or name it by \
             number, from fd:{FIRST} on",
            several.len()
        )),
    }
}

fn names(all: &[Passed]) -> String {
    all.iter().map(|passed| format!("fd:{}", passed.name)).collect::<Vec<_>>().join(", ")
}

impl Passed {
    fn all() -> Vec<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut passed = ListenFd::from_env();
        let count = passed.len();
        let mut take = |index| {
            let name = names.next().unwrap_or_default().to_owned();
            Self { name, socket: stream(&mut passed, index) }
        };
        (0..count).map(&mut take).collect()
    }
}

/// Takes a stream socket of the machine's own or of TCP, for which this library asks in turn.
fn stream(passed: &mut ListenFd, index: usize) -> Result<OwnedFd, String> {
    let mut told = String::new();
    let kind = SocketType::STREAM.as_raw().cast_signed();
    for family in [AddressFamily::UNIX, AddressFamily::INET] {
        match passed.take_custom(index, family.as_raw().into(), kind, "stream socket") {
            Ok(Some(socket)) => return Ok(socket),
            Ok(None) => {}
            Err(error) => told = error.to_string(),
        }
    }
    Err(told)
}

fn taken(copy: io::Result<OwnedFd>, peers: &Peers) -> Result<Socket, String> {
    let copy = copy.map_err(|error| error.to_string())?;
    let (family, kind) = described(&copy).map_err(|error| error.to_string())?;
    if kind != SocketType::STREAM {
        return Err("it is not a stream socket".into());
    }
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
             bound, or name who may connect with allow=NETWORK"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_found_by_name_and_number() {
        let names = ["wiki", "app", "app"];
        let all = names.map(|name| Passed { name: name.into(), socket: Err(name.into()) });
        let check = |all: &[Passed], name, expected: Result<&str, &str>| match (find(all, name), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.name, expected),
            (Err(told), Err(expected)) => assert!(told.contains(expected), "{told}"),
            (found, _) => panic!("{name}: {:?}", found.map(|found| &found.name)),
        };
        check(&all, "wiki", Ok("wiki"));
        check(&all, "3", Ok("wiki"));
        check(&all, "5", Ok("app"));
        check(&all, "6", Err("fd:wiki, fd:app"));
        check(&all, "other", Err("fd:wiki, fd:app"));
        check(&all, "app", Err("2 sockets"));
        check(&all, "systemd", Err("3 sockets"));
        check(&all[..1], "systemd", Ok("wiki"));
        check(&[], "systemd", Err("nothing was passed"));
    }

    #[test]
    fn names_of_kept_sockets_have_no_colons() {
        let check = |address: &str, expected: &str| {
            let name = kept_name(address);
            assert_eq!(name, expected);
            assert_eq!(decoded(&name.as_bytes()[KEPT.len()..]), address.as_bytes());
        };
        check("/run/a b%.sock", "bound-/run/a%20b%25.sock");
        check("[::1]:9000", "bound-[%3A%3A1]%3A9000");
    }

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
