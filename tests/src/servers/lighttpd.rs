//! lighttpd, as Debian's package has it.

use std::{net::SocketAddr, path::Path, process::Command};

use super::{Place, WebServer, example};
use crate::{guest, paths};

const PROGRAM: &str = "/usr/sbin/lighttpd";

/// What an operator changes in the examples for a host that runs already.
const SOCKET: &str = "\"/run/foswiki/foswiki.sock\"";

/// A lighttpd with the examples in `examples/lighttpd`, before it is started.
#[derive(Debug)]
pub struct Lighttpd {
    place: Place,
    site: String,
}

impl Lighttpd {
    /// A lighttpd before a host that runs already.
    pub fn before(host: &impl AsRef<Path>) -> WebServer {
        Self::whole(host).start()
    }

    /// `examples/lighttpd/foswiki.conf`: a host at a socket.
    pub fn whole(host: &impl AsRef<Path>) -> Self {
        Self::with(example("lighttpd/foswiki.conf", &[(SOCKET, quoted(host.as_ref()))]))
    }

    /// `examples/lighttpd/external.conf`: a wiki below a path, over TCP.
    pub fn external(host: SocketAddr) -> Self {
        let changes = [
            ("\"host\"        => \"127.0.0.1\"", format!("\"host\" => \"{}\"", host.ip())),
            ("\"port\"        => 8080", format!("\"port\" => {}", host.port())),
        ];
        Self::with(example("lighttpd/external.conf", &changes))
    }

    /// `examples/lighttpd/spawned.conf` for two hosts, with a settings file in the place of single settings.
    pub fn spawning_with(settings: &Path) -> Self {
        let place = Place::new("lighttpd");
        let changes = [
            ("\"/run/lighttpd/foswiki.sock\"", quoted(&place.folder().join("host.sock"))),
            ("\"/usr/local/bin/fcgi-wasm-host\"", quoted(&paths::program())),
            ("\"FCGI_WASM_HOST_ROOT\"      => \"/srv/foswiki\"", config(settings)),
            (
                "\"FCGI_WASM_HOST_CACHE_DIR\" => \"/var/cache/lighttpd/foswiki\"",
                "\"RUST_LOG\" => \"info\"".into(),
            ),
            ("\"max-procs\"   => 1", "\"max-procs\" => 2".into()),
        ];
        let site = example("lighttpd/spawned.conf", &changes);
        Self { place, site }
    }

    fn with(site: String) -> Self {
        Self { place: Place::new("lighttpd"), site }
    }

    /// With `examples/lighttpd/login.conf`: lighttpd asks for passwords.
    #[must_use]
    pub fn with_login(mut self) -> Self {
        let changes = [("\"/etc/lighttpd/foswiki.htpasswd\"", quoted(&self.place.passwords()))];
        self.site = example("lighttpd/login.conf", &changes) + &self.site;
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> WebServer {
        start(self.place, &self.site)
    }

    /// One that sends the attachments of the wiki in `root` itself, where the host lets it.
    pub fn with_attachments(host: &impl AsRef<Path>, root: &Path) -> WebServer {
        let pub_folder = format!("{}/pub/", root.display());
        let changes = [(SOCKET, quoted(host.as_ref())), ("/srv/foswiki/pub/", pub_folder)];
        start(Place::new("lighttpd"), &example("lighttpd/attachments.conf", &changes))
    }

    /// One that sends files in `folder` where the host names them.
    pub fn sending(host: &impl AsRef<Path>, folder: &Path) -> WebServer {
        let changes = [
            ("\"/run/app/app.sock\"", quoted(host.as_ref())),
            ("(\"/srv/app/files/\")", format!("(\"{}/\")", folder.display())),
        ];
        start(Place::new("lighttpd"), &example("lighttpd/sendfile.conf", &changes))
    }

    /// One that starts two hosts for the guest that misbehaves as it is told to; they write into the log as well.
    pub fn spawning() -> WebServer {
        let place = Place::new("lighttpd");
        let module = quoted(&paths::component(guest::BEHAVIOURS));
        let changes = [
            ("\"/run/lighttpd/foswiki.sock\"", quoted(&place.folder().join("host.sock"))),
            ("\"/usr/local/bin/fcgi-wasm-host\"", quoted(&paths::program())),
            ("\"/var/cache/lighttpd/foswiki\"", quoted(&paths::cache())),
            (
                "\"FCGI_WASM_HOST_ROOT\"      =>",
                format!("\"FCGI_WASM_HOST_MODULE\" => {module}, \"RUST_LOG\" =>"),
            ),
            ("\"/srv/foswiki\"", "\"info\"".into()),
            ("\"max-procs\"   => 1", "\"max-procs\" => 2".into()),
        ];
        let site = example("lighttpd/spawned.conf", &changes);
        start(place, &site)
    }
}

/// Writes what Debian's own `lighttpd.conf` is, in short, above the operator's file.
fn start(place: Place, site: &str) -> WebServer {
    let log = quoted(&place.folder().join("error.log"));
    let main = format!(
        "server.document-root = {0}\nserver.bind = \"{1}\"\nserver.port = {2}\nserver.errorlog = {log}\n\
         server.breakagelog = {log}\nserver.upload-dirs = ({0})\n",
        quoted(place.folder()),
        place.address().ip(),
        place.address().port(),
    );
    let file = place.write("lighttpd.conf", &(main + site));
    let mut program = Command::new(PROGRAM);
    program.arg("-D").arg("-f").arg(file);
    place.run(&mut program, "lighttpd")
}

fn config(settings: &Path) -> String {
    format!("\"FCGI_WASM_HOST_CONFIG\" => {}", quoted(settings))
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}
