//! Who may connect to a listener.

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use ipnet::IpNet;
use tracing::warn;

/// At most one log line about refused connections in this time, so that nobody fills the disk by knocking.
const QUIET: Duration = Duration::from_secs(1);

/// Who may connect to one listener: web servers, as a rule one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    /// The networks that connections over TCP may come from; none: all.
    pub networks: Vec<IpNet>,
    /// The users whose processes may connect over a Unix socket (`SO_PEERCRED`); none: all.
    pub users: Vec<u32>,
    /// The only addresses to connect from (FastCGI 1.0 §3.2), whichever networks there are. A Unix socket has no
    /// address: its peers are refused too, unless `users` names them.
    pub web_servers: Option<Vec<IpAddr>>,
}

/// Somebody who connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Address(IpAddr),
    User(u32),
}

impl Peers {
    /// Whether it is said which addresses may connect, as it must be where everybody can try.
    pub fn names_addresses(&self) -> bool {
        !self.networks.is_empty() || self.web_servers.is_some()
    }

    /// Whether a connection from this address is served.
    pub fn admits_address(&self, address: IpAddr) -> bool {
        // A socket for both versions of IP shows the older one's addresses inside the newer one's.
        let address = address.to_canonical();
        let in_network = self.networks.is_empty() || self.networks.iter().any(|one| one.contains(&address));
        in_network && self.web_servers.as_ref().is_none_or(|all| all.contains(&address))
    }

    /// Whether a connection from a process of this user is served.
    pub fn admits_user(&self, user: u32) -> bool {
        if self.users.is_empty() { self.web_servers.is_none() } else { self.users.contains(&user) }
    }

    pub(super) fn admits(&self, peer: Peer) -> bool {
        match peer {
            Peer::Address(address) => self.admits_address(address),
            Peer::User(user) => self.admits_user(user),
        }
    }

    /// Whether every process that can open a Unix socket may use it.
    pub(super) fn admits_every_user(&self) -> bool {
        self.users.is_empty() && self.web_servers.is_none()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(formatter, "{address}"),
            Self::User(user) => write!(formatter, "uid {user}"),
        }
    }
}

/// Refused connections, and which of them the log has.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    told: Option<Instant>,
    untold: u64,
}

impl Refusals {
    /// Notes a refused connection, in the log too unless that has had a line just before.
    pub(super) fn note(&mut self, peer: Peer) {
        if let Some(untold) = self.turn(Instant::now()) {
            warn!(%peer, untold, "connection refused: its peer is not allowed on this listener");
        }
    }

    /// Whether this refusal is told, and with how many before it that were not.
    fn turn(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now.duration_since(told) < QUIET) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(networks: &[&str], web_servers: Option<&[&str]>) -> Peers {
        let parse = |all: &[&str]| all.iter().map(|one| one.parse().expect("an address")).collect();
        Peers {
            networks: networks.iter().map(|one| one.parse().expect("a network")).collect(),
            users: Vec::new(),
            web_servers: web_servers.map(parse),
        }
    }

    #[test]
    fn addresses() {
        let check = |peers: &Peers, address: &str, expected| {
            assert_eq!(peers.admits_address(address.parse().expect("an address")), expected, "{address}");
        };
        check(&peers(&[], None), "192.0.2.1", true);
        let networks = peers(&["10.0.0.0/8", "2001:db8::/32"], None);
        check(&networks, "10.1.2.3", true);
        check(&networks, "::ffff:10.1.2.3", true);
        check(&networks, "11.0.0.1", false);
        check(&networks, "2001:db8::1", true);
        check(&networks, "::1", false);
        let listed = peers(&["10.0.0.0/8"], Some(&["10.0.0.1", "192.0.2.1"]));
        check(&listed, "10.0.0.1", true);
        check(&listed, "10.0.0.2", false);
        check(&listed, "192.0.2.1", false);
    }

    #[test]
    fn users() {
        let check = |users: &[u32], web_servers: Option<&[&str]>, expected| {
            let peers = Peers { users: users.into(), ..peers(&[], web_servers) };
            assert_eq!(peers.admits_user(33), expected, "{peers:?}");
        };
        check(&[], None, true);
        check(&[0, 33], None, true);
        check(&[0], None, false);
        check(&[], Some(&["127.0.0.1"]), false);
        check(&[33], Some(&["127.0.0.1"]), true);
    }

    #[test]
    fn refusals_are_counted_rather_than_told_one_by_one() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        let told: Vec<_> = [0, 1, 500, 999, 1000, 1001, 5000]
            .map(|millis| refusals.turn(start + Duration::from_millis(millis)))
            .into();
        assert_eq!(told, [Some(0), None, None, None, Some(3), None, Some(1)]);
    }
}
