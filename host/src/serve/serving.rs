//! What is served at this moment, and how those are received who ask for it: behind one swap, since they must agree.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fcgi::Params;

use super::{listener::Listen, peers::Peers, sendfile::SendFile, watch::Patience};
use crate::{generation::Generation, trust::Trust};

/// What requests are answered with from now on.
pub struct Serving {
    /// What answers them, but for the candidate's share.
    pub stable: Arc<Generation>,
    /// What answers some of them, until it is known to be good.
    pub candidate: Option<Candidate>,
    /// How those are received who come in at each listener.
    pub receptions: Vec<Reception>,
    /// How long web servers are waited for.
    pub patience: Patience,
}

/// A generation on trial.
pub struct Candidate {
    generation: Arc<Generation>,
    trial: Trial,
    turns: AtomicU64,
}

/// Which requests a generation on trial answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// So many of a hundred.
    pub weight: u8,
    /// Whether a client's requests are all answered by the same generation, told by its address (`REMOTE_ADDR`).
    pub sticky: bool,
}

/// Tells one listener from others, for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerId(pub u64);

impl ListenerId {
    /// That of the host's own requests.
    pub(super) const OWN: Self = Self(0);
}

/// How those are received who come in at one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reception {
    /// Which listener.
    pub listener: ListenerId,
    /// Who may connect.
    pub peers: Peers,
    /// What those are believed.
    pub trust: Trust,
    /// How the web server there is told to send a file, if handlers may ask for that.
    pub sendfile: Option<Arc<SendFile>>,
    /// The names of the sites that can be reached. None: all.
    pub sites: Vec<String>,
}

impl Reception {
    /// As these settings say.
    pub fn new(listener: ListenerId, listen: &Listen) -> Self {
        let Listen { address: _, peers, trust, sendfile, access: _, sites } = listen;
        let sendfile = sendfile.clone().map(Arc::new);
        Self { listener, peers: peers.clone(), trust: *trust, sendfile, sites: sites.clone() }
    }

    /// How the host's own requests are received. There is always one of these.
    pub fn own() -> Self {
        Self::new(ListenerId::OWN, &Listen::anybody())
    }

    /// Whether a site of this name can be reached.
    pub(super) fn reaches(&self, site: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|name| name == site)
    }
}

impl Serving {
    /// The generation that answers a request with these variables.
    pub(super) fn generation(&self, params: &Params) -> &Arc<Generation> {
        match &self.candidate {
            Some(candidate) if candidate.takes(params) => &candidate.generation,
            _ => &self.stable,
        }
    }

    /// How those are received who come in there; nothing where the listener is no more.
    pub(super) fn reception(&self, listener: ListenerId) -> Option<&Reception> {
        self.receptions.iter().find(|reception| reception.listener == listener)
    }
}

impl Candidate {
    /// Lets `generation` answer the requests of the trial.
    pub fn new(generation: Arc<Generation>, trial: Trial) -> Self {
        Self { generation, trial, turns: AtomicU64::new(0) }
    }

    /// What is tried.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// With which requests.
    pub fn trial(&self) -> Trial {
        self.trial
    }

    fn takes(&self, params: &Params) -> bool {
        let Trial { weight, sticky } = self.trial;
        let address = params.get("REMOTE_ADDR").filter(|_| sticky);
        let number = address.map_or_else(|| self.turns.fetch_add(1, Ordering::Relaxed), number);
        spread(number) < u64::from(weight)
    }
}

/// A number that is the same for a client in every process.
fn number(address: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(address);
    hasher.finish()
}

/// Spreads numbers over a hundred places, neighbouring ones far from each other: of any few requests in a row, the share of a
/// trial is about its weight.
fn spread(number: u64) -> u64 {
    const FAR: u64 = 61;

    number.wrapping_mul(FAR) % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly() {
        let places: std::collections::BTreeSet<_> = (0..100).map(spread).collect();
        assert_eq!(places.len(), 100);
        for weight in [10, 25, 50] {
            let taken = (0..20).filter(|number| spread(*number) < weight).count();
            assert!(taken.abs_diff(usize::try_from(weight).expect("a number") / 5) <= 1, "{weight}: {taken}");
        }
    }

    #[test]
    fn clients_are_told_apart_by_their_addresses() {
        assert_eq!(number(b"192.0.2.1"), number(b"192.0.2.1"));
        let few = (0..=255_u8).filter(|last| spread(number(&[192, 0, 2, *last])) < 10).count();
        assert!((10..50).contains(&few), "{few} of 256 clients");
    }
}
