//! Addresses, who may connect to them, and what those are believed: `ADDRESS[,OPTION…]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use ipnet::IpNet;

use super::{
    access::{self, access},
    document,
    setting::Errors,
};
use crate::{
    serve::{Address, Listen, Peers, SendFile},
    trust::Trust,
};

/// The longest path of a Unix socket (`sockaddr_un`), less the suffix under which it is bound first.
pub(super) const MAX_SOCKET_PATH: usize = 107 - ".4194304".len();

/// How the socket that a web server passes is written.
pub(super) const INHERITED: &str = "fd:0";

/// Checks one place to listen. `web_servers` are the only addresses to connect from, where they are named.
pub(super) fn listen(
    written: &document::Listen,
    web_servers: Option<&[IpAddr]>,
    errors: &mut Errors,
) -> Option<Listen> {
    let Some(setting) = &written.address else {
        errors.add("a listener without an `address`; name a path, or HOST:PORT");
        return None;
    };
    let peers = peers(written, web_servers, errors);
    let address = errors.check(setting, |text| address(text, &peers));
    let mut trust = Trust::default();
    for (claims, believed) in [(&written.trust, true), (&written.distrust, false)] {
        for claim in claims {
            errors.check(claim, |claim| claimed(&mut trust, claim).map(|claimed| *claimed = believed));
        }
    }
    let sendfile = written.sendfile.as_ref().and_then(|form| errors.check(form, |form| sendfile(form)));
    let access = access(written, errors);
    let sites = written.sites.iter().filter_map(|site| errors.read(site).cloned()).collect();
    let listen = Listen { address: address?, peers, trust, sendfile, access, sites };
    errors.check(setting, |_| check(&listen))?;
    Some(listen)
}

fn peers(written: &document::Listen, web_servers: Option<&[IpAddr]>, errors: &mut Errors) -> Peers {
    let networks = written.allow.iter().filter_map(|one| errors.check(one, |text| network(text))).collect();
    let user = |name: &String| access::user(name).map_err(|reason| format!("allow-uid={name}: {reason}"));
    let users = written.allow_uid.iter().filter_map(|one| errors.check(one, user)).collect();
    Peers { web_servers: web_servers.map(<[_]>::to_vec), networks, users }
}

/// Reads the value of `FCGI_WEB_SERVER_ADDRS` (FastCGI 1.0 §3.2).
pub(super) fn web_servers(text: &str) -> Result<Vec<IpAddr>, String> {
    let read = |one: &str| {
        one.trim().parse().map_err(|_| {
            format!(
                "{:?} is not an address; write addresses with commas between them, such as 10.0.0.1,10.0.0.2, or \
                 leave it out",
                one.trim()
            )
        })
    };
    text.split(',').map(read).collect()
}

/// Reads an address: whatever contains a slash, or no colon, is a path.
pub(super) fn address(text: &str, peers: &Peers) -> Result<Address, String> {
    match text.strip_prefix("fd:") {
        _ if text == INHERITED => return Ok(Address::Inherited),
        Some("" | "1" | "2") => {
            return Err("fd:0 is a socket from a web server, fd:NAME one from systemd".into());
        }
        Some(name) if !name.contains('/') => return Ok(Address::Passed(name.to_owned())),
        _ => {}
    }
    let path =
        text.strip_prefix("unix:").or_else(|| (text.contains('/') || !text.contains(':')).then_some(text));
    match path {
        Some("") => Err("the path of the socket is missing".into()),
        Some(path) if path.len() > MAX_SOCKET_PATH => {
            Err(format!("longer than the {MAX_SOCKET_PATH} bytes that a socket's path can have"))
        }
        Some(path) => Ok(Address::Unix(path.into())),
        None => tcp(text, peers),
    }
}

