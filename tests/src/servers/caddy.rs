//! Caddy, as Debian's package has it.

use std::{fs, path::Path, process::Command};

use super::{Place, WebServer, example};

const PROGRAM: &str = "/usr/bin/caddy";

/// Where the site hands requests to the host.
const REVERSE: &str = "reverse_proxy ";

/// A Caddy with `examples/caddy/Caddyfile`, before it is started.
#[derive(Debug)]
pub struct Caddy {
    place: Place,
    site: String,
}

impl Caddy {
    /// A Caddy before a host.
    pub fn before(host: &impl AsRef<Path>) -> WebServer {
        Self::whole(host).start()
    }

    /// The example, with the host's socket.
    pub fn whole(host: &impl AsRef<Path>) -> Self {
        let place = Place::new("caddy");
        let port = place.address().port();
        let changes = [
            ("unix//run/foswiki/foswiki.sock", format!("unix/{}", host.as_ref().display())),
            ("wiki.example.org {", format!(":{port} {{\n\tbind 127.0.0.1")),
        ];
        let site = example("caddy/Caddyfile", &changes);
        Self { place, site }
    }

    /// With `examples/caddy/login.caddy`: Caddy asks for passwords.
    #[must_use]
    pub fn with_login(mut self) -> Self {
        let passwords = fs::read_to_string(self.place.passwords()).expect("a file of passwords");
        let (_, hash) = passwords.lines().find_map(|line| line.split_once("ben:")).expect("a password");
        let changes = [("ben HASH", format!("ben {hash}"))];
        let login = self.place.write("login.caddy", &example("caddy/login.caddy", &changes));
        self.site = self.site.replacen(REVERSE, &format!("import {}\n\t{REVERSE}", login.display()), 1);
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> WebServer {
        let Self { place, site } = self;
        // Nothing listens but this site.
        let main = "{\n\tadmin off\n\tauto_https off\n}\n";
        let file = place.write("Caddyfile", &format!("{main}{site}"));
        let mut program = Command::new(PROGRAM);
        program.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        for folder in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            program.env(folder, place.folder());
        }
        place.run(&mut program, "caddy")
    }
}
