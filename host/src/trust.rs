//! What a web server is believed about a request, listener by listener.

/// What the web server behind one listener is believed. Whatever it is not believed does not exist for handlers.
///
/// A web server passes on what it was told; only its operator knows what of that it has checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// Who the client is: `REMOTE_USER` and its like. Some web servers fill them in from what the client claims, without
    /// having checked a password.
    pub user: bool,
    /// Whether the client came over TLS: `HTTPS` and `REQUEST_SCHEME`, which a web server knows by itself.
    pub https: bool,
    /// What another proxy, in front of the web server, says about the client: `Forwarded` (RFC 7239), `X-Forwarded-*`
    /// and `X-Real-IP`. Without such a proxy, these are the client's own claims.
    pub forwarded: bool,
}

impl Default for Trust {
    fn default() -> Self {
        Self { user: false, https: true, forwarded: false }
    }
}

impl Trust {
    /// Whether a handler must not see the variable `name`.
    #[inline] // Most names are known when this is compiled, and the answer with them.
    pub fn hides(self, name: &[u8]) -> bool {
        match name {
            // From a client's `Proxy` header; programs would take it for a setting of theirs (CVE-2016-5385).
            b"HTTP_PROXY" => true,
            b"REMOTE_USER" | b"AUTH_TYPE" | b"REDIRECT_REMOTE_USER" | b"REMOTE_IDENT" => !self.user,
            b"HTTPS" | b"REQUEST_SCHEME" => !self.https,
            b"HTTP_X_REAL_IP" => !self.forwarded,
            _ => {
                !self.forwarded
                    && (name.starts_with(b"HTTP_X_FORWARDED") || name.starts_with(b"HTTP_FORWARDED"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_hidden_unless_trusted() {
        let nothing = Trust { user: false, https: false, forwarded: false };
        let check = |name: &str, trust: Trust| {
            assert!(nothing.hides(name.as_bytes()), "{name}");
            assert!(!trust.hides(name.as_bytes()), "{name} {trust:?}");
        };
        for name in ["REMOTE_USER", "AUTH_TYPE", "REDIRECT_REMOTE_USER", "REMOTE_IDENT"] {
            check(name, Trust { user: true, ..nothing });
        }
        for name in ["HTTPS", "REQUEST_SCHEME"] {
            check(name, Trust { https: true, ..nothing });
        }
        for name in ["HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP"] {
            check(name, Trust { forwarded: true, ..nothing });
        }
    }

    #[test]
    fn some_variables_are_the_same_for_all() {
        for trust in [Trust::default(), Trust { user: true, https: true, forwarded: true }] {
            assert!(trust.hides(b"HTTP_PROXY"));
            for name in ["REMOTE_ADDR", "PATH_INFO", "HTTP_HOST", "HTTP_X_OTHER", ""] {
                assert!(!trust.hides(name.as_bytes()), "{name}");
            }
        }
    }
}
