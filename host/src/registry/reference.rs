//! `oci://HOST[:PORT]/NAME:TAG`, `oci://HOST[:PORT]/NAME@sha256:DIGEST`, or both.

use std::{fmt, str::FromStr};

use oci_client::Reference as Written;

/// How a reference to a registry begins, and no path does.
pub const SCHEME: &str = "oci://";

/// The digests that everybody has.
const ALGORITHM: &str = "sha256:";

/// Port of registries that say none, with TLS.
const HTTPS: u16 = 443;

/// Port of registries that say none, without TLS.
const HTTP: u16 = 80;

/// A module in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(Written);

impl Reference {
    /// The digest that it must have, where that is written.
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// `HOST` or `HOST:PORT`.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// Where the registry listens.
    pub fn port(&self, is_plain: bool) -> u16 {
        let port = self.registry().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.unwrap_or(if is_plain { HTTP } else { HTTPS })
    }

    pub(super) fn written(&self) -> &Written {
        &self.0
    }

    /// Where `cosign` puts the signatures of what has that digest.
    pub(super) fn signatures(&self, digest: &str) -> Written {
        let tag = format!("{}.sig", digest.replace(':', "-"));
        Written::with_tag(self.0.registry().to_owned(), self.0.repository().to_owned(), tag)
    }
}

impl FromStr for Reference {
    type Err = String;

    /// Reads what stands behind [`SCHEME`].
    fn from_str(text: &str) -> Result<Self, String> {
        let (registry, name) = text.split_once('/').unwrap_or((text, ""));
        // Otherwise it would be taken for a name at the registry of a company.
        if name.is_empty() || !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(format!(
                "{registry:?} is no registry; write {SCHEME}HOST[:PORT]/NAME:TAG, as in \
                {SCHEME}registry.example.org/wiki/foswiki:1.2"
            ));
        }
        let written = Written::try_from(text).map_err(|error| error.to_string())?;
        if let Some(digest) = written.digest().filter(|digest| !digest.starts_with(ALGORITHM)) {
            return Err(format!("{digest:?} is no digest that can be checked here; use {ALGORITHM}…"));
        }
        let last = name.rsplit('/').next().unwrap_or_default();
        if !last.contains([':', '@']) {
            return Err(format!(
                "which one of {last:?}? write a tag behind it, as in {last}:1.2, or a digest, as in \
                {last}@{ALGORITHM}…"
            ));
        }
        Ok(Self(written))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}", self.0.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn what_is_written_is_shown() {
        let pinned = format!("localhost:5000/wiki@{DIGEST}");
        let both = format!("registry.example.org/a/b:1@{DIGEST}");
        for text in ["registry.example.org/wiki:1.2", "[::1]:5000/wiki:stable", &pinned, &both] {
            let shown = text.parse::<Reference>().map(|reference| reference.to_string());
            // Addresses of IPv6 are no names of registries.
            assert_eq!(shown.is_err(), text.starts_with('['), "{text}");
            assert!(shown.is_err() || shown == Ok(format!("{SCHEME}{text}")));
        }
    }

    #[test]
    fn ports() {
        let port = |text: &str, plain| text.parse::<Reference>().expect("a reference").port(plain);
        assert_eq!(port("localhost:5000/wiki:1", true), 5000);
        assert_eq!(port("registry.example.org/wiki:1", false), 443);
        assert_eq!(port("registry.example.org/wiki:1", true), 80);
    }

    #[test]
    fn what_is_missing_is_said() {
        let check = |text: &str, expected: &str| {
            let told = text.parse::<Reference>().expect_err(text);
            assert!(told.contains(expected), "{text}: {told}");
        };
        check("wiki:1", "write oci://HOST[:PORT]/NAME:TAG");
        check("foswiki/wiki:1", "\"foswiki\" is no registry");
        check("registry.example.org", "write oci://HOST[:PORT]/NAME:TAG");
        check("registry.example.org/", "write oci://HOST[:PORT]/NAME:TAG");
        check("registry.example.org/wiki", "wiki:1.2, or a digest");
        check("registry.example.org:5000/wiki", "wiki:1.2, or a digest");
        check("registry.example.org/Wiki:1", "invalid reference format");
        check("registry.example.org/wiki@sha256:12", "invalid reference format");
        check(&format!("registry.example.org/wiki@sha512:{}", "0".repeat(128)), "use sha256");
    }

    #[test]
    fn signatures_have_their_place() {
        let reference: Reference = "registry.example.org/wiki:1".parse().expect("a reference");
        let place = reference.signatures(DIGEST).whole();
        assert_eq!(place, format!("registry.example.org/wiki:{}.sig", DIGEST.replace(':', "-")));
    }
}