/// A port without an address is open to whoever may connect, and to this machine alone where nobody is named.
fn tcp(text: &str, peers: &Peers) -> Result<Address, String> {
    let any = if peers.names_addresses() { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let named = if text.starts_with(':') { format!("{any}{text}") } else { text.to_owned() };
    let mut found = named
        .to_socket_addrs()
        .map_err(|error| format!("neither a path nor HOST:PORT nor [V6]:PORT: {error}"))?;
    found.next().map(Address::Tcp).ok_or_else(|| "no such host".to_owned())
}

fn claimed<'a>(trust: &'a mut Trust, claim: &str) -> Result<&'a mut bool, String> {
    match claim {
        "user" => Ok(&mut trust.user),
        "https" => Ok(&mut trust.https),
        "forwarded" => Ok(&mut trust.forwarded),
        _ => Err(format!("{claim:?} cannot be trusted or not; user, https and forwarded can")),
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network: IpNet = text
        .parse()
        .or_else(|_| text.parse().map(|address: IpAddr| address.into()))
        .map_err(|_| format!("allow={text}: not a network such as 10.0.0.0/8, nor an address"))?;
    if network.prefix_len() == 0 {
        return Err(format!("allow={text}: that is everybody; name the networks of the web servers"));
    }
    Ok(network)
}

fn sendfile(form: &str) -> Result<SendFile, String> {
    let prefix = form.strip_prefix("x-accel-redirect:").map(|prefix| prefix.trim_end_matches('/'));
    match prefix {
        None if form == "x-sendfile" => Ok(SendFile::XSendfile),
        None if form == "x-sendfile-raw" => Ok(SendFile::XSendfileRaw),
        Some(prefix) if prefix.starts_with('/') && prefix.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(SendFile::XAccelRedirect(prefix.to_owned()))
        }
        _ => Err(format!(
            "sendfile={form}: not x-sendfile (lighttpd), x-sendfile-raw (Apache), or x-accel-redirect:/PREFIX with the \
             path of an internal location (nginx)"
        )),
    }
}

/// `FastCGI` has no passwords: whoever can connect can say whatever the listener believes.
fn check(Listen { address, peers, trust, access, .. }: &Listen) -> Result<(), String> {
    match address {
        Address::Unix(_) if !peers.networks.is_empty() => {
            Err("allow= is about TCP; for a Unix socket, name users with allow-uid=USER".into())
        }
        Address::Tcp(_) | Address::Inherited | Address::Passed(_) if !access.acl.is_empty() => {
            Err("acl= is about Unix sockets that the host makes; for TCP, name networks with allow=NETWORK"
                .into())
        }
        Address::Tcp(_) if !peers.users.is_empty() => {
            Err("allow-uid= is about Unix sockets; for TCP, name networks with allow=NETWORK".into())
        }
        Address::Tcp(address) if peers.names_addresses() || address.ip().is_loopback() => Ok(()),
        Address::Tcp(address) if address.ip().is_unspecified() => Err(open_to_all(*address)),
        Address::Tcp(_) if trust.user || trust.forwarded => {
            Err("anyone who reaches this port would be believed; name the web servers with allow=NETWORK"
                .into())
        }
        Address::Tcp(_) | Address::Unix(_) | Address::Inherited | Address::Passed(_) => Ok(()),
    }
}

