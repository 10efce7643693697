//! Addresses, and who may connect to them.

use std::{
    fs,
    net::{SocketAddr, ToSocketAddrs},
};

use crate::serve::{Address, SocketAccess};

/// The longest path of a Unix socket (`sockaddr_un`), less the suffix under which it is bound first.
const MAX_SOCKET_PATH: usize = 107 - ".4194304".len();

/// Reads an address: whatever contains a slash, or no colon, is a path.
pub(super) fn address(text: &str) -> Result<Address, String> {
    let path =
        text.strip_prefix("unix:").or_else(|| (text.contains('/') || !text.contains(':')).then_some(text));
    match path {
        Some("") => Err(format!("--listen {text:?}: the path of the socket is missing")),
        Some(path) if path.len() > MAX_SOCKET_PATH => Err(format!(
            "--listen {path}: longer than the {MAX_SOCKET_PATH} bytes that a socket's path can have"
        )),
        Some(path) => Ok(Address::Unix(path.into())),
        None => tcp(text),
    }
}

fn tcp(text: &str) -> Result<Address, String> {
    let named = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let mut found = named
        .to_socket_addrs()
        .map_err(|error| format!("--listen {text}: neither a path nor HOST:PORT nor [V6]:PORT: {error}"))?;
    let address = found.next().ok_or_else(|| format!("--listen {text}: no such host"))?;
    if address.ip().is_unspecified() {
        return Err(open_to_all(text, address));
    }
    Ok(Address::Tcp(address))
}

/// FastCGI has no passwords: whoever can connect can say that he is anybody.
fn open_to_all(text: &str, address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "--listen {text}: anyone who reaches this port could pose as any user of the wiki; name one address, \
         e.g. 127.0.0.1:{port}, or better a Unix socket"
    )
}

/// Reads permission bits and owner.
pub(super) fn access(mode: &str, owner: Option<&str>) -> Result<SocketAccess, String> {
    let mode = u32::from_str_radix(mode, 8)
        .ok()
        .filter(|bits| *bits <= 0o777)
        .ok_or_else(|| format!("--socket-mode {mode}: not three octal digits such as 0660"))?;
    let Some(owner) = owner else { return Ok(SocketAccess { mode, user: None, group: None }) };
    let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
    let id = |file, name: &str| {
        if name.is_empty() {
            return Ok(None);
        }
        lookup(file, name).map(Some).ok_or_else(|| format!("--socket-owner {owner}: {file} has no {name:?}"))
    };
    Ok(SocketAccess { mode, user: id("/etc/passwd", user)?, group: id("/etc/group", group)? })
}

/// The number behind a name: its third field in `passwd` and `group` alike.
fn lookup(file: &str, name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let table = fs::read_to_string(file).ok()?;
    let entry = table.lines().find(|line| line.split(':').next() == Some(name))?;
    entry.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: Address| assert_eq!(address(text), Ok(expected));
        check("/run/foswiki.sock", Address::Unix("/run/foswiki.sock".into()));
        check("foswiki.sock", Address::Unix("foswiki.sock".into()));
        check("unix:a:b", Address::Unix("a:b".into()));
        check("127.0.0.1:9000", Address::Tcp(([127, 0, 0, 1], 9000).into()));
        check("[::1]:9000", Address::Tcp("[::1]:9000".parse().expect("an address")));
    }

    #[test]
    fn refused_addresses_say_why() {
        let check = |text: &str, expected: &str| {
            let told = address(text).expect_err(text);
            assert!(told.contains(expected) && told.contains(text), "{told}");
        };
        check(":9000", "pose as any user");
        check("0.0.0.0:9000", "127.0.0.1:9000");
        check("[::]:9000", "Unix socket");
        check("127.0.0.1:port", "neither a path");
        check("unix:", "missing");
        check(&format!("/{}", "x".repeat(120)), "longer than");
    }

    #[test]
    fn socket_access() {
        let check =
            |mode, owner, expected| assert_eq!(access(mode, owner).ok(), expected, "{mode} {owner:?}");
        check("0660", None, Some(SocketAccess { mode: 0o660, user: None, group: None }));
        check("600", Some("root:0"), Some(SocketAccess { mode: 0o600, user: Some(0), group: Some(0) }));
        check("666", Some(":7"), Some(SocketAccess { mode: 0o666, user: None, group: Some(7) }));
        check("888", None, None);
        check("1777", None, None);
        check("660", Some("no-such-user"), None);
    }
}
