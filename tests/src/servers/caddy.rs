//! Caddy, as Debian's package has it.

use std::{path::Path, process::Command};

use super::{Place, WebServer, example};

const PROGRAM: &str = "/usr/bin/caddy";

/// A Caddy with `examples/caddy/Caddyfile`.
#[derive(Debug)]
pub struct Caddy;

impl Caddy {
    /// A Caddy before a host.
    pub fn before(host: &impl AsRef<Path>) -> WebServer {
        let place = Place::new("caddy");
        let port = place.address().port();
        let changes = [
            ("unix//run/foswiki/foswiki.sock", format!("unix/{}", host.as_ref().display())),
            ("wiki.example.org {", format!(":{port} {{\n\tbind 127.0.0.1")),
        ];
        let site = example("caddy/Caddyfile", &changes);
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