fn open_to_all(address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "anyone who reaches this port could pose as any user of the wiki; name one address, e.g. 127.0.0.1:{port}, \
         or who may connect, e.g. {address},allow=10.0.0.0/8, or better a Unix socket"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options;

    fn read(text: &str, web_servers: Option<&[IpAddr]>) -> Result<Listen, String> {
        let mut errors = Errors::default();
        let listen = listen(&options::listen(text, &mut errors), web_servers, &mut errors);
        match errors.told().as_slice() {
            [] => listen.ok_or_else(|| "nothing, and no error".to_owned()),
            told => Err(told.join("\n")),
        }
    }

    #[test]
    fn addresses() {
        let check = |text: &str, expected: Address| {
            assert_eq!(read(text, None).map(|listen| listen.address), Ok(expected));
        };
        check("/run/foswiki.sock", Address::Unix("/run/foswiki.sock".into()));
        check("foswiki.sock", Address::Unix("foswiki.sock".into()));
        check("unix:a:b", Address::Unix("a:b".into()));
        check("127.0.0.1:9000", Address::Tcp(([127, 0, 0, 1], 9000).into()));
        check("[::1]:9000", Address::Tcp("[::1]:9000".parse().expect("an address")));
        check("0.0.0.0:9000,allow=10.0.0.0/8", Address::Tcp(([0; 4], 9000).into()));
        check(":9000,allow=10.0.0.1", Address::Tcp(([0; 4], 9000).into()));
        check(":9000", Address::Tcp(([127, 0, 0, 1], 9000).into()));
        check("fd:wiki", Address::Passed("wiki".into()));
        check("fd:3", Address::Passed("3".into()));
        check("fd:0", Address::Inherited);
    }

    #[test]
    fn options() {
        let check = |text: &str, users: &[u32], networks: &[&str], trust: Trust| {
            let Listen { peers, trust: read, .. } = read(text, None).expect(text);
            let shown: Vec<_> = peers.networks.iter().map(ToString::to_string).collect();
            assert_eq!((&peers.users[..], read), (users, trust), "{text}");
            assert_eq!(shown, networks, "{text}");
        };
        let plain = Trust::default();
        check("/s", &[], &[], plain);
        check("/s,trust=user,allow-uid=33,allow-uid=root", &[33, 0], &[], Trust { user: true, ..plain });
        check(
            "/s,trust=forwarded,distrust=https",
            &[],
            &[],
            Trust { user: false, https: false, forwarded: true },
        );
        check("10.0.0.1:1,allow=10.0.0.0/8,allow=::1", &[], &["10.0.0.0/8", "::1/128"], plain);
        check("127.0.0.1:1,trust=user", &[], &[], Trust { user: true, ..plain });
        check("fd:0,allow-uid=1,allow=::/1", &[1], &["::/1"], plain);
    }

    #[test]
    fn files_that_the_web_server_sends() {
        let check = |text: &str, expected| {
            assert_eq!(
                read(&format!("/s{text}"), None).ok().map(|listen| listen.sendfile),
                expected,
                "{text}"
            );
        };
        check("", Some(None));
        check(",sendfile=x-sendfile", Some(Some(SendFile::XSendfile)));
        check(",sendfile=x-sendfile-raw", Some(Some(SendFile::XSendfileRaw)));
        let prefix = SendFile::XAccelRedirect("/protected".into());
        check(",sendfile=x-accel-redirect:/protected/", Some(Some(prefix.clone())));
        check(",sendfile=x-accel-redirect:/protected", Some(Some(prefix)));
        for bad in ["", "on", "x-accel-redirect", "x-accel-redirect:/", "x-accel-redirect:protected"] {
            check(&format!(",sendfile={bad}"), None);
        }
    }

    #[test]
    fn the_addresses_of_web_servers() {
        let read = web_servers("10.0.0.1, ::1").expect("two addresses");
        assert_eq!(read, ["10.0.0.1", "::1"].map(|one| one.parse::<IpAddr>().expect("an address")));
        assert!(self::read("0.0.0.0:9000", Some(&read)).is_ok_and(|listen| listen.peers.names_addresses()));
        for text in ["", "10.0.0.1,", "10.0.0.0/8", "localhost", "10.0.0.1 10.0.0.2"] {
            let told = web_servers(text).expect_err(text);
            assert!(told.contains("is not an address"), "{told}");
        }
    }

    #[test]
    fn refused_addresses_say_why() {
        let check = |text: &str, expected: &str| {
            let told = read(text, None).expect_err(text);
            assert!(told.contains(expected) && told.contains(text), "{told}");
        };
        check("fd:1", "from systemd");
        check("fd:", "from systemd");
        check("0.0.0.0:9000", "127.0.0.1:9000");
        check("0.0.0.0:9000", "allow=10.0.0.0/8");
        check("[::]:9000", "Unix socket");
        check("127.0.0.1:port", "neither a path");
        check("unix:", "missing");
        check(&format!("/{}", "x".repeat(120)), "longer than");
        check("0.0.0.0:9000,trust=user", "pose as any user");
        check("0.0.0.0:9000,allow=0.0.0.0/0", "that is everybody");
        check("10.0.0.1:9000,trust=user", "would be believed");
        check("10.0.0.1:9000,allow=ten", "not a network");
        check("10.0.0.1:9000,allow-uid=0", "name networks");
        check("10.0.0.1:9000,acl=u:root:rw", "name networks");
        check("fd:0,acl=u:root:rw", "that the host makes");
        check("/s,acl=u:root", "u:USER:rw");
        check("/s,allow=10.0.0.0/8", "allow-uid=USER");
        check("/s,allow-uid=no-such-user", "has no \"no-such-user\"");
        check("/s,trust=everything", "user, https and forwarded");
        check("/s,", "is not an option");
        check("/s,b", "trust=, distrust=");
        check("/s,mode=0600", "trust=, distrust=");
    }
}
