//! What a handler may touch. Authority is a value: what is not listed here does not exist for the guest.

use std::{fmt, path::PathBuf};

/// What a mount may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Access {
    /// Files can be read and listed.
    Read,
    /// Besides that, files of these names can be created, changed and removed: `*.lease` stands for all names that end so.
    ReadWriteNamed(Vec<String>),
    /// Files can also be created, changed and removed.
    ReadWrite,
}

/// One folder of the machine, as a handler sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mount {
    /// The folder on the machine, an absolute path.
    pub host: PathBuf,
    /// Where the handler sees it, an absolute path such as `/data`.
    pub guest: String,
    /// What it may do there.
    pub access: Access,
    /// Files directly inside the folder that the handler can neither open, replace nor remove, by whatever name it finds
    /// them: `.htpasswd`.
    pub hidden: Vec<String>,
}

/// What a handler may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes, at most.
    pub bytes: u64,
    /// Files and folders made, at most.
    pub files: u64,
}

/// What a handler learns of the world besides its request and its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Senses {
    /// Whether its clocks go on. Otherwise they show when it first looked, and it can measure nothing.
    pub time: bool,
    /// Whether its random numbers are random. Otherwise they are the same for every request.
    pub chance: bool,
}

impl Default for Senses {
    fn default() -> Self {
        Self { time: true, chance: true }
    }
}

/// Where a handler may send requests of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Outbound {
    /// The servers. None: it has no network.
    pub origins: Vec<Origin>,
    /// Whether their names may lead into private networks or to the machine itself.
    pub private: bool,
}

/// A server, as a URL names it (RFC 6454 §4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether it is asked over TLS.
    pub tls: bool,
    /// Its name in lower case, `*.` and a domain for all below that, or its address, in brackets where it is one of IPv6.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Origin {
    /// Whether a request for this server is one for that origin.
    pub fn covers(&self, tls: bool, host: &str, port: u16) -> bool {
        let is_below = |domain: &str| {
            let before = host.len().checked_sub(domain.len() + 1);
            before.is_some_and(|before| {
                host.as_bytes()[before] == b'.' && host[before + 1..].eq_ignore_ascii_case(domain)
            })
        };
        let same_host = match self.host.strip_prefix("*.") {
            Some(domain) => is_below(domain),
            None => self.host.eq_ignore_ascii_case(host),
        };
        (self.tls, self.port) == (tls, port) && same_host
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |tls, host: &str, port| Origin { tls, host: host.into(), port };
        let check = |origin: &Origin, tls, host: &str, port, expected| {
            assert_eq!(origin.covers(tls, host, port), expected, "{origin:?} {tls} {host} {port}");
        };
        let one = origin(true, "api.example.org", 443);
        check(&one, true, "API.example.org", 443, true);
        check(&one, false, "api.example.org", 443, false);
        check(&one, true, "api.example.org", 8443, false);
        check(&one, true, "x.api.example.org", 443, false);
        let below = origin(false, "*.example.org", 80);
        check(&below, false, "a.b.example.org", 80, true);
        check(&below, false, "example.org", 80, false);
        check(&below, false, "anexample.org", 80, false);
        check(&below, false, "", 80, false);
        check(&below, false, "ä.org", 80, false);
        check(&origin(false, "[::1]", 80), false, "[::1]", 80, true);
    }
}
