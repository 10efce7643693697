//! `HAProxy`, as Debian's package has it.

use std::{path::Path, process::Command};

use super::{Place, WebServer, example};

const PROGRAM: &str = "/usr/sbin/haproxy";

/// What `examples/haproxy/foswiki.cfg` says of multiplexing.
const ONE_AT_A_TIME: &str = "no option get-values\n    no option mpxs-conns";

/// Where it listens in the examples.
const PORT: &str = "bind :80";

/// What turns that on, with the host's limit.
const MULTIPLEXING: &str = "option get-values\n    option mpxs-conns\n    option max-reqs 64";

/// The line of the site's frontend before which others are put.
const BACKEND: &str = "    default_backend wiki\n";

/// The users of a wiki, as an operator writes them.
const USERS: &str = "userlist wiki\n    user ben insecure-password secret\n";

/// A `HAProxy` with `examples/haproxy/foswiki.cfg`, before it is started.
#[derive(Debug)]
pub struct HaProxy {
    place: Place,
    site: String,
}

impl HaProxy {
    /// A `HAProxy` before a host.
    pub fn before(host: &impl AsRef<Path>) -> WebServer {
        Self::whole(host, false).start()
    }

    /// `examples/scaling/haproxy.cfg`: several hosts, each of which it waits for `patience` for.
    pub fn scaling(patience: &str) -> WebServer {
        let place = Place::new("haproxy");
        let changes = [
            (PORT, format!("bind {}", place.address())),
            ("timeout server 60s", format!("timeout server {patience}")),
        ];
        let site = example("scaling/haproxy.cfg", &changes);
        run(place, &site)
    }

    /// One that sends several requests at once on a connection.
    pub fn multiplexing(host: &impl AsRef<Path>) -> WebServer {
        Self::whole(host, true).start()
    }

    /// The example, with connections that carry several requests at once or not.
    pub fn whole(host: &impl AsRef<Path>, multiplexing: bool) -> Self {
        let place = Place::new("haproxy");
        let changes = [
            (ONE_AT_A_TIME, if multiplexing { MULTIPLEXING } else { ONE_AT_A_TIME }.to_owned()),
            (PORT, format!("bind {}", place.address())),
            ("unix@/run/foswiki/foswiki.sock", format!("unix@{}", host.as_ref().display())),
        ];
        let site = example("haproxy/foswiki.cfg", &changes);
        Self { place, site }
    }

    /// With `examples/haproxy/login.cfg`: HAProxy asks for passwords.
    #[must_use]
    pub fn with_login(mut self) -> Self {
        let login = example("haproxy/login.cfg", &[]);
        self.site = USERS.to_owned() + &self.site.replacen(BACKEND, &format!("{login}{BACKEND}"), 1);
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> WebServer {
        run(self.place, &self.site)
    }
}

fn run(place: Place, site: &str) -> WebServer {
    // What Debian's own `haproxy.cfg` is, in short. One thread: so many share each connection that there are.
    let main = "global\n    log fd@2 format raw local0\n    nbthread 1\n\
             defaults\n    mode http\n    log global\n    timeout connect 5s\n    timeout client 50s\n";
    let main = place.write("haproxy.cfg", main);
    let site = place.write("site.cfg", site);
    let mut program = Command::new(PROGRAM);
    program.arg("-db").arg("-f").arg(main).arg("-f").arg(site);
    place.run(&mut program, "haproxy")
}
